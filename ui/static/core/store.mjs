// The current document, which every view opens on, and the few things a browser remembers.

/** @typedef {{model: string | null, tokenIds: number[], settings: import("./sampling.mjs").Settings,
 *             seed: number, attempt: number}} Document */

/**
 * A value that tells its listeners when it changed. `set` merges; equal values (by Object.is) wake nobody.
 * @template {object} T @param {T} initial
 */
export function createStore(initial) {
  let state = Object.freeze({ ...initial });
  /** @type {Set<(state: T, before: T) => void>} */ const listeners = new Set();
  return {
    get: () => state,
    /** @param {Partial<T>} patch */
    set(patch) {
      if (Object.keys(patch).every((key) => Object.is(patch[key], state[key]))) return;
      const before = state;
      state = Object.freeze({ ...state, ...patch });
      for (const listener of [...listeners]) listener(state, before);
    },
    /** @param {(state: T, before: T) => void} listener @returns {() => void} stop listening */
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

const PREFIX = "logitbox."; // ui/early_head.py reads "logitbox.lang" before this module is loaded

// Private windows, full disks and blocked cookies make these throw; a preference is never worth an error.
function attempt(action, fallback) {
  try {
    return action() ?? fallback;
  } catch {
    return fallback;
  }
}

/** A preference such as "level" or "lang", kept on this machine; the fallback where none of its type is there. */
export function loadPreference(name, fallback = null) {
  const text = attempt(() => globalThis.localStorage.getItem(PREFIX + name), null);
  if (text === null) return fallback;
  const value = attempt(() => JSON.parse(text), text);
  return fallback !== null && typeof value !== typeof fallback ? fallback : value;
}

/** Text is kept as it is, anything else as JSON. @returns {boolean} whether it was kept */
export function savePreference(name, value) {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return attempt(() => (globalThis.localStorage.setItem(PREFIX + name, text), true), false);
}

/** The learner's text goes with the tab: a shared classroom computer keeps nothing of it. */
export function loadText(fallback = null) {
  return attempt(() => globalThis.sessionStorage.getItem(`${PREFIX}text`), fallback);
}

/** @returns {boolean} whether it was kept (browsers stop at about 5 MB) */
export function saveText(text) {
  return attempt(() => (globalThis.sessionStorage.setItem(`${PREFIX}text`, text), true), false);
}
