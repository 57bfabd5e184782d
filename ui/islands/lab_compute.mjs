// From the cards to what they do: in the browser where it knows every sampler of the chain, else one call to the server.
import { fromServer } from "../core/chain_answer.mjs";
import { inBrowser, runSteps } from "../core/chain.mjs";
import { latest } from "../core/latest.mjs";

export const N_TOP = 10;
const N_PASSAGES = 400; // tokens followed times steps, as many as the server works out; the one followed comes first

export class Compute {
  /** @param {any} page with session, api, chain, model, vocab; and show, fail, lost, setBusy to be told */
  constructor(page) {
    this.page = page;
    this.turn = 0;
    this.send = latest((body) => page.api.chain(body));
    /** @type {Map<string, any>} memories after a draw, by text and chain */ this.memories = new Map();
  }

  get context() {
    const { session } = this.page;
    return { history: session.tokenIds, promptLen: session.draft.promptIds.length, nTop: N_TOP };
  }

  /** The present chain over the present law; page.show or page.fail is told, at once or after an answer. */
  run() {
    const { page } = this;
    const { law } = page.session;
    const turn = ++this.turn;
    const bad = page.chain.problem;
    if (bad) return this.#fail(bad, bad.step);
    const { steps } = page.chain;
    const lonely = page.view.otherText === "" ? steps.findIndex(({ sampler }) => page.chain.info(sampler).needs?.length > 0) : -1;
    if (lonely !== -1) return this.#fail({ code: "OtherTextMissing" }, lonely);
    if (!inBrowser(steps)) return this.#ask(steps, law, turn);
    try {
      const outcome = runSteps(law, steps, this.context);
      page.setBusy(false);
      page.show({ outcome, law, steps, nextStates: null, isServer: false });
    } catch (error) {
      this.#fail(error, error.data?.step);
    }
  }

  async #ask(steps, law, turn) {
    const { page } = this;
    page.setBusy(true);
    try {
      const answer = await this.send({ ...await this.body(steps), states: this.statesAt(page.session.tokenIds, steps),
        follow: page.followed.slice(0, Math.floor(N_PASSAGES / Math.max(1, steps.length))), n_top: N_TOP });
      if (!answer || law !== page.session.law) return;
      const isLast = turn === this.turn;
      if (isLast) page.setBusy(false);
      page.show({ outcome: fromServer(answer, page.vocab.size), law, steps, nextStates: answer.next_states, states: answer.states,
        elapsedMs: answer.elapsed_ms, isServer: true });
    } catch (error) {
      if (turn === this.turn && error.code !== "Aborted") this.#refused(error);
    }
  }

  /** What every question about a chain sends. */
  async body(steps) {
    const { session, model } = this.page;
    const { history, promptLen } = this.context;
    return { model: model.id, step_id: session.step.step_id, token_ids: history, prompt_len: promptLen, steps, seed: session.seed,
      attempt: session.attemptAt(history), others: await this.#others(steps) };
  }

  #refused(error) {
    if (error.code === "StepNotFound") return this.page.session.evaluate(); // the row was dropped: ask for it again
    if (error.code === "ServerUnreachable") return this.page.lost(error);
    return this.#fail(error, error.data?.step);
  }

  #fail(error, step) {
    this.page.setBusy(false);
    this.page.fail(error, step ?? -1);
  }

  /** The row after the other text, for a sampler between two laws. */
  async #others(steps) {
    const needs = new Set(steps.flatMap(({ sampler }) => this.page.chain.info(sampler).needs ?? []));
    const text = this.page.view.otherText;
    if (needs.size === 0 || text === "") return {};
    const id = await this.#stepOf(text);
    return Object.fromEntries([...needs].map((name) => [name, id]));
  }

  /** Asked for each time: the server may have dropped the row, and a row it still has costs no call. */
  async #stepOf(text) {
    const { api, model, session } = this.page;
    const { token_ids: ids } = await api.tokens({ model: model.id, text });
    return (await api.step({ model: model.id, token_ids: ids, seed: session.seed, attempt: 0 })).step_id;
  }

  #memoryKey(ids, steps) {
    return `${ids.join()}|${steps.map(({ sampler }) => sampler).join()}`;
  }

  statesAt(ids, steps) {
    return this.memories.get(this.#memoryKey(ids, steps)) ?? null;
  }

  /** The token was added: the chain goes on with the memory that its draw left. */
  adopt(ids, steps, states) {
    if (!states) return;
    this.memories.set(this.#memoryKey(ids, steps), states);
    if (this.memories.size > 500) this.memories.delete(this.memories.keys().next().value);
  }
}
