// The page "Next token": puts the parts together, and redraws them. What a button does: actions.mjs.
import { NEUTRAL, runChain } from "../core/sampling.mjs";
import { loadPreference, loadText } from "../core/store.mjs";
import { createActions } from "./actions.mjs";
import { Bars } from "./bars.mjs";
import { boot } from "./boot.mjs";
import { Controls } from "./controls.mjs";
import { Dice } from "./dice.mjs";
import { el, setAttribute, setHidden, setText } from "./dom.mjs";
import { Header } from "./header.mjs";
import { createKeys } from "./keys.mjs";
import { Pills } from "./pills.mjs";
import { Search } from "./search.mjs";
import { Session } from "./session.mjs";
import { TextPanel } from "./text_panel.mjs";
import { Tour } from "./tour.mjs";
import { createLooks, createWords } from "./words.mjs";

const ANNOUNCE_MS = 400;
const RETRY_MS = 2000;
const N_ROWS = 10;

/** @param {{root: HTMLElement, api: any}} host @returns {{destroy: () => void}} */
export function mount({ root, api }) {
  const page = new Page(root, api);
  page.start();
  return { destroy: () => page.destroy() };
}

class Page {
  constructor(root, api) {
    this.root = root;
    this.api = api;
    this.query = new URLSearchParams(location.search);
    this.gone = new AbortController(); // aborted when the page is taken down
    this.seq = 0;
    this.nMeasured = 0;
    this.view = {
      level: startLevel(this.query), settings: { ...NEUTRAL }, showsMore: false, record: null, tally: null, hit: null,
      isPlaying: false, isHolding: false, callsAt: 0,
    };
    this.actions = createActions(this);
    root.classList.add("lb");
    root.setAttribute("aria-busy", "true");
    root.dataset.seq = "0";
  }

  async start() {
    const ready = await boot(this);
    if (!ready || this.gone.signal.aborted) return;
    const { model, vocab, frenchModels } = ready;
    Object.assign(this, { model, vocab, frenchModels });
    const seed = Number(this.query.get("seed") ?? NaN);
    this.session = new Session({ api: this.api, model, vocab, notify: (what) => this.heard(what),
      seed: Number.isSafeInteger(seed) && seed >= 0 ? seed : crypto.getRandomValues(new Uint32Array(1))[0] % 100000 });
    this.build();
    const opening = this.presets.groups.flatMap((group) => group.presets).find((preset) => preset.id === this.presets.opening);
    const text = this.query.get("text") ?? loadText() ?? opening.text;
    await this.actions.setText(text, { source: text === opening.text ? "preset" : "typed", force: true });
  }

  destroy() {
    this.gone.abort();
    clearTimeout(this.announcing);
    clearTimeout(this.retrying);
    this.view.isPlaying = false;
    this.root.replaceChildren();
  }

  /** Strings, presets and version of one language; the parts are built again around the same session. */
  async speak(lang) {
    const { strings, presets } = await this.api.page(lang);
    this.presets = presets;
    this.words = createWords(strings, lang);
    document.documentElement.lang = lang;
    document.title = `${this.words.t("title")} · Logitbox`;
  }

  build() {
    const { words, actions, session, vocab, presets, frenchModels } = this;
    const look = createLooks(vocab, words);
    const shared = { words, look, session, actions, presets, vocab, frenchModels, pick: (id) => actions.pick(id),
      isExpert: () => this.view.level === 3 };
    this.look = look;
    this.bars = new Bars(shared);
    this.pills = new Pills(shared);
    this.dice = new Dice(shared);
    this.controls = new Controls(shared);
    this.search = new Search(shared);
    this.header = new Header(shared);
    this.panel = new TextPanel({ ...shared, pills: this.pills });
    this.tour?.close();
    this.tour = new Tour(this);
    this.parts = [this.dice, this.controls, this.search];
    this.#assemble();
    this.root.dataset.ready = "1";
  }

  #assemble() {
    const { words } = this;
    this.live = el("p", { class: "lb-sr", "aria-live": "polite", "data-testid": "live" });
    this.facts = el("p", { class: "lb-muted lb-expert", "data-testid": "facts", "data-min-level": 3 });
    this.more = el("button", { type: "button", class: "lb-quiet", "data-testid": "more-rows", "data-min-level": 2, onclick: () => this.actions.toggleRows() });
    this.gate = el("p", { class: "lb-gate", hidden: true, "data-testid": "gate" });
    const heading = el("div", { class: "lb-cardhead" },
      el("h2", { id: "lb-bars-title" }, words.t("bars_title")), el("span", { class: "lb-model", "data-testid": "model" }, this.model.title), this.more);
    this.root.replaceChildren(this.header.node, this.tour.node,
      el("div", { class: "lb-columns" },
        el("div", { class: "lb-column-left" }, this.panel.node, this.dice.node, this.controls.node, this.header.invitation),
        el("div", { class: "lb-column-right" },
          el("section", { class: "lb-card lb-law", "aria-labelledby": "lb-bars-title" }, heading, this.facts, this.gate, this.bars.node),
          this.search.node)),
      this.#foot(), this.live);
    this.applyLevel();
  }

  #foot() {
    const { words, model } = this;
    const slower = model.is_slower_fallback ? el("strong", {}, words.t("slower_fallback")) : null;
    const engine = words.has(`engine.${model.engine}`) ? words.t(`engine.${model.engine}`) : model.engine_note || model.engine;
    const facts = [model.title, words.t("parameters", { n: Math.round(model.n_params / 1e6) }), model.quantization, engine, words.t("stays_here")];
    return el("footer", { class: "lb-foot" }, el("p", { "data-testid": "model-facts" }, facts.filter(Boolean).join(" · "), " ", slower),
      createKeys(this));
  }

  /** The session changed. @param {string} what "draft", "law" or "status" */
  heard(what) {
    if (!this.panel) return;
    if (what === "draft") {
      this.pills.draw();
      this.panel.drawDraft();
    } else if (what === "status") this.#drawStatus();
    else this.#newLaw();
  }

  #newLaw() {
    this.panel.drawLaw(this.session.law);
    this.redraw();
    this.seq += 1;
    this.root.dataset.seq = String(this.seq);
    this.#announceSoon();
  }

  #drawStatus() {
    const { status } = this.session;
    this.root.setAttribute("aria-busy", String(status === "busy"));
    this.root.dataset.status = status;
    this.panel.drawStatus();
    this.drawButtons();
    const isShut = ["error", "gone", "ended"].includes(status);
    this.bars.node.inert = isShut;
    setHidden(this.gate, !isShut);
    if (isShut) setText(this.gate, this.words.t(`gate_${status}`));
    if (status === "gone") this.#retryLater();
    this.tour?.notice();
  }

  #retryLater() {
    clearTimeout(this.retrying);
    this.retrying = setTimeout(() => this.api.models().then(() => this.actions.retry(), () => this.#retryLater()), RETRY_MS);
  }

  drawButtons() {
    this.dice?.drawButtons({ canDraw: this.canDraw, isPlaying: this.view.isPlaying });
    this.header?.draw({ level: this.view.level, tourAt: loadPreference("tour") });
  }

  get canDraw() {
    return this.session.status === "ready" && !this.view.isHolding;
  }

  /** Level 1 shows the model's law and nothing else: its knobs are hidden, so they do not act. */
  get settings() {
    return this.view.level === 1 ? NEUTRAL : this.view.settings;
  }

  /** Once per frame at most, however fast a slider moves. */
  redrawSoon() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.redraw();
    });
  }

  redraw() {
    const { law } = this.session;
    if (!law) return;
    const start = performance.now();
    const { level, record, tally, hit } = this.view;
    this.outcome = runChain(law, this.settings);
    const { outcome } = this;
    const isExpert = level === 3;
    this.bars.draw({ law, outcome, nRows: this.nRows, hit, isExpert });
    const shared = { law, outcome, record, tally, isExpert, level, settings: this.settings, nCalls: this.api.nModelCalls - this.view.callsAt };
    for (const part of this.parts) part.draw(shared);
    if (isExpert) this.#drawFacts(outcome);
    this.tour.notice();
    if (this.nMeasured++ % 1000 === 999) performance.clearMeasures("logitbox:redraw"); // an hour of dragging is 200,000
    performance.measure("logitbox:redraw", { start });
  }

  #drawFacts({ isNeutral, entropyBits, nSurvivors }) {
    const { words, session: { law, step, model } } = this;
    const facts = [
      words.t("facts.entropy", { bits: words.number(law.entropyBits, 2) }),
      isNeutral ? null : words.t("facts.after", { bits: words.number(entropyBits, 2), n: nSurvivors }),
      words.t("facts.context", { used: step.context_used, context: model.context_length }),
      words.t("facts.u", { u: words.number(step.u, 4) }),
      step.n_model_calls === 0 ? words.t("facts.stored") : words.t("facts.route", { route: step.route, ms: words.number(step.elapsed_ms, 1) }),
    ].filter(Boolean);
    while (this.facts.children.length < facts.length) this.facts.append(el("span"));
    [...this.facts.children].forEach((node, i) => setText(node, facts[i] ?? ""));
  }

  get nRows() {
    const isNarrow = matchMedia("(max-width: 600px)").matches;
    return this.view.showsMore ? (isNarrow ? 12 : 24) : N_ROWS;
  }

  /** Parts that belong to a higher level are hidden, not only unseen. */
  applyLevel() {
    const { level } = this.view;
    this.root.dataset.level = String(level);
    for (const node of this.root.querySelectorAll("[data-min-level]")) setHidden(node, Number(node.dataset.minLevel) > level);
    setText(this.more, this.words.t(this.view.showsMore ? "fewer_rows" : "more_rows"));
    this.drawButtons();
    this.redraw();
  }

  #announceSoon() {
    clearTimeout(this.announcing);
    this.announcing = setTimeout(() => {
      const { law } = this.session;
      const top = [...law.ranked.subarray(0, 3)].map((id) => `${this.look(id).spoken} ${this.words.percent(law.probability(id))}`);
      setText(this.live, this.words.t("announce", { top: top.join(", ") }));
    }, ANNOUNCE_MS);
  }

  /** The law after another text, without leaving this one. @returns {Promise<import("../core/sampling.mjs").Law>} */
  async peek(text) {
    const { token_ids: ids } = await this.api.tokens({ model: this.model.id, text });
    return (await this.session.lookUp(ids, { signal: this.gone.signal })).law;
  }

  setTheme(theme) {
    setAttribute(this.root, "data-theme", theme);
    document.body.classList.toggle("dark", theme === "dark");
  }
}

function startLevel(query) {
  const asked = Number(query.get("level") ?? loadPreference("level", 1));
  return [1, 2, 3].includes(asked) ? asked : 1;
}
