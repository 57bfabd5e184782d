// The only place of the page that talks to the server. One method per route of /api/v1.
import { parseVocab } from "./vocab.mjs";

/** What the server said no with. `code` is the error class, the key of its sentence in the locale file. */
export class ApiError extends Error {
  /** @param {string} code @param {string} message @param {Object<string, unknown>} data @param {number} status 0: no answer */
  constructor(code, message, data = {}, status = 0) {
    super(message);
    this.name = "ApiError";
    this.code = code;
    this.data = data;
    this.status = status;
  }
}

/** @typedef {{signal?: AbortSignal}} Options an aborted call throws ApiError with code "Aborted" */

export class Api {
  /** @param {string} base such as "/api/v1" @param {string} clientId one per tab: the server's fairness key */
  constructor(base, clientId, fetchFn = (...args) => globalThis.fetch(...args)) {
    this.base = base.replace(/\/$/, "");
    this.clientId = clientId;
    this.fetchFn = fetchFn;
    this.nRequests = 0; // every request sent
    this.nModelCalls = 0; // evaluations of the model, as the server counts them
  }

  /** @param {Options} [options] */
  models(options) {
    return this.#json("GET", "/models", undefined, options);
  }

  /** @param {{model: string, text?: string, messages?: {role: string, content: string}[]}} body @param {Options} [options] */
  tokens(body, options) {
    return this.#json("POST", "/tokens", body, options);
  }

  /**
   * Evaluate these tokens (or reuse the stored row) and get the dice.
   * @param {{model: string, token_ids: number[], seed: number, attempt: number, n_draws?: number}} body
   * @param {Options} [options]
   */
  async step(body, options) {
    const answer = await this.#json("POST", "/step", body, options);
    this.nModelCalls += answer.n_model_calls ?? 0;
    return answer;
  }

  /** The whole row of a step. On StepNotFound the caller repeats the step. @returns {Promise<Float32Array>} */
  async logits(stepId, options) {
    const buffer = await this.#binary(`/logits/${encodeURIComponent(stepId)}`, options);
    if (buffer.byteLength % 4 !== 0) throw new ApiError("UnexpectedAnswer", "a row of float32 was expected");
    return new Float32Array(buffer); // little-endian on the wire, as on every machine that runs a browser
  }

  /** Every sampler with its knobs, the presets, the families. @param {Options} [options] */
  samplers(options) {
    return this.#json("GET", "/samplers", undefined, options);
  }

  /**
   * A chain over a row that /step computed; no model call. On StepNotFound the caller repeats the step.
   * @param {{model: string, step_id: string, token_ids: number[], prompt_len: number, steps: object[], seed: number,
   *   attempt: number, states?: object[] | null, others?: Object<string, string>, follow?: number[], n_top?: number,
   *   compare?: object[] | null}} body
   * @param {Options} [options]
   */
  chain(body, options) {
    return this.#json("POST", "/chain", body, options);
  }

  /** Many draws from the law of one chain: observed against expected. @param {object} body as for `chain`, with n */
  draws(body, options) {
    return this.#json("POST", "/draws", body, options);
  }

  /** Whether a schema, a regular expression or a grammar can be used. @param {{model: string, kind: string, grammar: string}} body */
  constraintCheck(body, options) {
    return this.#json("POST", "/constraint/check", body, options);
  }

  /** @returns {Promise<import("./vocab.mjs").Vocab>} */
  async vocab(model, options) {
    return parseVocab(await this.#binary(`/vocab?model=${encodeURIComponent(model)}`, options));
  }

  /** Strings, presets and version for one language. */
  page(lang, options) {
    this.lang = lang; // from now on the server explains its refusals in it
    return this.#json("GET", `/page?lang=${encodeURIComponent(lang)}`, undefined, options);
  }

  async #json(method, path, body, options) {
    const response = await this.#send(method, path, body, options);
    return response.json().catch(() => {
      throw new ApiError("UnexpectedAnswer", `${path} did not answer with JSON`, {}, response.status);
    });
  }

  async #binary(path, options) {
    const response = await this.#send("GET", path, undefined, options);
    return response.arrayBuffer().catch(() => {
      throw new ApiError("ServerUnreachable", "the answer broke off", {}, 0);
    });
  }

  async #send(method, path, body, { signal } = {}) {
    this.nRequests++;
    const headers = { "X-Logitbox-Client": this.clientId };
    if (this.lang) headers["X-Logitbox-Lang"] = this.lang;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const init = { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) };
    let response;
    try {
      response = await this.fetchFn(this.base + path, init);
    } catch (cause) {
      if (signal?.aborted) throw new ApiError("Aborted", "given up");
      throw new ApiError("ServerUnreachable", String(cause?.message ?? cause));
    }
    if (!response.ok) throw await refusal(response, path);
    return response;
  }
}

async function refusal(response, path) {
  const { error } = await response.json().catch(() => ({}));
  if (typeof error?.code !== "string") {
    return new ApiError("UnexpectedAnswer", `${path} answered ${response.status}`, {}, response.status);
  }
  return new ApiError(error.code, String(error.message ?? ""), error.data ?? {}, response.status);
}
