// The samplers that JavaScript knows too, one entry each: sandbox/samplers/<name>.py rewritten over RankedLaw.
import { ChainError, bounded } from "./ranked_law.mjs";

/** @typedef {import("./ranked_law.mjs").RankedLaw} RankedLaw
 *  @typedef {import("./chain.mjs").Step} Step
 *  @typedef {import("./chain.mjs").Worked} Worked
 *  @typedef {{history: number[], promptLen: number}} Context
 *  @typedef {{apply: (law: RankedLaw, step: Step, context: Context) => RankedLaw,
 *     worked: (id: number, before: RankedLaw, after: RankedLaw, step: Step, context: Context) => Worked,
 *     details?: (step: Step, context: Context) => Object<string, number>}} BrowserSampler
 *     worked: the formula with the numbers of one token that `before` holds; text, numbers and details as in Python */

/** The first n tokens, and at least `min_keep`, where there are so many. @param {RankedLaw} law @param {number} n */
function keep(law, n, { min_keep: minKeep = 1 }) {
  return law.first(Math.max(n, minKeep));
}

/** A token that missed the bar; where min_keep holds it all the same, its rank says so. @returns {Worked} */
function spared({ text, numbers }, id, before, after, { min_keep: minKeep = 1 }) {
  if (after.rankOf(id) === null) return { text, numbers };
  return { text: `${text}; r = {r} ≤ {min_keep}`, numbers: { ...numbers, r: before.rankOf(id), min_keep: minKeep } };
}

/** @type {BrowserSampler} */
const temperature = {
  apply: (law, step) => (step.temperature === 1 ? law : law.heated(step.temperature)),
  worked(id, before, after, { temperature: T }) {
    const l = before.logit(id);
    const out = Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, l / T));
    return { text: "ℓ / T = {l} / {T} = {out}", numbers: { l, T, out } };
  },
};

/** @type {BrowserSampler} */
const topK = {
  apply: (law, step) => keep(law, step.k, step),
  worked(id, before, after, { k: asked, min_keep: minKeep = 1 }) {
    const r = before.rankOf(id), k = Math.max(asked, minKeep);
    return { text: `r = {r} ${r <= k ? "≤" : ">"} {k}`, numbers: { r, k } };
  },
};

/** @type {BrowserSampler} */
const topP = {
  apply: (law, step) => (step.p === 1 ? law : keep(law, law.nucleus(step.p).n, step)),
  worked(id, before, after, step) {
    const r = before.rankOf(id);
    const numbers = { r, C: before.massAbove(r - 1), P: step.p };
    if (step.p === 1 || r <= before.nucleus(step.p).n) return { text: "r = {r}; p₍₁₎ + … + p₍ᵣ₋₁₎ = {C} < {P}", numbers };
    return spared({ text: "r = {r}; p₍₁₎ + … + p₍ᵣ₋₁₎ = {C} ≥ {P}", numbers }, id, before, after, step);
  },
};

/** @type {BrowserSampler} */
const minP = {
  apply: (law, step) => (step.p === 0 ? law : keep(law, law.nAsLikely(step.p), step)),
  worked(id, before, after, step) {
    const p1 = before.probability(before.winner);
    const numbers = { p: before.probability(id), m: step.p, p1, bar: step.p * p1 };
    if (before.weight(id) >= step.p) return { text: "p = {p} ≥ {m} · {p1} = {bar}", numbers };
    return spared({ text: "p = {p} < {m} · {p1} = {bar}", numbers }, id, before, after, step);
  },
};

/** @type {BrowserSampler} */
const penalties = {
  apply(law, step, context) {
    const { repeat = 1, frequency = 0, presence = 0 } = step;
    if (repeat === 1 && frequency === 0 && presence === 0) return law;
    const changes = [...counted(step, context)].map(([id, count]) => {
      const logit = law.logit(id);
      return [id, (logit > 0 ? logit / repeat : logit * repeat) - bounded(count * frequency + presence)];
    });
    return law.changed(new Map(changes));
  },
  worked(id, before, after, step, context) {
    const { repeat: r = 1, frequency: f = 0, presence: s = 0 } = step;
    const l = before.logit(id), c = counted(step, context).get(id) ?? 0;
    if (c === 0) return { text: "c = 0 ⇒ ℓ′ = ℓ = {l}", numbers: { l } };
    return { text: `{l} ${l > 0 ? "/" : "·"} {r} − {c} · {f} − {s} = {out}`, numbers: { l, r, c, f, s, out: after.logit(id) } };
  },
  details(step, context) {
    const counts = counted(step, context);
    return { n_window: [...counts.values()].reduce((sum, count) => sum + count, 0), n_distinct: counts.size };
  },
};

/** How often each token stands in the window. @returns {Map<number, number>} */
function counted({ last_n: lastN = 64, prompt_len: promptLen = 0 }, context) {
  const { history } = context;
  const oldest = lastN === null ? 0 : history.length - lastN;
  const start = Math.max(promptLen ?? context.promptLen, oldest);
  const counts = new Map();
  for (const id of history.slice(start)) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}

/** @type {BrowserSampler} */
const logitBias = {
  apply(law, { bias }) {
    const biases = biasesOf(bias);
    const unknown = biases.find(([id]) => id >= law.order.nVocab);
    if (unknown) throw new ChainError("InvalidTokenId", { token_id: unknown[0], vocab_size: law.order.nVocab }, `no token ${unknown[0]}`);
    const left = law.without(biases.filter(([, b]) => b === -Infinity).map(([id]) => id));
    const added = biases.filter(([, b]) => b !== 0 && b !== -Infinity);
    return left.changed(new Map(added.map(([id, b]) => [id, bounded(left.logit(id)) + bounded(b)])));
  },
  worked(id, before, after, { bias }) {
    const l = before.logit(id), b = new Map(biasesOf(bias)).get(id) ?? 0;
    if (b === -Infinity) return { text: "{l} − ∞ = −∞", numbers: { l } };
    return { text: "ℓ + b = {l} + {b} = {out}", numbers: { l, b, out: after.logit(id) } };
  },
};

/** @param {Object<string, number | "-inf">} bias @returns {[number, number][]} */
function biasesOf(bias) {
  return Object.entries(bias).map(([id, b]) => [Number(id), b === "-inf" ? -Infinity : b]);
}

/** @type {BrowserSampler} */
const greedy = {
  apply: (law) => law.first(1),
  worked(id, before) {
    const numbers = { p: before.probability(id), p1: before.probability(before.winner) };
    if (id === before.winner) return { text: "p = {p} = max p", numbers };
    if (before.logit(id) < before.logit(before.winner)) return { text: "p = {p} < max p = {p1}", numbers };
    return { text: "p = {p} = max p; i = {i} > {i1}", numbers: { ...numbers, i: id, i1: before.winner } };
  },
};

/** @type {Map<string, BrowserSampler>} */
export const BROWSER_SAMPLERS = new Map(Object.entries({
  temperature, top_k: topK, top_p: topP, min_p: minP, penalties, logit_bias: logitBias, greedy,
}));
