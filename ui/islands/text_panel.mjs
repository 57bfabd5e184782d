// Where the learner writes: the mode, the text, ready-made texts, and one line of advice when one is due.
import { advise } from "./advice.mjs";
import { el, sentence, setAttribute, setHidden, setText } from "./dom.mjs";

const TYPING_MS = 250;

export class TextPanel {
  /** @param {{words: any, session: any, actions: any, presets: any, pills: any, frenchModels: any[]}} context */
  constructor(context) {
    Object.assign(this, context);
    const { words } = this;
    this.modes = ["continue", "ask"].map((mode) => el("button", { type: "button", "data-testid": `mode-${mode}`,
      onclick: () => this.#setMode(mode) }, words.t(`mode.${mode}`)));
    this.field = el("textarea", { id: "lb-text", class: "lb-text", "data-testid": "text", rows: 2, spellcheck: "false", autocomplete: "off",
      autocapitalize: "off", oninput: () => this.#typed() });
    this.picker = new Picker(this);
    this.problem = el("div", { class: "lb-problem", role: "alert", "data-testid": "problem", hidden: true });
    this.notice = el("div", { class: "lb-notice", role: "status", "data-testid": "notice", hidden: true });
    this.advice = el("div", { class: "lb-advice", "data-testid": "advice" });
    this.ladder = new Ladder(this);
    this.node = el("section", { class: "lb-card lb-writing", "aria-labelledby": "lb-text-label" },
      el("div", { class: "lb-cardhead" },
        el("div", { class: "lb-switch", role: "group", "aria-label": words.t("mode.label"), "data-testid": "mode-switch" }, ...this.modes),
        this.picker.button),
      this.picker.panel,
      el("label", { for: "lb-text", id: "lb-text-label", class: "lb-sr" }, words.t("text_label")),
      this.field, this.problem, this.advice, this.ladder.node,
      el("p", { class: "lb-over" }, words.t("pills_title")), this.pills.node, this.notice);
  }

  #typed() {
    clearTimeout(this.timer);
    this.#grow();
    this.#advise();
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.actions.setText(this.field.value);
    }, TYPING_MS);
  }

  #setMode(mode) {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.actions.setText(this.field.value, { mode });
  }

  /** As tall as its text, within reason. */
  #grow() {
    this.field.style.height = "auto";
    this.field.style.height = `${Math.min(this.field.scrollHeight + 2, 260)}px`;
  }

  /** The session has another draft: show its text, unless it answers for a text that the learner has changed since. */
  drawDraft() {
    const { draft } = this.session;
    if (this.timer === undefined && this.field.value !== draft.text) this.field.value = draft.text;
    this.drawMode(draft.mode);
    this.#grow();
    this.#advise();
  }

  drawMode(mode) {
    this.modes.forEach((button) => setAttribute(button, "aria-pressed", String(button.dataset.testid === `mode-${mode}`)));
  }

  /** A learner's text survives a change of language, whether or not the model could read it. */
  set text(text) {
    this.field.value = text;
    this.#grow();
  }

  get text() {
    return this.field.value;
  }

  #advise() {
    const { words, session, frenchModels } = this;
    const lines = advise({ text: this.field.value, mode: session.draft.mode, source: session.draft.source, presetText: session.draft.text,
      presets: this.presets, barelyReadsFrench: !session.model.languages.includes("fr") });
    const key = lines.join();
    if (this.advised === key) return;
    this.advised = key;
    this.advice.replaceChildren(...lines.map((line) => el("p", { "data-advice": line },
      el("span", {}, words.t(`advice.${line}`, { models: frenchModels.map(modelName(words)).join(", "), model: session.model.title })), this.#remedy(line))));
  }

  #remedy(line) {
    const { words, actions } = this;
    const remedies = {
      question: () => this.#setMode("ask"),
      space: () => actions.setText(this.field.value.trimEnd(), { force: true }),
    };
    return line in remedies ? el("button", { type: "button", class: "lb-chip", "data-testid": `remedy-${line}`, onclick: remedies[line] },
      words.t(`advice.${line}_do`)) : null;
  }

  /** What stopped the model, if anything: a sentence, and the learner's text stays where it is. */
  drawStatus() {
    const { session, words } = this;
    const problem = session.error ? words.sentence(session.error) : "";
    setText(this.problem, problem);
    setHidden(this.problem, problem === "");
    const notice = session.status === "ended" ? words.t("ended") : "";
    setText(this.notice, notice);
    setHidden(this.notice, notice === "");
  }

  drawLaw(law) {
    this.ladder.draw(law);
  }
}

const modelName = (words) => (model) => `${model.title} (${words.number(model.size_bytes / 1e6)}\u00a0${words.t("megabytes")})`;

/** A disclosure, not a menu: plain buttons in groups, closed by Escape. */
class Picker {
  constructor({ words, presets, actions }) {
    Object.assign(this, { words, actions });
    this.button = el("button", { type: "button", class: "lb-quiet", "data-testid": "presets-button", "aria-expanded": "false", "aria-controls": "lb-presets",
      onclick: () => this.toggle() }, words.t("presets.pick"));
    this.panel = el("div", { id: "lb-presets", class: "lb-presets", "data-testid": "presets", hidden: true,
      onkeydown: (event) => event.key === "Escape" && (this.toggle(false), this.button.focus()) },
      ...presets.groups.map((group) => this.#group(group)));
  }

  #group(group) {
    const { words } = this;
    return el("div", { role: "group", "aria-label": words.t(`presets.${group.id}`) },
      el("p", { class: "lb-over" }, words.t(`presets.${group.id}`)),
      el("div", { class: "lb-presetlist" }, ...group.presets.map((preset) => this.#preset(preset))));
  }

  #preset(preset) {
    const { words, actions } = this;
    const gloss = words.locale === "fr" ? preset.gloss_fr : null;
    return el("button", { type: "button", class: "lb-preset", "data-preset": preset.id,
      onclick: () => { this.toggle(false); actions.loadPreset(preset); } },
      el("span", { class: "lb-presettext", lang: preset.language }, preset.text.replace("\n", " ↵ ")),
      gloss ? el("span", { class: "lb-gloss" }, gloss) : null,
      el("span", { class: "lb-gloss is-why" }, words.t(`presets.why.${preset.id}`)));
  }

  toggle(open = this.panel.hidden) {
    setHidden(this.panel, !open);
    setAttribute(this.button, "aria-expanded", String(open));
  }
}

/** How many examples stand before the ladder's question; -1 elsewhere. */
export function rungOf(text, ladder) {
  return [0, 1, 2, 3].findIndex((n) => text === rungText(n, ladder));
}

export function rungText(n, ladder) {
  return [...ladder.examples.slice(0, n).reverse(), ladder.target].join(" ");
}

/** One question, more and more examples before it: the same weights, another context. */
class Ladder {
  constructor({ words, presets, actions, session }) {
    Object.assign(this, { words, session, ladder: presets.ladder, seen: new Map() });
    this.rungs = el("ol", { class: "lb-rungs" });
    this.more = el("button", { type: "button", class: "lb-chip is-strong", "data-testid": "ladder-more",
      onclick: () => actions.setText(rungText(this.rung + 1, this.ladder), { force: true, source: "preset" }) }, words.t("ladder.more"));
    this.node = el("div", { class: "lb-ladder", "data-testid": "ladder", hidden: true },
      sentence(words.t("ladder.title")), this.rungs, this.more);
  }

  draw(law) {
    const { session, words, ladder } = this;
    const { draft } = session;
    this.rung = draft.mode === "continue" && draft.appended.length === 0 ? rungOf(draft.text, ladder) : -1;
    setHidden(this.node, this.rung < 0);
    if (this.rung < 0) return;
    const [id] = session.vocab.search(ladder.token, 1);
    this.seen.set(this.rung, law.probability(id));
    setHidden(this.more, this.rung === ladder.examples.length);
    this.rungs.replaceChildren(...[...this.seen].sort((a, b) => a[0] - b[0]).map(([rung, p]) =>
      el("li", { class: rung === this.rung ? "is-here" : "", "data-rung": rung, "data-p": p }, words.t("ladder.rung", { n: rung, p: words.percent(p) }))));
  }
}
