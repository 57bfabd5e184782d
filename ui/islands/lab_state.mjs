// The learner's chain: cards in an order, some switched off. A step is what an engine reads; a card is what a person moves.
import { problem } from "../core/steps.mjs";

/** @typedef {{key: number, sampler: string, params: Object<string, any>, isOn: boolean}} Card */

/** Level 1 opens with these three, in llama.cpp's order. */
export const OPENING = [{ sampler: "top_k", k: 40 }, { sampler: "top_p", p: 0.9 }, { sampler: "temperature", temperature: 0.8 }];

/** What a new card shows where a knob's own starting value would do nothing. */
const STARTS = { "temperature.temperature": 0.8, "top_k.k": 40, "top_p.p": 0.9, "min_p.p": 0.05, "grammar.grammar": "positive\nnegative" };
const EMPTY = { tokens: [], sequences: [], bias: {}, breakers: ["\n", ":", "\"", "*"], text: "", switch: false };
/** What masks or rewrites the law stands before what cuts it: the shown law is the one drawn from. */
const FIRST = new Set(["constrain", "history", "two_laws"]);

const KEPT = "logitbox.lab"; // in sessionStorage: it goes with the tab, as the text does

export class ChainState {
  /** @param {any} table what GET /samplers answered */
  constructor(table) {
    this.table = table;
    this.infos = new Map(table.samplers.map((info) => [info.name, info]));
    /** @type {Card[]} */ this.cards = [];
    this.lastKey = 0;
  }

  info(sampler) {
    return this.infos.get(sampler);
  }

  /** The cards that are switched on, as steps. */
  get steps() {
    return this.cards.filter((card) => card.isOn).map(({ sampler, params }) => ({ sampler, ...params }));
  }

  /** Step i is this card. @returns {number} its index among all cards, -1 for none */
  cardOfStep(i) {
    const card = this.cards.filter((each) => each.isOn)[i];
    return card ? this.cards.indexOf(card) : -1;
  }

  /** @param {number} index of a card @returns {number} -1 where it is off */
  stepOfCard(index) {
    return this.cards[index].isOn ? this.cards.slice(0, index).filter((card) => card.isOn).length : -1;
  }

  /**
   * Steps of samplers that this machine does not know are left out; `restsIdle`: what does nothing is switched off,
   * in its place. @returns {string[]} the unknown names
   */
  load(steps, { restsIdle = false } = {}) {
    const known = steps.filter(({ sampler }) => this.infos.has(sampler));
    this.cards = known.map(({ sampler, ...params }) => this.#card(sampler, params));
    if (restsIdle) for (const card of this.cards) card.isOn = !isIdle(this.info(card.sampler), card.params);
    return steps.filter(({ sampler }) => !this.infos.has(sampler)).map(({ sampler }) => sampler);
  }

  /** @returns {number} where the new card stands */
  add(sampler) {
    const info = this.info(sampler);
    const card = this.#card(sampler, startingParams(info));
    const isFirst = (each) => FIRST.has(this.info(each.sampler).family);
    const at = FIRST.has(info.family) ? this.cards.findIndex((each) => !isFirst(each)) : this.cards.findIndex((each) => this.info(each.sampler).family === "rule");
    const index = at === -1 || info.family === "rule" ? this.cards.length : at;
    this.cards.splice(index, 0, card);
    return index;
  }

  remove(index) {
    this.cards.splice(index, 1);
  }

  move(from, to) {
    const [card] = this.cards.splice(from, 1);
    this.cards.splice(to, 0, card);
  }

  #card(sampler, params) {
    this.lastKey += 1;
    return { key: this.lastKey, sampler, params: { ...params }, isOn: true };
  }

  /** The first card that no engine would accept. @returns {import("../core/steps.mjs").Problem | null} */
  get problem() {
    return problem(this.steps, this.table.samplers);
  }

  /** What the other cards bring is kept in the tab, switched-off cards included. */
  keep(more) {
    const cards = this.cards.map(({ sampler, params, isOn }) => ({ sampler, params, isOn }));
    try {
      sessionStorage.setItem(KEPT, JSON.stringify({ cards, ...more }));
    } catch { /* a full or forbidden storage: the chain lives as long as the page */ }
  }

  /** The chain of before a reload, or the opening one. @returns {any} what was kept beside it */
  recall() {
    try {
      const { cards, ...more } = JSON.parse(sessionStorage.getItem(KEPT));
      this.load(cards.map(({ sampler, params }) => ({ sampler, ...params })));
      if (cards.length === this.cards.length) cards.forEach(({ isOn }, i) => (this.cards[i].isOn = isOn !== false));
      return more;
    } catch {
      this.load(OPENING);
      return {};
    }
  }
}

/** One value for every knob that a step must name, and none for the others. */
export function startingParams(info) {
  const needed = info.knobs.filter((knob) => knob.required && knob.kind !== "logits");
  return Object.fromEntries(needed.map((knob) => [knob.name, startOf(info.name, knob)]));
}

function startOf(sampler, knob) {
  const named = STARTS[`${sampler}.${knob.name}`] ?? knob.start ?? knob.default;
  if (named !== undefined && named !== null) return named;
  if (knob.kind === "text" && knob.choices?.length) return knob.choices[0];
  if (knob.kind !== "number") return structuredClone(knob.neutral ?? EMPTY[knob.kind]);
  return knob.neutral ?? (knob.slider ? knob.slider[0] : 1);
}

/** The knobs that decide alone whether a stage does anything; elsewhere every knob that a step must name. */
const DECISIVE = { xtc: ["probability"], dry: ["multiplier"], quadratic: ["factor"], penalties: ["repeat", "frequency", "presence"],
  dynamic_temperature: ["temperature", "range"] };

function isIdle(info, params) {
  const names = DECISIVE[info.name] ?? info.knobs.filter((knob) => knob.required).map((knob) => knob.name);
  const isNeutral = ({ name, neutral, default: usual }) => neutral !== null && JSON.stringify(params[name] ?? usual) === JSON.stringify(neutral);
  return names.length > 0 && info.knobs.filter((knob) => names.includes(knob.name)).every(isNeutral);
}

/** The steps that do something. @param {any[]} steps @param {ChainState} chain */
export function acting(steps, chain) {
  return steps.filter(({ sampler, ...params }) => chain.info(sampler) && !isIdle(chain.info(sampler), params));
}
