// A chain of samplers in any order, computed in the browser: temperature, top_k, top_p, min_p, penalties, logit_bias,
// greedy. Any other chain is one POST /api/v1/chain, which `fromServer` (chain_answer.mjs) gives the same shape.
// The rules are sandbox/samplers/*.py; tests/test_ui_javascript_chain.py feeds both the same rows.
import { ChainError, RankedLaw } from "./ranked_law.mjs";
import { BROWSER_SAMPLERS } from "./chain_samplers.mjs";

/** @typedef {Object<string, any> & {sampler: string}} Step
 *  @typedef {{tokenId: number, p: number}} Bar
 *  @typedef {{sampler: string, params: Object<string, any>, nBefore: number, nAfter: number, removedMass: number,
 *     entropyBefore: number, entropyBits: number, winnerChanged: boolean, details: Object<string, any>, top: Bar[]}} Stage
 *     removedMass: share of the law that entered this stage; top, entropyBits: of the law that left it
 *  @typedef {{n: number, entropyBits: number, top: Bar[]}} Summary
 *  @typedef {{text: string, numbers: Object<string, number>}} Worked `{name}` in the text stands for numbers[name]
 *  @typedef {{sampler: string, probBefore: number, probAfter: number | null, rankBefore: number,
 *     rankAfter: number | null, worked: Worked}} Passage null: this stage removed the token
 *  @typedef {{removedBy: number | null, impossible: boolean, pModel: number, pFinal: number, rankModel: number | null,
 *     passages: Passage[]}} Path removedBy: index of a stage; impossible: the model itself rules the token out
 *  @typedef {{tokenId: number, p: number, rank: number, from: number, to: number}} Drawn */

/** @param {Step[]} steps */
export function inBrowser(steps) {
  return steps.every(({ sampler }) => BROWSER_SAMPLERS.has(sampler));
}

/**
 * The chain over one row. The steps are as `problem` (steps.mjs) accepts them. Throws ChainError, with the index of the
 * card at fault as `data.step`, where a stage leaves no law.
 * @param {import("./sampling.mjs").Law} law @param {Step[]} steps
 * @param {{history?: number[], promptLen?: number, nTop?: number}} [context] history: every token id, prompt included
 */
export function runSteps(law, steps, { history = [], promptLen = 0, nTop = 10 } = {}) {
  const context = { history, promptLen };
  const laws = [RankedLaw.of(law)];
  steps.forEach((step, index) => laws.push(applied(step, laws[index], context, index)));
  return new ChainOutcome(law, steps, laws, context, nTop);
}

function applied(step, before, context, index) {
  const sampler = BROWSER_SAMPLERS.get(step.sampler);
  if (!sampler) throw new Error(`not a sampler of the browser: ${step.sampler}`);
  try {
    return sampler.apply(before, step, context);
  } catch (error) {
    if (error instanceof ChainError) error.data.step = index;
    throw error;
  }
}

/** What a chain made of one row. ServerOutcome (chain_answer.mjs) answers the same questions. */
export class ChainOutcome {
  #laws; #context;

  /** For runSteps. @param {import("./sampling.mjs").Law} law @param {Step[]} steps @param {RankedLaw[]} laws */
  constructor(law, steps, laws, context, nTop) {
    this.isExact = true; // every token can be asked for; a server's answer knows the followed ones only
    this.steps = steps;
    this.vocabSize = law.nVocab;
    this.#laws = laws;
    this.#context = context;
    /** @type {Stage[]} */
    this.stages = steps.map((step, i) => stageOf(step, laws[i], laws[i + 1], context, nTop));
    /** @type {Summary} */ this.model = summary(laws[0], nTop);
    /** @type {Summary} */ this.final = summary(this.#last, nTop);
  }

  get #last() {
    return this.#laws[this.#laws.length - 1];
  }

  /** After the whole chain; 0 for a removed token. */
  probability(id) {
    return this.#last.probability(id);
  }

  /** After one stage; -1 is the model's own law. */
  probabilityAt(stageIndex, id) {
    return this.#laws[stageIndex + 1].probability(id);
  }

  /** 1 for the most likely after one stage (-1: the model); null for an absent token. */
  rankAt(stageIndex, id) {
    return this.#laws[stageIndex + 1].rankOf(id);
  }

  /** Index of the stage that removed this token; null for a survivor, and for one the model itself rules out. */
  removedBy(id) {
    if (this.#laws[0].rankOf(id) === null) return null;
    const gone = this.#laws.findIndex((law) => law.rankOf(id) === null);
    return gone === -1 ? null : gone - 1;
  }

  /** One token through all stages, up to the one that removed it. @returns {Path} */
  path(id) {
    const [model] = this.#laws;
    const removedBy = this.removedBy(id);
    const impossible = model.rankOf(id) === null;
    const nPassages = impossible ? 0 : removedBy === null ? this.steps.length : removedBy + 1;
    return {
      removedBy, impossible, pModel: model.probability(id), pFinal: this.probability(id), rankModel: model.rankOf(id),
      passages: this.steps.slice(0, nPassages).map((_, index) => this.#passage(index, id)),
    };
  }

  /** @returns {Passage} */
  #passage(index, id) {
    const step = this.steps[index];
    const before = this.#laws[index], after = this.#laws[index + 1];
    const rankAfter = after.rankOf(id);
    return {
      sampler: step.sampler,
      probBefore: before.probability(id),
      probAfter: rankAfter === null ? null : after.probability(id),
      rankBefore: before.rankOf(id),
      rankAfter,
      worked: BROWSER_SAMPLERS.get(step.sampler).worked(id, before, after, step, this.#context),
    };
  }

  /** The first `limit` survivors in rank order. @returns {{tokenIds: number[], probs: number[]}} */
  survivors(limit = 1000) {
    const bars = this.#last.top(limit);
    return { tokenIds: bars.map((bar) => bar.tokenId), probs: bars.map((bar) => bar.p) };
  }

  /** Where u falls when the ranked probabilities are laid end to end. @param {number} u in [0, 1) @returns {Drawn} */
  draw(u) {
    return this.#last.draw(u);
  }

  /** Running sums of the first `limit` survivors: where their segments end on the strip from 0 to 1. @returns {number[]} */
  cumulative(limit = 1000) {
    return Array.from({ length: Math.min(limit, this.final.n) }, (_, i) => this.#last.massAbove(i + 1));
  }
}

/** @returns {Summary} */
function summary(law, nTop) {
  return { n: law.n, entropyBits: law.entropyBits, top: law.top(nTop) };
}

/** @returns {Stage} */
function stageOf(step, before, after, context, nTop) {
  const { sampler, ...params } = step;
  return {
    sampler, params, nBefore: before.n, nAfter: after.n,
    removedMass: before.massLostTo(after),
    entropyBefore: before.entropyBits,
    entropyBits: after.entropyBits,
    winnerChanged: before.winner !== after.winner,
    details: BROWSER_SAMPLERS.get(sampler).details?.(step, context) ?? {},
    top: after.top(nTop),
  };
}
