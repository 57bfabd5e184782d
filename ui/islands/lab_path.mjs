// One token's way through the chain, with the formula of each stage worked in its real numbers; and the search that
// answers "which stage removed it?" for any token of the vocabulary.
import { scaleFor } from "./bars.mjs";
import { el, setAttribute, setHidden, setText, tokenChip } from "./dom.mjs";
import { stretch } from "./lab_bars.mjs";

const N_FOUND = 6;

export class PathPanel {
  /** @param {any} lab */
  constructor(lab) {
    this.lab = lab;
    const { words } = lab;
    this.ids = [];
    this.input = el("input", { type: "search", id: "lb-which", class: "lb-field", "data-testid": "which-stage", autocomplete: "off",
      spellcheck: "false",
      placeholder: words.t("search_placeholder"), oninput: () => this.#find() });
    this.results = el("ul", { class: "lb-results", "data-testid": "which-stage-results" });
    this.none = el("p", { class: "lb-muted", hidden: true }, words.t("search_none"));
    this.chip = el("span", { class: "lb-pathtoken" });
    this.verdict = el("p", { class: "lb-pathverdict", "data-testid": "path-verdict" });
    this.steps = el("ol", { class: "lb-path" });
    this.pin = el("button", { type: "button", class: "lb-chip", "aria-pressed": "false", "data-testid": "path-pin",
      onclick: () => lab.actions.pin() }, words.t("lab.pin"));
    this.node = el("section", { class: "lb-card lb-pathbox", "data-testid": "token-path", "aria-labelledby": "lb-path-title" },
      el("div", { class: "lb-cardhead" }, el("h2", { id: "lb-path-title" }, words.t("lab.path_title")), this.pin),
      el("label", { for: "lb-which", class: "lb-muted" }, words.t("lab.which_label", { n: lab.vocab.size })), this.input, this.results, this.none,
      el("div", { class: "lb-pathhead" }, this.chip, this.verdict), this.steps);
  }

  #find() {
    this.ids = this.lab.vocab.search(this.input.value.replace(/^\s+$/, ""), N_FOUND);
    setHidden(this.none, this.ids.length > 0 || this.input.value === "");
    this.items = this.ids.map((id) => this.#item(id));
    this.results.replaceChildren(...this.items.map(({ node }) => node));
    if (this.ids.length > 0) this.lab.actions.follow(this.ids[0], { isPinned: true });
    this.lab.actions.ask(this.ids);
  }

  #item(id) {
    const answer = el("span", { class: "lb-answer" });
    const button = el("button", { type: "button", class: "lb-which", "data-testid": "which-stage-result", "data-token-id": id,
      onclick: () => this.lab.actions.follow(id, { isPinned: true }) },
      tokenChip(this.lab.look(id)), answer);
    return { id, answer, button, node: el("li", {}, button) };
  }

  /** @param {{shown: any, followed: number | null, isPinned: boolean}} view */
  draw({ shown, followed, isPinned }) {
    const { words } = this.lab;
    setAttribute(this.pin, "aria-pressed", String(isPinned));
    if (!shown || followed === null) return;
    for (const item of this.items ?? []) this.#drawItem(item, shown);
    const path = shown.outcome.path(followed);
    const key = `${followed}`;
    if (this.key !== key) this.chip.replaceChildren(tokenChip(this.lab.look(followed)));
    this.key = key;
    setAttribute(this.node, "data-token-id", followed);
    this.node.classList.toggle("is-waiting", !path);
    setText(this.verdict, path ? this.#sentence(path, shown) : words.t("lab.asking"));
    if (path) this.#drawSteps(path, shown);
  }

  #drawItem({ id, answer, button }, shown) {
    const path = shown.outcome.path(id);
    setText(answer, path ? this.#sentence(path, shown) : this.lab.words.t("lab.asking"));
    setAttribute(button, "data-removed-by", path ? (path.impossible ? "model" : path.removedBy ?? "none") : null);
  }

  /** The one-sentence answer. */
  #sentence(path, { steps }) {
    const { words, names } = this.lab;
    if (path.impossible) return words.t("lab.impossible");
    if (path.removedBy === null) return words.t("lab.survived", { p: words.percent(path.pFinal) });
    return words.t("lab.removed_by", { name: names.sampler(steps[path.removedBy].sampler), i: path.removedBy + 1 });
  }

  #drawSteps(path, shown) {
    const passages = path.impossible ? [] : path.passages;
    const scale = scaleFor(Math.max(path.pModel, ...passages.map((each) => each.probAfter ?? 0)));
    while (this.steps.children.length < passages.length + 1) this.steps.append(new PathStep(this.lab).node);
    [...this.steps.children].forEach((node, i) => {
      setHidden(node, i > passages.length);
      if (i === 0) node.draw({ p: path.impossible ? null : path.pModel, rank: path.rankModel, scale, isModel: true });
      else if (i <= passages.length) node.draw({ ...passages[i - 1], p: passages[i - 1].probAfter, rank: passages[i - 1].rankAfter, scale, i });
    });
  }
}

/** One law of the path: where the token stands after this stage, and why. */
class PathStep {
  constructor(lab) {
    const { words, names } = lab;
    const name = el("span", { class: "lb-pathname" });
    const bar = el("span", { class: "lb-minibar" });
    const figure = el("b", { class: "lb-pathp" });
    const rank = el("span", { class: "lb-pathrank" });
    const formula = el("span", { class: "lb-pathformula", "data-min-level": 2 });
    this.node = el("li", { class: "lb-pathstep" }, name, el("span", { class: "lb-minitrack" }, bar), figure, rank, formula);
    this.node.draw = ({ p, rank: place, rankBefore, scale, isModel, sampler, worked, i }) => {
      const isGone = p === null;
      setAttribute(this.node, "data-stage", isModel ? "model" : i - 1);
      setAttribute(this.node, "data-removed", isGone ? "1" : null);
      setText(name, isModel ? words.t("lab.model_card") : `${i}. ${names.sampler(sampler)}`);
      stretch(bar, isGone ? 0 : p / scale);
      setText(figure, isGone ? words.t(isModel ? "lab.never" : "lab.gone") : words.percent(p));
      setText(rank, isGone ? (rankBefore ? words.t("lab.was_rank", { rank: rankBefore }) : "") : words.t("rank_n", { rank: place }));
      const text = worked ? names.worked(worked) : "";
      setText(formula, text);
      formula.classList.toggle("is-empty", text === "");
    };
    lab.levelOf(this.node);
  }
}
