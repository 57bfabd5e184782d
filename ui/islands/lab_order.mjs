// The order lab: two chains on the same logits. Who survives, how far the laws are apart, which token differs first.
import { inBrowser, runSteps } from "../core/chain.mjs";
import { fromServer } from "../core/chain_answer.mjs";
import { latest } from "../core/latest.mjs";
import { scaleFor } from "./bars.mjs";
import { el, setAttribute, setHidden, setText, tokenChip } from "./dom.mjs";
import { stretch } from "./lab_bars.mjs";
import { orderChips } from "./lab_chain.mjs";
import { acting } from "./lab_state.mjs";

const N_ROWS = 10;
const AGAINST = ["llama.cpp", "transformers"];

export class OrderLab {
  /** @param {any} lab */
  constructor(lab) {
    this.lab = lab;
    this.send = latest((body) => lab.api.chain(body));
    const { words, chain, view } = lab;
    const option = (value, text) => el("option", { value, selected: (view.compare?.id ?? "orders") === value }, text);
    this.menu = el("select", { id: "lb-compare", class: "lb-select", "data-testid": "compare-preset",
      onchange: () => lab.actions.compareWith(this.menu.value) },
      option("orders", words.t("lab.order.orders")), ...chain.table.presets.map((preset) => option(preset.id,
        words.t("lab.order.present_against", { name: preset.title }))),
      view.compare?.steps ? option("given", words.t("lab.order.given")) : null);
    this.sides = ["a", "b"].map((side) => new Side(lab, side));
    this.facts = el("dl", { class: "lb-figures" });
    this.rows = Array.from({ length: N_ROWS }, () => new PairRow(lab));
    this.told = el("p", { class: "lb-told", role: "status", "data-testid": "order-told" });
    this.problem = el("p", { class: "lb-problem", role: "alert", hidden: true });
    this.result = el("div", { class: "lb-orderresult" }, this.told, this.facts,
      el("div", { class: "lb-pairs" }, el("p", { class: "lb-key", "aria-hidden": "true" }, el("i", { class: "is-a" }), "A",
        el("i", { class: "is-b" }), "B"), el("ol", { "aria-label": words.t("lab.order.pairs") }, ...this.rows.map((row) => row.node))));
    this.node = el("details", { class: "lb-card lb-orderlab", "data-testid": "order-lab", "data-min-level": 2, open: view.compare !== null,
      ontoggle: () => this.draw(this.latestView) },
      el("summary", {}, el("h2", {}, words.t("lab.order.title")), el("span", { class: "lb-muted" }, words.t("lab.order.lede"))),
      el("div", { class: "lb-orderpick" },
        el("button", { type: "button", class: "lb-button", "data-testid": "compare-orders",
          onclick: () => { this.menu.value = "orders"; lab.actions.compareWith("orders"); } }, words.t("lab.order.orders")),
        el("label", { for: "lb-compare" }, words.t("lab.order.against")), this.menu),
      el("div", { class: "lb-sides" }, ...this.sides.map((side) => side.node)), this.problem, this.result);
  }

  /** @param {{shown: any, law: any}} view */
  draw(view) {
    this.latestView = view;
    if (!view?.law || !this.node.open || this.node.hidden) return;
    const [a, b] = this.#chains();
    this.sides[0].name(a);
    this.sides[1].name(b);
    const key = JSON.stringify([a.steps, b.steps]);
    if (this.key === key && this.law === view.law && view.turn === this.turn) return;
    Object.assign(this, { key, law: view.law, turn: view.turn });
    this.#compute(a.steps, b.steps, view);
  }

  /** What stands on both sides: a title and steps. */
  #chains() {
    const { words, chain, view } = this.lab;
    const present = { title: words.t("lab.order.present"), steps: chain.steps };
    const { compare } = view;
    if (compare?.steps) return [present, { title: words.t("lab.order.given"), steps: compare.steps }];
    const preset = chain.table.presets.find((each) => each.id === compare?.id);
    if (preset) return [present, { title: preset.title, steps: acting(preset.steps, chain) }];
    return AGAINST.map((id) => chain.table.presets.find((each) => each.id === id)).map((library, i) =>
      ({ title: words.t("lab.order.in_order_of", { name: AGAINST[i] }), steps: inOrderOf(library?.steps ?? [], chain) }));
  }

  #compute(a, b, { law }) {
    const { compute } = this.lab;
    if (this.lab.chain.problem) return;
    try {
      if (!inBrowser([...a, ...b])) return this.#ask(a, b, law);
      const [left, right] = [a, b].map((steps) => runSteps(law, steps, compute.context));
      this.#show(left, right, compareLaws(left, right));
    } catch (error) {
      this.#refuse(error);
    }
  }

  async #ask(a, b, law) {
    try {
      const answer = await this.send({ ...await this.lab.compute.body(a), states: null, compare: b, n_top: N_ROWS });
      if (!answer || law !== this.lab.session.law) return;
      const { compare } = answer;
      this.#show(fromServer(answer, this.lab.vocab.size), fromServer({ ...answer, stages: compare.stages, final: compare.final, paths: {},
        drawn: null }, this.lab.vocab.size), {
        nCommon: compare.n_common, totalVariation: compare.total_variation, klBits: compare.kl_bits ?? Infinity, first: compare.first_difference });
    } catch (error) {
      if (error.code !== "StepNotFound") this.#refuse(error);
    }
  }

  #refuse(error) {
    setText(this.problem, this.lab.words.sentence(error));
    setHidden(this.problem, false);
  }

  #show(a, b, comparison) {
    setHidden(this.problem, true);
    this.sides[0].count(a.final.n);
    this.sides[1].count(b.final.n);
    this.#figures(comparison);
    const shown = [...new Set([...a.final.top, ...b.final.top].map((bar) => bar.tokenId))].map((id) => ({ id, a: a.probability(id) ?? 0,
      b: b.probability(id) ?? 0 }))
      .sort((one, other) => Math.max(other.a, other.b) - Math.max(one.a, one.b)).slice(0, N_ROWS);
    const scale = scaleFor(Math.max(...shown.map((row) => Math.max(row.a, row.b))));
    this.rows.forEach((row, i) => row.draw(shown[i], scale));
  }

  #figures({ nCommon, totalVariation, klBits, first }) {
    const { words, look } = this.lab;
    const isSame = totalVariation < 1e-12 && !first;
    setAttribute(this.node, "data-tv", totalVariation);
    setText(this.told, words.t(isSame ? "lab.order.same" : "lab.order.differ", { p: words.percent(totalVariation) }));
    const token = (id) => (id === null || id === undefined ? "–" : tokenChip(look(id), { "data-follow": id }));
    const figures = [["common", [words.number(nCommon)]], ["tv", [words.percent(totalVariation)]],
      ["kl", [klBits === Infinity ? words.t("lab.order.infinite") : words.t("lab.bits", { bits: words.number(klBits, 3) })]],
      ["first", first ? [words.t("rank_n", { rank: first.rank }), " ", token(first.a), " / ", token(first.b)] : [words.t("lab.order.none")]]];
    this.facts.replaceChildren(...figures.map(([name, inside]) => el("div", { "data-figure": name },
      el("dt", {}, words.t(`lab.order.${name}`)), el("dd", {}, ...inside))));
  }
}

class Side {
  constructor(lab, side) {
    this.lab = lab;
    this.title = el("b");
    this.order = el("span");
    this.n = el("p", { class: "lb-count", "data-testid": `order-survivors-${side}` });
    this.node = el("div", { class: `lb-side is-${side}` }, el("p", {}, el("i", { class: "lb-sidemark" }, side.toUpperCase()), this.title),
      this.order, this.n);
  }

  name({ title, steps }) {
    setText(this.title, title);
    const key = steps.map(({ sampler }) => sampler).join();
    if (this.key === key) return;
    this.key = key;
    this.order.replaceChildren(orderChips(steps, this.lab.names));
  }

  count(n) {
    setAttribute(this.n, "data-n", n);
    setText(this.n, this.lab.words.t("lab.order.survive", { n }));
  }
}

class PairRow {
  constructor(lab) {
    this.lab = lab;
    this.id = -1;
    this.name = el("span", { class: "lb-mininame" });
    this.bars = ["a", "b"].map((side) => el("span", { class: `lb-minibar is-${side}` }));
    this.figures = ["a", "b"].map((side) => el("span", { class: `lb-minifigure is-${side}` }));
    this.node = el("li", { class: "lb-pair" }, this.name, el("span", { class: "lb-minitrack" }, ...this.bars), ...this.figures);
  }

  draw(row, scale) {
    setHidden(this.node, !row);
    if (!row) return;
    const { words, look } = this.lab;
    if (this.id !== row.id) this.name.replaceChildren(tokenChip(look(row.id), { "data-follow": row.id }));
    this.id = row.id;
    [row.a, row.b].forEach((p, i) => {
      stretch(this.bars[i], p / scale);
      setText(this.figures[i], p === 0 ? "–" : words.percent(p));
    });
  }
}

/** The present steps as a library would place them; a sampler it does not know stands where its kind does there. */
export function inOrderOf(librarySteps, chain) {
  const order = librarySteps.map(({ sampler }) => sampler);
  const heat = order.indexOf("temperature");
  const placeOf = ({ sampler }) => {
    const { family } = chain.info(sampler);
    const at = order.indexOf(sampler === "dynamic_temperature" ? "temperature" : sampler);
    if (at !== -1) return at;
    if (["constrain", "history", "two_laws"].includes(family)) return -1;
    if (family === "rule" || family === "memory") return 1000;
    return heat === order.length - 1 ? heat - 0.5 : 999; // where the temperature comes last, whatever cuts stands before it
  };
  return chain.steps.map((step, i) => ({ step, i, place: placeOf(step) })).sort((a, b) => a.place - b.place || a.i - b.i).map(({ step }) => step);
}

/** Over every survivor of both. Total variation: half the sum of |a - b|; KL: the bits that b wastes on a's tokens. */
export function compareLaws(a, b) {
  const left = a.survivors(a.final.n), right = b.survivors(b.final.n);
  let nCommon = 0, distance = 0, klBits = 0;
  left.tokenIds.forEach((id, i) => {
    const p = left.probs[i], q = b.probability(id);
    if (q > 0) nCommon += 1;
    distance += Math.abs(p - q);
    if (p > 0) klBits += q > 0 ? p * Math.log2(p / q) : Infinity;
  });
  right.tokenIds.forEach((id, i) => (distance += a.probability(id) === 0 ? right.probs[i] : 0));
  return { nCommon, totalVariation: distance / 2, klBits: Math.max(0, klBits), first: firstDifference(left.tokenIds, right.tokenIds) };
}

function firstDifference(a, b) {
  for (let i = 0; i < Math.max(a.length, b.length); i++) if (a[i] !== b[i]) return { rank: i + 1, a: a[i] ?? null, b: b[i] ?? null };
  return null;
}
