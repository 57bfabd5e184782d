// Small chains whose numbers can be checked by hand. Agreement with Python: tests/test_ui_javascript_chain.py.
import assert from "node:assert/strict";
import { test } from "node:test";
import { inBrowser, runSteps } from "../../ui/static/core/chain.mjs";
import { fromServer } from "../../ui/static/core/chain_answer.mjs";
import { Law, temperatureRow } from "../../ui/static/core/sampling.mjs";
import { problem } from "../../ui/static/core/steps.mjs";

const lawOf = (probabilities) => new Law(Float32Array.from(probabilities, Math.log));
const near = (got, expected, tolerance = 1e-7) => assert.ok(Math.abs(got - expected) <= tolerance, `${got} != ${expected}`);
const LAW = lawOf([0.4, 0.3, 0.2, 0.1]);

test("no steps leave the model's law", () => {
  const outcome = runSteps(LAW, []);
  assert.deepEqual([outcome.stages, outcome.final.n, outcome.path(2).passages], [[], 4, []]);
  assert.deepEqual(outcome.model, outcome.final);
  near(outcome.probability(2), 0.2);
  assert.deepEqual([outcome.probability(-1), outcome.probability(4)], [0, 0]);
});

test("the same knobs in another order keep another number", () => {
  const hot = { sampler: "temperature", temperature: 2 }, nucleus = { sampler: "top_p", p: 0.65 };
  // the square roots of 4, 3, 2, 1 are 2, 1.73, 1.41, 1 of 6.15: two hold 0.61
  const counts = [[hot, nucleus], [nucleus, hot]].map((steps) => runSteps(LAW, steps).stages.map((stage) => [stage.nBefore, stage.nAfter]));
  assert.deepEqual(counts, [[[4, 4], [4, 3]], [[4, 2], [2, 2]]]);
});

test("a sampler may come twice, and a neutral one still has its stage", () => {
  const outcome = runSteps(LAW, [{ sampler: "temperature", temperature: 1 }, { sampler: "temperature", temperature: 0.5 }, { sampler: "temperature", temperature: 2 }, { sampler: "top_p", p: 1 }]);
  assert.deepEqual(outcome.stages.map((stage) => [stage.sampler, stage.params]), [["temperature", { temperature: 1 }], ["temperature", { temperature: 0.5 }], ["temperature", { temperature: 2 }], ["top_p", { p: 1 }]]);
  near(outcome.probabilityAt(1, 0), 16 / 30);
  near(outcome.probabilityAt(2, 0), 0.4);
  near(outcome.probabilityAt(-1, 0), 0.4);
});

test("a stage tells what came in, what went out and what it cost", () => {
  const [stage] = runSteps(LAW, [{ sampler: "top_k", k: 2 }]).stages;
  assert.deepEqual([stage.nBefore, stage.nAfter, stage.winnerChanged, stage.top.map((bar) => bar.tokenId)], [4, 2, false, [0, 1]]);
  near(stage.removedMass, 0.3);
  near(stage.top[0].p, 4 / 7);
  near(stage.entropyBefore, -[0.4, 0.3, 0.2, 0.1].reduce((sum, p) => sum + p * Math.log2(p), 0));
  near(stage.entropyBits, -(4 / 7) * Math.log2(4 / 7) - (3 / 7) * Math.log2(3 / 7));
});

test("min_keep holds tokens that a filter would drop", () => {
  for (const step of [{ sampler: "top_k", k: 1 }, { sampler: "top_p", p: 0.1 }, { sampler: "min_p", p: 1 }]) {
    assert.equal(runSteps(LAW, [{ ...step, min_keep: 3 }]).final.n, 3);
    assert.equal(runSteps(LAW, [{ ...step, min_keep: 9 }]).final.n, 4);
  }
});

test("each token knows the stage that removed it, and its way there", () => {
  const law = new Law(Float32Array.of(Math.log(0.5), -Infinity, Math.log(0.3), Math.log(0.2)));
  const outcome = runSteps(law, [{ sampler: "top_k", k: 2 }, { sampler: "min_p", p: 0.9 }]);
  assert.deepEqual([0, 1, 2, 3].map((id) => outcome.removedBy(id)), [null, null, 1, 0]);
  const gone = outcome.path(2);
  assert.deepEqual(gone.passages.map((each) => [each.sampler, each.rankBefore, each.rankAfter]), [["top_k", 2, 2], ["min_p", 2, null]]);
  assert.deepEqual([gone.removedBy, gone.rankModel, gone.pFinal, gone.passages[1].probAfter], [1, 2, 0, null]);
  near(gone.passages[1].probBefore, 0.375);
  assert.equal(gone.passages[0].worked.text, "r = {r} ≤ {k}");
  assert.deepEqual(outcome.path(1), { removedBy: null, impossible: true, pModel: 0, pFinal: 0, rankModel: null, passages: [] });
});

test("greedy takes the lowest id among the maxima, wherever it stands", () => {
  const outcome = runSteps(new Law(Float32Array.of(1, 3, 3, 2)), [{ sampler: "temperature", temperature: 0.1 }, { sampler: "greedy" }, { sampler: "top_p", p: 0.1 }]);
  assert.deepEqual([outcome.final.top, outcome.removedBy(2)], [[{ tokenId: 1, p: 1 }], 1]);
});

test("a temperature that rounds logits together puts the equals in order of id", () => {
  const outcome = runSteps(new Law(Float32Array.of(1, 2, 3)), [{ sampler: "temperature", temperature: 1e308 }, { sampler: "temperature", temperature: 1e308 }, { sampler: "top_k", k: 1 }]);
  assert.deepEqual(outcome.final.top, [{ tokenId: 0, p: 1 }]);
});

test("a temperature too small for the logits leaves the winner", () => {
  const outcome = runSteps(new Law(Float32Array.of(0, 3e38, -3e38)), [{ sampler: "temperature", temperature: 1e-300 }]);
  assert.deepEqual([outcome.final.n, outcome.probability(1), outcome.draw(1 - 2 ** -53).tokenId], [3, 1, 1]);
});

const logitsAfter = (steps, context, row = [2, -2, 1]) => {
  const outcome = runSteps(new Law(Float32Array.from(row)), steps, context);
  return outcome.final.top.map(({ tokenId, p }) => [tokenId, Math.log(p) - Math.log(outcome.final.top[0].p)]);
};

test("a penalty divides what is positive, multiplies what is negative, then subtracts per time", () => {
  const outcome = runSteps(new Law(Float32Array.of(2, -2, 1)), [{ sampler: "penalties", repeat: 2, frequency: 0.5 }], { history: [0, 1, 1] });
  // 2 / 2 - 0.5, -2 * 2 - 2 * 0.5 and 1: the winner is now 2
  assert.deepEqual(outcome.final.top.map((bar) => bar.tokenId), [2, 0, 1]);
  assert.deepEqual([0, 1, 2].map((id) => outcome.path(id).passages[0].worked), [
    { text: "{l} / {r} − {c} · {f} − {s} = {out}", numbers: { l: 2, r: 2, c: 1, f: 0.5, s: 0, out: 0.5 } },
    { text: "{l} · {r} − {c} · {f} − {s} = {out}", numbers: { l: -2, r: 2, c: 2, f: 0.5, s: 0, out: -5 } },
    { text: "c = 0 ⇒ ℓ′ = ℓ = {l}", numbers: { l: 1 } },
  ]);
  assert.deepEqual([outcome.stages[0].winnerChanged, outcome.stages[0].removedMass, outcome.stages[0].details], [true, 0, { n_window: 3, n_distinct: 2 }]);
  near(outcome.probability(1), Math.exp(-5) / (Math.exp(0.5) + Math.exp(-5) + Math.E), 1e-12);
});

test("the window counts from the end, and the prompt only when it should", () => {
  const counts = (knobs, promptLen = 2) => {
    const { stages } = runSteps(new Law(new Float32Array(9)), [{ sampler: "penalties", presence: 1, ...knobs }], { history: [1, 2, 3, 4, 4], promptLen });
    return stages[0].details.n_window;
  };
  assert.deepEqual([counts({}), counts({ last_n: 3 }), counts({ last_n: 0 }), counts({ last_n: null })], [5, 3, 0, 5]);
  assert.deepEqual([counts({ prompt_len: null }), counts({ prompt_len: 4 }), counts({ prompt_len: 3, last_n: 1 }), counts({ prompt_len: 99 })], [3, 1, 1, 0]);
  assert.equal(runSteps(new Law(new Float32Array(2)), [{ sampler: "penalties", presence: 1 }], { history: Array(100).fill(0) }).stages[0].details.n_window, 64);
});

test("a bias of ln 3 makes a token three times as likely, -inf forbids one", () => {
  const outcome = runSteps(new Law(new Float32Array(3)), [{ sampler: "logit_bias", bias: { 0: Math.log(3), 2: "-inf" } }]);
  near(outcome.probability(0), 0.75);
  assert.deepEqual([outcome.removedBy(2), outcome.final.n, outcome.path(2).passages[0].worked], [0, 2, { text: "{l} − ∞ = −∞", numbers: { l: 0 } }]);
  near(outcome.stages[0].removedMass, 1 / 3);
});

test("tokens that meet at the same logit stand by id", () => {
  assert.deepEqual(logitsAfter([{ sampler: "logit_bias", bias: { 2: 1, 0: -1 } }, { sampler: "top_k", k: 3 }], {}, [2, 1, 1, 1]).map(([id]) => id), [2, 0, 1]);
  assert.deepEqual(logitsAfter([{ sampler: "logit_bias", bias: { 3: 3 } }], {}, [0, 0, 0, 0]), [[3, 0], [0, -3], [1, -3], [2, -3]]);
});

test("what a filter removed, a bias does not bring back", () => {
  const outcome = runSteps(LAW, [{ sampler: "top_k", k: 2 }, { sampler: "logit_bias", bias: { 3: 100, 1: 1 } }, { sampler: "penalties", presence: -9 }], { history: [2, 3] });
  assert.deepEqual([outcome.final.n, outcome.removedBy(3), outcome.probability(3), outcome.final.top[0].tokenId], [2, 0, 0, 1]);
});

test("a chain that leaves nothing names its card", () => {
  const nothing = { sampler: "logit_bias", bias: { 0: "-inf", 1: "-inf" } };
  assert.throws(() => runSteps(LAW, [{ sampler: "top_k", k: 2 }, nothing]), { name: "ChainError", code: "NothingToDraw", data: { step: 1 } });
  assert.throws(() => runSteps(LAW, [{ sampler: "logit_bias", bias: { 4: 1 } }]), { code: "InvalidTokenId", data: { token_id: 4, vocab_size: 4, step: 0 } });
});

test("a draw tells where it fell, and the strip's ends are running sums", () => {
  const outcome = runSteps(LAW, [{ sampler: "top_k", k: 3 }]); // 4/9, 3/9, 2/9
  const { from, to, p, ...rest } = outcome.draw(0.5);
  assert.deepEqual(rest, { tokenId: 1, rank: 2 });
  near(from, 4 / 9);
  near(to, 7 / 9);
  near(p, 3 / 9);
  outcome.cumulative().forEach((end, i) => near(end, [4 / 9, 7 / 9, 1][i]));
  assert.equal(outcome.cumulative(2).length, 2);
  assert.deepEqual([0, 1 - 2 ** -53].map((u) => outcome.draw(u).tokenId), [0, 2]);
  assert.equal(runSteps(new Law(new Float32Array(2)), []).draw(0.5).tokenId, 1); // a dart on the line takes the next one
});

test("tokens whose weight underflows are neither drawn nor forgotten in the sums", () => {
  const outcome = runSteps(new Law(Float32Array.of(0, -1, -1000)), [{ sampler: "temperature", temperature: 0.5 }, { sampler: "temperature", temperature: 2 }, { sampler: "temperature", temperature: 0.5 }]);
  const [p, q] = [1 / (1 + Math.exp(-2)), 1 / (1 + Math.exp(2))];
  assert.deepEqual([outcome.final.n, outcome.draw(1 - 2 ** -53).tokenId, outcome.cumulative()[2]], [3, 1, 1]);
  near(outcome.final.entropyBits, -p * Math.log2(p) - q * Math.log2(q), 1e-12);
});

test("what JavaScript knows is told apart", () => {
  assert.equal(inBrowser([]), true);
  assert.equal(inBrowser(["temperature", "top_k", "top_p", "min_p", "penalties", "logit_bias", "greedy"].map((sampler) => ({ sampler }))), true);
  assert.equal(inBrowser([{ sampler: "top_k", k: 1 }, { sampler: "typical_p", p: 0.9 }]), false);
  assert.throws(() => runSteps(LAW, [{ sampler: "typical_p", p: 0.9 }]), /typical_p/);
});

test("a row at another temperature, with its tail in one number", () => {
  const row = temperatureRow(lawOf([0.64, 0.36]), 2, 1); // square roots: 0.8 and 0.6
  near(row.top[0].p, 4 / 7);
  near(row.tail, 3 / 7);
  near(row.entropyBits, -(4 / 7) * Math.log2(4 / 7) - (3 / 7) * Math.log2(3 / 7));
  assert.deepEqual(temperatureRow(LAW, 0, 2), { top: [{ tokenId: 0, p: 1 }, { tokenId: 1, p: 0 }], tail: 0, entropyBits: 0 });
  assert.equal(temperatureRow(LAW, 1, 10).tail, 0);
});

const INFO = [
  { name: "temperature", knobs: [{ name: "temperature", required: true, kind: "number", interval: "(0, inf)" }] },
  { name: "top_k", knobs: [{ name: "k", required: true, kind: "number", interval: "{1, 2, ...}", is_whole: true }] },
  { name: "top_p", knobs: [{ name: "p", required: true, kind: "number", interval: "(0, 1]" },
    { name: "min_keep", required: false, kind: "number", interval: "{1, 2, ..., 9}", is_whole: true }] },
  { name: "logit_bias", knobs: [{ name: "bias", required: true, kind: "bias" }] },
  { name: "words", knobs: [{ name: "sequences", required: true, kind: "sequences" }, { name: "eos", required: false, kind: "tokens", is_optional: true },
    { name: "on", required: false, kind: "switch" }, { name: "breakers", required: false, kind: "breakers" },
    { name: "kind", required: false, kind: "text", choices: ["regex"], max_length: 5 }, { name: "row", required: false, kind: "logits" }] },
  { name: "greedy", knobs: [] },
];

test("the first wrong card is named, with its knob and interval", () => {
  const good = [{ sampler: "greedy" }, { sampler: "top_p", p: 1, min_keep: 9 }, { sampler: "logit_bias", bias: { 7: "-inf", 8: 1.5 } },
    { sampler: "words", sequences: [], eos: 5 }, { sampler: "words", sequences: [[1, 2]], eos: null, on: true, breakers: ["\n", 3], kind: "regex", row: [1, "-inf"] }];
  assert.equal(problem(good, INFO), null);
  assert.deepEqual(problem([good[0], { sampler: "top_p", p: 0 }], INFO), { step: 1, code: "KnobOutOfRange", sampler: "top_p", knob: "p", value: 0, interval: "(0, 1]" });
  const codes = [
    [{ sampler: "temperature", temperature: 0 }, "ZeroTemperature"], [{ sampler: "no_such" }, "UnknownSampler"], [null, "NotAStep"], [[], "NotAStep"],
    [{ sampler: "top_k" }, "MissingKnob"], [{ sampler: "top_k", k: 1, p: 1 }, "UnknownKnob"], [{ sampler: "greedy", k: 1 }, "UnknownKnob"],
  ];
  for (const [step, code] of codes) assert.equal(problem([step], INFO).code, code);
  assert.deepEqual([problem("greedy", INFO).code, problem(null, INFO).code], ["NotAStep", "NotAStep"]);
});

test("a value outside a knob is refused", () => {
  const wrong = {
    temperature: { temperature: [-1, NaN, Infinity, "1", null, true] }, top_k: { k: [0, 1.5, -1, "40", [40]] },
    top_p: { p: [0, 1.01, -0.1, null], min_keep: [0, 10, 1.5] }, logit_bias: { bias: [null, [], { a: 1 }, { "-1": 1 }, { 7: Infinity }, { 7: NaN }, { 7: "x" }, { 7: null }] },
    words: { sequences: [[[]], [1], "ab", null], eos: [-1, 0.5, true, [-1], [0.5], [true], "a"], on: [1, "true", null], breakers: ["\n", [""], [-1]], kind: ["json", "", 1], row: [[], [NaN], [Infinity], 3] },
  };
  const whole = { temperature: { temperature: 1 }, top_k: { k: 1 }, top_p: { p: 1 }, logit_bias: { bias: {} }, words: { sequences: [] } };
  for (const [sampler, knobs] of Object.entries(wrong)) {
    for (const [knob, values] of Object.entries(knobs)) {
      for (const value of values) {
        const found = problem([{ sampler, ...whole[sampler], [knob]: value }], INFO);
        assert.ok(found && found.knob === knob && found.step === 0, `${sampler}.${knob} ${JSON.stringify(value)}`);
      }
    }
  }
});

const ANSWER = {
  stages: [{ sampler: "typical_p", params: { p: 0.9 }, n_before: 4, n_after: 2, removed_mass: 0.5, entropy_before: 2, entropy_bits: 1,
    winner_changed: true, details: { bar: 1 }, top: [{ token_id: 2, p: 0.5 }, { token_id: 3, p: 0.5 }] }],
  model: { n: 4, entropy_bits: 2, top: [{ token_id: 0, p: 0.4 }] },
  final: { n: 2, entropy_bits: 1, top: [{ token_id: 2, p: 0.5 }], survivors: { token_ids: [2, 3], probs: [0.5, 0.5] }, n_total: 2 },
  paths: { 0: { removed_by: 0, impossible: false, p_model: 0.4, p_final: 0, rank_model: 1,
    passages: [{ sampler: "typical_p", prob_before: 0.4, prob_after: null, rank_before: 1, rank_after: null, worked: { text: "{p}", numbers: { p: 0.4 } } }] } },
  u: 0.75, drawn: { token_id: 3, p: 0.5, rank: 2, from: 0.5, to: 1 },
};

test("a server's answer is asked like the browser's own", () => {
  const outcome = fromServer(ANSWER, 4);
  const browser = runSteps(LAW, [{ sampler: "top_k", k: 2 }]);
  for (const name of ["stages", "model", "final", "vocabSize", "steps"]) assert.ok(name in outcome && name in browser);
  assert.deepEqual(Object.keys(outcome.stages[0]).sort(), Object.keys(browser.stages[0]).sort());
  assert.deepEqual(Object.keys(outcome.path(0)).sort(), Object.keys(browser.path(0)).sort());
  assert.deepEqual(Object.keys(outcome.path(0).passages[0]).sort(), Object.keys(browser.path(0).passages[0]).sort());
  assert.deepEqual(Object.keys(outcome.draw(0.1)).sort(), Object.keys(browser.draw(0.1)).sort());
  assert.deepEqual(Object.keys(outcome.final).sort(), Object.keys(browser.final).sort());
  assert.deepEqual(outcome.steps, [{ sampler: "typical_p", p: 0.9 }]);
});

test("a server's answer knows the followed tokens and the survivors", () => {
  const outcome = fromServer(ANSWER, 4);
  assert.deepEqual([0, 1, 2].map((id) => outcome.probability(id)), [0, 0, 0.5]);
  assert.deepEqual([0, 1, 2].map((id) => outcome.removedBy(id)), [0, undefined, null]);
  assert.deepEqual([outcome.probabilityAt(-1, 0), outcome.probabilityAt(-1, 1), outcome.probabilityAt(0, 0)], [0.4, undefined, 0]);
  assert.deepEqual([outcome.rankAt(-1, 0), outcome.rankAt(0, 0), outcome.rankAt(0, 3)], [1, null, 2]);
  assert.deepEqual(outcome.draw(0.75), { tokenId: 3, p: 0.5, rank: 2, from: 0.5, to: 1 });
  assert.deepEqual([0, 0.4999, 0.5].map((u) => outcome.draw(u).tokenId), [2, 2, 3]);
  assert.deepEqual(outcome.draw(0.6), outcome.draw(0.75));
  assert.deepEqual(outcome.cumulative(), [0.5, 1]);
});

test("a server's answer keeps what a later stage removed at 0, and rounding leaves no dart without a token", () => {
  const later = structuredClone(ANSWER);
  const { passages } = later.paths[0];
  later.stages.push({ ...later.stages[0], sampler: "top_k", params: { k: 2 } }, { ...later.stages[0], sampler: "top_k", params: { k: 2 } });
  later.final.survivors.probs = [0.5, 0.4999999]; // as a sum of many may round
  const outcome = fromServer(later, 4);
  assert.deepEqual([outcome.probabilityAt(0, 0), outcome.probabilityAt(1, 0), outcome.rankAt(1, 0), passages.length], [0, 0, null, 1]);
  assert.equal(outcome.draw(1 - 2 ** -53).tokenId, 3);
});

test("where a server's list of survivors is cut, what lies below is not known", () => {
  const cut = structuredClone(ANSWER);
  Object.assign(cut.final, { n: 4, survivors: { token_ids: [2], probs: [0.5] } });
  const outcome = fromServer(cut, 4);
  assert.deepEqual([outcome.probability(1), outcome.draw(0.6)], [undefined, undefined]);
  assert.equal(outcome.draw(0.75).tokenId, 3);
});
