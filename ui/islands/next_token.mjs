// The page "Next token": puts the parts together, and redraws them. What a button does: actions.mjs.
import { NEUTRAL, runChain } from "../core/sampling.mjs";
import { loadPreference } from "../core/store.mjs";
import { createActions } from "./actions.mjs";
import { Bars } from "./bars.mjs";
import { Controls } from "./controls.mjs";
import { Dice } from "./dice.mjs";
import { el, setText } from "./dom.mjs";
import { Header } from "./header.mjs";
import { createKeys } from "./keys.mjs";
import { Page } from "./page.mjs";
import { Pills } from "./pills.mjs";
import { Search } from "./search.mjs";
import { TextPanel } from "./text_panel.mjs";
import { Tour } from "./tour.mjs";

const N_ROWS = 10;

/** @param {{root: HTMLElement, tab: import("./tab.mjs").Tab}} host @returns {{destroy: () => void}} */
export function mount({ root, tab }) {
  const page = new NextToken(root, tab);
  tab.add(page.name, page);
  return { destroy: () => page.destroy() };
}

class NextToken extends Page {
  constructor(root, tab) {
    super(root, tab, "next_token");
    this.titleKey = "title";
    this.view = { settings: { ...NEUTRAL }, showsMore: false, record: null, tally: null, hit: null, isPlaying: false, isHolding: false, callsAt: 0 };
    this.actions = createActions(this);
  }

  build() {
    const { words, actions, session, vocab, presets, frenchModels, look } = this;
    const shared = { words, look, session, actions, presets, vocab, frenchModels, pick: (id) => actions.pick(id),
      isExpert: () => this.level === 3 };
    this.bars = new Bars(shared);
    this.pills = new Pills(shared);
    this.dice = new Dice(shared);
    this.controls = new Controls(shared);
    this.search = new Search(shared);
    this.header = new Header({ ...shared, page: this.name });
    this.panel = new TextPanel({ ...shared, pills: this.pills });
    this.tour?.close();
    this.tour = new Tour(this);
    this.parts = [this.dice, this.controls, this.search];
    this.#assemble();
  }

  sleep() {
    this.tour?.close();
    this.keyListener?.abort();
    super.sleep();
  }

  #assemble() {
    const { words } = this;
    this.live = this.liveRegion();
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
      this.foot(createKeys(this)), this.live);
    this.applyLevel();
  }

  pause() {
    this.view.isPlaying = false;
  }

  forget() {
    Object.assign(this.view, { record: null, tally: null, hit: null });
  }

  drawStatus() {
    super.drawStatus();
    this.tour?.notice();
  }

  drawGate(isShut) {
    this.bars.node.inert = isShut;
    super.drawGate(isShut);
  }

  drawButtons() {
    this.dice?.drawButtons({ canDraw: this.canDraw, isPlaying: this.view.isPlaying });
    this.header?.draw({ level: this.level, tourAt: loadPreference("tour") });
  }

  get canDraw() {
    return this.session.status === "ready" && !this.view.isHolding;
  }

  /** Level 1 shows the model's law and nothing else: its knobs are hidden, so they do not act. */
  get settings() {
    return this.level === 1 ? NEUTRAL : this.view.settings;
  }

  redraw() {
    const { law } = this.session;
    if (!law) return;
    const start = performance.now();
    const { level, view: { record, tally, hit } } = this;
    this.outcome = runChain(law, this.settings);
    const { outcome } = this;
    const isExpert = level === 3;
    this.bars.draw({ law, outcome, nRows: this.nRows, hit, isExpert });
    const shared = { law, outcome, record, tally, isExpert, level, settings: this.settings, nCalls: this.api.nModelCalls - this.view.callsAt };
    for (const part of this.parts) part.draw(shared);
    if (isExpert) this.#drawFacts(outcome);
    this.tour.notice();
    this.measured(start);
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

  applyLevel() {
    setText(this.more, this.words.t(this.view.showsMore ? "fewer_rows" : "more_rows"));
    super.applyLevel();
  }

  /** The law after another text, without leaving this one. @returns {Promise<import("../core/sampling.mjs").Law>} */
  async peek(text) {
    const { token_ids: ids } = await this.api.tokens({ model: this.model.id, text });
    return (await this.session.lookUp(ids, { signal: this.gone.signal })).law;
  }
}
