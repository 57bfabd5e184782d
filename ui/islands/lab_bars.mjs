// A small law: the first tokens and the rest, as they stand somewhere in the chain. Rows are pooled.
import { el, fillToken, roving, setAttribute, setHidden, setText, tokenClasses } from "./dom.mjs";

export const N_MINI = 8;

export class MiniBars {
  /** @param {{words: any, look: (id: number) => any}} context @param {string} label for the ear */
  constructor({ words, look }, label) {
    Object.assign(this, { words, look });
    this.list = el("ol", { class: "lb-minis", "aria-label": label });
    this.rows = Array.from({ length: N_MINI }, () => new Mini(this));
    this.list.append(...this.rows.map((row) => row.item));
    this.others = el("span", { class: "lb-minibar is-others" });
    this.othersName = el("span", { class: "lb-mininame" });
    this.othersFigure = el("span", { class: "lb-minifigure" });
    this.rest = el("div", { class: "lb-mini is-rest", "data-testid": "mini-others" }, this.othersName,
      el("span", { class: "lb-minitrack" }, this.others), this.othersFigure);
    this.settleFocus = roving(this.list, () => this.rows.filter((row) => !row.item.hidden).map((row) => row.button));
    this.node = el("div", { class: "lb-minibox" }, this.list, this.rest);
  }

  /** @param {{top: {tokenId: number, p: number}[], n: number}} law @param {number} scale p at the end of the track @param {number | null} followed */
  draw({ top, n }, scale, followed) {
    const shown = top.slice(0, N_MINI);
    this.rows.forEach((row, i) => row.draw(shown[i], scale, followed));
    const nRest = n - shown.length;
    const rest = Math.max(0, 1 - shown.reduce((sum, bar) => sum + bar.p, 0));
    setHidden(this.rest, nRest === 0);
    if (nRest > 0) this.#drawRest(nRest, rest, scale, followed !== null && !shown.some((bar) => bar.tokenId === followed));
    this.settleFocus();
  }

  #drawRest(n, p, scale, mayHold) {
    const { words } = this;
    setText(this.othersName, words.t("lab.others", { n }));
    setText(this.othersFigure, words.percent(p));
    setAttribute(this.rest, "data-p", p);
    cut(this.others, p / scale);
    this.rest.classList.toggle("may-hold", mayHold);
  }
}

export function cut(node, share) {
  const clip = `inset(0px ${(100 - Math.min(1, share) * 100).toFixed(2)}% 0px 0px)`;
  if (node.style.clipPath !== clip) node.style.clipPath = clip;
}

export function stretch(node, share) {
  const transform = `scaleX(${Math.min(1, share).toFixed(4)})`;
  if (node.style.transform !== transform) node.style.transform = transform;
}

class Mini {
  constructor(bars) {
    this.bars = bars;
    this.id = -1;
    this.token = el("bdi", { class: "lb-token" });
    this.bar = el("span", { class: "lb-minibar" });
    this.figure = el("span", { class: "lb-minifigure" });
    this.button = el("button", { type: "button", class: "lb-mini", tabindex: "-1", "data-testid": "mini-row" },
      el("span", { class: "lb-mininame" }, this.token), el("span", { class: "lb-minitrack" }, this.bar), this.figure);
    this.item = el("li", {}, this.button);
  }

  draw(bar, scale, followed) {
    setHidden(this.item, !bar);
    if (!bar) return;
    const { words, look } = this.bars;
    if (bar.tokenId !== this.id) this.#show(bar.tokenId);
    const text = words.percent(bar.p);
    if (text !== this.figure.textContent) {
      this.figure.textContent = text;
      setAttribute(this.button, "aria-label", `${look(bar.tokenId).spoken}, ${text}`);
    }
    setAttribute(this.button, "data-p", bar.p);
    stretch(this.bar, bar.p / scale);
    const isFollowed = bar.tokenId === followed;
    this.button.classList.toggle("is-followed", isFollowed);
  }

  #show(id) {
    this.id = id;
    const look = this.bars.look(id);
    fillToken(this.token, look.text);
    this.token.className = `lb-token ${tokenClasses(look)}`;
    setAttribute(this.button, "data-follow", id);
    this.figure.textContent = "";
  }
}
