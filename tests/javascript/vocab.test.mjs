import assert from "node:assert/strict";
import { test } from "node:test";
import { parseVocab } from "../../ui/static/core/vocab.mjs";

/** The layout written out again: "LBV1", n, offsets, flags, bytes. */
function packed(tokens, flags = tokens.map(() => 0)) {
  const parts = tokens.map((token) => (typeof token === "string" ? new TextEncoder().encode(token) : Uint8Array.from(token)));
  const nBytes = parts.reduce((sum, part) => sum + part.length, 0);
  const out = new Uint8Array(8 + 4 * (tokens.length + 1) + tokens.length + nBytes);
  const view = new DataView(out.buffer);
  out.set(new TextEncoder().encode("LBV1"));
  view.setUint32(4, tokens.length, true);
  const bytesAt = 8 + 4 * (tokens.length + 1) + tokens.length;
  let end = 0;
  parts.forEach((part, i) => {
    out.set(part, bytesAt + end);
    end += part.length;
    view.setUint32(8 + 4 * (i + 1), end, true);
  });
  out.set(flags, 8 + 4 * (tokens.length + 1));
  return out.buffer;
}

const TOKENS = ["par", "<|end|>", "Paris", " Paris", " paris", "Parisian", " comparison", [0xc3], "#2", " ", "\n", "é"];
const vocab = parseVocab(packed(TOKENS, [0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));

test("ids, bytes and flags come back", () => {
  assert.equal(vocab.size, TOKENS.length);
  assert.deepEqual([...vocab.bytes(7)], [0xc3]);
  assert.deepEqual([...vocab.bytes(11)], [0xc3, 0xa9]);
  assert.deepEqual([vocab.isSpecial(1), vocab.isEnd(1), vocab.isSpecial(0), vocab.isEnd(0)], [true, true, false, false]);
});

test("a search lists the exact text, its spaced twin, other capitals, beginnings, then the inside", () => {
  assert.deepEqual(vocab.search("Paris", 10), [2, 3, 4, 5, 6]);
  assert.deepEqual(vocab.search(" Paris", 2), [3, 2]);
  assert.deepEqual(vocab.search("␠Paris", 1), [3]);
  assert.deepEqual(vocab.search("PAR", 3), [0, 2, 3]);
});

test("an id, a space and a newline can be searched", () => {
  assert.deepEqual(vocab.search("#2", 5), [2, 8]);
  assert.equal(vocab.search("␠", 5)[0], 9);
  assert.deepEqual(vocab.search("↵", 5), [10]);
  assert.deepEqual(vocab.search("", 5), []);
  assert.deepEqual(vocab.search("#99999999999", 5), []);
});

test("a partial byte is in nobody's text", () => {
  assert.deepEqual(vocab.search("é", 5), [11]);
});

test("a broken file is refused", () => {
  const good = packed(["a", "b"]);
  const changed = (at, value) => {
    const copy = good.slice(0);
    new DataView(copy).setUint32(at, value, true);
    return copy;
  };
  for (const buffer of [new ArrayBuffer(0), changed(0, 0), changed(4, 2 ** 31), changed(12, 99), changed(16, 2 ** 30), good.slice(0, -1)]) {
    assert.throws(() => parseVocab(buffer), /broken vocabulary/);
  }
});
