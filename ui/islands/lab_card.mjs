// One sampler of the chain: what it is, its knobs, and what it did to the law that came in.
import { el, setAttribute, setHidden, setText, tokenChip } from "./dom.mjs";
import { cut, MiniBars } from "./lab_bars.mjs";
import { GrammarDesk } from "./lab_grammar.mjs";
import { Knobs } from "./lab_knobs.mjs";

const N_BANNED = 8; // token ids shown of a longer list

export class Card {
  /** @param {any} lab the page's shared parts @param {import("./lab_state.mjs").Card} card */
  constructor(lab, card) {
    Object.assign(this, { lab, card, key: card.key, sampler: card.sampler, pickedAt: undefined });
    const { names, chain } = lab;
    this.info = chain.info(card.sampler);
    const name = names.sampler(card.sampler);
    this.problem = el("p", { class: "lb-problem", role: "alert", hidden: true });
    this.knobs = new Knobs(this.info, (knob) => this.#knobContext(knob));
    this.other = this.#otherText();
    this.desk = card.sampler === "grammar" ? new GrammarDesk(lab, () => chain.cards.indexOf(card)) : null;
    this.effect = new Effect(lab, name);
    this.node = el("li", { class: `lb-step is-${this.info.family}`, "data-sampler": card.sampler, "aria-label": name }, this.#head(name),
      el("div", { class: "lb-stepbody" }, this.knobs.node, this.other, this.desk?.node ?? null, this.problem), this.effect.node,
        this.effect.bars.node);
  }

  #head(name) {
    const { names } = this.lab;
    return el("div", { class: "lb-stephead" }, this.#tools(name), el("h3", {}, name), el("p", { class: "lb-does" }, names.does(this.sampler)),
      el("p", { class: "lb-formula", "data-min-level": 3 }, this.info.formula ?? ""));
  }

  /** The handle, a step to either side, on or off, away. */
  #tools(name) {
    const { lab: { words, chain, actions }, card } = this;
    const at = () => chain.cards.indexOf(card);
    const button = (kind, label, inside, more) => {
      const said = words.t(`lab.card.${label}`, { name });
      return el("button", { type: "button", class: kind, "aria-label": said, title: said, ...more }, inside);
    };
    const mark = () => el("i", { "aria-hidden": "true" });
    this.handle = button("lb-tool lb-handle", "handle", mark(), { "aria-pressed": "false", "aria-describedby": "lb-drag-help" });
    this.earlier = button("lb-tool is-earlier", "earlier", "‹", { onclick: () => actions.move(at(), at() - 1, this.earlier) });
    this.later = button("lb-tool is-later", "later", "›", { onclick: () => actions.move(at(), at() + 1, this.later) });
    this.off = button("lb-onoff", "on", mark(), { role: "switch", onclick: () => actions.toggle(at()) });
    this.remove = button("lb-tool is-remove", "remove", "×", { onclick: () => actions.remove(at()) });
    return el("div", { class: "lb-steptools" }, this.handle, this.earlier, this.later, this.off, this.remove);
  }

  #knobContext(knob) {
    const { lab, card } = this;
    const { words, names, look, vocab, api, model, actions, chain } = lab;
    return { words, names, look, vocab, api, model, sampler: card.sampler, id: `lb-k${card.key}-${knob}`,
      change: (name, value, typed) => actions.setKnob(chain.cards.indexOf(card), name, value, typed) };
  }

  /** Guidance and contrast compare two laws: the second one is the model's after another text. */
  #otherText() {
    const { words, actions, view } = this.lab;
    if ((this.info.needs ?? []).length === 0) return null;
    const id = `lb-k${this.key}-other`;
    this.otherField = el("input", { id, class: "lb-field is-small", "data-testid": "other-text", autocomplete: "off", value: view.otherText,
      oninput: () => actions.setOtherText(this.otherField.value) });
    return el("div", { class: "lb-knob" }, el("label", { for: id }, words.t("lab.other_text")), this.otherField);
  }

  /** @param {{index: number, total: number, stage: any, stepIndex: number, level: number, scale: number, followed: number | null, problem: string, outcome: any, law: any}} view */
  draw(view) {
    const { card, node } = this;
    const { index, total, level } = view;
    this.#name(index);
    setAttribute(this.off, "aria-checked", String(card.isOn));
    this.earlier.disabled = index === 0;
    this.later.disabled = index === total - 1;
    node.classList.toggle("is-off", !card.isOn);
    node.classList.toggle("is-wrong", view.problem !== "");
    this.knobs.draw(card.params, index, level);
    setText(this.problem, view.problem);
    setHidden(this.problem, view.problem === "");
    if (this.otherField && document.activeElement !== this.otherField) this.otherField.value = this.lab.view.otherText;
    this.effect.draw(card.isOn ? view.stage : null, view);
    this.desk?.draw(view);
  }

  #name(index) {
    if (this.index === index) return;
    this.index = index;
    for (const [node, id] of [[this.node, "card"], [this.handle, "card-handle"], [this.off, "card-off"], [this.remove, "card-remove"],
      [this.earlier, "card-earlier"], [this.later, "card-later"]]) {
      setAttribute(node, "data-testid", `${id}-${index}`);
    }
  }
}

/** What a stage did: tokens in and out, mass gone, entropy, another winner, and the law that left it. */
class Effect {
  constructor(lab, name) {
    this.lab = lab;
    const { words } = lab;
    this.count = el("p", { class: "lb-count" });
    this.kept = el("i", { class: "is-kept" });
    this.mass = el("div", { class: "lb-mass", "aria-hidden": "true" }, this.kept);
    this.gone = el("p", { class: "lb-gone" });
    this.entropy = el("p", { class: "lb-bits", "data-min-level": 2 });
    this.winner = el("p", { class: "lb-flag" });
    this.details = el("dl", { class: "lb-details", "data-min-level": 2 });
    this.bars = new MiniBars(lab, words.t("lab.bars_after", { name }));
    this.node = el("div", { class: "lb-effect", hidden: true }, this.count, this.mass, this.gone, this.entropy, this.winner, this.details);
  }

  draw(stage, view) {
    setHidden(this.node, !stage);
    setHidden(this.bars.node, !stage);
    if (!stage) return;
    const { words } = this.lab;
    setAttribute(this.node, "data-n-after", stage.nAfter);
    setText(this.count, stage.nBefore === stage.nAfter ? words.t("lab.keeps_all", { n: stage.nAfter }) : words.t("lab.in_out",
      { before: stage.nBefore, after: stage.nAfter, n: stage.nAfter }));
    cut(this.kept, 1 - stage.removedMass);
    setText(this.gone, stage.nBefore === stage.nAfter ? words.t("lab.reshaped") : words.t("lab.mass_gone", { p: words.percent(stage.removedMass) }));
    this.node.classList.toggle("keeps-all", stage.nBefore === stage.nAfter);
    setText(this.entropy, words.t("lab.entropy", { before: words.number(stage.entropyBefore, 2), after: words.number(stage.entropyBits, 2) }));
    setHidden(this.winner, !stage.winnerChanged);
    if (stage.winnerChanged) setText(this.winner, words.t("lab.winner_changed"));
    this.#drawDetails(stage.details);
    this.bars.draw({ top: stage.top, n: stage.nAfter }, view.scale, view.followed);
  }

  #drawDetails(details) {
    const key = JSON.stringify(details);
    if (key === this.key) return;
    this.key = key;
    const { words, names } = this.lab;
    const label = (name) => (words.has(`lab.detail.${name}`) ? words.t(`lab.detail.${name}`) : name.replaceAll("_", " "));
    this.details.replaceChildren(...Object.entries(details).map(([name, value]) => el("div", {}, el("dt", {}, label(name)),
      el("dd", { "data-detail": name }, ...this.#detail(name, value, names)))));
  }

  /** A coin, a threshold, a memory; a token where the value is one. */
  #detail(name, value, names) {
    const { words, look } = this.lab;
    if (typeof value === "boolean") return [words.t(value ? "lab.yes" : "lab.no")];
    if (/(^|_)(winner|token|token_id)$/.test(name) && Number.isInteger(value)) return [tokenChip(look(value), { "data-follow": value })];
    if (!Array.isArray(value)) return [names.amount(value)];
    if (value.length === 0) return ["–"];
    if (name === "banned") return value.slice(0, N_BANNED).flatMap((id) => [tokenChip(look(id), { "data-follow": id }), " "]);
    return value.flatMap((each) => (Array.isArray(each) && each.length === 2 ? [tokenChip(look(each[0]), { "data-follow": each[0] }),
      ` ${names.amount(each[1])} `] : [`${names.amount(each)} `]));
  }
}

/** Where the chain begins and where it ends: a law and nothing to set. */
export class EndCard {
  /** @param {any} lab @param {"model" | "drawn"} end */
  constructor(lab, end) {
    Object.assign(this, { lab, end });
    const { words } = lab;
    this.count = el("p", { class: "lb-count" });
    this.big = el("b", end === "drawn" ? { "data-testid": "survivors" } : {});
    this.noun = el("span");
    this.count.append(this.big, " ", this.noun);
    this.entropy = el("p", { class: "lb-bits", "data-min-level": 2 });
    this.bars = new MiniBars(lab, words.t(`lab.${end}_bars`));
    this.node = el("li", { class: `lb-step is-end is-${end}`, "data-testid": `card-${end}` }, 
      el("div", { class: "lb-stephead" }, el("h3", {}, words.t(`lab.${end}_card`)),
        el("p", { class: "lb-does" }, words.t(`lab.${end}_does`)), this.count, this.entropy),
      el("div", { class: "lb-stepbody" }), el("div"), this.bars.node);
  }

  draw(law, { scale, followed }) {
    const { words } = this.lab;
    setText(this.big, words.number(law.n));
    if (this.end === "drawn") setAttribute(this.big, "data-n", law.n);
    setText(this.noun, words.t(`lab.${this.end}_count`, { n: law.n }));
    setText(this.entropy, words.t("lab.entropy_one", { bits: words.number(law.entropyBits, 2) }));
    this.bars.draw(law, scale, followed);
  }
}
