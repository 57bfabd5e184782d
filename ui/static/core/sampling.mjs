// What the sliders do to the model's law, computed in the browser: top_k, top_p, min_p, temperature, greedy, the draw.
// Everything else a chain can hold is Python's (sandbox/). tests/test_ui_javascript.py feeds both the same rows.
//
// Each of these filters keeps a PREFIX of the ranking (logit descending, id ascending), and they run before the
// temperature. So a law is ranked and summed once, a filter is one binary search in those sums, and only the
// temperature costs a pass over the survivors.

/** @typedef {{temperature: number, top_k: number, top_p: number, min_p: number}} Settings */
/** @typedef {{sampler: string, params: Object<string, number>, nBefore: number, nAfter: number,
 *             removedMass: number, entropyBits: number}} Stage
 *  removedMass: share of what entered this stage. */

/** The settings that change nothing. @type {Readonly<Settings>} */
export const NEUTRAL = Object.freeze({ temperature: 1, top_k: 0, top_p: 1, min_p: 0 });

const LOG2_E = Math.LOG2E;

/** The model's law for the next token: T = 1, the whole vocabulary. Sums are float64, in rank order. */
export class Law {
  /** @param {Float32Array} logits one per token id; NaN, +Infinity and "nothing is possible" throw. */
  constructor(logits) {
    this.logits = logits;
    /** @type {number} how many tokens the vocabulary has */
    this.nVocab = logits.length;
    /** @type {Uint32Array} token ids, most likely first; ties go to the lower id */
    this.ranked = rankedIds(logits);
    const n = this.nVocab;
    this.scores = new Float64Array(n); // logit minus the largest, in rank order
    this.cumulative = new Float64Array(n); // of exp(score)
    this.cumulativeScores = new Float64Array(n); // of exp(score) * score: gives any prefix its entropy at once
    /** @type {number} candidates: a logit of -Infinity makes none, and no stage counts it */
    this.nFinite = this.#sum(logits[this.ranked[0]]);
    this.entropyBits = this.prefixEntropyBits(this.nFinite);
    /** @type {Uint32Array | null} */ this.ranks = null;
    /** @type {Float64Array | null} */ this.inRankOrder = null;
  }

  /** The logits, most likely first. Made at the first call. @returns {Float64Array} */
  get rankedLogits() {
    this.inRankOrder ??= Float64Array.from(this.ranked, (id) => this.logits[id]);
    return this.inRankOrder;
  }

  #sum(largest) {
    const { logits, ranked, scores, cumulative, cumulativeScores, nVocab } = this;
    let total = 0, totalScores = 0, nFinite = 0;
    for (let i = 0; i < nVocab; i++) {
      const score = logits[ranked[i]] - largest;
      scores[i] = score;
      if (score !== -Infinity) {
        const weight = Math.exp(score);
        total += weight;
        totalScores += weight * score;
        nFinite++;
      }
      cumulative[i] = total;
      cumulativeScores[i] = totalScores;
    }
    return nFinite;
  }

  /** 1 is the most likely. The table behind it is made at the first call. */
  rankOf(id) {
    if (this.ranks === null) {
      this.ranks = new Uint32Array(this.nVocab);
      for (let i = 0; i < this.nVocab; i++) this.ranks[this.ranked[i]] = i + 1;
    }
    return this.ranks[id];
  }

  logit(id) {
    return this.logits[id];
  }

  probability(id) {
    return Math.exp(this.logits[id] - this.logits[this.ranked[0]]) / this.prefixMass(this.nVocab);
  }

  /** Sum of exp(score) over the first n ranks; not divided by the total. */
  prefixMass(n) {
    return n === 0 ? 0 : this.cumulative[n - 1];
  }

  /** Entropy of the first n ranks, renormalised among themselves. */
  prefixEntropyBits(n) {
    return entropyBits(this.cumulative[n - 1], this.cumulativeScores[n - 1]);
  }
}

/** H = ln Z - (sum of w * s) / Z for weights w = exp(s), in bits. Rounding may not make it negative. */
export function entropyBits(mass, weightedScores) {
  return Math.max(0, (Math.log(mass) - weightedScores / mass) * LOG2_E);
}

/** Ids by (logit descending, id ascending): throws unless every logit is a number or -Infinity, and one is a number. */
function rankedIds(logits) {
  const patterns = new Uint32Array(logits.buffer, logits.byteOffset, logits.length);
  const keys = new Uint32Array(logits.length);
  let possible = false;
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id];
    if (!(logit < Infinity)) throw new Error("broken logits"); // NaN compares false
    possible ||= logit !== -Infinity;
    keys[id] = fallingKey(logit === 0 ? 0 : patterns[id]); // -0 and +0 are a tie
  }
  if (!possible) throw new Error("broken logits");
  return stableOrder(keys);
}

/** IEEE bits -> uint32 that grows as the number falls: negatives already do, positives are flipped. */
function fallingKey(pattern) {
  return pattern >>> 31 ? pattern : ~(pattern | 0x80000000) >>> 0;
}

/** Radix sort, three passes of 11 bits. 2.4 ms for 49,152 entries; the native sort of packed keys takes 7.5. */
function stableOrder(keys) {
  const counts = new Uint32Array(2048);
  let ids = keys.map((_, id) => id), next = new Uint32Array(keys.length);
  for (let shift = 0; shift < 33; shift += 11) {
    counts.fill(0);
    for (let id = 0; id < keys.length; id++) counts[(keys[id] >>> shift) & 2047]++;
    for (let digit = 0, before = 0; digit < 2048; digit++) {
      const count = counts[digit];
      counts[digit] = before;
      before += count;
    }
    for (let i = 0; i < ids.length; i++) next[counts[(keys[ids[i]] >>> shift) & 2047]++] = ids[i];
    [ids, next] = [next, ids];
  }
  return ids;
}

/** The law after the chain: the first `nSurvivors` ranks at one temperature. Made by runChain. */
export class Outcome {
  /**
   * @param {Law} law @param {Stage[]} stages @param {number} nSurvivors @param {number} temperature
   * @param {{mass: number, entropyBits: number}} sums of exp(score / T) over the survivors, added in rank order
   */
  constructor(law, stages, nSurvivors, temperature, sums) {
    this.law = law;
    this.stages = stages;
    this.nSurvivors = nSurvivors;
    this.temperature = temperature;
    this.isNeutral = stages.length === 0;
    this.isGreedy = !this.isNeutral && stages[stages.length - 1].sampler === "greedy";
    this.mass = sums.mass;
    this.entropyBits = sums.entropyBits;
  }

  /** After the chain; 0 for a removed token. */
  probability(id) {
    const rank = this.law.rankOf(id);
    return rank > this.nSurvivors ? 0 : Math.exp(this.law.scores[rank - 1] / this.temperature) / this.mass;
  }

  /** Name of the stage that removed this token; null for a survivor, and for one the model itself rules out. */
  removedBy(id) {
    const rank = this.law.rankOf(id);
    if (rank <= this.nSurvivors || rank > this.law.nFinite) return null;
    const stage = this.stages.find((each) => rank > each.nAfter);
    return stage ? stage.sampler : null;
  }

  /** Everything below the first nShown ranks, as one row. */
  others(nShown) {
    const { law, nSurvivors } = this;
    const shown = Math.min(nShown, law.nVocab);
    const total = law.prefixMass(law.nVocab);
    const hidden = shown < nSurvivors;
    return {
      nTokens: law.nVocab - shown,
      probability: Math.max(0, total - law.prefixMass(shown)) / total,
      probabilityAfter: hidden ? Math.max(0, this.mass - this.#massOfFirst(shown)) / this.mass : 0,
    };
  }

  #massOfFirst(n) {
    let mass = 0;
    for (let i = 0; i < n; i++) mass += Math.exp(this.law.scores[i] / this.temperature);
    return mass;
  }

  /** The last survivor and the first removed token have the same logit: only the id decided. */
  get tiedAtCut() {
    const { scores, nFinite } = this.law;
    return this.nSurvivors < nFinite && scores[this.nSurvivors - 1] === scores[this.nSurvivors];
  }
}

function temperatureSums(law, n, temperature) {
  if (temperature === 1) {
    return { mass: law.prefixMass(n), entropyBits: law.prefixEntropyBits(n) };
  }
  const { scores } = law;
  let mass = 0, weighted = 0;
  for (let i = 0; i < n; i++) {
    const score = scores[i] / temperature;
    const weight = Math.exp(score);
    if (weight === 0) break; // the ranking falls, so every later weight is 0 too
    mass += weight;
    weighted += weight * score;
  }
  return { mass, entropyBits: entropyBits(mass, weighted) };
}

/**
 * The chain, in llama.cpp's order: top_k, top_p, min_p, then temperature (0: greedy, the lowest id among the maxima).
 * A knob at its neutral value leaves no stage.
 * @param {Law} law @param {Settings} settings as validate() accepts them @returns {Outcome}
 */
export function runChain(law, settings) {
  const { temperature, top_k, top_p, min_p } = settings;
  /** @type {Stage[]} */ const stages = [];
  let n = law.nFinite;
  const keep = (sampler, params, nAfter) => {
    stages.push(prefixStage(law, sampler, params, n, nAfter));
    n = nAfter;
  };
  if (top_k > 0) keep("top_k", { k: top_k }, Math.min(n, top_k));
  if (top_p < 1) keep("top_p", { p: top_p }, firstAtLeast(law.cumulative, n, top_p * law.prefixMass(n)));
  if (min_p > 0) keep("min_p", { p: min_p }, countAsLikely((i) => law.scores[i], n, min_p));
  if (temperature === 0) keep("greedy", {}, 1);
  const divisor = temperature === 0 ? 1 : temperature;
  const sums = temperatureSums(law, n, divisor);
  if (divisor !== 1) {
    const { entropyBits: bits } = sums;
    stages.push({ sampler: "temperature", params: { temperature }, nBefore: n, nAfter: n, removedMass: 0, entropyBits: bits });
  }
  return new Outcome(law, stages, n, divisor, sums);
}

/** @returns {Stage} */
function prefixStage(law, sampler, params, nBefore, nAfter) {
  const before = law.prefixMass(nBefore);
  const removedMass = nAfter === nBefore ? 0 : (before - law.prefixMass(nAfter)) / before;
  return { sampler, params, nBefore, nAfter, removedMass, entropyBits: law.prefixEntropyBits(nAfter) };
}

/** How many leading entries it takes for a rising array to reach `target`: the one that crosses is counted. */
export function firstAtLeast(rising, n, target) {
  let low = 0, high = n - 1; // rounding of the target never asks for more than all of them
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rising[middle] >= target) high = middle;
    else low = middle + 1;
  }
  return low + 1;
}

/** How many of the n leading entries are at least `share` times as likely as the first; at least 1. scoreAt(0) is 0. */
export function countAsLikely(scoreAt, n, share) {
  let low = 1, high = n;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (Math.exp(scoreAt(middle - 1)) >= share) low = middle;
    else high = middle - 1;
  }
  return low;
}

/**
 * Inverse CDF over the rank-ordered law: the first token whose running sum exceeds u * total.
 * @param {Outcome} outcome @param {number} u in [0, 1), from the server
 * @returns {{tokenId: number, rank: number, from: number, to: number}} [from, to) is the interval that u hit
 */
export function draw(outcome, u) {
  const { law, temperature, mass, nSurvivors } = outcome;
  const dart = u * mass;
  let from = 0, to = 0, i = 0;
  for (; i < nSurvivors; i++) {
    from = to;
    to += Math.exp(law.scores[i] / temperature);
    if (to > dart) break; // always true at the last positive weight: u < 1 and mass is this very sum
  }
  return { tokenId: law.ranked[i], rank: i + 1, from: from / mass, to: to / mass };
}

/**
 * The whole vocabulary at one temperature, for several laws in one picture: the head one by one, the tail as a band.
 * @param {Law} law @param {number} temperature 0: greedy @param {number} nTop
 * @returns {{top: {tokenId: number, p: number}[], tail: number, entropyBits: number}} tail: everything below together
 */
export function temperatureRow(law, temperature, nTop) {
  const { ranked, scores, nFinite } = law;
  const nHead = Math.min(nTop, nFinite);
  const row = (weightAt, mass, tail, bits) => ({
    top: Array.from({ length: nHead }, (_, i) => ({ tokenId: ranked[i], p: weightAt(i) / mass })),
    tail: tail / mass,
    entropyBits: bits,
  });
  if (temperature === 0) return row((i) => Number(i === 0), 1, 0, 0);
  const weightAt = (i) => Math.exp(scores[i] / temperature);
  const sums = temperatureSums(law, nFinite, temperature);
  let tail = 0; // summed by itself: the difference of two sums near 1 would leave a thin tail no digits
  for (let i = nHead; i < nFinite; i++) tail += weightAt(i);
  return row(weightAt, sums.mass, tail, sums.entropyBits);
}

const INTERVALS = {
  temperature: { text: "[0, ∞)", holds: (x) => x >= 0 && x < Infinity },
  top_k: { text: "0, 1, 2, …", holds: (x) => Number.isInteger(x) && x >= 0 },
  top_p: { text: "(0, 1]", holds: (x) => x > 0 && x <= 1 },
  min_p: { text: "[0, 1]", holds: (x) => x >= 0 && x <= 1 },
};

/** The first knob outside its interval, or null. @returns {null | {knob: string, value: unknown, interval: string}} */
export function validate(settings) {
  for (const [knob, interval] of Object.entries(INTERVALS)) {
    const value = settings[knob];
    if (typeof value !== "number" || !interval.holds(value)) return { knob, value, interval: interval.text };
  }
  return null;
}
