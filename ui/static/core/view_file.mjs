// A view of the lab that travels: text, chain, seed and model, as a link or as a small file. What is read came from
// anyone, so every field is checked and copied by name; nothing read is handed on as it was.

export const SCHEMA = "logitbox.view/1";

// Mail and chat programs cut longer addresses; beyond this a file is the way.
export const LINK_LIMIT = 8000;
const FILE_LIMIT = 1_000_000; // characters
const TEXT_LIMIT = 200_000;
const STEP_LIMIT = 64;
const VALUE_LIMIT = 10_000; // numbers, texts and lists in one chain, together

/** @typedef {import("./chain.mjs").Step} Step
 *  @typedef {{text: string, mode: "continue" | "ask", steps: Step[], seed: number, compare: Step[] | null,
 *     model: string | null, otherText?: string}} View */

/** `code` is the key of the sentence in the locale files. ViewUnreadable {field}; ViewTooLong {length, limit}. */
export class ViewError extends Error {
  /** @param {"ViewUnreadable" | "ViewTooLong"} code @param {Object<string, unknown>} data */
  constructor(code, data) {
    super(`${code} ${JSON.stringify(data)}`);
    this.name = "ViewError";
    this.code = code;
    this.data = data;
  }
}

/** What stands after `?v=` in a link. Throws ViewError. @param {View} view */
export function encodeView(view) {
  const text = toBase64Url(new TextEncoder().encode(JSON.stringify(checked({ schema: SCHEMA, ...view }))));
  if (text.length > LINK_LIMIT) throw new ViewError("ViewTooLong", { length: text.length, limit: LINK_LIMIT });
  return text;
}

/** The inverse. Throws ViewError. @param {string} text @returns {View} */
export function decodeView(text) {
  if (typeof text !== "string" || !/^[A-Za-z0-9_-]*$/.test(text)) throw unreadable("link");
  if (text.length > LINK_LIMIT) throw new ViewError("ViewTooLong", { length: text.length, limit: LINK_LIMIT });
  return read(() => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(fromBase64Url(text)), "link");
}

/** The address of a view of one page: "#/sampler-lab?v=...". @param {string} page @param {View} view */
export function viewHash(page, view) {
  return `#/${page}?v=${encodeView(view)}`;
}

/** The view in an address; null where there is none. Throws ViewError. @param {string} hash @returns {View | null} */
export function viewOfHash(hash) {
  const query = hash.split("?")[1] ?? "";
  const part = query.split("&").find((each) => each.startsWith("v="));
  return part === undefined ? null : decodeView(part.slice(2));
}

/** The text of a file. Throws ViewError. @param {View} view */
export function viewToFile(view) {
  const text = `${JSON.stringify(checked({ schema: SCHEMA, ...view }), null, 1)}\n`;
  if (text.length > FILE_LIMIT) throw new ViewError("ViewTooLong", { length: text.length, limit: FILE_LIMIT });
  return text;
}

/** The inverse. Throws ViewError. @param {string} text @returns {View} */
export function viewFromFile(text) {
  if (typeof text !== "string") throw unreadable("file");
  if (text.length > FILE_LIMIT) throw new ViewError("ViewTooLong", { length: text.length, limit: FILE_LIMIT });
  return read(() => text.replace(/^\ufeff/, ""), "file"); // Windows editors put a byte order mark there
}

function read(textOf, place) {
  let value;
  try {
    value = JSON.parse(textOf());
  } catch {
    throw unreadable(place);
  }
  const { schema, ...view } = checked(value);
  return view;
}

/** @type {Object<string, (value: any) => any>} what each field is copied by; a field that is not here is refused */
const FIELDS = {
  schema: (value) => (value === SCHEMA ? value : refuse("schema")),
  text: (value) => textUpTo(value, TEXT_LIMIT, "text"),
  mode: (value) => (value === "continue" || value === "ask" ? value : refuse("mode")),
  steps: (value) => stepsOf(value, "steps"),
  seed: (value) => (Number.isSafeInteger(value) && value >= 0 ? value : refuse("seed")),
  compare: (value) => (value === null ? null : stepsOf(value, "compare")),
  model: (value) => (value === null ? null : textUpTo(value, 200, "model")),
  otherText: (value) => textUpTo(value, TEXT_LIMIT, "otherText"),
};
const OPTIONAL = new Set(["otherText"]);

function checked(value) {
  if (!isObject(value)) refuse("schema");
  FIELDS.schema(value.schema); // before the other fields: a later schema may have others
  const stray = Object.keys(value).find((name) => !Object.hasOwn(FIELDS, name));
  if (stray !== undefined) refuse(stray);
  const view = {};
  for (const [name, copy] of Object.entries(FIELDS)) {
    if (Object.hasOwn(value, name) && value[name] !== undefined) view[name] = copy(value[name]);
    else if (!OPTIONAL.has(name)) refuse(name);
  }
  return view;
}

/** Steps in shape; whether they are a chain of known samplers is for `problem` (steps.mjs) to say, at the card. */
function stepsOf(value, field) {
  if (!Array.isArray(value) || value.length > STEP_LIMIT) refuse(field);
  const budget = { left: VALUE_LIMIT };
  return value.map((step) => {
    if (!isObject(step) || !isName(step.sampler)) refuse(field);
    const entries = Object.entries(step).map(([name, each]) => [name, plain(each, field, budget, 2)]);
    if (!entries.every(([name]) => isName(name))) refuse(field);
    return Object.fromEntries(entries);
  });
}

/** A knob's value: a number, a text, yes or no, none, a list (of lists), or what token ids are given ({"7": -1}). */
function plain(value, field, budget, depth) {
  if (budget.left-- <= 0) refuse(field);
  if (value === null || typeof value === "boolean" || Number.isFinite(value)) return value;
  if (typeof value === "string") return textUpTo(value, 20_000, field);
  if (depth === 0 || typeof value !== "object") refuse(field);
  if (Array.isArray(value)) return value.map((each) => plain(each, field, budget, depth - 1));
  if (!isObject(value)) refuse(field);
  const entries = Object.entries(value);
  if (!entries.every(([id]) => /^\d{1,10}$/.test(id))) refuse(field);
  return Object.fromEntries(entries.map(([id, each]) => [id, plain(each, field, budget, 0)]));
}

/** A sampler's or a knob's name; the ones every object answers to ("constructor") are no names. */
function isName(name) {
  return typeof name === "string" && /^[a-z][a-z0-9_]{0,39}$/.test(name) && !(name in Object.prototype);
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textUpTo(value, limit, field) {
  return typeof value === "string" && value.length <= limit ? value : refuse(field);
}

/** @returns {never} */
function refuse(field) {
  throw unreadable(field);
}

function unreadable(field) {
  return new ViewError("ViewUnreadable", { field: field.slice(0, 40) });
}

/** @param {Uint8Array} bytes */
function toBase64Url(bytes) {
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** @param {string} text @returns {Uint8Array} */
function fromBase64Url(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));
}
