// A page of the tab: what every page has, whatever it shows. Only the one in view has elements in the document.
import { el, setHidden, setText } from "./dom.mjs";

const ANNOUNCE_MS = 400;
const RETRY_MS = 2000;

/** A page gives: titleKey, build(), redraw(), actions, panel, and what it adds to the methods below. */
export class Page {
  /** @param {HTMLElement} root @param {import("./tab.mjs").Tab} tab @param {string} name */
  constructor(root, tab, name) {
    Object.assign(this, { root, tab, name, seq: 0, nMeasured: 0 });
    root.dataset.seq = "0";
    root.setAttribute("aria-busy", "true");
  }

  get api() { return this.tab.api; }
  get words() { return this.tab.words; }
  get look() { return this.tab.look; }
  get presets() { return this.tab.presets; }
  get constraints() { return this.tab.constraints; }
  get model() { return this.tab.model; }
  get vocab() { return this.tab.vocab; }
  get frenchModels() { return this.tab.frenchModels; }
  get gone() { return this.tab.gone; }
  get level() { return this.tab.level; }
  get session() { return this.tab.session; }

  /** In view again, with what the learner had typed on the other page. */
  async wake(text) {
    this.build();
    this.root.dataset.ready = "1";
    this.#hearAll(text);
  }

  /** Out of view: its elements go, so that ids stay unique and nothing is drawn for nobody. */
  sleep() {
    clearTimeout(this.announcing);
    clearTimeout(this.retrying);
    this.pause();
    delete this.root.dataset.ready;
    this.root.replaceChildren();
  }

  destroy() {
    this.sleep();
    this.tab.remove(this.name);
  }

  /** In another language: the parts are built again around the same session. */
  rebuild() {
    const { text } = this.panel;
    this.build();
    this.#hearAll(text);
  }

  #hearAll(text) {
    if (text !== undefined) this.panel.text = text;
    if (this.session.draft.promptIds.length > 0) this.heard("draft");
    if (text !== undefined) this.panel.text = text;
    if (this.session.status !== "empty") this.heard("status"); // before the first text the page is not idle but on its way
    if (this.session.law) this.heard("law");
  }

  /** The address changed while this page stayed. */
  arrive() {}

  /** What a link brought, once. @returns {null | {text: string, mode: string}} */
  takeLink() {
    return null;
  }

  /** Whatever runs by itself stops. */
  pause() {}

  /** What was drawn belongs to the text before. */
  forget() {}

  /** The session changed. @param {string} what "draft", "law" or "status" */
  heard(what) {
    if (!this.panel) return;
    if (what === "draft") {
      this.pills.draw();
      this.panel.drawDraft();
    } else if (what === "status") this.drawStatus();
    else this.#newLaw();
  }

  #newLaw() {
    this.panel.drawLaw(this.session.law);
    this.redraw();
    this.count();
    this.#announceSoon();
  }

  /** What was asked for is on the screen: tests wait for this. */
  count() {
    this.seq += 1;
    this.root.dataset.seq = String(this.seq);
  }

  drawStatus() {
    const { status } = this.session;
    this.root.setAttribute("aria-busy", String(status === "busy"));
    this.root.dataset.status = status;
    this.panel.drawStatus();
    this.drawButtons();
    this.drawGate(["error", "gone", "ended"].includes(status));
    if (status === "gone") this.#retryLater();
  }

  drawGate(isShut) {
    setHidden(this.gate, !isShut);
    if (isShut) setText(this.gate, this.words.t(`gate_${this.session.status}`));
  }

  #retryLater() {
    clearTimeout(this.retrying);
    this.retrying = setTimeout(() => this.api.models().then(() => this.actions.retry(), () => this.#retryLater()), RETRY_MS);
  }

  /** Parts that belong to a higher level are hidden, not only unseen. */
  applyLevel() {
    this.root.dataset.level = String(this.level);
    for (const node of this.root.querySelectorAll("[data-min-level]")) setHidden(node, Number(node.dataset.minLevel) > this.level);
    this.drawButtons();
    this.redraw();
  }

  /** Once per frame at most, however fast a slider moves. */
  redrawSoon() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      if (this.tab.active === this) this.redraw();
    });
  }

  /** How long a redraw took, for the tests; an hour of dragging would be 200,000 entries. */
  measured(start) {
    if (this.nMeasured++ % 1000 === 999) performance.clearMeasures("logitbox:redraw");
    performance.measure("logitbox:redraw", { start });
  }

  #announceSoon() {
    clearTimeout(this.announcing);
    this.announcing = setTimeout(() => {
      const { law } = this.session;
      const top = [...law.ranked.subarray(0, 3)].map((id) => `${this.look(id).spoken} ${this.words.percent(law.probability(id))}`);
      setText(this.live, this.words.t("announce", { top: top.join(", ") }));
    }, ANNOUNCE_MS);
  }

  /** A sentence for the ear; the same one twice is said twice. */
  say(sentence) {
    clearTimeout(this.announcing);
    setText(this.live, this.live.textContent === sentence ? `${sentence}\u00a0` : sentence);
  }

  liveRegion() {
    return el("p", { class: "lb-sr", "aria-live": "polite", "data-testid": "live" });
  }

  /** Which model this is, and that it runs here. @param {Node} more */
  foot(more) {
    const { words, model } = this;
    const slower = model.is_slower_fallback ? el("strong", {}, words.t("slower_fallback")) : null;
    const engine = words.has(`engine.${model.engine}`) ? words.t(`engine.${model.engine}`) : model.engine_note || model.engine;
    const facts = [model.title, words.t("parameters", { n: Math.round(model.n_params / 1e6) }), model.quantization, engine, words.t("stays_here")];
    return el("footer", { class: "lb-foot" }, el("p", { "data-testid": "model-facts" }, facts.filter(Boolean).join(" · "), " ", slower), more);
  }
}
