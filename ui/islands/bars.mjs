// The distribution: one row per token, then Others. Rows are pooled, so that a redraw moves and never rebuilds.
import { el, fillToken, roving, setAttribute, setHidden, setText, tokenClasses } from "./dom.mjs";

const SCALES = [0.05, 0.1, 0.2, 0.5, 1];

/** The end of the axis: the first round number that holds every token's bar. Others never counts. */
export function scaleFor(largest) {
  return SCALES.find((scale) => largest <= scale + 1e-9) ?? 1;
}

export class Bars {
  /** @param {{words: any, look: (id: number) => any, pick: (id: number) => void}} context */
  constructor({ words, look, pick }) {
    Object.assign(this, { words, look, pick });
    /** @type {Row[]} */ this.rows = [];
    this.list = el("ol", { class: "lb-rows", "aria-label": words.t("bars_label") });
    this.settleFocus = roving(this.list, () => this.rows.filter((row) => !row.item.hidden).map((row) => row.button));
    this.others = new Others(words);
    this.ticks = [0, 0.5, 1].map(() => el("span"));
    this.axis = el("div", { class: "lb-axis", "aria-hidden": "true" }, el("i"),
      el("div", { class: "lb-ticks" }, ...this.ticks), this.columnName("column_model", "is-model"),
      this.columnName("column_after", "is-after"));
    this.sum = el("p", { class: "lb-sum", "data-testid": "sum" });
    this.node = el("div", { class: "lb-bars", "data-testid": "bars" }, this.axis, this.list, this.others.node, this.sum);
  }

  columnName(key, kind) {
    return el("span", { class: `lb-column ${kind}` }, this.words.t(key));
  }

  /** @param {{law: any, outcome: any, nRows: number, hit: number | null, isExpert: boolean}} view */
  draw({ law, outcome, nRows, hit, isExpert }) {
    const n = Math.min(nRows, law.nVocab);
    const ids = law.ranked.subarray(0, n);
    const scale = scaleFor(largestShown(law, outcome, ids));
    const others = outcome.others(n);
    const context = { law, outcome, scale, hit, isExpert, after: !outcome.isNeutral };
    this.#grow(n);
    this.rows.forEach((row, i) => (i < n ? row.draw(ids[i], i + 1, context) : row.hide()));
    this.others.draw(others, { ...context, isHit: hit !== null && law.rankOf(hit) > n });
    this.#drawFrame(scale, context.after && !outcome.isGreedy, n, others);
    this.settleFocus();
  }

  #grow(n) {
    while (this.rows.length < n) {
      const row = new Row(this);
      this.rows.push(row);
      this.list.append(row.item);
    }
  }

  #drawFrame(scale, hasAfter, n, others) {
    const { words } = this;
    this.ticks.forEach((tick, i) => setText(tick, `${words.number((scale * 100 * i) / 2, scale === 0.05 && i === 1 ? 1 : 0)}\u00a0%`));
    this.node.classList.toggle("has-after", hasAfter);
    setText(this.sum, words.t("sum", {
      n, shown: words.percent(1 - others.probability), others: words.percent(others.probability),
    }));
  }
}

function largestShown(law, outcome, ids) {
  const first = ids[0]; // ranked: no other row is longer, before or after
  return Math.max(law.probability(first), outcome.isGreedy ? 0 : outcome.probability(first));
}

/** A second bar says that something changed; where nothing did there is none. */
function differs(p, pAfter) {
  return Math.abs(pAfter - p) > 1e-9;
}

/** Bars are scaled, not resized: no layout while a slider is dragged. */
function stretch(node, share) {
  const transform = `scaleX(${Math.min(1, share).toFixed(5)})`;
  if (node.style.transform !== transform) node.style.transform = transform;
}

/** A hatching must not be stretched: it is cut instead. */
function cut(node, share) {
  const clip = `inset(0px ${(100 - Math.min(1, share) * 100).toFixed(3)}% 0px 0px)`;
  if (node.style.clipPath !== clip) node.style.clipPath = clip;
}

class Row {
  constructor(bars) {
    this.bars = bars;
    this.id = -1;
    this.token = el("bdi", { class: "lb-token" });
    this.note = el("span", { class: "lb-note" });
    this.before = el("span", { class: "lb-bar is-model" });
    this.later = el("span", { class: "lb-bar is-after" });
    this.model = el("span", { class: "lb-figure is-model" });
    this.after = el("span", { class: "lb-figure is-after" });
    this.facts = el("span", { class: "lb-facts" });
    this.button = el("button", {
      type: "button", class: "lb-row", "data-testid": "bar-row", tabindex: "-1", onclick: () => bars.pick(this.id),
    }, el("span", { class: "lb-name" }, this.token), el("span", { class: "lb-track" }, this.before, this.later),
    this.model, this.after, this.note, this.facts);
    this.item = el("li", {}, this.button);
  }

  hide() {
    setHidden(this.item, true);
  }

  draw(id, rank, { law, outcome, scale, hit, isExpert, after }) {
    const p = law.probability(id);
    const pAfter = outcome.probability(id);
    const removedBy = outcome.removedBy(id);
    setHidden(this.item, false);
    if (id !== this.id) this.#show(id, rank);
    stretch(this.before, p / scale);
    const showsAfter = after && !outcome.isGreedy && removedBy === null && differs(p, pAfter);
    stretch(this.later, showsAfter ? pAfter / scale : 0);
    this.#figures({ rank, p, pAfter, showsAfter, removedBy, isGreedy: outcome.isGreedy });
    this.button.classList.toggle("is-removed", removedBy !== null);
    this.button.classList.toggle("is-hit", id === hit);
    setHidden(this.facts, !isExpert);
    if (isExpert) this.#writeFacts(law, rank, p);
  }

  #show(id) {
    this.id = id;
    const look = this.bars.look(id);
    fillToken(this.token, look.text);
    this.token.className = `lb-token ${tokenClasses(look)}`;
    setAttribute(this.button, "data-token-id", id);
  }

  #figures({ rank, p, pAfter, showsAfter, removedBy, isGreedy }) {
    const { words, look } = this.bars;
    setAttribute(this.button, "data-p", p);
    setAttribute(this.button, "data-p-after", pAfter);
    setText(this.model, words.percent(p));
    setText(this.after, showsAfter ? words.percent(pAfter) : "");
    setText(this.note, noteFor(words, removedBy, isGreedy, rank));
    const label = [look(this.id).spoken, words.percent(p), showsAfter && `${words.t("column_after")} ${words.percent(pAfter)}`,
      this.note.textContent];
    setAttribute(this.button, "aria-label", label.filter(Boolean).join(", "));
  }

  #writeFacts(law, rank, p) {
    const { words, look } = this.bars;
    setText(this.facts, words.t("row_facts", {
      rank, id: String(this.id), logit: words.number(law.logit(this.id), 2), bits: words.number(-Math.log2(p), 2),
      hex: look(this.id).hex,
    }));
  }
}

function noteFor(words, removedBy, isGreedy, rank) {
  if (isGreedy && rank === 1) return words.t("greedy_first");
  if (removedBy === null) return "";
  return words.t(removedBy === "greedy" ? "greedy_never" : "removed_by", { sampler: words.t(`sampler.${removedBy}`) });
}

/** Hatched, apart, and on no one's scale: where its bar is longer than the axis it ends in a tear. */
class Others {
  constructor(words) {
    this.words = words;
    this.before = el("span", { class: "lb-bar is-model is-others" });
    this.later = el("span", { class: "lb-bar is-after is-others" });
    this.track = el("span", { class: "lb-track" }, this.before, this.later);
    this.count = el("small");
    this.model = el("span", { class: "lb-figure is-model" });
    this.after = el("span", { class: "lb-figure is-after" });
    this.node = el("div", { class: "lb-row lb-others", "data-testid": "others" },
      el("span", { class: "lb-name" }, el("span", {}, words.t("others")), this.count), this.track, this.model, this.after);
  }

  draw(others, { outcome, scale, after, isHit }) {
    const { words } = this;
    const showsAfter = after && !outcome.isGreedy && differs(others.probability, others.probabilityAfter);
    cut(this.before, others.probability / scale);
    cut(this.later, showsAfter ? others.probabilityAfter / scale : 0);
    setAttribute(this.node, "data-p", others.probability);
    setAttribute(this.node, "data-p-after", others.probabilityAfter);
    setAttribute(this.node, "data-n-tokens", others.nTokens);
    setText(this.count, words.t("n_tokens", { n: others.nTokens }));
    setText(this.model, words.percent(others.probability));
    setText(this.after, showsAfter ? words.percent(others.probabilityAfter) : "");
    this.track.classList.toggle("is-torn", Math.max(others.probability, showsAfter ? others.probabilityAfter : 0) > scale);
    this.node.classList.toggle("is-hit", isHit);
  }
}
