import assert from "node:assert/strict";
import { test } from "node:test";
import { createStore, loadPreference, loadText, savePreference, saveText } from "../../ui/static/core/store.mjs";

test("listeners hear a change once, with what was before", () => {
  const store = createStore({ seed: 1, tokenIds: [5] });
  const heard = [];
  const stop = store.subscribe((now, before) => heard.push([before.seed, now.seed]));
  store.set({ seed: 2 });
  store.set({ seed: 2 });
  stop();
  store.set({ seed: 3 });
  assert.deepEqual(heard, [[1, 2]]);
  assert.deepEqual(store.get(), { seed: 3, tokenIds: [5] });
});

test("the state cannot be changed from outside", () => {
  const store = createStore({ seed: 1 });
  assert.throws(() => { store.get().seed = 2; }, TypeError);
});

test("preferences survive a browser that stores nothing", () => {
  delete globalThis.localStorage;
  assert.equal(savePreference("level", 2), false);
  assert.equal(loadPreference("level", 1), 1);
  assert.equal(saveText("Bonjour"), false);
  assert.equal(loadText(""), "");
});

test("a preference comes back, a damaged one gives the fallback", () => {
  const kept = new Map();
  const storage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => void kept.set(key, value) };
  globalThis.localStorage = storage;
  globalThis.sessionStorage = storage;
  assert.equal(savePreference("level", 2), true);
  assert.equal(loadPreference("level", 1), 2);
  kept.set("logitbox.level", "{");
  assert.equal(loadPreference("level", 1), 1);
  kept.set("logitbox.lang", "fr"); // as ui/early_head.py writes it
  assert.equal(loadPreference("lang", "en"), "fr");
  saveText("L'été ");
  assert.equal(loadText(), "L'été ");
});
