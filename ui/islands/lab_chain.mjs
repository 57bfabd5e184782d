// The chain as a row of cards, from the model's law to the law one draws from; the drawer of samplers; presets by library.
import { scaleFor } from "./bars.mjs";
import { el, setAttribute, setHidden, setText } from "./dom.mjs";
import { Card, EndCard } from "./lab_card.mjs";
import { createDrag } from "./lab_drag.mjs";

export class ChainView {
  /** @param {any} lab */
  constructor(lab) {
    this.lab = lab;
    const { words, actions, chain } = lab;
    /** @type {Map<number, Card>} */ this.cards = new Map();
    this.first = new EndCard(lab, "model");
    this.last = new EndCard(lab, "drawn");
    this.list = el("ol", { class: "lb-chain", "data-testid": "chain", "aria-label": words.t("lab.chain_label") });
    this.drag = createDrag({ list: () => chain.cards.map(({ key }) => this.cards.get(key)), move: (from, to) => actions.move(from, to),
      said: (what, values) => lab.say(words.t(`lab.drag.${what}`, values)) });
    this.problem = el("p", { class: "lb-problem", role: "alert", hidden: true, "data-testid": "chain-problem" });
    this.drawer = new Drawer(lab);
    this.presets = new PresetMenu(lab);
    this.where = el("p", { class: "lb-muted", "data-testid": "computed-where", "data-min-level": 3 });
    this.node = el("section", { class: "lb-chainbox", "aria-labelledby": "lb-chain-title" },
      el("div", { class: "lb-sectionhead" }, el("div", {}, el("h2", { id: "lb-chain-title" }, words.t("lab.chain_title")),
        el("p", { class: "lb-muted" }, words.t("lab.chain_lede"))),
        el("div", { class: "lb-sectiontools" }, this.drawer.button, this.presets.button)),
      this.drawer.panel, this.presets.panel, this.problem, this.list, this.where,
        el("p", { id: "lb-drag-help", class: "lb-sr" }, words.t("lab.drag.help")));
    this.arrange();
  }

  /** Cards that came, went or moved; the ones that stay keep their elements, and with them the focus. */
  arrange() {
    if (this.list.querySelector(":scope > .lb-drop")) return; // a card is in the hand: what is under it must not move
    const { chain } = this.lab;
    const keys = new Set(chain.cards.map(({ key }) => key));
    for (const [key, card] of this.cards) {
      if (keys.has(key)) continue;
      card.node.remove();
      this.cards.delete(key);
    }
    const nodes = [this.first.node, ...chain.cards.map((card) => this.#cardOf(card).node), this.last.node];
    nodes.forEach((node, i) => this.list.children[i] !== node && this.list.insertBefore(node, this.list.children[i] ?? null));
  }

  #cardOf(state) {
    let card = this.cards.get(state.key);
    if (card) return card;
    card = new Card(this.lab, state);
    this.cards.set(state.key, card);
    this.drag.attach(card);
    this.lab.levelOf(card.node);
    return card;
  }

  /** @param {{shown: any, problem: {at: number, sentence: string} | null, followed: number | null, level: number}} view shown: the last good result; isStale: of the text before */
  draw({ shown, isStale, problem, followed, level }) {
    this.arrange();
    const { chain, words } = this.lab;
    this.list.classList.toggle("is-stale", isStale || problem !== null);
    setText(this.problem, problem && problem.at < 0 ? problem.sentence : "");
    setHidden(this.problem, !problem || problem.at >= 0);
    const scale = shown ? scaleOf(shown.outcome) : 1;
    const goneAt = shown && followed !== null ? shown.outcome.removedBy(followed) ?? Infinity : Infinity;
    chain.cards.forEach((card, index) => {
      const stepIndex = chain.stepOfCard(index);
      this.cards.get(card.key).draw({ index, total: chain.cards.length, level, scale, followed: stepIndex >= goneAt ? null : followed, stepIndex,
        problem: problem?.at === index ? problem.sentence : "", stage: shown?.stageOf.get(card.key) ?? null, outcome: shown?.outcome,
          law: shown?.law });
    });
    if (!shown) return;
    this.first.draw(shown.outcome.model, { scale, followed });
    this.last.draw(shown.outcome.final, { scale, followed: goneAt === Infinity ? followed : null });
    setText(this.where, shown.isServer ? words.t("lab.by_server", { ms: words.number(shown.elapsedMs ?? 0, 1) }) : words.t("lab.by_browser"));
  }

  /** The focus goes where the hand will want it next. */
  focusCard(index, part = "handle") {
    const card = this.lab.chain.cards[index];
    (card ? this.cards.get(card.key)[part] : this.drawer.button).focus();
  }
}

/** One scale for all cards, so that bars compare. */
function scaleOf({ model, stages }) {
  return scaleFor(Math.max(...[model, ...stages].map((law) => law.top[0]?.p ?? 0)));
}

/** Closed by Escape; opened and closed by its button. */
class Disclosure {
  constructor({ words }, name, key, kind = "") {
    this.button = el("button", { type: "button", class: `lb-button ${kind}`, "data-testid": name, "aria-expanded": "false",
      "aria-controls": `lb-${name}`, onclick: () => this.toggle() }, words.t(key));
    this.panel = el("div", { id: `lb-${name}`, class: "lb-card lb-drawer", hidden: true,
      onkeydown: (event) => event.key === "Escape" && (this.toggle(false), this.button.focus()) });
  }

  toggle(open = this.panel.hidden) {
    if (open && this.panel.childElementCount === 0) this.fill();
    setHidden(this.panel, !open);
    setAttribute(this.button, "aria-expanded", String(open));
  }
}

/** Every sampler of the table, by family. */
class Drawer extends Disclosure {
  constructor(lab) {
    super(lab, "add-sampler", "lab.add");
    this.lab = lab;
  }

  fill() {
    const { words, names, chain } = this.lab;
    const order = [...chain.table.families].sort((a, b) => Number(a === "rule") - Number(b === "rule")); // what leaves no chance comes last
    const families = order.map((family) => [family, chain.table.samplers.filter((info) => info.family === family)]);
    this.panel.append(...families.filter(([, infos]) => infos.length > 0).map(([family, infos]) =>
      el("div", { role: "group", class: "lb-family", "aria-label": names.family(family), "data-testid": `drawer-${family}` },
        el("p", { class: "lb-over" }, names.family(family),
          el("small", {}, words.has(`lab.family_does.${family}`) ? words.t(`lab.family_does.${family}`) : "")),
        el("div", { class: "lb-shelf" }, ...infos.map((info) => this.#sampler(info))))));
  }

  #sampler(info) {
    const { names, actions } = this.lab;
    return el("button", { type: "button", class: `lb-pick is-${info.family}`, "data-testid": `add-${info.name}`,
      onclick: () => { this.toggle(false); actions.add(info.name); } },
      el("b", {}, names.sampler(info.name)), el("span", {}, names.does(info.name)));
  }
}

/** The orders and defaults of other libraries, each with its source and date. */
class PresetMenu extends Disclosure {
  constructor(lab) {
    super(lab, "lab-presets-button", "lab.presets");
    this.lab = lab;
  }

  fill() {
    const { chain, words } = this.lab;
    this.panel.append(el("p", { class: "lb-muted" }, words.t("lab.presets_lede")), el("div", { class: "lb-shelf is-wide" },
      ...[{ id: "opening", title: words.t("lab.opening_title"), steps: this.lab.opening },
        ...chain.table.presets].map((preset) => this.#preset(preset))));
  }

  #preset(preset) {
    const { words, names, actions } = this.lab;
    const noteKey = preset.note_key?.replace(/^page\./, ""); // `words` looks inside the page's section
    const source = preset.source ? words.t("lab.preset_source", { source: preset.source, date: preset.date ?? "" }) : "";
    return el("div", { class: "lb-presetcard" },
      el("button", { type: "button", class: "lb-pick", "data-testid": `preset-${preset.id}`,
        onclick: () => { this.toggle(false); actions.loadChain(preset.steps); } },
        el("b", {}, preset.title), orderChips(preset.steps, names), noteKey && words.has(noteKey) ? el("span", {}, words.t(noteKey)) : null),
      el("p", { class: "lb-muted lb-source" }, source));
  }
}

/** An order as small chips. */
export function orderChips(steps, names) {
  return el("span", { class: "lb-order" }, ...steps.map(({ sampler }) => el("i", {}, names.sampler(sampler))));
}
