import assert from "node:assert/strict";
import { test } from "node:test";
import { Api } from "../../ui/static/core/api.mjs";

/** An Api whose server answers from a script; `sent` collects what went out. */
function scripted(...answers) {
  const sent = [];
  const api = new Api("/api/v1/", "tab-7", async (url, init) => {
    sent.push({ url, ...init });
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  });
  return { api, sent };
}

const json = (body, status = 200) => new Response(JSON.stringify(body), { status });

test("a step is posted as JSON with the client's id, and its model call is counted", async () => {
  const { api, sent } = scripted(json({ step_id: "a", n_model_calls: 1 }), json({ step_id: "a", n_model_calls: 0 }));
  const body = { model: "m", token_ids: [1, 2], seed: 7, attempt: 0 };
  assert.equal((await api.step(body)).step_id, "a");
  await api.step({ ...body, attempt: 1 });
  assert.deepEqual([sent[0].url, sent[0].method, sent[0].headers["X-Logitbox-Client"]], ["/api/v1/step", "POST", "tab-7"]);
  assert.deepEqual(JSON.parse(sent[0].body), body);
  assert.deepEqual([api.nRequests, api.nModelCalls], [2, 1]);
});

test("a row of logits arrives as float32", async () => {
  const { api, sent } = scripted(new Response(Float32Array.of(1.5, -2).buffer));
  assert.deepEqual([...(await api.logits("a/b"))], [1.5, -2]);
  assert.equal(sent[0].url, "/api/v1/logits/a%2Fb");
});

test("a refusal carries its code, data and status", async () => {
  const { api } = scripted(json({ error: { code: "StepNotFound", message: "gone", data: { step_id: "x" } } }, 404));
  await assert.rejects(api.logits("x"), { name: "ApiError", code: "StepNotFound", message: "gone", status: 404, data: { step_id: "x" } });
});

test("no network, an abort, a foreign answer and cut bytes each have their code", async () => {
  const broken = scripted(new TypeError("fetch failed"), new Response("<html>", { status: 502 }), new Response("<html>"), new Response("abc"));
  await assert.rejects(broken.api.models(), { code: "ServerUnreachable", status: 0 });
  await assert.rejects(broken.api.models(), { code: "UnexpectedAnswer", status: 502 });
  await assert.rejects(broken.api.models(), { code: "UnexpectedAnswer" });
  await assert.rejects(broken.api.logits("x"), { code: "UnexpectedAnswer" });
  const aborted = scripted(new DOMException("aborted", "AbortError"));
  await assert.rejects(aborted.api.models({ signal: AbortSignal.abort() }), { code: "Aborted" });
});

test("model and language names are escaped in addresses", async () => {
  const { api, sent } = scripted(json({ lang: "fr" }), json({}));
  await api.page("fr&x=1");
  await assert.rejects(api.vocab("a b"));
  assert.deepEqual(sent.map((request) => request.url), ["/api/v1/page?lang=fr%26x%3D1", "/api/v1/vocab?model=a%20b"]);
});

test("the routes of the lab are asked as they are", async () => {
  const { api, sent } = scripted(json({ samplers: [] }), json({ stages: [] }), json({ counts: [] }), json({ ok: true }));
  await api.samplers();
  await api.chain({ model: "m", step_id: "s", token_ids: [1], prompt_len: 1, steps: [], seed: 7, attempt: 0 });
  await api.draws({ n: 100 });
  await api.constraintCheck({ model: "m", kind: "regex", grammar: "a+" });
  const routes = ["GET /api/v1/samplers", "POST /api/v1/chain", "POST /api/v1/draws", "POST /api/v1/constraint/check"];
  assert.deepEqual(sent.map((request) => `${request.method} ${request.url}`), routes);
  assert.deepEqual(JSON.parse(sent[3].body), { model: "m", kind: "regex", grammar: "a+" });
});
