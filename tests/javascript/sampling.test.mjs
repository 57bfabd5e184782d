// Small laws whose numbers can be checked by hand. Agreement with Python: tests/test_ui_javascript.py.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Law, NEUTRAL, draw, runChain, validate } from "../../ui/static/core/sampling.mjs";

const lawOf = (probabilities) => new Law(Float32Array.from(probabilities, Math.log));
const near = (got, expected, tolerance = 1e-7) => assert.ok(Math.abs(got - expected) <= tolerance, `${got} != ${expected}`);

test("neutral settings leave no stage and the model's own law", () => {
  const law = lawOf([0.125, 0.5, 0.125, 0.25]);
  const outcome = runChain(law, NEUTRAL);
  assert.deepEqual([outcome.isNeutral, outcome.stages, outcome.nSurvivors], [true, [], 4]);
  assert.deepEqual([...law.ranked], [1, 3, 0, 2]);
  near(outcome.entropyBits, 1.75); // 1/2 * 1 + 1/4 * 2 + 2 * (1/8 * 3)
  near(law.probability(3), 0.25);
});

test("ties go to the lower id, and -0 ties with +0", () => {
  assert.deepEqual([...new Law(Float32Array.of(-0, 0, 1, -1, 1)).ranked], [2, 4, 0, 1, 3]);
  assert.equal(new Law(Float32Array.of(-0, 0, 1, -1, 1)).rankOf(4), 2);
});

test("the token that crosses top_p stays in", () => {
  const outcome = runChain(lawOf([0.5, 0.375, 0.125]), { ...NEUTRAL, top_p: 0.6 });
  assert.equal(outcome.nSurvivors, 2);
  near(outcome.stages[0].removedMass, 0.125);
  near(outcome.probability(0), 0.5 / 0.875);
  assert.equal(outcome.removedBy(2), "top_p");
});

test("a running sum that meets top_p exactly takes no further token", () => {
  const quarters = new Law(new Float32Array(4));
  assert.deepEqual([0.25, 0.5, 0.75].map((top_p) => runChain(quarters, { ...NEUTRAL, top_p }).nSurvivors), [1, 2, 3]);
});

test("top_p measures what top_k left, and each token knows who removed it", () => {
  const outcome = runChain(lawOf([0.4, 0.3, 0.2, 0.1]), { temperature: 1, top_k: 3, top_p: 0.7, min_p: 0.9 });
  // after top_k the law is 4/9, 3/9, 2/9: two reach 0.7; then 3/4 of the first is below min_p 0.9
  assert.deepEqual(outcome.stages.map((s) => [s.sampler, s.nBefore, s.nAfter]), [["top_k", 4, 3], ["top_p", 3, 2], ["min_p", 2, 1]]);
  assert.deepEqual([0, 1, 2, 3].map((id) => outcome.removedBy(id)), [null, "min_p", "top_p", "top_k"]);
});

test("temperature 2 takes square roots", () => {
  const outcome = runChain(lawOf([0.64, 0.36]), { ...NEUTRAL, temperature: 2 });
  near(outcome.probability(0), 0.8 / 1.4);
  assert.deepEqual(outcome.stages[0], { sampler: "temperature", params: { temperature: 2 }, nBefore: 2, nAfter: 2, removedMass: 0, entropyBits: outcome.entropyBits });
});

test("temperature 0 is greedy: the lowest id among the maxima, whatever u", () => {
  const outcome = runChain(new Law(Float32Array.of(1, 3, 3, 2)), { ...NEUTRAL, temperature: 0 });
  assert.deepEqual([outcome.isGreedy, outcome.nSurvivors, outcome.tiedAtCut], [true, 1, true]);
  assert.deepEqual([0, 0.5, 1 - 2 ** -53].map((u) => draw(outcome, u).tokenId), [1, 1, 1]);
});

test("a draw at a boundary takes the next candidate", () => {
  const halves = runChain(new Law(new Float32Array(2)), NEUTRAL);
  assert.deepEqual([0, 0.4999, 0.5, 0.9999].map((u) => draw(halves, u).tokenId), [0, 0, 1, 1]);
  assert.deepEqual(draw(halves, 0.75), { tokenId: 1, rank: 2, from: 0.5, to: 1 });
});

test("an impossible token is never drawn, at either end of u", () => {
  const outcome = runChain(new Law(Float32Array.of(-Infinity, 0, 1, -Infinity)), NEUTRAL);
  assert.deepEqual([0, 1 - 2 ** -53].map((u) => draw(outcome, u).tokenId), [2, 1]);
  const cold = runChain(new Law(Float32Array.of(0, 3e38, -3e38)), { ...NEUTRAL, temperature: 1e-300 });
  assert.equal(draw(cold, 1 - 2 ** -53).tokenId, 1);
});

test("an impossible token is no candidate, and no stage is blamed for it", () => {
  const outcome = runChain(new Law(Float32Array.of(-Infinity, 0, 1)), { ...NEUTRAL, top_k: 1 });
  assert.deepEqual([outcome.stages[0].nBefore, outcome.removedBy(0), outcome.removedBy(1)], [2, null, "top_k"]);
  assert.equal(outcome.others(1).nTokens, 2);
});

test("what is shown and the others add up to one, before and after", () => {
  const law = lawOf([0.4, 0.3, 0.2, 0.1]);
  const outcome = runChain(law, { temperature: 0.5, top_k: 3, top_p: 1, min_p: 0 });
  const others = outcome.others(2);
  assert.equal(others.nTokens, 2);
  near(others.probability, 0.3);
  near(others.probabilityAfter, 0.04 / 0.29); // squares of 4, 3, 2: 16, 9, 4 of 29
  assert.equal(outcome.others(3).probabilityAfter, 0);
  assert.deepEqual(outcome.others(10), { nTokens: 0, probability: 0, probabilityAfter: 0 });
});

test("a tie that only the id decides is reported", () => {
  const law = new Law(Float32Array.of(2, 1, 1, 0));
  assert.deepEqual([1, 2, 3].map((top_k) => runChain(law, { ...NEUTRAL, top_k }).tiedAtCut), [false, true, false]);
});

test("broken rows are refused", () => {
  for (const row of [[NaN, 1], [Infinity, 1], [-Infinity, -Infinity], []]) {
    assert.throws(() => new Law(Float32Array.from(row)), /broken logits/);
  }
});

test("the first knob outside its interval is named", () => {
  assert.equal(validate(NEUTRAL), null);
  const wrong = { temperature: [-1, NaN, Infinity, "1"], top_k: [-1, 1.5], top_p: [0, 1.01, NaN], min_p: [-0.1, 1.1] };
  for (const [knob, values] of Object.entries(wrong)) {
    for (const value of values) {
      const answer = validate({ ...NEUTRAL, [knob]: value });
      assert.deepEqual([answer.knob, answer.value], [knob, value]);
    }
  }
});
