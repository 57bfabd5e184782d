// The page "Sampler lab": puts the parts together, and redraws them. What a button does: lab_actions.mjs.
import { viewOfHash } from "../core/view_file.mjs";
import { persist } from "./boot.mjs";
import { el, setAttribute, setHidden } from "./dom.mjs";
import { Header } from "./header.mjs";
import { createLabActions } from "./lab_actions.mjs";
import { ChainView } from "./lab_chain.mjs";
import { Compute } from "./lab_compute.mjs";
import { DiceLab } from "./lab_dice.mjs";
import { N_WATCHED } from "./lab_grammar.mjs";
import { createNames } from "./lab_names.mjs";
import { OrderLab } from "./lab_order.mjs";
import { PathPanel } from "./lab_path.mjs";
import { Share } from "./lab_share.mjs";
import { ChainState, OPENING } from "./lab_state.mjs";
import { Temperatures } from "./lab_temperatures.mjs";
import { Page } from "./page.mjs";
import { Pills } from "./pills.mjs";
import { TextPanel } from "./text_panel.mjs";

const N_FOLLOWED = 50; // as many as the server follows at once

/** @param {{root: HTMLElement, tab: import("./tab.mjs").Tab}} host @returns {{destroy: () => void}} */
export function mount({ root, tab }) {
  const page = new SamplerLab(root, tab);
  tab.add(page.name, page);
  return { destroy: () => page.destroy() };
}

class SamplerLab extends Page {
  constructor(root, tab) {
    super(root, tab, "sampler_lab");
    this.titleKey = "lab.title";
    this.opening = OPENING;
    this.view = { follow: null, isPinned: false, asked: [], record: null, tally: null, compare: null, otherText: "", callsAt: 0 };
    this.generation = { isRunning: false, told: "", n: 0 };
    this.waiting = [];
    this.turn = 0;
    this.actions = createLabActions(this);
    root.addEventListener("pointerover", (event) => this.#point(event, false));
    root.addEventListener("focusin", (event) => this.#point(event, false));
    root.addEventListener("click", (event) => this.#point(event, true));
  }

  /** The table of samplers comes with the first visit. */
  async wake(text) {
    if (!this.chain) {
      const table = await persist(this.tab, () => this.api.samplers());
      if (!table || this.tab.active !== this) return;
      this.chain = new ChainState(table);
      Object.assign(this.view, this.chain.recall());
      this.compute = new Compute(this);
      this.#takeLinked();
    }
    await super.wake(text);
    if (this.linkProblem) this.share.refuse(this.linkProblem);
  }

  /** The address brought a view: its chain now, its text when the tab asks for it. */
  #takeLinked() {
    this.linkProblem = null;
    try {
      this.linked = viewOfHash(location.hash);
    } catch (error) {
      this.linkProblem = error;
    }
    if (location.hash.includes("?")) history.replaceState(history.state, "", `${location.pathname}${location.search}#/sampler-lab`);
    if (this.linked) this.adopt(this.linked);
  }

  takeLink() {
    const { linked } = this;
    this.linked = null;
    return linked;
  }

  arrive() {
    if (!this.chain || !location.hash.includes("?")) return;
    this.#takeLinked();
    const linked = this.takeLink();
    if (linked) this.actions.restore(linked);
    else if (this.linkProblem) this.share.refuse(this.linkProblem);
  }

  /** Everything of a view but its text. */
  adopt({ steps, seed, compare, otherText = "" }) {
    this.chain.load(steps);
    this.session.seed = seed;
    this.session.attempts.clear();
    Object.assign(this.view, { compare: compare ? { id: "given", steps: compare } : null, otherText, follow: null, isPinned: false, asked: [] });
    this.forget();
    this.keep();
  }

  exported() {
    const { view: { compare, otherText }, session, chain } = this;
    const preset = chain.table.presets.find((each) => each.id === compare?.id);
    return { text: wholeText(session.draft, this.vocab), mode: session.draft.mode, steps: chain.steps, seed: session.seed,
      compare: compare?.steps ?? preset?.steps ?? null,
      model: this.model.id, ...(otherText ? { otherText } : {}) };
  }

  keep() {
    const { compare, otherText } = this.view;
    this.chain.keep({ compare, otherText });
  }

  build() {
    const { words, actions, session, presets, frenchModels, look } = this;
    this.names = createNames(words);
    const shared = { words, look, session, actions, presets, frenchModels, isExpert: () => this.level === 3 };
    this.header = new Header({ ...shared, page: this.name });
    this.pills = new Pills(shared);
    this.panel = new TextPanel({ ...shared, pills: this.pills });
    this.chainView = new ChainView(this);
    this.path = new PathPanel(this);
    this.dice = new DiceLab(this);
    this.orderLab = new OrderLab(this);
    this.temperatures = new Temperatures(this);
    this.share = new Share(this);
    this.gate = el("p", { class: "lb-gate", hidden: true, "data-testid": "gate" });
    this.live = this.liveRegion();
    this.root.classList.add("lb-lab");
    this.work = el("div", { class: "lb-labwork" }, this.chainView.node,
      el("div", { class: "lb-labcolumns" }, this.path.node, this.dice.node), this.temperatures.node, this.orderLab.node);
    this.root.replaceChildren(this.header.node, this.panel.node, this.gate, this.work, this.share.node, this.foot(null), this.live);
    this.applyLevel();
  }

  /** Parts made later than the page follow its level too. */
  levelOf(node) {
    for (const part of [node, ...node.querySelectorAll("[data-min-level]")]) {
      if (part.dataset.minLevel) setHidden(part, Number(part.dataset.minLevel) > this.level);
    }
  }

  sleep() {
    this.root.classList.remove("lb-lab");
    super.sleep();
  }

  pause() {
    this.generation.isRunning = false;
  }

  forget() {
    Object.assign(this.view, { record: null, tally: null });
    if (!this.generation.isRunning) this.generation.told = "";
  }

  heard(what) {
    if (what === "law") {
      this.view.callsAt = this.api.nModelCalls;
      if (!this.generation.isRunning) this.forget();
    }
    super.heard(what);
  }

  drawButtons() {
    this.header?.draw({ level: this.level, tourAt: null });
    this.dice?.drawButtons({ canDraw: this.canDraw });
  }

  drawGate(isShut) {
    this.work.classList.toggle("is-shut", isShut);
    super.drawGate(isShut && this.session.status !== "ended"); // that the text ended stands under the text
    this.#settle();
  }

  get canDraw() {
    return this.session.status === "ready" && !this.problem && Boolean(this.shown) && this.shown.law === this.session.law && !this.isAsking;
  }

  /** Tokens whose paths are wanted: the one followed, the ones searched for, and the favourites a grammar may forbid. */
  get followed() {
    const { view: { follow, asked }, chain, session: { law } } = this;
    const watched = chain.steps.some(({ sampler }) => sampler === "grammar") ? [...law.ranked.subarray(0, N_WATCHED)] : [];
    return [...new Set([this.#followed(law), ...asked, ...watched])].filter((id) => id !== null && id < law.nVocab).slice(0, N_FOLLOWED);
  }

  #followed(law) {
    return this.view.follow ?? law?.ranked[0] ?? null;
  }

  knows(ids) {
    return Boolean(this.shown) && ids.every((id) => this.shown.outcome.path(id) !== undefined);
  }

  /** The chain again, then everything that shows it. */
  redraw() {
    if (!this.session.law || !this.chainView) return;
    const start = performance.now();
    this.compute.run();
    this.measured(start);
  }

  /** A result of the present chain. @param {any} result from lab_compute.mjs */
  show(result) {
    const keys = this.chain.cards.filter((card) => card.isOn).map(({ key }) => key);
    this.turn += 1;
    this.shown = { ...result, stageOf: new Map(keys.map((key, i) => [key, result.outcome.stages[i]])) };
    this.problem = null;
    this.redrawParts();
    this.count();
    this.#settle();
  }

  /** One sentence, at the card that caused it; the last good result stays, greyed. */
  fail(error, step) {
    this.problem = { at: step >= 0 ? this.chain.cardOfStep(step) : -1, sentence: this.#sentence(error) };
    this.redrawParts();
    this.count();
    this.#settle();
  }

  #sentence(error) {
    const { words, names } = this;
    if (error.code === "ZeroTemperature") return words.sentence({ ...error, data: { name: names.knob(error.sampler, error.knob) } });
    if (error.code === "OtherTextMissing") return words.t("lab.other_missing");
    if (!error.knob) return words.sentence(error);
    if (Array.isArray(error.value)) return words.t("lab.knob_empty", { knob: names.knob(error.sampler, error.knob) });
    if (typeof error.value === "number" && error.interval) {
      const value = Number.isNaN(error.value) ? this.chain.cards[this.chain.cardOfStep(error.step)]?.typed ?? "" : names.amount(error.value);
      return words.t("lab.knob_bad", { knob: names.knob(error.sampler, error.knob), value,
        interval: words.interval(error.interval.replaceAll("inf", "∞")) });
    }
    return words.t("lab.knob_missing", { knob: names.knob(error.sampler, error.knob) });
  }

  /** The server went away in the middle: the session finds out, says so and waits. */
  lost() {
    this.setBusy(false);
    this.session.evaluate();
  }

  setBusy(isBusy) {
    this.isAsking = isBusy;
    this.root.setAttribute("aria-busy", String(isBusy || this.session.status === "busy"));
    this.drawButtons();
  }

  /** Resolves when the chain of the present law is shown, or cannot be. */
  settled() {
    const isDone = this.session.status !== "busy" && !this.isAsking && (this.session.status !== "ready" || this.problem || this.shown?.law === this.session.law);
    return isDone ? Promise.resolve() : new Promise((resolve) => this.waiting.push(resolve));
  }

  #settle() {
    if (this.session.status === "busy" || this.isAsking) return;
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  /** Everything that shows the last result, without computing it again. */
  redrawParts() {
    if (!this.chainView) return;
    const { level, problem, session: { law }, view: { record, tally, isPinned, callsAt } } = this;
    const shown = this.shown ?? null;
    const followed = this.#followed(shown?.law ?? law);
    const view = { shown, isStale: shown?.law !== law, law, followed, isPinned, level, problem, record, tally, canDraw: this.canDraw,
      nCalls: this.api.nModelCalls - callsAt, turn: this.turn };
    for (const part of [this.chainView, this.path, this.dice, this.temperatures, this.orderLab]) part.draw(view);
    this.drawButtons();
    setAttribute(this.work, "data-pinned", isPinned ? "1" : null);
  }

  #point(event, isClick) {
    const target = event.target instanceof Element ? event.target.closest("[data-follow]") : null;
    if (!target || (event.type === "pointerover" && event.pointerType === "touch")) return;
    const id = Number(target.dataset.follow);
    if (isClick && this.view.isPinned && this.view.follow === id) return this.actions.pin();
    this.actions.follow(id, { isPinned: isClick });
    if (isClick && this.view.follow !== id) this.view.follow = id;
  }
}

/** With what was added, where that is text: a link opens on the same place. An answer to a question cannot be typed. */
function wholeText({ text, mode, appended }, vocab) {
  if (mode !== "continue" || appended.some(({ tokenId }) => vocab.isSpecial(tokenId) || vocab.isEnd(tokenId))) return text;
  const bytes = appended.flatMap(({ tokenId }) => [...vocab.bytes(tokenId)]);
  try {
    return text + new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(new Uint8Array(bytes));
  } catch {
    return text; // the last token ends within a character
  }
}
