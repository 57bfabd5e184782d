// What the buttons that every page has do: the text, going back, level, language, theme, seed.
import { savePreference, saveText } from "../core/store.mjs";

/** @param {any} page */
export function textActions(page) {
  return {
    /** `force`: the page changes the text itself, so it also writes it into the field. */
    async setText(text, { mode, source = "typed", force = false } = {}) {
      const { session, panel } = page;
      if (force) panel.text = text;
      page.pause();
      page.forget();
      saveText(text);
      const wanted = mode ?? session.draft.mode;
      panel.drawMode(wanted);
      await session.setText(text, { mode: wanted, source });
    },
    loadPreset(preset) {
      return this.setText(preset.text, { mode: "continue", source: "preset", force: true });
    },
    async undo() {
      page.pause();
      page.forget();
      await page.session.undo();
    },
    async redo() {
      page.forget();
      await page.session.redo();
    },
    /** After the server was gone: the text again, or only the step. */
    retry() {
      const { session, panel } = page;
      return panel.text === session.draft.text && session.draft.promptIds.length > 0 ? session.evaluate() : this.setText(panel.text);
    },
  };
}

/** @param {any} page */
export function tabActions(page) {
  return {
    setSeed(seed) {
      page.forget();
      return page.session.setSeed(seed);
    },
    newSeed() {
      return this.setSeed(crypto.getRandomValues(new Uint32Array(1))[0] % 100000);
    },
    setLevel(level) {
      page.tab.level = level;
      page.forget();
      savePreference("level", level);
      dropFromAddress("level");
      page.applyLevel();
    },
    async setLanguage(lang) {
      savePreference("lang", lang);
      dropFromAddress("lang");
      await page.tab.speak(lang);
      page.rebuild();
      page.root.querySelector(`[data-testid="lang-${lang}"]`)?.focus();
    },
    toggleTheme() {
      const theme = page.root.dataset.theme === "dark" ? "light" : "dark";
      savePreference("theme", theme);
      dropFromAddress("__theme");
      page.tab.setTheme(theme);
    },
  };
}

/** A choice made on the page outlives the link that opened it. */
function dropFromAddress(name) {
  const url = new URL(location.href);
  if (!url.searchParams.has(name)) return;
  url.searchParams.delete(name);
  history.replaceState(history.state, "", url);
}
