// Knobs that hold lists: token ids, words, biases, breakers. A word is looked up in the vocabulary, or cut by the tokenizer.
import { el, setAttribute, setText, tokenChip } from "./dom.mjs";
import { amount } from "./lab_names.mjs";

const N_FOUND = 6;

/** What these knobs share: a heading, the present items with a way to remove each, and a field that adds one. */
class ListKnob {
  constructor(info, context, placeholder) {
    Object.assign(this, { info, context });
    const { names, sampler, id, words } = context;
    this.items = el("ul", { class: "lb-items" });
    this.field = el("input", { id, class: "lb-field is-small", autocomplete: "off", spellcheck: "false", placeholder: words.t(placeholder),
      oninput: () => this.typed?.(), onkeydown: (event) => event.key === "Enter" && (event.preventDefault(), this.enter()) });
    this.found = el("div", { class: "lb-found" });
    this.node = el("div", { class: "lb-knob" }, el("label", { for: id }, names.knob(sampler, info.name)), this.items, this.field, this.found);
  }

  change(value) {
    this.context.change(this.info.name, value);
  }

  draw(value, index) {
    setAttribute(this.field, "data-testid", `knob-${index}-${this.info.name}`);
    const key = JSON.stringify(value);
    if (this.key === key) return;
    this.key = key;
    this.value = value;
    this.items.replaceChildren(...this.itemsOf(value));
  }

  /** @param {(Node | string)[]} inside @param {string} spoken @param {() => void} remove */
  item(inside, spoken, remove) {
    const { words } = this.context;
    return el("li", { class: "lb-item" }, ...inside,
      el("button", { type: "button", class: "lb-x", "aria-label": words.t("lab.remove_item", { item: spoken }),
        onclick: () => { remove(); this.field.focus(); } }, "×"));
  }

  chip(id) {
    const { look, vocab } = this.context;
    return id < vocab.size ? tokenChip(look(id), { "data-follow": id }) : el("span", {}, `#${id}`);
  }

  spoken(id) {
    const { look, vocab } = this.context;
    return id < vocab.size ? look(id).spoken : `#${id}`;
  }

  /** Tokens of the vocabulary that look like the typed text, each a button. */
  offer(choose) {
    const { vocab, words } = this.context;
    const ids = vocab.search(this.field.value, N_FOUND);
    this.first = ids[0];
    this.found.replaceChildren(...ids.map((id) => el("button", { type: "button", class: "lb-chip", "data-token-id": id,
      "aria-label": words.t("lab.add_item", { item: this.spoken(id) }), onclick: () => this.#chosen(choose, id) }, this.chip(id))));
  }

  #chosen(choose, id) {
    this.clear();
    choose(id);
  }

  clear() {
    this.field.value = "";
    this.found.replaceChildren();
    this.first = undefined;
    this.field.focus();
  }
}

export class TokensKnob extends ListKnob {
  constructor(info, context) {
    super(info, context, "lab.find_token");
  }

  typed() {
    this.offer((id) => this.#add(id));
  }

  enter() {
    const id = this.first;
    if (id === undefined) return;
    this.clear();
    this.#add(id);
  }

  #add(id) {
    this.change([...new Set([...(this.value ?? []), id])]);
  }

  itemsOf(ids) {
    return (ids ?? []).map((id) => this.item([this.chip(id)], this.spoken(id), () => this.change(ids.filter((each) => each !== id))));
  }
}

export class BiasKnob extends ListKnob {
  constructor(info, context) {
    super(info, context, "lab.find_token");
  }

  typed() {
    this.offer((id) => this.#set(id, 2));
  }

  enter() {
    const id = this.first;
    if (id === undefined) return;
    this.clear();
    this.#set(id, 2);
  }

  #set(id, bias) {
    this.change({ ...this.value, [id]: bias });
  }

  itemsOf(bias) {
    return Object.entries(bias ?? {}).map(([id, value]) => this.#row(Number(id), value));
  }

  #row(id, value) {
    const { words } = this.context;
    const isForbidden = value === "-inf";
    const number = el("input", { class: "lb-number", inputmode: "decimal", value: isForbidden ? "−∞" : amount(value, words),
      "aria-label": words.t("lab.bias_of", { item: this.spoken(id) }),
      onchange: () => this.#typedBias(id, number) });
    const forbid = el("button", { type: "button", class: "lb-tiny", "aria-pressed": String(isForbidden),
      onclick: () => this.#set(id, isForbidden ? 0 : "-inf") }, words.t("lab.forbid"));
    const { [id]: _, ...rest } = this.value ?? {};
    return this.item([this.chip(id), number, forbid], this.spoken(id), () => this.change(rest));
  }

  #typedBias(id, number) {
    const { words } = this.context;
    const value = /^[-−]\s*(∞|inf)/.test(number.value) ? "-inf" : words.parseNumber(number.value);
    this.#set(id, value);
  }
}

export class SequencesKnob extends ListKnob {
  constructor(info, context) {
    super(info, context, "lab.add_word");
  }

  /** A word stands in a text with its space, and at the beginning of a line without. */
  async enter() {
    const { api, model } = this.context;
    const word = this.field.value;
    if (word.trim() === "") return;
    const forms = [...new Set([word, ` ${word.trimStart()}`])];
    try {
      const cut = await Promise.all(forms.map((text) => api.tokens({ model: model.id, text })));
      this.clear();
      this.change([...(this.value ?? []), ...cut.map((answer) => answer.token_ids)]);
    } catch (error) {
      setText(this.found, this.context.words.sentence(error));
    }
  }

  itemsOf(sequences) {
    return (sequences ?? []).map((ids, i) => this.item(ids.map((id) => this.chip(id)), ids.map((id) => this.spoken(id)).join(" "),
      () => this.change(sequences.filter((_, j) => j !== i))));
  }
}

const VISIBLE = [["\n", "↵"], ["\t", "⇥"]];

export class BreakersKnob extends ListKnob {
  constructor(info, context) {
    super(info, context, "lab.add_breaker");
  }

  enter() {
    const text = VISIBLE.reduce((whole, [hidden, shown]) => whole.replaceAll(shown, hidden), this.field.value).replaceAll("\\n", "\n");
    if (text === "") return;
    this.clear();
    this.change([...new Set([...(this.value ?? []), text])]);
  }

  itemsOf(breakers) {
    const shown = (each) => (typeof each === "number" ? `#${each}` : VISIBLE.reduce((text, [hidden, visible]) => text.replaceAll(hidden,
      visible), each));
    return (breakers ?? []).map((each) => this.item([el("bdi", { class: "lb-token" }, shown(each))], shown(each),
      () => this.change(breakers.filter((other) => other !== each))));
  }
}
