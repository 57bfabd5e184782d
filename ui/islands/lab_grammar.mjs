// Constrained decoding, on the card of the grammar: ready-made examples, what it forbids here, and an answer to the end.
import { el, setHidden, setText, tokenChip } from "./dom.mjs";

const N_FORBIDDEN = 5;
/** How many of the model's favourites are asked about: the first forbidden ones are among them. */
export const N_WATCHED = 24;

export const EXAMPLES = [
  { id: "choice", kind: "choice", grammar: "positive\nnegative\nneutral" },
  { id: "date", kind: "regex", grammar: " ?[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])" },
  { id: "json", kind: "json_schema", grammar: JSON.stringify({ type: "object", properties: { name: { type: "string", maxLength: 20 },
    age: { type: "integer" }, likes: { type: "array", items: { type: "string", maxLength: 12 }, maxItems: 3 } },
    required: ["name", "age", "likes"], additionalProperties: false }, null, 1) },
];

export class GrammarDesk {
  /** @param {any} lab @param {() => number} at the card's place */
  constructor(lab, at) {
    Object.assign(this, { lab, at });
    const { words, actions } = lab;
    this.state = el("p", { class: "lb-flag", "data-testid": "grammar-state" });
    this.forbidden = el("ul", { class: "lb-forbidden", "data-testid": "grammar-forbidden" });
    this.forbiddenTitle = el("p", { class: "lb-over" }, words.t("lab.grammar.forbidden"));
    this.run = el("button", { type: "button", class: "lb-button", "data-testid": "generate-to-end", onclick: () => actions.generate() });
    this.finished = el("p", { class: "lb-told", role: "status", "data-testid": "generate-status" });
    this.node = el("div", { class: "lb-grammar" },
      el("div", { class: "lb-examples", role: "group", "aria-label": words.t("lab.grammar.examples") },
        el("span", { class: "lb-over" }, words.t("lab.grammar.examples")),
        ...EXAMPLES.map((example) => el("button", { type: "button", class: "lb-chip", "data-testid": `grammar-${example.id}`,
          onclick: () => actions.setParams(at(), { kind: example.kind, grammar: example.grammar }) }, words.t(`lab.grammar.${example.id}`)))),
      this.state, this.forbiddenTitle, this.forbidden, this.run, this.finished, el("p", { class: "lb-why" }, words.t("lab.grammar.lesson")));
  }

  draw({ stage, stepIndex, outcome, law, problem }) {
    const { words, generation } = this.lab;
    const { details } = stage ?? {};
    const isKnown = Boolean(details) && problem === "";
    setHidden(this.state, !isKnown);
    if (isKnown) setText(this.state, words.t(details.is_complete ? "lab.grammar.complete" : "lab.grammar.incomplete"));
    this.#drawForbidden(isKnown ? forbiddenOf(outcome, law, stepIndex) : []);
    setText(this.run, words.t(generation.isRunning ? "lab.grammar.stop" : "lab.grammar.run"));
    setText(this.finished, generation.told ? words.t(`lab.grammar.${generation.told}`, { n: generation.n }) : "");
  }

  #drawForbidden(tokens) {
    const key = tokens.map(({ id, p }) => `${id}:${p}`).join();
    setHidden(this.forbiddenTitle, tokens.length === 0);
    if (key === this.key) return;
    this.key = key;
    const { look, words } = this.lab;
    this.forbidden.replaceChildren(...tokens.map(({ id, p }) => el("li", {}, tokenChip(look(id), { "data-follow": id }),
      el("span", {}, words.percent(p)))));
  }
}

/** The model's favourites that this stage removed. */
function forbiddenOf(outcome, law, stepIndex) {
  const watched = [...law.ranked.subarray(0, N_WATCHED)];
  return watched.filter((id) => outcome.removedBy(id) === stepIndex).slice(0, N_FORBIDDEN).map((id) => ({ id, p: law.probability(id) }));
}
