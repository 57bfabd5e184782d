// The dice: one draw and where it fell, then a hundred or ten thousand, observed against expected. The model is not asked.
import { Strip } from "./dice.mjs";
import { el, setAttribute, setHidden, setText, tokenChip } from "./dom.mjs";
import { cut, stretch } from "./lab_bars.mjs";

const N_ROWS = 10;
const MANY = [100, 10_000];

export class DiceLab {
  /** @param {any} lab */
  constructor(lab) {
    this.lab = lab;
    const { words, actions } = lab;
    const button = (testid, text, act, kind = "") => el("button", { type: "button", class: `lb-button ${kind}`, "data-testid": testid,
      onclick: act }, text);
    this.one = button("draw-n-1", words.t("lab.draw_n", { n: 1 }), () => actions.drawOne(), "is-primary");
    this.many = MANY.map((n) => button(`draw-n-${n}`, words.t("lab.draw_n", { n }), () => actions.drawMany(n)));
    this.append = button("add-drawn", words.t("lab.add_drawn"), () => actions.addDrawn());
    this.undo = button("undo", words.t("action.undo"), () => actions.undo());
    this.strip = new Strip(lab.look);
    this.caption = el("p", { class: "lb-caption", role: "status", "data-testid": "dice-caption" });
    this.verdict = el("p", { class: "lb-verdict", role: "status", "data-testid": "verdict", hidden: true });
    this.exact = el("p", { class: "lb-muted", "data-min-level": 3, "data-testid": "verdict-exact" });
    this.rows = Array.from({ length: N_ROWS + 1 }, () => new TallyRow(lab));
    this.table = el("div", { class: "lb-tallybox", hidden: true }, el("p", { class: "lb-key", "aria-hidden": "true" },
      el("i", { class: "is-observed" }), words.t("lab.observed"), el("i", { class: "is-expected" }), words.t("lab.expected")),
      el("ol", { class: "lb-tallyrows", "aria-label": words.t("lab.tally_label"), "data-testid": "tally" }, ...this.rows.map((row) => row.node)));
    this.calls = el("b", { "data-testid": "model-calls", "data-n": 0 });
    this.node = el("section", { class: "lb-card lb-dicelab", "aria-labelledby": "lb-dice-title", "data-testid": "dice-lab" },
      el("div", { class: "lb-cardhead" }, el("h2", { id: "lb-dice-title" }, words.t("lab.dice_title"))),
      el("div", { class: "lb-transport" }, this.one, ...this.many, this.undo), this.strip.node,
        el("div", { class: "lb-landed" }, this.caption, this.append),
      this.verdict, this.table, this.exact, el("p", { class: "lb-calls" }, this.calls, el("span", {}, words.t("lab.calls_why"))), this.#seed());
  }

  #seed() {
    const { words, actions } = this.lab;
    this.seed = el("input", { class: "lb-number", id: "lb-seed", "data-testid": "seed", inputmode: "numeric", size: 8,
      onchange: () => this.#readSeed() });
    return el("div", { class: "lb-seed", "data-min-level": 3 }, el("label", { for: "lb-seed" }, words.t("seed")), this.seed,
      el("button", { type: "button", class: "lb-chip", "data-testid": "new-seed", onclick: () => actions.newSeed() }, words.t("new_seed")));
  }

  #readSeed() {
    const seed = this.lab.words.parseNumber(this.seed.value);
    const isGood = Number.isSafeInteger(seed) && seed >= 0;
    setAttribute(this.seed, "aria-invalid", isGood ? null : "true");
    if (isGood) this.lab.actions.setSeed(seed);
  }

  drawButtons({ canDraw }) {
    const { session } = this.lab;
    for (const button of [this.one, ...this.many]) button.disabled = !canDraw;
    this.undo.disabled = !session.canUndo;
  }

  /** @param {{shown: any, record: any, tally: any, nCalls: number, canDraw: boolean, level: number}} view record: the one draw; tally: the many */
  draw({ shown, record, tally, nCalls, canDraw, level }) {
    if (!shown) return;
    const { words, session } = this.lab;
    const outcome = record?.outcome ?? tally?.outcome ?? shown.outcome;
    const { tokenIds, probs } = outcome.survivors(N_ROWS);
    this.strip.draw(tokenIds.map((id, i) => ({ id, share: probs[i] })), record ? [record.u] : tally ? tally.us.slice(0, 100) : []);
    this.#drawCaption(record, tally, level);
    setHidden(this.append, !record);
    this.append.disabled = !canDraw;
    this.#drawTally(tally);
    setText(this.calls, words.t("calls", { n: nCalls }));
    setAttribute(this.calls, "data-n", nCalls);
    if (document.activeElement !== this.seed) this.seed.value = String(session.seed);
  }

  #drawCaption(record, tally, level) {
    const { words, look } = this.lab;
    const key = record ? `${record.u}/${level}` : tally ? "many" : "idle";
    if (this.key === key) return;
    this.key = key;
    const lead = record ? words.t("dice_landed", { place: words.percent(record.u) }) : words.t(tally ? "lab.dice_many" : "dice_idle");
    const exact = record && level === 3 ? ` ${words.t("lab.dice_exact", { u: words.number(record.u, 6), from: words.number(record.from, 6), to: words.number(record.to, 6) })}` : "";
    this.caption.replaceChildren(lead, ...(record ? [" ", tokenChip(look(record.tokenId), { "data-follow": record.tokenId,
      "data-testid": "drawn-token" })] : []), exact);
  }

  #drawTally(tally) {
    setHidden(this.table, !tally);
    setHidden(this.verdict, !tally);
    if (this.drawn === tally) return;
    this.drawn = tally;
    setText(this.exact, "");
    if (!tally) return;
    const { words } = this.lab;
    setAttribute(this.verdict, "data-verdict", tally.verdict);
    setAttribute(this.verdict, "data-n", tally.n);
    setText(this.verdict, words.t(`lab.verdict.${tally.verdict}`,
      { n: tally.n }) + (tally.n_pooled > 0 && tally.verdict !== "certain" ? ` ${words.t("lab.pooled", { n: tally.n_pooled })}` : ""));
    if (tally.p_value !== null && tally.p_value !== undefined) setText(this.exact,
      words.t("lab.chi2", { chi2: words.number(tally.chi2, 2), degrees: tally.degrees, p: words.number(tally.p_value, 4),
      alpha: words.percent(tally.alpha) }));
    const cells = tally.counts.slice(0, N_ROWS);
    const rest = restOf(tally, N_ROWS);
    const largest = Math.max(1, ...cells.map((cell) => Math.max(cell.observed, cell.expected)));
    this.rows.forEach((row, i) => row.draw(i < cells.length ? cells[i] : i === N_ROWS ? rest : null, largest));
  }
}

/** What the listed cells leave out, in one. */
function restOf({ counts, others }, nShown) {
  const hidden = counts.slice(nShown);
  const nTokens = hidden.length + others.n_tokens;
  if (nTokens === 0) return null;
  const sum = (key) => hidden.reduce((total, cell) => total + cell[key], others[key]);
  return { n_tokens: nTokens, observed: sum("observed"), expected: sum("expected") };
}

class TallyRow {
  constructor(lab) {
    this.lab = lab;
    this.name = el("span", { class: "lb-mininame" });
    this.bar = el("span", { class: "lb-minibar is-observed" });
    this.mark = el("i", { class: "lb-expected" });
    this.count = el("b");
    this.expected = el("small");
    this.node = el("li", { class: "lb-tallyrow" }, this.name, el("span", { class: "lb-minitrack" }, this.bar, this.mark), this.count, this.expected);
  }

  draw(cell, largest) {
    setHidden(this.node, !cell);
    if (!cell) return;
    const { words, look } = this.lab;
    const isRest = cell.token_id === undefined;
    setAttribute(this.node, "data-token-id", isRest ? "others" : cell.token_id);
    setAttribute(this.node, "data-observed", cell.observed);
    setAttribute(this.node, "data-expected", cell.expected);
    this.name.replaceChildren(isRest ? words.t("lab.others", { n: cell.n_tokens }) : tokenChip(look(cell.token_id),
      { "data-follow": cell.token_id }));
    this.bar.classList.toggle("is-others", isRest);
    this.bar.removeAttribute("style");
    (isRest ? cut : stretch)(this.bar, cell.observed / largest);
    this.mark.style.left = `${Math.min(100, (100 * cell.expected) / largest).toFixed(2)}%`;
    setText(this.count, words.number(cell.observed));
    setText(this.expected, words.t("lab.expected_n", { n: words.number(cell.expected, cell.expected < 10 ? 1 : 0) }));
  }
}
