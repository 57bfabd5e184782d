// The knobs: named settings, then temperature, top-k, top-p, min-p. They never ask the model anything.
import { NEUTRAL, validate } from "../core/sampling.mjs";
import { el, setAttribute, setHidden, setText } from "./dom.mjs";

/** The menu, from the most cautious to the wildest. */
export const NAMED = {
  first: { ...NEUTRAL, temperature: 0 },
  careful: { ...NEUTRAL, temperature: 0.5, top_p: 0.9 },
  balanced: { temperature: 0.8, top_k: 40, top_p: 0.95, min_p: 0.05 },
  raw: { ...NEUTRAL },
  delirious: { ...NEUTRAL, temperature: 1.5 },
};

const identity = (x) => x;
/** `key` is one press of an arrow; a pointer may be finer. On the slider of top_k the right end (101) means off. */
const KNOBS = [
  { name: "temperature", level: 2, min: 0, max: 2, step: 0.01, key: 0.05, to: identity, from: detents, nDecimals: 2 },
  { name: "top_k", level: 2, min: 1, max: 101, step: 1, key: 1, to: (k) => (k === 0 ? 101 : Math.min(k, 100)),
    from: (v) => (v > 100 ? 0 : v), nDecimals: 0 },
  { name: "top_p", level: 2, min: 0.01, max: 1, step: 0.01, key: 0.01, to: identity, from: identity, nDecimals: 2 },
  { name: "min_p", level: 3, min: 0, max: 1, step: 0.01, key: 0.01, to: identity, from: identity, nDecimals: 2 },
];

/** Under a pointer the slider rests at 1, and 0 is a stop of its own: there is no temperature 0.02. */
function detents(value, isPointer) {
  if (value < 0.05) return 0;
  if (value < 0.1) return 0.1;
  return isPointer && Math.abs(value - 1) <= 0.04 ? 1 : value;
}

export class Controls {
  /** @param {{words: any, actions: any, session: any}} context */
  constructor({ words, actions, session }) {
    Object.assign(this, { words, actions, session });
    this.knobs = KNOBS.map((spec) => new Knob(spec, this));
    this.names = Object.entries(NAMED).map(([name, settings]) => this.#nameButton(name, settings));
    this.calls = el("b", { "data-testid": "model-calls", "data-n": 0 });
    this.callsWhy = el("span");
    this.stages = el("ol", { class: "lb-stages", "data-testid": "stages", "aria-label": words.t("stages_label") });
    this.problem = el("p", { class: "lb-problem", role: "alert", hidden: true });
    this.node = el("section", { class: "lb-card lb-controls", "data-min-level": 2, "aria-labelledby": "lb-controls-title" },
      el("header", { class: "lb-cardhead" }, el("h2", { id: "lb-controls-title" }, words.t("controls_title"))),
      el("div", { class: "lb-named", role: "group", "aria-label": words.t("named_label") }, ...this.names.map((each) => each.button)),
      ...this.knobs.map((knob) => knob.node), this.problem, this.stages,
      el("p", { class: "lb-calls" }, this.calls, this.callsWhy), this.#seed());
  }

  #nameButton(name, settings) {
    const button = el("button", { type: "button", class: "lb-chip", "data-testid": `named-${name}`, title: this.words.t(`named.${name}_why`),
      onclick: () => this.actions.setSettings(settings) }, this.words.t(`named.${name}`));
    return { button, settings };
  }

  #seed() {
    const { words, actions } = this;
    this.seed = el("input", { class: "lb-number", "data-testid": "seed", inputmode: "numeric", "aria-label": words.t("seed"), size: 8,
      onchange: () => this.#readSeed() });
    return el("div", { class: "lb-seed", "data-min-level": 3 }, el("label", {}, words.t("seed")), this.seed,
      el("button", { type: "button", class: "lb-chip", "data-testid": "new-seed", onclick: () => actions.newSeed() }, words.t("new_seed")));
  }

  #readSeed() {
    const seed = this.words.parseNumber(this.seed.value);
    const good = Number.isSafeInteger(seed) && seed >= 0;
    this.tell(good ? "" : this.words.t("knob_bad", { knob: this.words.t("seed"), value: this.seed.value, interval: "0, 1, 2, …" }));
    if (good) this.actions.setSeed(seed);
  }

  /** A sentence under the knobs; "" takes it away. */
  tell(sentence) {
    setText(this.problem, sentence);
    setHidden(this.problem, sentence === "");
  }

  change(patch, typed = undefined) {
    const settings = { ...this.settings, ...patch };
    const bad = validate(settings);
    const { words } = this;
    this.tell(bad ? words.t("knob_bad", { interval: words.interval(bad.interval), knob: words.t(`sampler.${bad.knob}`), value: typed ?? String(bad.value) }) : "");
    if (!bad) this.actions.setSettings(settings);
    return !bad;
  }

  /** @param {{settings: any, outcome: any, nCalls: number, level: number}} view */
  draw({ settings, outcome, nCalls, level }) {
    this.settings = settings;
    for (const knob of this.knobs) knob.draw(settings, outcome, level);
    for (const { button, settings: named } of this.names) setAttribute(button, "aria-pressed", String(isSame(named, settings)));
    setText(this.calls, this.words.t("calls", { n: nCalls }));
    setAttribute(this.calls, "data-n", nCalls);
    setText(this.callsWhy, this.words.t(nCalls === 0 ? "calls_why" : "calls_since"));
    if (document.activeElement !== this.seed) this.seed.value = String(this.session.seed);
    this.#drawStages(outcome, level);
  }

  #drawStages(outcome, level) {
    setHidden(this.stages, outcome.isNeutral);
    while (this.stages.children.length < outcome.stages.length) this.stages.append(el("li"));
    [...this.stages.children].forEach((item, i) => {
      const stage = outcome.stages[i];
      setHidden(item, !stage);
      if (stage) setText(item, this.#stageText(stage, level));
    });
  }

  #stageText(stage, level) {
    const { words } = this;
    const name = words.t(`sampler.${stage.sampler}`);
    const values = { name, before: stage.nBefore, after: stage.nAfter, removed: words.percent(stage.removedMass),
      bits: words.number(stage.entropyBits, 2), value: stage.params.temperature };
    const text = words.t(stage.sampler === "temperature" ? "stage_temperature" : stage.sampler === "greedy" ? "stage_greedy" : "stage_cut", values);
    return level >= 3 ? `${text} · ${words.t("stage_bits", values)}` : text;
  }
}

function isSame(a, b) {
  return Object.keys(a).every((key) => Math.abs(a[key] - b[key]) < 1e-9);
}

class Knob {
  constructor(spec, controls) {
    Object.assign(this, { spec, controls, isPointer: false });
    const { words } = controls;
    const label = words.t(`sampler.${spec.name}`);
    const id = `lb-${spec.name}`;
    this.slider = el("input", { type: "range", id, "data-testid": spec.name, min: spec.min, max: spec.max, step: spec.step,
      "aria-describedby": `${id}-why`, oninput: () => this.#slide(), onkeydown: (event) => this.#key(event),
      onpointerdown: () => (this.isPointer = true), onpointerup: () => (this.isPointer = false) });
    this.number = el("input", { class: "lb-number", "data-testid": `${spec.name}-number`, inputmode: "decimal", autocomplete: "off",
      "aria-label": words.t("exact_value", { knob: label }), onchange: () => this.#type() });
    this.why = el("p", { class: "lb-why", id: `${id}-why` });
    this.node = el("div", { class: `lb-knob is-${spec.name}` },
      el("div", { class: "lb-knobhead" }, el("label", { for: id }, label), this.number),
      el("div", { class: "lb-rail" }, this.slider, ...this.#marks()), this.why);
  }

  #marks() {
    const { words } = this.controls;
    return ["low", "mid", "high"].filter((end) => words.has(`knob.${this.spec.name}.${end}`))
      .map((end) => el("span", { class: `lb-mark is-${end}`, "aria-hidden": "true" }, words.t(`knob.${this.spec.name}.${end}`)));
  }

  #slide() {
    const value = this.spec.from(Number(this.slider.value), this.isPointer);
    if (Number(this.slider.value) !== this.spec.to(value)) this.slider.value = String(this.spec.to(value));
    this.controls.change({ [this.spec.name]: value });
  }

  /** Arrows take useful steps; at temperature 0 the next one up is 0.1. */
  #key(event) {
    this.isPointer = false;
    const way = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (!way || this.spec.key === this.spec.step) return;
    event.preventDefault();
    const { min, max, key } = this.spec;
    const next = Math.round((Number(this.slider.value) + way * key) / key) * key;
    const stopped = way < 0 && next < 0.1 ? min : way > 0 && next > 0 && next < 0.1 ? 0.1 : next;
    this.controls.change({ [this.spec.name]: Number(Math.max(min, Math.min(max, stopped)).toFixed(2)) });
  }

  #type() {
    const { words } = this.controls;
    const typed = this.number.value.trim();
    const value = typed === words.t("off") ? { top_k: 0, top_p: 1, min_p: 0 }[this.spec.name] : words.parseNumber(typed);
    const good = this.controls.change({ [this.spec.name]: value ?? NaN }, typed);
    setAttribute(this.number, "aria-invalid", good ? null : "true");
  }

  draw(settings, outcome, level) {
    const { spec, controls: { words } } = this;
    const value = settings[spec.name];
    const isOff = value === { temperature: -1, top_k: 0, top_p: 1, min_p: 0 }[spec.name];
    setHidden(this.node, level < spec.level && isOff);
    const shown = isOff ? words.t("off") : words.number(value, spec.nDecimals);
    if (document.activeElement !== this.slider || Number(this.slider.value) !== spec.to(value)) this.slider.value = String(spec.to(value));
    if (document.activeElement !== this.number || this.drawn !== value) this.number.value = shown;
    this.drawn = value;
    setAttribute(this.slider, "aria-valuetext", shown);
    setText(this.why, this.#reason(value, outcome, isOff));
    this.node.classList.toggle("is-off", isOff || (spec.name === "temperature" && value === 1));
    this.node.classList.toggle("is-rule", spec.name === "temperature" && value === 0);
    this.slider.style.setProperty("--at", `${((spec.to(value) - spec.min) / (spec.max - spec.min)) * 100}%`);
  }

  #reason(value, outcome, isOff) {
    const { spec: { name }, controls: { words } } = this;
    if (name === "temperature") return words.t(`knob.temperature.${value === 0 ? "zero" : value < 1 ? "below" : value > 1 ? "above" : "one"}`);
    if (isOff) return words.t(`knob.${name}.off`);
    const stage = outcome.stages.find((each) => each.sampler === name);
    return words.t(`knob.${name}.on`, { n: stage?.nAfter ?? 0, p: name === "min_p" ? words.number(value, value < 0.01 ? 4 : 2) : words.percent(value) });
  }
}
