// The temperature lesson in one picture: the model's law at five temperatures, one strip each, with bands that show how
// a token's share grows or shrinks from strip to strip; everything below the first tokens is the hatched tail.
import { temperatureRow } from "../core/sampling.mjs";
import { el, fillToken, setAttribute, setText, tokenChip } from "./dom.mjs";

export const TEMPERATURES = [0.25, 0.5, 1, 1.5, 2];
const N_TOKENS = 6;
const SVG = "http://www.w3.org/2000/svg";

export class Temperatures {
  /** @param {any} lab */
  constructor(lab) {
    this.lab = lab;
    const { words } = lab;
    this.strips = TEMPERATURES.map((temperature) => new TemperatureStrip(lab, temperature));
    this.bands = TEMPERATURES.slice(1).map(() => new Band());
    const picture = this.strips.flatMap((strip, i) => (i === 0 ? [strip.node] : [this.bands[i - 1].node, strip.node]));
    this.body = el("tbody");
    this.head = el("tr");
    this.node = el("details", { class: "lb-card lb-temps", "data-testid": "temperatures", open: !matchMedia("(max-width: 600px)").matches,
      ontoggle: () => lab.redrawSoon() },
      el("summary", {}, el("h2", {}, words.t("lab.temps_title")), el("span", { class: "lb-muted" }, words.t("lab.temps_lede"))),
      el("div", { class: "lb-tempspicture", "aria-hidden": "true" }, ...picture),
      el("div", { class: "lb-tablebox", tabindex: "0", role: "group", "aria-label": words.t("lab.temps_title") },
        el("table", { class: "lb-table" }, el("caption", {}, words.t("lab.temps_caption", { n: lab.vocab.size })),
        el("thead", {}, this.head), this.body)));
  }

  draw({ law }) {
    if (!this.node.open || !law || this.law === law) return;
    this.law = law;
    const rows = TEMPERATURES.map((temperature) => temperatureRow(law, temperature, N_TOKENS));
    rows.forEach((row, i) => this.strips[i].draw(row));
    rows.slice(1).forEach((row, i) => this.bands[i].draw(rows[i], row));
    this.#table(rows);
  }

  #table(rows) {
    const { words, look } = this.lab;
    const isExpert = (cells) => cells.map((cell) => (setAttribute(cell, "data-min-level", 3), this.lab.levelOf(cell), cell));
    this.head.replaceChildren(el("th", { scope: "col" }, words.t("sampler.temperature")),
      ...rows[0].top.map(({ tokenId }) => el("th", { scope: "col" }, tokenChip(look(tokenId), { "data-follow": tokenId }))),
      el("th", { scope: "col" }, words.t("lab.tail")), ...isExpert([el("th", { scope: "col" }, "bits")]));
    this.body.replaceChildren(...rows.map((row, i) => el("tr", { "data-temperature": TEMPERATURES[i] },
      el("th", { scope: "row" }, words.number(TEMPERATURES[i], 2)),
      ...row.top.map(({ p }) => el("td", { "data-p": p }, words.percent(p))), el("td", { "data-tail": row.tail }, words.percent(row.tail)),
        ...isExpert([el("td", {}, words.number(row.entropyBits, 2))]))));
  }
}

class TemperatureStrip {
  constructor({ words, look }, temperature) {
    this.look = look;
    this.words = words;
    this.segments = Array.from({ length: N_TOKENS }, () => {
      const name = el("bdi", { class: "lb-token" });
      return { name, node: el("span", { class: "lb-segment" }, name), id: -1 };
    });
    this.tailText = el("span", { class: "lb-tailtext" });
    this.tail = el("span", { class: "lb-segment is-others" }, this.tailText);
    this.node = el("div", { class: `lb-tempstrip ${temperature === 1 ? "is-one" : ""}` },
      el("span", { class: "lb-temp" }, `T = ${words.number(temperature, Number.isInteger(temperature) ? 0 : temperature === 0.25 ? 2 : 1)}`),
      el("div", { class: "lb-segments" }, ...this.segments.map(({ node }) => node), this.tail));
  }

  draw({ top, tail }) {
    let from = 0;
    this.segments.forEach((segment, i) => {
      const { tokenId, p } = top[i] ?? { tokenId: -1, p: 0 };
      lay(segment.node, from, p);
      segment.name.hidden = p < 0.05;
      if (tokenId >= 0) fillToken(segment.name, this.look(tokenId).text);
      from += p;
    });
    lay(this.tail, from, 1 - from);
    setText(this.tailText, tail >= 0.08 ? this.words.percent(tail) : "");
  }
}

function lay(node, from, share) {
  node.style.left = `${(from * 100).toFixed(3)}%`;
  node.style.width = `${(Math.max(0, share) * 100).toFixed(3)}%`;
}

/** Between two strips: each token's share above, joined to its share below. */
class Band {
  constructor() {
    this.shapes = Array.from({ length: N_TOKENS + 1 }, (_, i) => {
      const shape = document.createElementNS(SVG, "polygon");
      shape.setAttribute("class", i === N_TOKENS ? "is-tail" : i % 2 ? "is-odd" : "is-even");
      return shape;
    });
    this.node = document.createElementNS(SVG, "svg");
    this.node.setAttribute("class", "lb-band");
    this.node.setAttribute("viewBox", "0 0 1000 10");
    this.node.setAttribute("preserveAspectRatio", "none");
    this.node.append(...this.shapes);
  }

  draw(above, below) {
    let a = 0, b = 0;
    this.shapes.forEach((shape, i) => {
      const [nextA, nextB] = i < N_TOKENS ? [a + (above.top[i]?.p ?? 0), b + (below.top[i]?.p ?? 0)] : [1, 1];
      shape.setAttribute("points", `${1000 * a},0 ${1000 * nextA},0 ${1000 * nextB},10 ${1000 * b},10`);
      [a, b] = [nextA, nextB];
    });
  }
}
