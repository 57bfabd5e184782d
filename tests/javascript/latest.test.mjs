import assert from "node:assert/strict";
import { test } from "node:test";
import { latest } from "../../ui/static/core/latest.mjs";

/** A `run` whose calls wait until the test answers them. */
function held() {
  const begun = [];
  const run = (argument) => new Promise((resolve, reject) => begun.push({ argument, resolve, reject }));
  return { begun, run };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("one call is in flight, and only the newest waits behind it", async () => {
  const { begun, run } = held();
  const ask = latest(run);
  const answers = ["a", "b", "c", "d"].map(ask);
  assert.deepEqual(begun.map((call) => call.argument), ["a"]);
  begun[0].resolve("A");
  await settled();
  assert.deepEqual(begun.map((call) => call.argument), ["a", "d"]);
  begun[1].resolve("D");
  assert.deepEqual(await Promise.all(answers), ["A", undefined, undefined, "D"]);
});

test("a failure reaches its own caller, and the waiting call still runs", async () => {
  const { begun, run } = held();
  const ask = latest(run);
  const [first, second] = [ask(1), ask(2)];
  begun[0].reject(new Error("busy"));
  await assert.rejects(first, /busy/);
  await settled();
  begun[1].resolve("two");
  assert.equal(await second, "two");
});

test("a run that throws at once leaves the line free", async () => {
  let calls = 0;
  const ask = latest(() => {
    if (calls++ === 0) throw new Error("at once");
    return calls;
  });
  await assert.rejects(ask(), /at once/);
  assert.equal(await ask(), 2);
});
