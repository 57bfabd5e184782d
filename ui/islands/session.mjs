// What the learner is looking at: a text, what was added to it, and the model's law for the next token. No DOM.
import { ApiError } from "../core/api.mjs";
import { Law } from "../core/sampling.mjs";

/** @typedef {{tokenId: number, how: "draw" | "pick", p: number, pAfter: number, rank: number, u: number | null}} Entry
 *  @typedef {{text: string, mode: "continue" | "ask", source: "typed" | "preset", promptIds: number[],
 *             segments: object[] | null, appended: Entry[], future: Entry[], aside: Entry[][]}} Draft
 *  future: what Undo took back; aside: other continuations of the same text, never thrown away (the last six). */

const N_LAWS = 12; // laws kept for Undo, about 2 MB each at 49,152 entries
const N_ASIDE = 6;

/** @returns {Draft} */
function emptyDraft() {
  return { text: "", mode: "continue", source: "typed", promptIds: [], segments: null, appended: [], future: [], aside: [] };
}

export class Session {
  /** @param {{api: any, model: any, vocab: any, seed: number, notify: (what: string) => void}} options
   *  notify: "law" (new logits), "draft" (text or tokens), "status" */
  constructor({ api, model, vocab, seed, notify }) {
    Object.assign(this, { api, model, vocab, seed, notify });
    /** @type {Draft} */ this.draft = emptyDraft();
    /** @type {Draft[]} */ this.past = [];
    /** @type {Draft[]} */ this.ahead = [];
    /** @type {Law | null} */ this.law = null;
    /** @type {any} */ this.step = null;
    /** @type {"empty" | "busy" | "ready" | "ended" | "error" | "gone"} */ this.status = "empty";
    /** @type {ApiError | null} */ this.error = null;
    /** @type {Map<string, Law>} */ this.laws = new Map();
    /** @type {Map<string, number>} draws made at each sequence */ this.attempts = new Map();
    this.turn = 0;
    this.controller = new AbortController();
  }

  get tokenIds() {
    return [...this.draft.promptIds, ...this.draft.appended.map((entry) => entry.tokenId)];
  }

  get hasEnded() {
    const last = this.draft.appended.at(-1);
    return last !== undefined && this.vocab.isEnd(last.tokenId);
  }

  get canUndo() {
    return this.draft.appended.length > 0 || this.past.length > 0;
  }

  get canRedo() {
    return this.draft.future.length > 0 || this.ahead.length > 0;
  }

  /** Replace the text; what stood there stays reachable by Undo when it was more than typing. */
  async setText(text, { mode = this.draft.mode, source = "typed" } = {}) {
    const turn = this.#begin();
    try {
      const tokens = await this.#tokens(text, mode);
      if (turn !== this.turn) return;
      this.#remember({ text, mode, source });
      this.draft = { ...emptyDraft(), text, mode, source, promptIds: tokens.token_ids, segments: tokens.segments };
      this.notify("draft");
    } catch (error) {
      return this.#fail(error, turn);
    }
    await this.evaluate();
  }

  #tokens(text, mode) {
    if (text === "") throw new ApiError("EmptyPrompt", "the text is empty");
    const source = mode === "ask" ? { messages: [{ role: "user", content: text }] } : { text };
    return this.api.tokens({ model: this.model.id, ...source }, { signal: this.controller.signal });
  }

  #remember({ text, mode, source }) {
    const { draft } = this;
    const isBare = draft.appended.length + draft.future.length + draft.aside.length === 0;
    const isTyping = source === "typed" && draft.source === "typed";
    const isSame = text === draft.text && mode === draft.mode;
    if (draft.promptIds.length === 0 || (isBare && (isTyping || isSame))) return;
    this.past = [...this.past.slice(-30), draft];
    this.ahead = [];
  }

  /** Add one token; the continuation that Undo had taken back is kept aside when this one differs. */
  async append(entry) {
    const { draft } = this;
    const isSame = draft.future[0]?.tokenId === entry.tokenId;
    const lost = isSame || draft.future.length === 0 ? null : [...draft.appended, ...draft.future];
    this.draft = {
      ...draft,
      appended: [...draft.appended, entry],
      future: isSame ? draft.future.slice(1) : [],
      aside: lost ? [...draft.aside, lost].slice(-N_ASIDE) : draft.aside,
    };
    this.notify("draft");
    await this.evaluate();
  }

  /** Keep the first n added tokens; the others go to the faded branch. */
  async rewind(n) {
    const { appended, future } = this.draft;
    if (n === appended.length) return;
    const all = [...appended, ...future];
    this.draft = { ...this.draft, appended: all.slice(0, n), future: all.slice(n) };
    this.notify("draft");
    await this.evaluate();
  }

  async undo() {
    if (this.draft.appended.length > 0) return this.rewind(this.draft.appended.length - 1);
    const before = this.past.at(-1);
    if (!before) return;
    this.past = this.past.slice(0, -1);
    this.ahead = [this.draft, ...this.ahead];
    await this.#restore(before);
  }

  async redo() {
    if (this.draft.future.length > 0) return this.rewind(this.draft.appended.length + 1);
    const [after] = this.ahead;
    if (!after) return;
    this.ahead = this.ahead.slice(1);
    this.past = [...this.past, this.draft];
    await this.#restore(after);
  }

  async #restore(draft) {
    this.draft = draft;
    this.notify("draft");
    await this.evaluate();
  }

  /** Put a continuation that was kept aside back; the present one takes its place. */
  async exchange(index) {
    const { appended, future, aside } = this.draft;
    const present = [...appended, ...future];
    const rest = aside.filter((_, i) => i !== index);
    const draft = { ...this.draft, appended: aside[index], future: [], aside: present.length ? [...rest, present] : rest };
    await this.#restore(draft);
  }

  /** Ask for the law after the present tokens. The last call wins. */
  async evaluate() {
    const turn = this.#begin();
    if (this.hasEnded) return this.#settle("ended");
    try {
      const { step, law } = await this.lookUp(this.tokenIds);
      if (turn !== this.turn) return;
      this.step = step;
      this.law = law;
      this.#settle("ready");
      this.notify("law");
    } catch (error) {
      this.#fail(error, turn);
    }
  }

  /** A step and its law; a row that the server has dropped is asked for once more. */
  async lookUp(ids, { nDraws = 1, signal = this.controller.signal, again = true } = {}) {
    const step = await this.#step(ids, nDraws, signal);
    try {
      return { step, law: await this.#lawOf(step, signal) };
    } catch (error) {
      if (error.code !== "StepNotFound" || !again) throw error;
      return this.lookUp(ids, { nDraws, signal, again: false });
    }
  }

  #step(ids, nDraws, signal) {
    const body = { model: this.model.id, token_ids: ids, seed: this.seed, attempt: this.attemptAt(ids) };
    return this.api.step(nDraws > 1 ? { ...body, n_draws: nDraws } : body, { signal });
  }

  async #lawOf(step, signal) {
    const known = this.laws.get(step.step_id);
    const law = known ?? new Law(await this.api.logits(step.step_id, { signal }));
    this.laws.delete(step.step_id); // to the end: the map is in order of use
    this.laws.set(step.step_id, law);
    if (this.laws.size > N_LAWS) this.laws.delete(this.laws.keys().next().value);
    return law;
  }

  attemptAt(ids) {
    return this.attempts.get(ids.join()) ?? 0;
  }

  /** The dice of the present place were used: the next draw here gets others. */
  spend(nDraws = 1) {
    const key = this.tokenIds.join();
    this.attempts.set(key, (this.attempts.get(key) ?? 0) + nDraws);
  }

  /** Ten u for one place, without adding a token. */
  async throwDice(nDraws) {
    const { step } = await this.lookUp(this.tokenIds, { nDraws });
    this.spend(nDraws);
    this.step = await this.#step(this.tokenIds, 1, this.controller.signal);
    return step.us;
  }

  /** The present die was looked at: the step with the next one, at the price of no model call. */
  async nextDie(nDraws = 1) {
    this.spend(nDraws);
    this.step = await this.#step(this.tokenIds, 1, this.controller.signal);
  }

  async setSeed(seed) {
    this.seed = seed;
    this.attempts.clear();
    await this.evaluate();
  }

  #begin() {
    this.controller.abort();
    this.controller = new AbortController();
    this.status = "busy";
    this.error = null;
    this.notify("status");
    return ++this.turn;
  }

  #settle(status) {
    this.status = status;
    this.notify("status");
  }

  #fail(error, turn) {
    if (error.code === "Aborted" || turn !== this.turn) return;
    this.error = error;
    this.#settle(error.code === "ServerUnreachable" ? "gone" : "error");
  }
}
