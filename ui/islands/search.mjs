// Any token of the vocabulary: its rank, its probability, and a click that adds it.
import { el, setAttribute, setHidden, setText, tokenChip } from "./dom.mjs";

const N_FOUND = 8;

export class Search {
  /** @param {{words: any, look: (id: number) => any, vocab: any, pick: (id: number) => void}} context */
  constructor({ words, look, vocab, pick }) {
    Object.assign(this, { words, look, vocab, pick, ids: [] });
    this.input = el("input", { type: "search", id: "lb-search", class: "lb-field", "data-testid": "search", autocomplete: "off", spellcheck: "false",
      placeholder: words.t("search_placeholder"), oninput: () => this.#find() });
    this.results = el("ul", { class: "lb-results", "data-testid": "search-results" });
    this.none = el("p", { class: "lb-muted", hidden: true }, words.t("search_none"));
    this.node = el("section", { class: "lb-card lb-search", "data-min-level": 2 },
      el("label", { for: "lb-search" }, words.t("search_label", { n: vocab.size })), this.input, this.results, this.none);
  }

  #find() {
    this.ids = this.vocab.search(this.input.value.replace(/^\s+$/, ""), N_FOUND);
    setHidden(this.none, this.ids.length > 0 || this.input.value === "");
    this.#rebuild();
  }

  #rebuild() {
    if (!this.view) return;
    const { law } = this.view;
    this.ids.sort((a, b) => law.rankOf(a) - law.rankOf(b));
    this.items = this.ids.map((id) => this.#item(id));
    this.results.replaceChildren(...this.items.map((item) => item.node));
    this.draw(this.view);
  }

  #item(id) {
    const rank = el("span", { class: "lb-rank" });
    const model = el("span", { class: "lb-figure is-model" });
    const after = el("span", { class: "lb-figure is-after" });
    const button = el("button", { type: "button", class: "lb-result", "data-testid": "search-result", "data-token-id": id, onclick: () => this.pick(id) },
      tokenChip(this.look(id)), rank, model, after);
    return { id, rank, model, after, button, node: el("li", {}, button) };
  }

  /** @param {{law: any, outcome: any}} view */
  draw(view) {
    const isNew = this.view?.law !== view.law;
    this.view = view;
    if (isNew && this.ids.length > 0) return this.#rebuild();
    for (const item of this.items ?? []) this.#drawItem(item, view);
  }

  #drawItem({ id, rank, model, after, button }, { law, outcome }) {
    const { words } = this;
    const p = law.probability(id);
    const pAfter = outcome.probability(id);
    setText(rank, words.t("rank_n", { rank: law.rankOf(id) }));
    setText(model, words.percent(p));
    setText(after, outcome.isNeutral ? "" : words.percent(pAfter));
    setAttribute(button, "data-p", p);
    setAttribute(button, "data-p-after", pAfter);
    setAttribute(button, "data-rank", law.rankOf(id));
    setAttribute(button, "aria-label", words.t("search_pick", { token: this.look(id).spoken, rank: law.rankOf(id), p: words.percent(p) }));
  }
}
