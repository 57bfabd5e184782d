// What POST /api/v1/chain answered, asked like a ChainOutcome: a page need not know who computed it.

/** @typedef {import("./chain.mjs").Bar} Bar @typedef {import("./chain.mjs").Drawn} Drawn
 *  @typedef {import("./chain.mjs").Path} Path @typedef {import("./chain.mjs").Stage} Stage
 *  @typedef {import("./chain.mjs").Summary} Summary */

/** @param {any} answer of POST /chain @param {number} vocabSize */
export function fromServer(answer, vocabSize) {
  return new ServerOutcome(answer, vocabSize);
}

/** The questions of ChainOutcome, as far as the answer goes: `undefined` means "not known here, follow this token". */
export class ServerOutcome {
  #paths; #ranks; #ends; #drawn;

  constructor(answer, vocabSize) {
    this.isExact = false;
    this.answer = answer; // states, compare, details: what only Python has
    this.steps = answer.stages.map((stage) => ({ sampler: stage.sampler, ...stage.params }));
    this.vocabSize = vocabSize;
    /** @type {Stage[]} */ this.stages = answer.stages.map(stageFrom);
    /** @type {Summary} */ this.model = summaryFrom(answer.model);
    /** @type {Summary} */ this.final = summaryFrom(answer.final);
    const { token_ids: tokenIds, probs } = answer.final.survivors;
    /** @type {number[]} */ this.tokenIds = tokenIds;
    /** @type {number[]} */ this.probs = probs;
    this.#ranks = new Map(tokenIds.map((id, i) => [id, i + 1]));
    this.#ends = runningSums(probs);
    this.#paths = new Map(Object.entries(answer.paths ?? {}).map(([id, path]) => [Number(id), pathFrom(path)]));
    this.#drawn = answer.drawn ? { u: answer.u, drawn: drawnFrom(answer.drawn) } : null;
  }

  /** After the whole chain. */
  probability(id) {
    return this.#paths.get(id)?.pFinal ?? this.#listed(id);
  }

  /** After one stage; -1 is the model's own law. */
  probabilityAt(stageIndex, id) {
    if (stageIndex === this.stages.length - 1) return this.probability(id);
    const path = this.#paths.get(id);
    if (!path) return (stageIndex < 0 ? this.model : this.stages[stageIndex]).top.find((bar) => bar.tokenId === id)?.p;
    return stageIndex < 0 ? path.pModel : path.passages[stageIndex]?.probAfter ?? 0;
  }

  /** 1 for the most likely after one stage (-1: the model); null for an absent token. */
  rankAt(stageIndex, id) {
    const path = this.#paths.get(id);
    if (path) return stageIndex < 0 ? path.rankModel : path.passages[stageIndex]?.rankAfter ?? null;
    return stageIndex === this.stages.length - 1 ? this.#ranks.get(id) : undefined;
  }

  /** Index of the stage that removed this token; null for a survivor, and for one the model itself rules out. */
  removedBy(id) {
    if (this.#ranks.has(id)) return null;
    return this.#paths.get(id)?.removedBy;
  }

  /** @returns {Path | undefined} of a followed token */
  path(id) {
    return this.#paths.get(id);
  }

  /** The first `limit` survivors in rank order; the server sends at most 1000. @returns {{tokenIds: number[], probs: number[]}} */
  survivors(limit = 1000) {
    return { tokenIds: this.tokenIds.slice(0, limit), probs: this.probs.slice(0, limit) };
  }

  /** @param {number} u @returns {Drawn | undefined} undefined where u falls below the listed survivors */
  draw(u) {
    if (u === this.#drawn?.u) return this.#drawn.drawn;
    const i = this.#ends.findIndex((end) => end > u);
    const at = i !== -1 ? i : this.#isWhole ? this.probs.findLastIndex((p) => p > 0) : -1; // a sum that rounding left below u
    if (at === -1) return undefined;
    return { tokenId: this.tokenIds[at], p: this.probs[at], rank: at + 1, from: at === 0 ? 0 : this.#ends[at - 1], to: this.#ends[at] };
  }

  /** Running sums of the first `limit` survivors: where their segments end on the strip from 0 to 1. @returns {number[]} */
  cumulative(limit = 1000) {
    return this.#ends.slice(0, limit);
  }

  get #isWhole() {
    return this.tokenIds.length === this.final.n;
  }

  #listed(id) {
    const rank = this.#ranks.get(id);
    if (rank !== undefined) return this.probs[rank - 1];
    return this.#isWhole ? 0 : undefined;
  }
}

function runningSums(probs) {
  let sum = 0;
  return probs.map((p) => (sum += p));
}

/** @returns {Bar[]} */
const barsFrom = (top) => top.map(({ token_id: tokenId, p }) => ({ tokenId, p }));

/** @returns {Stage} */
function stageFrom(stage) {
  return {
    sampler: stage.sampler, params: stage.params, nBefore: stage.n_before, nAfter: stage.n_after,
    removedMass: stage.removed_mass, entropyBefore: stage.entropy_before, entropyBits: stage.entropy_bits,
    winnerChanged: stage.winner_changed, details: stage.details ?? {}, top: barsFrom(stage.top),
  };
}

/** @returns {Summary} */
const summaryFrom = ({ n, entropy_bits: entropyBits, top }) => ({ n, entropyBits, top: barsFrom(top) });

/** @returns {Drawn} */
const drawnFrom = ({ token_id: tokenId, p, rank, from, to }) => ({ tokenId, p, rank, from, to });

/** @returns {Path} */
function pathFrom(path) {
  return {
    removedBy: path.removed_by, impossible: path.impossible, pModel: path.p_model, pFinal: path.p_final, rankModel: path.rank_model,
    passages: path.passages.map((each) => ({
      sampler: each.sampler, probBefore: each.prob_before, probAfter: each.prob_after,
      rankBefore: each.rank_before, rankAfter: each.rank_after, worked: each.worked,
    })),
  };
}
