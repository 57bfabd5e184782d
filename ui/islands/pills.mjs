// The text as the model sees it: one pill per token, then what was added, then what Undo took back, faded.
import { el, roving, setHidden, setText, tokenChip } from "./dom.mjs";

const N_SHOWN = 240; // the last ones; the context still holds them all

export class Pills {
  /** @param {{words: any, look: (id: number) => any, session: any, isExpert: () => boolean}} context */
  constructor({ words, look, session, isExpert }) {
    Object.assign(this, { words, look, session, isExpert });
    this.list = el("ol", { class: "lb-pills", "data-testid": "pills", "aria-label": words.t("pills_label") });
    this.settleFocus = roving(this.list, () => [...this.list.querySelectorAll("button")], { horizontal: true });
    this.info = el("p", { class: "lb-info", "data-testid": "pill-info" });
    this.aside = el("div", { class: "lb-aside", "data-testid": "aside" });
    this.node = el("div", { class: "lb-pillbox" }, this.list, this.info, this.aside);
    const tell = (event) => this.#tell(event.target.closest?.("button"));
    this.list.addEventListener("pointerover", tell);
    this.list.addEventListener("focusin", tell);
    this.list.addEventListener("pointerleave", () => this.#tell(null));
    this.list.addEventListener("focusout", () => this.#tell(null));
  }

  draw() {
    const { draft } = this.session;
    const kinds = templateKinds(draft, (id) => this.look(id));
    const entries = [
      ...draft.promptIds.map((tokenId, i) => ({ tokenId, part: kinds?.[i] ?? "prompt" })),
      ...draft.appended.map((entry, i) => ({ ...entry, part: "appended", goTo: i + 1 })),
      ...draft.future.map((entry, i) => ({ ...entry, part: "future", goTo: draft.appended.length + i + 1 })),
    ];
    this.entries = entries;
    const from = Math.max(0, entries.length - N_SHOWN);
    this.list.replaceChildren(...(from > 0 ? [el("li", { class: "lb-earlier" }, this.words.t("earlier_tokens", { n: from }))] : []),
      ...entries.slice(from).map((entry, i) => this.#pill(entry, from + i)));
    this.settleFocus();
    this.#tell(null);
    this.#drawAside();
    this.#showEnd(draft);
  }

  /** The last token that counts stays in sight, without moving the page. */
  #showEnd(draft) {
    const last = [...this.list.children].at(-1 - draft.future.length);
    if (last) this.list.scrollTop = last.offsetTop - this.list.clientHeight / 2;
  }

  #pill(entry, index) {
    const look = this.look(entry.tokenId);
    const button = el("button", {
      type: "button", class: `lb-pill is-${entry.part} ${entry.how ? `by-${entry.how}` : ""}`, tabindex: "-1",
      "data-index": index, "data-token-id": entry.tokenId, "data-part": entry.part,
      "aria-label": this.words.t(`pill_${entry.part}`, { token: look.spoken, i: index + 1 }),
      onclick: () => this.#press(entry),
    }, tokenChip(look));
    return el("li", { class: look.text.includes("↵") && entry.part !== "template" ? "breaks" : null }, button);
  }

  #press(entry) {
    if (entry.goTo !== undefined) this.session.rewind(entry.goTo);
  }

  #tell(button) {
    const { words, session } = this;
    const nAdded = session.draft.appended.length;
    const entry = button ? this.entries[Number(button.dataset.index)] : null;
    const text = entry ? this.#describe(entry, Number(button.dataset.index))
      : `${words.t("n_tokens", { n: session.draft.promptIds.length })}${nAdded ? ` + ${words.t("n_added", { n: nAdded })}` : ""}`;
    setText(this.info, text);
  }

  #describe(entry, index) {
    const { words } = this;
    const look = this.look(entry.tokenId);
    const parts = [words.t("token_i", { i: index + 1 })];
    if (look.isPartial) parts.push(words.t("partial"));
    if (look.isSpecial) parts.push(words.t(look.isEnd ? "end_token" : "special"));
    if (this.isExpert()) parts.push(`id ${entry.tokenId}`, `${words.t("bytes")} ${look.hex}`);
    if (entry.p !== undefined) parts.push(words.t(`chosen_${entry.how}`, { p: words.percent(entry.p), rank: entry.rank }));
    if (this.isExpert() && typeof entry.u === "number") parts.push(`u = ${words.number(entry.u, 4)}`);
    if (this.isExpert() && entry.p !== undefined) parts.push(words.t("surprise_bits", { bits: words.number(-Math.log2(entry.p), 2) }));
    return parts.join(" · ");
  }

  #drawAside() {
    const { aside } = this.session.draft;
    setHidden(this.aside, aside.length === 0);
    this.aside.replaceChildren(el("span", {}, this.words.t("aside")), ...aside.map((entries, i) =>
      el("button", { type: "button", class: "lb-chip", onclick: () => this.session.exchange(i), "aria-label": this.words.t("aside_restore", { n: i + 1 }) },
        ...entries.slice(0, 6).map((entry) => tokenChip(this.look(entry.tokenId))), entries.length > 6 ? "…" : null)));
  }
}

/** Which tokens are the chat template's: walk the segments by their length in bytes. Null in a plain text. */
export function templateKinds({ segments, promptIds }, look) {
  if (!segments) return null;
  const encoder = new TextEncoder();
  const ends = [];
  let end = 0;
  for (const segment of segments) ends.push({ end: (end += encoder.encode(segment.text).length), kind: segment.kind });
  let at = 0;
  return promptIds.map((id) => {
    const { kind } = ends.find((each) => at < each.end) ?? { kind: "template" };
    const { hex } = look(id);
    at += hex === "" ? 0 : (hex.length + 1) / 3;
    return kind === "content" ? "prompt" : "template";
  });
}
