// Single-key shortcuts, listed in view and easy to switch off (WCAG 2.1.4). They rest while someone is typing.
import { loadPreference, savePreference } from "../core/store.mjs";
import { el } from "./dom.mjs";

const LEGEND = [["d", "draw"], ["s", "step"], ["p", "play"], ["u", "undo"], ["r", "redo"], ["1…9", "pick"], ["/", "search"], ["↑ ↓", "rows"]];

/** @param {any} page @returns {HTMLElement} the legend; listening ends with the page */
export function createKeys(page) {
  const { words } = page;
  const on = el("input", { type: "checkbox", "data-testid": "keys-on", onchange: () => savePreference("keys", on.checked) });
  on.checked = loadPreference("keys", true);
  page.keyListener?.abort();
  page.keyListener = new AbortController();
  const signal = AbortSignal.any?.([page.gone.signal, page.keyListener.signal]) ?? page.keyListener.signal;
  document.addEventListener("keydown", (event) => on.checked && press(page, event), { signal });
  return el("details", { class: "lb-keys", "data-testid": "keys" }, el("summary", {}, words.t("keys.title")),
    el("dl", {}, ...LEGEND.map(([key, name]) => el("div", {}, el("dt", {}, el("kbd", {}, key)), el("dd", {}, words.t(`keys.${name}`))))),
    el("label", {}, on, " ", words.t("keys.on")));
}

function press(page, event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isTyping(event.target)) return;
  if (!page.root.isConnected || page.root.offsetParent === null) return; // another page is in view
  const action = actionFor(page, event.key.toLowerCase());
  if (!action) return;
  event.preventDefault();
  action();
}

function isTyping(target) {
  return target instanceof Element && target.closest("textarea, select, [contenteditable=true], input:not([type=range], [type=checkbox])") !== null;
}

function actionFor(page, key) {
  const { actions, level, session } = page;
  if (/^[1-9]$/.test(key)) return () => session.law && actions.pick(session.law.ranked[Number(key) - 1]);
  const isAdjusting = level > 1;
  return {
    d: () => actions.draw(), u: () => actions.undo(), r: () => actions.redo(),
    s: isAdjusting && (() => actions.step()), p: isAdjusting && (() => actions.play()),
    "/": isAdjusting && (() => page.search.input.focus()),
  }[key];
}
