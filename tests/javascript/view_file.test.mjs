import assert from "node:assert/strict";
import { test } from "node:test";
import {
  LINK_LIMIT, SCHEMA, decodeView, encodeView, viewFromFile, viewHash, viewOfHash, viewToFile,
} from "../../ui/static/core/view_file.mjs";

const VIEW = {
  text: "L'été à Lyon 🐱👩‍👩‍👧", mode: "continue", seed: 7, compare: null, model: "smollm2-135m-instruct",
  steps: [
    { sampler: "top_k", k: 40 },
    { sampler: "logit_bias", bias: { 7: -1.5, 11: "-inf" } },
    { sampler: "bad_words", sequences: [[1, 2], [3]], eos: null },
    { sampler: "dry", multiplier: 0.8, breakers: ["\n", ":"] },
  ],
};
const base64url = (text) => Buffer.from(text, "utf8").toString("base64url");
const unreadable = (field) => ({ name: "ViewError", code: "ViewUnreadable", data: { field } });

test("a view comes back from a link and from a file", () => {
  for (const view of [VIEW, { ...VIEW, compare: [{ sampler: "greedy" }], otherText: "", model: null, mode: "ask", steps: [] }]) {
    assert.deepEqual(decodeView(encodeView(view)), view);
    assert.deepEqual(viewFromFile(viewToFile(view)), view);
    assert.deepEqual(viewFromFile(`\ufeff${viewToFile(view)}`), view);
  }
});

test("every text comes back, half emoji and controls too", () => {
  for (const text of ["", "\ud83d", "\udc31 \ud83d\ud83d", "\0\u2028\u202e", "<script>", "𝔘 é 漢字", "a".repeat(2000)]) {
    assert.equal(decodeView(encodeView({ ...VIEW, text })).text, text);
    assert.equal(viewFromFile(viewToFile({ ...VIEW, text })).text, text);
  }
});

test("a link holds nothing that an address must escape, and names its schema", () => {
  const hash = viewHash("sampler-lab", VIEW);
  assert.match(hash, /^#\/sampler-lab\?v=[A-Za-z0-9_-]+$/);
  assert.equal(JSON.parse(Buffer.from(encodeView(VIEW), "base64url").toString("utf8")).schema, "logitbox.view/1");
  assert.deepEqual(viewOfHash(hash), VIEW);
  assert.deepEqual(viewOfHash(`${hash}&lang=fr`), VIEW);
  assert.equal(viewOfHash("#/sampler-lab"), null);
  assert.equal(viewOfHash(""), null);
});

test("a text too long for a link says how long, and fits a file", () => {
  const view = { ...VIEW, text: "é".repeat(5000) };
  assert.throws(() => encodeView(view), (error) => error.code === "ViewTooLong" && error.data.length > error.data.limit && error.data.limit === LINK_LIMIT);
  assert.deepEqual(viewFromFile(viewToFile(view)), view);
  assert.throws(() => decodeView("A".repeat(LINK_LIMIT + 1)), { code: "ViewTooLong" });
  assert.throws(() => viewFromFile(" ".repeat(2_000_000)), { code: "ViewTooLong" });
});

test("what is no view is refused as a whole", () => {
  for (const text of ["", "not json", "null", "[]", "1", '"x"', "{", "{\"schema\":"]) {
    assert.throws(() => decodeView(base64url(text)), { code: "ViewUnreadable" });
    assert.throws(() => viewFromFile(text), { code: "ViewUnreadable" });
  }
  for (const link of ["%00", "a b", "é", "A", null, undefined, 7]) assert.throws(() => decodeView(link), unreadable("link"));
  assert.throws(() => decodeView(Buffer.from([0xff, 0xfe]).toString("base64url")), unreadable("link"));
  const bytes = Buffer.from(JSON.stringify({ schema: SCHEMA, ...VIEW, text: "a?b" }));
  bytes[bytes.indexOf("?")] = 0xff; // no UTF-8: refused, not replaced
  assert.throws(() => decodeView(bytes.toString("base64url")), unreadable("link"));
  assert.throws(() => viewFromFile({}), unreadable("file"));
});

test("another schema is refused before its fields are looked at", () => {
  for (const schema of ["logitbox.view/2", "logitbox.trace/1", "", null, 1, undefined]) {
    assert.throws(() => viewFromFile(JSON.stringify({ ...VIEW, later: 1, schema })), unreadable("schema"));
  }
});

test("a field of the wrong type or too large is named", () => {
  const wrong = {
    text: [null, 1, ["a"], "x".repeat(200_001)], mode: ["", "chat", null, ["ask"]], seed: [-1, 0.5, "7", null, 2 ** 53, true],
    model: [1, {}, "m".repeat(201)], otherText: [null, 1], compare: [1, "greedy", {}],
    steps: [null, {}, "x", [null], [[]], [{}], [{ sampler: 1 }], [{ sampler: "Top K" }], [{ sampler: "constructor" }],
      [{ sampler: "top_k", k: { a: 1 } }], [{ sampler: "x", y: [[[1]]] }], [{ sampler: "x", y: { 1: {} } }], [{ sampler: "x", "": 1 }],
      Array(65).fill({ sampler: "greedy" }), [{ sampler: "x", y: Array(10_001).fill(1) }], [{ sampler: "x", y: "z".repeat(20_001) }]],
  };
  for (const [field, values] of Object.entries(wrong)) {
    for (const value of values) {
      assert.throws(() => viewFromFile(JSON.stringify({ schema: SCHEMA, ...VIEW, [field]: value })), unreadable(field), `${field} ${JSON.stringify(value)?.slice(0, 60)}`);
    }
  }
});

test("a missing field is named; a stray one too", () => {
  for (const field of ["text", "mode", "steps", "seed", "compare", "model"]) {
    const { [field]: dropped, ...rest } = { schema: SCHEMA, ...VIEW };
    assert.throws(() => viewFromFile(JSON.stringify(rest)), unreadable(field));
  }
  assert.throws(() => viewFromFile(JSON.stringify({ schema: SCHEMA, ...VIEW, extra: 1 })), unreadable("extra"));
});

test("keys that would reach into every object are refused and reach nothing", () => {
  const body = JSON.stringify({ schema: SCHEMA, ...VIEW });
  const hostile = [
    body.replace("{", '{"__proto__":{"polluted":1},'),
    body.replace("{", '{"constructor":{"prototype":{"polluted":1}},'),
    body.replace('"k":40', '"__proto__":{"7":1}'),
    body.replace('"k":40', '"constructor":1'),
    body.replace('"11":"-inf"', '"__proto__":1'),
  ];
  for (const text of hostile) {
    assert.notEqual(text, body);
    assert.throws(() => viewFromFile(text), { code: "ViewUnreadable" });
    assert.throws(() => decodeView(base64url(text)), { code: "ViewUnreadable" });
  }
  assert.equal({}.polluted, undefined);
});

test("numbers that JSON cannot hold are refused, not turned into null", () => {
  for (const value of [NaN, Infinity, undefined, () => 1, 1n]) {
    assert.throws(() => encodeView({ ...VIEW, steps: [{ sampler: "top_p", p: value }] }), unreadable("steps"));
  }
  assert.throws(() => viewFromFile(JSON.stringify({ schema: SCHEMA, ...VIEW }).replace('"k":40', '"k":1e999')), unreadable("steps"));
});

test("deep nesting ends in a refusal, not in a crash", () => {
  const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
  const body = JSON.stringify({ schema: SCHEMA, ...VIEW });
  assert.throws(() => viewFromFile(body.replace('"k":40', `"k":${deep}`)), { code: "ViewUnreadable" });
});
