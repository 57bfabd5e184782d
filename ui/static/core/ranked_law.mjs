// One law of a chain in rank order: what a filter, a temperature or a penalty makes of the law before it.
//
// Filters keep a prefix of the ranking and share its arrays. A temperature keeps the ranking and needs new sums. What
// changes a few logits (penalties, logit_bias) takes those tokens out and merges them in again: no sort of the row.

import { countAsLikely, entropyBits, firstAtLeast } from "./sampling.mjs";

// As in sandbox/some_tokens.py: the difference of two such logits, and twice that, are still finite.
export const LIMIT = Number.MAX_VALUE / 4;

/** A number within LIMIT. */
export const bounded = (x) => Math.max(-LIMIT, Math.min(LIMIT, x));

/** A chain that leaves no law; `code` and `data` as the server refuses it, `data.step` is the index of the card. */
export class ChainError extends Error {
  /** @param {string} code @param {Object<string, unknown>} data @param {string} message */
  constructor(code, data, message) {
    super(message);
    this.name = "ChainError";
    this.code = code;
    this.data = data;
  }
}

/** A ranking that several laws share, and where each id stands in it. */
class Order {
  /** @param {Uint32Array} ids most likely first @param {number} nVocab @param {((id: number) => number) | null} rankOf */
  constructor(ids, nVocab, rankOf = null) {
    this.ids = ids;
    this.nVocab = nVocab;
    /** @type {Uint32Array | null} rank by id, 0 for an absent one; made at the first question */ this.ranks = null;
    if (rankOf) this.rankOf = rankOf;
  }

  rankOf(id) {
    if (this.ranks === null) {
      this.ranks = new Uint32Array(this.nVocab);
      for (let i = 0; i < this.ids.length; i++) this.ranks[this.ids[i]] = i + 1;
    }
    return this.ranks[id];
  }
}

export class RankedLaw {
  /**
   * @param {Order} order @param {number} n how many leading entries are alive
   * @param {Float64Array} logits in rank order @param {{cumulative: Float64Array, cumulativeScores: Float64Array}} sums
   *   running sums of w = exp(logit - largest) and of w * (logit - largest)
   */
  constructor(order, n, logits, sums) {
    this.order = order;
    this.n = n;
    this.logits = logits;
    this.cumulative = sums.cumulative;
    this.cumulativeScores = sums.cumulativeScores;
  }

  /** The model's own law. @param {import("./sampling.mjs").Law} law */
  static of(law) {
    const order = new Order(law.ranked, law.nVocab, (id) => law.rankOf(id));
    return new RankedLaw(order, law.nFinite, law.rankedLogits, law);
  }

  get ids() {
    return this.order.ids;
  }

  get winner() {
    return this.order.ids[0];
  }

  /** Sum of the weights. The most likely token weighs exactly 1. */
  get mass() {
    return this.cumulative[this.n - 1];
  }

  get entropyBits() {
    return entropyBits(this.mass, this.cumulativeScores[this.n - 1]);
  }

  /** 1 for the most likely; null for an absent token. */
  rankOf(id) {
    const rank = id >= 0 && id < this.order.nVocab ? this.order.rankOf(id) : 0;
    return rank === 0 || rank > this.n ? null : rank;
  }

  /** 0 for an absent token. */
  probability(id) {
    const rank = this.rankOf(id);
    return rank === null ? 0 : this.probabilityAtRank(rank);
  }

  probabilityAtRank(rank) {
    return Math.exp(this.logits[rank - 1] - this.logits[0]) / this.mass;
  }

  /** Probability relative to the most likely token; 0 for an absent one. */
  weight(id) {
    return Math.exp(this.logit(id) - this.logits[0]);
  }

  /** Probability of the first `rank` tokens together. */
  massAbove(rank) {
    return rank === 0 ? 0 : this.cumulative[rank - 1] / this.mass;
  }

  /** -Infinity for an absent token. */
  logit(id) {
    const rank = this.rankOf(id);
    return rank === null ? -Infinity : this.logits[rank - 1];
  }

  /** @param {number} n @returns {{tokenId: number, p: number}[]} */
  top(n) {
    return Array.from({ length: Math.min(n, this.n) }, (_, i) => ({ tokenId: this.ids[i], p: this.probabilityAtRank(i + 1) }));
  }

  /** @param {number} n at least 1 @returns {RankedLaw} */
  first(n) {
    return n >= this.n ? this : new RankedLaw(this.order, n, this.logits, this);
  }

  /** The shortest prefix whose probability reaches p: the token that crosses stays. */
  nucleus(p) {
    return this.first(firstAtLeast(this.cumulative, this.n, p * this.mass));
  }

  /** How many tokens are at least `share` times as likely as the first. */
  nAsLikely(share) {
    return countAsLikely((i) => this.logits[i] - this.logits[0], this.n, share);
  }

  /** Every logit divided by the temperature, as sandbox/samplers/temperature.py does it. */
  heated(temperature) {
    const { n, logits } = this;
    const spread = logits[0] / temperature - logits[n - 1] / temperature;
    if (Number.isFinite(spread)) return this.#mapped((logit) => logit / temperature);
    // 3e38 / 1e-300 overflows even float64; the differences alone make the law
    return this.#mapped((logit) => Math.max((logit - logits[0]) / temperature, -Number.MAX_VALUE));
  }

  /** Other logits that never rise where the old ones fall. @param {(logit: number) => number} change */
  #mapped(change) {
    const logits = new Float64Array(this.n);
    for (let i = 0; i < this.n; i++) logits[i] = change(this.logits[i]);
    return new RankedLaw(inTieOrder(this.order, logits), this.n, logits, summed(logits));
  }

  /**
   * Other logits for a few tokens; absent ones stay absent. Where one leaves LIMIT, all are brought within it.
   * @param {Map<number, number>} changes token id -> new logit @returns {RankedLaw}
   */
  changed(changes) {
    const movers = [...changes].filter(([id]) => this.rankOf(id) !== null);
    if (movers.every(([, logit]) => Math.abs(logit) <= LIMIT)) return this.#merged(movers);
    return this.#mapped(bounded).#merged(movers.map(([id, logit]) => [id, bounded(logit)]));
  }

  /** The law without these tokens. Throws ChainError NothingToDraw. @param {number[]} ids */
  without(ids) {
    return this.#merged(ids.filter((id) => this.rankOf(id) !== null).map((id) => [id, -Infinity]));
  }

  /** The ranking with the movers taken out and merged in again; -Infinity: not again. @param {number[][]} movers */
  #merged(movers) {
    if (movers.every(([id, logit]) => logit === this.logit(id))) return this;
    const arriving = movers.filter(([, logit]) => logit !== -Infinity).sort(([a, x], [b, y]) => y - x || a - b);
    const n = this.n - movers.length + arriving.length;
    if (n === 0) throw new ChainError("NothingToDraw", {}, "every token was removed");
    const leaves = new Uint8Array(this.order.nVocab);
    for (const [id] of movers) leaves[id] = 1;
    const { ids, logits } = mergedRows(this, leaves, arriving, n);
    return new RankedLaw(new Order(ids, this.order.nVocab), n, logits, summed(logits));
  }

  /** Share of this law that `after` no longer holds. @param {RankedLaw} after */
  massLostTo(after) {
    if (after.n === this.n) return 0;
    if (after.order === this.order) return (this.mass - this.cumulative[after.n - 1]) / this.mass;
    let lost = 0;
    for (let i = 0; i < this.n; i++) {
      if (after.rankOf(this.ids[i]) === null) lost += this.probabilityAtRank(i + 1);
    }
    return lost;
  }

  /**
   * Inverse CDF: the first token whose running sum exceeds u of the whole.
   * @param {number} u in [0, 1), from the server
   * @returns {{tokenId: number, p: number, rank: number, from: number, to: number}} [from, to) is the interval that u hit
   */
  draw(u) {
    const rank = firstAbove(this.cumulative, this.n, u * this.mass) + 1;
    return {
      tokenId: this.ids[rank - 1], p: this.probabilityAtRank(rank), rank,
      from: this.massAbove(rank - 1), to: this.massAbove(rank),
    };
  }
}

/** Running sums over a falling row of logits. */
function summed(logits) {
  const n = logits.length, largest = logits[0];
  const cumulative = new Float64Array(n), cumulativeScores = new Float64Array(n);
  let total = 0, totalScores = 0;
  for (let i = 0; i < n; i++) {
    const score = logits[i] - largest;
    const weight = Math.exp(score);
    if (weight === 0) { // the ranking falls, so every later weight is 0 too
      cumulative.fill(total, i);
      cumulativeScores.fill(totalScores, i);
      break;
    }
    total += weight;
    totalScores += weight * score;
    cumulative[i] = total;
    cumulativeScores[i] = totalScores;
  }
  return { cumulative, cumulativeScores };
}

/** A division can round two logits to one (T = 1e300): equals stand by id. @param {Order} order */
function inTieOrder(order, logits) {
  const { ids } = order;
  let falls = false;
  for (let i = 1; i < logits.length; i++) falls ||= logits[i] === logits[i - 1] && ids[i] < ids[i - 1];
  if (!falls) return order;
  const sorted = ids.slice(0, logits.length);
  for (let start = 0, i = 1; i <= logits.length; i++) {
    if (i < logits.length && logits[i] === logits[start]) continue;
    sorted.subarray(start, i).sort();
    start = i;
  }
  return new Order(sorted, order.nVocab);
}

/** What stays and what arrives, both falling, as one falling row; equals by id. */
function mergedRows(law, leaves, arriving, n) {
  const ids = new Uint32Array(n), logits = new Float64Array(n);
  for (let to = 0, from = 0, next = 0; to < n; to++) {
    while (from < law.n && leaves[law.ids[from]]) from++;
    const mover = arriving[next];
    if (mover && (from === law.n || comesFirst(mover, law.ids[from], law.logits[from]))) {
      [ids[to], logits[to]] = mover;
      next++;
    } else {
      ids[to] = law.ids[from];
      logits[to] = law.logits[from++];
    }
  }
  return { ids, logits };
}

function comesFirst([moverId, moverLogit], id, logit) {
  return moverLogit > logit || (moverLogit === logit && moverId < id);
}

/** Index of the first running sum above `target`: u < 1 leaves u of the last one always below that one. */
function firstAbove(rising, n, target) {
  let low = 0, high = n - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rising[middle] > target) high = middle;
    else low = middle + 1;
  }
  return low;
}
