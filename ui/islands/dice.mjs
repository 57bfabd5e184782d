// The draw: buttons, the strip on which the die falls (the inverse CDF, laid flat), and ten draws counted.
import { el, fillToken, sentence, setHidden, setText, tokenChip, tokenClasses } from "./dom.mjs";

const N_SEGMENTS = 10;

export class Dice {
  /** @param {{words: any, look: (id: number) => any, session: any, actions: any}} context */
  constructor({ words, look, session, actions }) {
    Object.assign(this, { words, look, session, actions });
    this.buttons = this.#buttons();
    const { draw, undo, redo, step, play, drawTen } = this.buttons;
    this.strip = new Strip(look);
    this.lead = el("span");
    this.landed = el("bdi", { class: "lb-token" });
    this.tail = el("span", { class: "lb-muted" });
    this.caption = el("p", { class: "lb-caption", "data-testid": "dice-caption" }, this.lead, this.landed, this.tail);
    this.tally = el("div", { class: "lb-tally", "data-testid": "tally" });
    this.node = el("section", { class: "lb-card lb-dice", "aria-label": words.t("dice_title") },
      el("div", { class: "lb-transport" }, draw, undo, redo), el("div", { class: "lb-transport is-second" }, step, play, drawTen), this.strip.node, this.caption, this.tally);
  }

  #buttons() {
    const { words, actions } = this;
    const button = (name, kind, level = 1) => el("button", {
      type: "button", class: `lb-button ${kind}`, "data-testid": name, "data-min-level": level, onclick: () => actions[name](),
    }, el("i", { class: `lb-icon icon-${name}`, "aria-hidden": "true" }), el("span", {}, words.t(`action.${name}`)));
    return {
      draw: button("draw", "is-primary"), undo: button("undo", ""), redo: button("redo", ""),
      step: button("step", "", 2), play: button("play", "", 2), drawTen: button("drawTen", "", 2),
    };
  }

  /** Which buttons can do something now. */
  drawButtons({ canDraw, isPlaying }) {
    const { session, words, buttons } = this;
    const { draw, undo, redo, step, play, drawTen } = buttons;
    for (const button of [draw, step, drawTen]) setDisabled(button, !canDraw || isPlaying);
    setDisabled(play, !canDraw && !isPlaying);
    setDisabled(undo, !session.canUndo);
    setDisabled(redo, !session.canRedo);
    setText(play.lastElementChild, words.t(isPlaying ? "action.pause" : "action.play"));
    play.setAttribute("aria-pressed", String(isPlaying));
  }

  /** @param {{outcome: any, record: any, tally: any, isExpert: boolean}} view record: the last draw, kept on the strip */
  draw({ outcome, record, tally, isExpert }) {
    const shown = record?.outcome ?? tally?.outcome ?? outcome;
    this.strip.draw(sharesOf(shown), record ? [record.u] : tally ? tally.us : []);
    setHidden(this.strip.node, shown.isGreedy);
    this.#drawCaption(shown, { record, tally, isExpert });
    if (this.drawn !== tally) this.#drawTally(tally);
    this.drawn = tally;
  }

  #drawCaption(shown, { record, tally, isExpert }) {
    const { words } = this;
    const key = shown.isGreedy ? "dice_greedy" : record ? "dice_landed" : tally ? "dice_ten" : "dice_idle";
    setText(this.lead, words.t(key, { place: record ? words.percent(record.u) : "" }));
    const look = record ? this.look(record.tokenId) : null;
    setHidden(this.landed, !look);
    if (look) {
      fillToken(this.landed, look.text);
      this.landed.className = `lb-token ${tokenClasses(look)}`;
    }
    const exact = record && isExpert && !shown.isGreedy;
    setText(this.tail, exact ? words.t("dice_exact", {
      u: words.number(record.u, 6), from: words.number(record.from, 6), to: words.number(record.to, 6), attempt: record.attempt,
    }) : "");
  }

  #drawTally(tally) {
    setHidden(this.tally, !tally);
    if (!tally) return;
    const { words } = this;
    const top = tally.law.ranked[0];
    const nTop = tally.counts.get(top) ?? 0;
    const rows = [...tally.counts].sort((a, b) => b[1] - a[1] || tally.law.rankOf(a[0]) - tally.law.rankOf(b[0]));
    this.tally.replaceChildren(
      sentence(words.t("tally", { n: nTop, total: tally.us.length, token: this.look(top).text, p: words.percent(tally.outcome.probability(top)) })),
      el("ul", {}, ...rows.map(([id, n]) => el("li", { "data-token-id": id, "data-count": n },
        tokenChip(this.look(id)), el("span", { class: "lb-dots", "aria-hidden": "true" }, "●".repeat(n)), el("b", {}, words.number(n))))));
  }
}

function setDisabled(button, disabled) {
  if (button.disabled !== disabled) button.disabled = disabled;
}

/** The first tokens of the ranking and what each holds of the strip. @returns {{id: number, share: number}[]} */
function sharesOf(outcome) {
  return [...outcome.law.ranked.subarray(0, N_SEGMENTS)].map((id) => ({ id, share: outcome.probability(id) }));
}

/** The surviving tokens end to end, most likely first; the rest, hatched, in one piece. */
export class Strip {
  /** @param {(id: number) => any} look */
  constructor(look) {
    this.look = look;
    this.segments = Array.from({ length: N_SEGMENTS + 1 }, () => {
      const name = el("bdi", { class: "lb-token" });
      return { name, id: -1, node: el("span", { class: "lb-segment" }, name) };
    });
    this.segments[N_SEGMENTS].node.classList.add("is-others");
    this.marks = el("span", { class: "lb-marks" });
    this.node = el("div", { class: "lb-strip", "data-testid": "strip", "aria-hidden": "true" },
      el("div", { class: "lb-segments" }, ...this.segments.map((each) => each.node)), this.marks);
  }

  /** @param {{id: number, share: number}[]} shares at most ten, most likely first @param {number[]} us where dice fell */
  draw(shares, us) {
    let from = 0;
    this.segments.forEach((segment, i) => {
      const isLast = i === N_SEGMENTS;
      const { id, share } = isLast ? { id: -1, share: 1 - from } : shares[i] ?? { id: -1, share: 0 };
      place(segment.node, from, share);
      if (id !== -1) this.#name(segment, id, share);
      from += share;
    });
    this.#mark(us);
  }

  #name(segment, id, share) {
    setHidden(segment.name, share < 0.07);
    if (segment.id === id) return;
    segment.id = id;
    fillToken(segment.name, this.look(id).text);
  }

  #mark(us) {
    const key = us.join();
    if (this.key === key) return;
    this.key = key;
    this.marks.replaceChildren(...us.map((u) => {
      const mark = el("i", { "data-u": u });
      mark.style.left = `${(u * 100).toFixed(3)}%`;
      return mark;
    }));
    this.marks.classList.toggle("is-many", us.length > 1);
  }
}

function place(node, from, share) {
  const transform = `${(from * 100).toFixed(3)}%`;
  const width = `${(Math.max(0, share) * 100).toFixed(3)}%`;
  if (node.style.left !== transform) node.style.left = transform;
  if (node.style.width !== width) node.style.width = width;
}
