// What the pages of one browser tab share: the model, the text, level, language and theme; and which page is in view.
import { loadPreference, loadText } from "../core/store.mjs";
import { boot, showSkeleton } from "./boot.mjs";
import { setAttribute } from "./dom.mjs";
import { Session } from "./session.mjs";
import { createLooks, createWords } from "./words.mjs";

const FIRST = "next_token";

/** @typedef {import("./page.mjs").Page} Page */

export class Tab {
  constructor(api) {
    this.api = api;
    this.query = new URLSearchParams(location.search);
    this.gone = new AbortController(); // aborted when the last page is taken down
    this.level = startLevel(this.query);
    /** @type {Map<string, Page>} */ this.pages = new Map();
    /** @type {Page | null} the one in view */ this.active = null;
    addEventListener("hashchange", () => this.route(), { signal: this.gone.signal });
  }

  get roots() {
    return [...this.pages.values()].map((page) => page.root);
  }

  /** The pages arrive one by one, as the host mounts them; the first one starts the wait for the model. */
  add(name, page) {
    this.pages.set(name, page);
    page.root.classList.add("lb");
    page.root.hidden = name !== this.wanted;
    setAttribute(page.root, "data-theme", this.theme ?? null);
    if (this.session) return void this.#start();
    if (this.words && !page.root.hidden) showSkeleton(this, this.words.t("loading"));
    this.opening ??= this.#open();
  }

  remove(name) {
    if (this.active === this.pages.get(name)) this.active = null;
    this.pages.delete(name);
    if (this.pages.size === 0) this.gone.abort();
  }

  async #open() {
    const ready = await boot(this);
    if (!ready || this.gone.signal.aborted) return;
    Object.assign(this, ready);
    this.look = createLooks(this.vocab, this.words);
    this.session = new Session({ api: this.api, model: this.model, vocab: this.vocab, seed: startSeed(this.query),
      notify: (what) => this.active?.heard(what) });
    await this.#start();
  }

  /** The first text, once the page that the address names is there: a host may mount it after the model has come. */
  async #start() {
    await this.route();
    if (!this.active || this.hasText) return;
    this.hasText = true;
    await this.active.actions.setText(...this.#firstText());
  }

  /** The text of a link, of this tab before a reload, or the opening one. */
  #firstText() {
    const shared = this.active.takeLink();
    if (shared) return [shared.text, { mode: shared.mode, force: true }];
    const opening = this.presets.groups.flatMap((group) => group.presets).find((preset) => preset.id === this.presets.opening);
    const text = this.query.get("text") ?? loadText() ?? opening.text;
    return [text, { source: text === opening.text ? "preset" : "typed", force: true }];
  }

  /** The page that the address names: "#/sampler-lab?v=..." is sampler_lab. */
  get wanted() {
    const name = location.hash.replace(/^#\//, "").split("?")[0].replaceAll("-", "_");
    return this.pages.has(name) || name === "sampler_lab" ? name : FIRST;
  }

  /** Show the wanted page; a text that was being typed goes with it. */
  async route() {
    const page = this.session && this.pages.get(this.wanted);
    if (!page) return;
    if (page === this.active) return page.arrive();
    const text = this.active?.panel?.text;
    this.active?.sleep();
    this.active = page;
    for (const root of this.roots) root.hidden = root !== page.root;
    this.title();
    await page.wake(text);
  }

  /** Strings, presets and version of one language. */
  async speak(lang) {
    const { strings, presets, constraints } = await this.api.page(lang);
    Object.assign(this, { presets, constraints: constraints.constraints });
    this.words = createWords(strings, lang);
    if (this.vocab) this.look = createLooks(this.vocab, this.words);
    document.documentElement.lang = lang;
    this.title();
  }

  title() {
    const key = (this.active ?? this.pages.get(this.wanted))?.titleKey ?? "title";
    document.title = `${this.words.t(key)} · Logitbox`;
  }

  setTheme(theme) {
    this.theme = theme;
    for (const root of this.roots) setAttribute(root, "data-theme", theme);
    document.body.classList.toggle("dark", theme === "dark");
  }
}

function startSeed(query) {
  const seed = Number(query.get("seed") ?? NaN);
  return Number.isSafeInteger(seed) && seed >= 0 ? seed : crypto.getRandomValues(new Uint32Array(1))[0] % 100000;
}

function startLevel(query) {
  const asked = Number(query.get("level") ?? loadPreference("level", 1));
  return [1, 2, 3].includes(asked) ? asked : 1;
}
