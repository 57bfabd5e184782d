// Constrained decoding, on the card of the grammar: ready-made examples, what it forbids here, and an answer to the end.
import { el, setHidden, setText, tokenChip } from "./dom.mjs";

const N_FORBIDDEN = 5;
/** How many of the model's favourites are asked about: the first forbidden ones are among them. */
export const N_WATCHED = 24;

export class GrammarDesk {
  /** @param {any} lab @param {() => number} at the card's place */
  constructor(lab, at) {
    Object.assign(this, { lab, at });
    const { words, actions } = lab;
    this.state = el("p", { class: "lb-flag", "data-testid": "grammar-state" });
    this.forbidden = el("ul", { class: "lb-forbidden", "data-testid": "grammar-forbidden" });
    this.forbiddenTitle = el("p", { class: "lb-over" }, words.t("lab.grammar.forbidden"));
    this.endless = el("p", { class: "lb-why", "data-testid": "grammar-endless", hidden: true });
    this.hint = el("p", { class: "lb-why" });
    this.note = el("p", { class: "lb-why", "data-testid": "grammar-note" });
    this.take = el("button", { type: "button", class: "lb-quiet", "data-testid": "grammar-text", onclick: () => actions.loadPreset(this.example) },
      words.t("lab.grammar.text"));
    this.run = el("button", { type: "button", class: "lb-button", "data-testid": "generate-to-end", onclick: () => actions.generate() });
    this.finished = el("p", { class: "lb-told", role: "status", "data-testid": "generate-status" });
    this.node = el("div", { class: "lb-grammar" },
      el("div", { class: "lb-examples", role: "group", "aria-label": words.t("lab.grammar.examples") },
        el("span", { class: "lb-over" }, words.t("lab.grammar.examples")),
        ...lab.constraints.map((example) => el("button", { type: "button", class: "lb-chip", "data-testid": `grammar-${example.id}`,
          onclick: () => actions.setParams(at(), { kind: example.kind, grammar: example.grammar }) }, words.t(`lab.constraint.${example.id}`)))),
      this.hint, this.endless, this.note, this.take, this.state, this.forbiddenTitle, this.forbidden, this.run, this.finished,
      el("p", { class: "lb-why" }, words.t("lab.valid_is_not_right")));
  }

  draw({ stage, stepIndex, outcome, law, problem }) {
    const { words, generation } = this.lab;
    const { details } = stage ?? {};
    const isKnown = Boolean(details) && problem === "";
    setHidden(this.state, !isKnown);
    if (isKnown) setText(this.state, words.t(details.is_complete ? "lab.grammar.complete" : "lab.grammar.incomplete"));
    this.#drawExample();
    if (isKnown) this.#warnOfEndless();
    this.#drawForbidden(isKnown ? forbiddenOf(outcome, law, stepIndex) : []);
    setText(this.run, words.t(generation.isRunning ? "lab.grammar.stop" : "lab.grammar.run"));
    setText(this.finished, generation.told ? words.t(`lab.grammar.${generation.told}`, { n: generation.n }) : "");
  }

  /** What a ready-made constraint teaches, and the text it was made for. */
  #drawExample() {
    const { words, constraints, session, chain } = this.lab;
    const { kind, grammar } = chain.cards[this.at()]?.params ?? {};
    this.example = constraints.find((each) => each.kind === kind && each.grammar === grammar);
    const isElsewhere = this.example !== undefined && session.draft.text !== this.example.text;
    setText(this.hint, words.t(`lab.constraint_hint.${kind}`));
    setText(this.note, this.example ? words.t(`lab.constraint_note.${this.example.id}`) : "");
    setHidden(this.note, !this.example);
    setHidden(this.take, !isElsewhere);
  }

  /** The parts of a schema in which a small model may ramble; asked once per schema. */
  async #warnOfEndless() {
    const { words, api, model, chain } = this.lab;
    const { kind, grammar } = chain.cards[this.at()]?.params ?? {};
    if (this.asked === `${kind} ${grammar}`) return;
    this.asked = `${kind} ${grammar}`;
    const parts = kind === "json_schema"
      ? await api.constraintCheck({ model: model.id, kind, grammar }).then(({ unbounded }) => unbounded, () => []) : [];
    if (this.asked !== `${kind} ${grammar}`) return;
    const [first] = parts;
    setHidden(this.endless, !first);
    setText(this.endless, first ? words.t("lab.constraint_unbounded", { ...first, path: first.path || words.t("lab.constraint_whole") }) : "");
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
