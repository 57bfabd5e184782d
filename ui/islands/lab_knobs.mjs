// One knob of a card: a slider with its exact number, a switch, a menu or a text. Lists of tokens: lab_lists.mjs.
import { el, setAttribute, setHidden } from "./dom.mjs";
import { BiasKnob, BreakersKnob, SequencesKnob, TokensKnob } from "./lab_lists.mjs";

/** @typedef {{words: any, names: any, look: any, vocab: any, api: any, model: any, sampler: string, id: string,
 *             change: (name: string, value: unknown, typed?: string) => void}} KnobContext
 *  An editor has `node` and draw(value, index): index is the card's place, for the name that tests find it by. */

/** @param {any} info as GET /samplers describes it @param {KnobContext} context */
export function createKnob(info, context) {
  const Kind = { number: NumberKnob, switch: SwitchKnob, tokens: TokensKnob, sequences: SequencesKnob, bias: BiasKnob,
    breakers: BreakersKnob, text: TextKnob }[info.kind];
  return Kind ? new Kind(info, context) : null; // a row of logits is no knob for a hand
}

const N_STEPS = 200;

/** The slider's ends and step, where the knob has useful ones. @returns {{min: number, max: number, step: number} | null} */
export function sliderOf(info) {
  const [low, high] = info.slider ?? info.interval.slice(1, -1).split(",").map((each) => Number(each.replace("inf", "Infinity").replace("∞",
    "Infinity")));
  if (!Number.isFinite(low) || !Number.isFinite(high) || info.interval[0] === "{" && !info.slider) return null;
  const step = info.is_whole ? 1 : niceStep((high - low) / N_STEPS);
  const isOpen = info.interval[0] === "(" && low === Number(info.interval.slice(1).split(",")[0]);
  return { min: isOpen ? low + step : low, max: high, step };
}

/** 1, 2 or 5 times a power of ten, not above `size`. */
function niceStep(size) {
  const power = 10 ** Math.floor(Math.log10(size) + 1e-9);
  const digit = [5, 2, 1].find((each) => each * power <= size * (1 + 1e-9)) ?? 1;
  return Number((digit * power).toPrecision(1));
}

class NumberKnob {
  constructor(info, context) {
    Object.assign(this, { info, context, range: sliderOf(info) });
    const { words, names, sampler, id } = context;
    const label = names.knob(sampler, info.name);
    this.number = el("input", { class: "lb-number", id: this.range ? null : id, inputmode: "decimal", autocomplete: "off",
      "aria-label": this.range ? words.t("exact_value", { knob: label }) : null, onchange: () => this.#type() });
    this.slider = this.range && el("input", { type: "range", id, ...this.range, oninput: () => context.change(info.name,
      this.#clean(Number(this.slider.value))) });
    this.node = el("div", { class: "lb-knob" },
      el("div", { class: "lb-knobhead" }, el("label", { for: id }, label), this.number), this.slider);
  }

  /** Sums of 0.01 carry dust: 0.30000000000000004. */
  #clean(value) {
    return Number(value.toPrecision(10));
  }

  #type() {
    const { info, context } = this;
    const typed = this.number.value.trim();
    const isAuto = info.is_optional && (typed === "" || typed === context.words.t("lab.auto"));
    context.change(info.name, isAuto ? null : context.words.parseNumber(typed), typed);
  }

  draw(value, index) {
    const { info, context: { words, names } } = this;
    const shown = value === null || value === undefined ? words.t("lab.auto") : Number.isNaN(value) ? this.number.value : names.amount(value);
    const isBad = typeof value === "number" && Number.isNaN(value);
    setAttribute(this.number, "aria-invalid", isBad ? "true" : null);
    setAttribute(this.number, "data-testid", `knob-${index}-${info.name}-number`);
    if (!isBad && (document.activeElement !== this.number || this.drawn !== value)) this.number.value = shown;
    this.drawn = value;
    if (this.slider) this.#drawSlider(value, index, shown);
  }

  #drawSlider(value, index, shown) {
    const { info, range, slider } = this;
    setAttribute(slider, "data-testid", `knob-${index}-${info.name}`);
    setHidden(slider, value === null || value === undefined);
    const at = Math.max(range.min, Math.min(range.max, value ?? range.min));
    if (!Number.isNaN(at) && Number(slider.value) !== at) slider.value = String(at);
    setAttribute(slider, "aria-valuetext", shown);
    if (!Number.isNaN(at)) slider.style.setProperty("--at", `${((at - range.min) / (range.max - range.min)) * 100}%`);
  }
}

class SwitchKnob {
  constructor(info, context) {
    this.info = info;
    const { names, sampler, id } = context;
    this.box = el("input", { type: "checkbox", id, onchange: () => context.change(info.name, this.box.checked) });
    this.node = el("div", { class: "lb-knob is-line" }, this.box, el("label", { for: id }, names.knob(sampler, info.name)));
  }

  draw(value, index) {
    setAttribute(this.box, "data-testid", `knob-${index}-${this.info.name}`);
    this.box.checked = Boolean(value);
  }
}

const TYPING_MS = 350;

/** A menu where there are choices, else a text that is read once the hand rests. */
class TextKnob {
  constructor(info, context) {
    Object.assign(this, { info, context });
    const { names, sampler, id, words } = context;
    const label = names.knob(sampler, info.name);
    const option = (choice) => el("option", { value: choice }, words.has(`lab.choice.${choice}`) ? words.t(`lab.choice.${choice}`) : choice);
    this.field = info.choices?.length
      ? el("select", { id, class: "lb-select", onchange: () => context.change(info.name, this.field.value) }, ...info.choices.map(option))
      : el("textarea", { id, class: "lb-code", rows: 4, spellcheck: "false", autocomplete: "off", oninput: () => this.#typed() });
    this.node = el("div", { class: "lb-knob" }, el("label", { for: id }, label), this.field);
  }

  #typed() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.context.change(this.info.name, this.field.value);
    }, TYPING_MS);
  }

  draw(value, index) {
    setAttribute(this.field, "data-testid", `knob-${index}-${this.info.name}`);
    if (this.timer === undefined && this.field.value !== value) this.field.value = value ?? "";
  }
}

/** The knobs of one card; those that a step may leave out belong to the expert, unless they are in use. */
export class Knobs {
  /** @param {any} info of the sampler @param {(name: string) => KnobContext} contextOf */
  constructor(info, contextOf) {
    this.entries = info.knobs.map((knob) => ({ knob, editor: createKnob(knob, contextOf(knob.name)) })).filter(({ editor }) => editor);
    this.node = el("div", { class: "lb-knobs", hidden: this.entries.length === 0 }, ...this.entries.map(({ editor }) => editor.node));
  }

  draw(params, index, level) {
    for (const { knob, editor } of this.entries) {
      const value = knob.name in params ? params[knob.name] : knob.default;
      setHidden(editor.node, !knob.required && level < 3 && JSON.stringify(value) === JSON.stringify(knob.default));
      editor.draw(value, index);
    }
  }
}
