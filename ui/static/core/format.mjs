// Numbers and tokens as people read them. Pure; the result always goes into textContent, never into HTML.

const NBSP = "\u00a0";
/** @type {Map<string, Intl.NumberFormat>} making one costs more than a redraw may */ const formatters = new Map();

function decimals(value, locale, nDecimals) {
  const key = `${locale}/${nDecimals}`;
  let formatter = formatters.get(key);
  if (!formatter) {
    formatter = new Intl.NumberFormat(locale, { minimumFractionDigits: nDecimals, maximumFractionDigits: nDecimals });
    formatters.set(key, formatter);
  }
  return formatter.format(value);
}

/**
 * "76.8 %" or "76,8 %": one decimal from 1 % up, two significant digits below; what is nearly 0 or nearly 1 says so
 * instead of rounding to a certainty. Exactly 0 is "0 %", exactly 1 is "100 %".
 * @param {number} p in [0, 1] @param {string} locale
 */
export function formatPercent(p, locale) {
  const percent = p * 100;
  if (Number.isNaN(percent)) return "–";
  if (percent <= 0) return `0${NBSP}%`;
  if (percent < 0.001) return `<${NBSP}${decimals(0.001, locale, 3)}${NBSP}%`;
  if (percent >= 100) return `100${NBSP}%`;
  if (percent >= 99.95) return `>${NBSP}${decimals(99.9, locale, 1)}${NBSP}%`;
  const nDecimals = percent >= 1 ? 1 : percent >= 0.1 ? 2 : 3;
  return `${decimals(percent, locale, nDecimals)}${NBSP}%`;
}

/** A number with its locale's separators and, if asked, exactly so many decimals. */
export function formatNumber(value, locale, nDecimals = 0) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "–" : value > 0 ? "∞" : "−∞";
  return decimals(value === 0 ? 0 : value, locale, nDecimals); // -0 is 0
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
// Controls, bidi and zero-width, private, unassigned, and every space but the plain one: invisible or worse.
const HIDDEN = /[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/u;
const COMBINING = /^\p{M}/u;
const NAMED = new Map([["\n", "↵"], ["\t", "⇥"]]);

/**
 * A token as text that shows all of it: "␠Paris", "↵", "⟨U+202E⟩", "<C3>".
 * @param {Uint8Array} bytes
 * @returns {{text: string, isPartial: boolean, isWhitespace: boolean}} isPartial: not whole UTF-8 by itself
 */
export function visibleToken(bytes) {
  const parts = decodeParts(bytes);
  const characters = parts.flatMap((part) => (typeof part === "number" ? [part] : [...part]));
  const first = characters.findIndex((each) => each !== " ");
  const last = characters.findLastIndex((each) => each !== " ");
  const shown = characters.map((each, i) => {
    if (typeof each === "number") return `<${hex(each, 2)}>`;
    if (each === " ") return first === -1 || i < first || i > last ? "␠" : " ";
    return visibleCharacter(each);
  });
  const text = shown.join("");
  return {
    text: text === "" ? "∅" : COMBINING.test(text) ? `◌${text}` : text,
    isPartial: parts.some((part) => typeof part === "number"),
    isWhitespace: characters.length > 0 && characters.every((each) => typeof each === "string" && /\s/u.test(each)),
  };
}

function visibleCharacter(character) {
  if (NAMED.has(character)) return NAMED.get(character);
  return HIDDEN.test(character) ? `⟨${codePoint(character)}⟩` : character;
}

function codePoint(character) {
  return `U+${hex(character.codePointAt(0), 4)}`;
}

function hex(value, width) {
  return value.toString(16).toUpperCase().padStart(width, "0");
}

/** Bytes as a list of decoded strings and, where nothing decodes, single byte values. @returns {(string | number)[]} */
function decodeParts(bytes) {
  const whole = decodeStrict(bytes);
  if (whole !== null) return whole === "" ? [] : [whole];
  /** @type {(string | number)[]} */ const parts = [];
  for (let at = 0; at < bytes.length; ) {
    const character = firstCharacter(bytes, at);
    parts.push(character ?? bytes[at]);
    at += character === null ? 1 : utf8Length(bytes[at]);
  }
  return parts;
}

function firstCharacter(bytes, at) {
  const end = at + utf8Length(bytes[at]);
  return end > bytes.length ? null : decodeStrict(bytes.subarray(at, end));
}

function utf8Length(lead) {
  return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

function decodeStrict(bytes) {
  try {
    return strict.decode(bytes);
  } catch {
    return null;
  }
}

/**
 * A token for the ear: "space Paris", "new line", "byte C3".
 * @param {Uint8Array} bytes
 * @param {{space: string, spaces: string, newline: string, tab: string, byte: string, character: string, empty: string}}
 *   strings the locale's page.spoken; "{n}", "{hex}" and "{code}" are filled in
 */
export function spokenToken(bytes, strings) {
  const words = decodeParts(bytes).flatMap((part) =>
    typeof part === "number" ? [strings.byte.replace("{hex}", hex(part, 2))] : spokenText(part, strings));
  return words.join(" ") || strings.empty;
}

const SILENT = /(^ +| +$|(?! )[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}])/u;

/** Outer runs of spaces and hidden characters by name; the rest as it is. */
function spokenText(text, strings) {
  return text.split(SILENT).filter(Boolean).map((piece) => spokenPiece(piece, strings));
}

function spokenPiece(piece, strings) {
  if (piece === "\n") return strings.newline;
  if (piece === "\t") return strings.tab;
  if (piece === " ") return strings.space;
  if (/^ +$/.test(piece)) return strings.spaces.replace("{n}", String(piece.length));
  return SILENT.test(piece) ? strings.character.replace("{code}", codePoint(piece)) : piece;
}
