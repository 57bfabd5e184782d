// The vocabulary as the server sends it: ids and bytes. Text is only for people, and for the search below.
// Layout, little-endian: "LBV1", uint32 n, uint32[n + 1] offsets into the bytes, uint8[n] flags, the bytes.

const MAGIC = "LBV1";
const SPECIAL = 1;
const END = 2;

/** @param {ArrayBuffer} buffer @returns {Vocab} throws Error("broken vocabulary") on anything else */
export function parseVocab(buffer) {
  const view = new DataView(buffer);
  const magic = buffer.byteLength < 12 ? "" : String.fromCharCode(...new Uint8Array(buffer, 0, 4));
  if (magic !== MAGIC) throw new Error("broken vocabulary");
  const n = view.getUint32(4, true);
  const flagsAt = 8 + 4 * (n + 1);
  const bytesAt = flagsAt + n;
  if (bytesAt > buffer.byteLength) throw new Error("broken vocabulary");
  const offsets = Uint32Array.from({ length: n + 1 }, (_, i) => view.getUint32(8 + 4 * i, true));
  const bytes = new Uint8Array(buffer, bytesAt);
  const rises = offsets.every((offset, i) => i === 0 || offset >= offsets[i - 1]);
  if (!rises || offsets[n] > bytes.length) throw new Error("broken vocabulary");
  return new Vocab(offsets, new Uint8Array(buffer, flagsAt, n), bytes);
}

export class Vocab {
  #offsets; #flags; #bytes;
  /** @type {string[] | null} decoded at the first search */ #texts = null;

  constructor(offsets, flags, bytes) {
    this.#offsets = offsets;
    this.#flags = flags;
    this.#bytes = bytes;
    this.size = flags.length;
  }

  /** The token's own bytes; not always whole UTF-8. @returns {Uint8Array} */
  bytes(id) {
    return this.#bytes.subarray(this.#offsets[id], this.#offsets[id + 1]);
  }

  isSpecial(id) {
    return (this.#flags[id] & SPECIAL) !== 0;
  }

  isEnd(id) {
    return (this.#flags[id] & END) !== 0;
  }

  /**
   * Ids of tokens that look like the query, best first: the same text, the same but for a leading space, the same but
   * for capitals, tokens that begin with it, tokens that hold it. "#1234" also finds that id.
   * @param {string} query "␠", "↵" and "⇥" stand for space, newline and tab @param {number} limit
   * @returns {number[]}
   */
  search(query, limit = 20) {
    const text = query.replaceAll("␠", " ").replaceAll("↵", "\n").replaceAll("⇥", "\t");
    if (text === "") return [];
    this.#texts ??= Array.from({ length: this.size }, (_, id) => decode(this.bytes(id)));
    const wanted = { text, core: withoutSpace(text), folded: withoutSpace(text).toLowerCase() };
    const groups = Array.from({ length: 6 }, () => /** @type {number[]} */ ([]));
    const named = /^#\d+$/.test(text) ? Number(text.slice(1)) : -1;
    this.#texts.forEach((token, id) => {
      const group = id === named ? 0 : closeness(token, wanted);
      if (group < groups.length) groups[group].push(id);
    });
    const shortFirst = (a, b) => this.bytes(a).length - this.bytes(b).length || a - b;
    return groups.flatMap((ids) => ids.sort(shortFirst)).slice(0, limit);
  }
}

/** 1 is the closest, 6 is "not found" (0 is kept for a search by id). */
function closeness(token, { text, core, folded }) {
  if (token === text) return 1;
  const tokenCore = withoutSpace(token);
  if (tokenCore === core) return 2;
  const tokenFolded = tokenCore.toLowerCase();
  if (tokenFolded === folded) return 3;
  const at = tokenFolded.indexOf(folded);
  return at === 0 ? 4 : at > 0 ? 5 : 6;
}

/** One leading space is dropped, but a lone space stays what it is. */
function withoutSpace(text) {
  return text.length > 1 && text[0] === " " ? text.slice(1) : text;
}

const lenient = new TextDecoder("utf-8", { ignoreBOM: true });

/** Most tokens are ASCII; for them this is several times faster than a decoder call. */
function decode(bytes) {
  if (bytes.length < 64 && bytes.every((byte) => byte < 0x80)) return String.fromCharCode(...bytes);
  return lenient.decode(bytes);
}
