import assert from "node:assert/strict";
import { test } from "node:test";
import { formatNumber, formatPercent, spokenToken, visibleToken } from "../../ui/static/core/format.mjs";

const bytesOf = (text) => new TextEncoder().encode(text);
const shown = (text) => visibleToken(bytesOf(text)).text;
const STRINGS = {
  space: "space", spaces: "{n} spaces", newline: "new line", tab: "tab", byte: "byte {hex}", character: "character {code}", empty: "nothing",
};

test("a percentage keeps the digits that mean something", () => {
  const values = [0, 1e-9, 0.00008, 0.00058, 0.0058, 0.061, 0.768, 0.9999, 1];
  const english = ["0 %", "< 0.001 %", "0.008 %", "0.058 %", "0.58 %", "6.1 %", "76.8 %", "> 99.9 %", "100 %"];
  const plain = (text) => text.replaceAll("\u00a0", " ");
  assert.deepEqual(values.map((p) => plain(formatPercent(p, "en"))), english);
  assert.deepEqual(values.map((p) => plain(formatPercent(p, "fr"))), english.map((text) => text.replace(".", ",")));
  assert.equal(formatPercent(0.768, "fr"), "76,8\u00a0%");
});

test("a number follows its locale, and minus zero is zero", () => {
  assert.equal(formatNumber(2.187, "fr", 2), "2,19");
  assert.equal(formatNumber(49152, "en"), "49,152");
  assert.deepEqual([formatNumber(-0, "en"), formatNumber(NaN, "en"), formatNumber(-Infinity, "en")], ["0", "–", "−∞"]);
});

test("outer spaces, newlines and tabs are drawn", () => {
  assert.deepEqual([" Paris", "   ", "a b ", "\n\n", "\t", ""].map(shown), ["␠Paris", "␠␠␠", "a b␠", "↵↵", "⇥", "∅"]);
  assert.equal(visibleToken(bytesOf(" \n")).isWhitespace, true);
  assert.equal(visibleToken(bytesOf(" a")).isWhitespace, false);
});

test("markup in a token is only text", () => {
  for (const text of ["<script>alert(1)</script>", "${alert(1)}", "<img src=x onerror=alert(1)>", "{{value}}"]) {
    assert.equal(shown(text), text);
  }
});

test("characters that hide or reorder text are named", () => {
  const hidden = { "\u202eabc": "⟨U+202E⟩abc", "\0": "⟨U+0000⟩", "\u200b": "⟨U+200B⟩", "\ufeff": "⟨U+FEFF⟩", "\u00a0": "⟨U+00A0⟩",
    "\r": "⟨U+000D⟩", "\ue000": "⟨U+E000⟩", "\u2028": "⟨U+2028⟩", "\ufe0f": "⟨U+FE0F⟩", "\u{e0041}": "⟨U+E0041⟩", "\u2066x\u2069": "⟨U+2066⟩x⟨U+2069⟩" };
  for (const [text, expected] of Object.entries(hidden)) assert.equal(shown(text), expected);
  assert.equal(shown("\u0301"), "◌\u0301"); // a lone accent would sit on its neighbour
});

test("bytes that are not whole UTF-8 are shown as bytes", () => {
  assert.deepEqual(visibleToken(Uint8Array.of(0xc3)), { text: "<C3>", isPartial: true, isWhitespace: false });
  assert.equal(visibleToken(Uint8Array.of(0x20, 0xe2, 0x82)).text, "␠<E2><82>");
  assert.equal(visibleToken(Uint8Array.of(0xa9, 0x41, 0xc3, 0xa9, 0xff)).text, "<A9>Aé<FF>");
  assert.deepEqual(visibleToken(bytesOf("é🎉")), { text: "é🎉", isPartial: false, isWhitespace: false });
});

test("a screen reader hears what has no sound", () => {
  const spoken = (bytes) => spokenToken(bytes, STRINGS);
  assert.equal(spoken(bytesOf(" Paris")), "space Paris");
  assert.equal(spoken(bytesOf("   ")), "3 spaces");
  assert.equal(spoken(bytesOf("\n\t")), "new line tab");
  assert.equal(spoken(bytesOf("\u202eabc")), "character U+202E abc");
  assert.equal(spoken(Uint8Array.of(0xc3)), "byte C3");
  assert.equal(spoken(bytesOf("New York")), "New York");
  assert.equal(spoken(bytesOf("")), "nothing");
});
