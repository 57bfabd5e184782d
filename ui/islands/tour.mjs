// The tour: five minutes, eight moments; predict in two clicks, see, one sentence. Never modal, left and resumed at will.
import { loadPreference, savePreference } from "../core/store.mjs";
import { el, setAttribute, setHidden, setText } from "./dom.mjs";
import { MOMENTS } from "./moments.mjs";

export class Tour {
  constructor(page) {
    this.page = page;
    const { words } = page;
    this.at = -1;
    this.title = el("h2", { tabindex: "-1", id: "lb-tour-title" });
    this.count = el("span", { class: "lb-over" });
    this.question = el("p", { class: "lb-question" });
    this.choices = el("div", { class: "lb-tourchoices", role: "group", "aria-labelledby": "lb-tour-title" });
    this.see = el("button", { type: "button", class: "lb-button is-primary", "data-testid": "tour-see", onclick: () => this.#act() });
    this.told = el("p", { class: "lb-told", role: "status", "data-testid": "tour-told" });
    const button = (name, act, kind = "lb-quiet") => el("button", { type: "button", class: kind, "data-testid": `tour-${name}`, onclick: act }, words.t(`tour.${name}`));
    this.next = button("next", () => this.go(this.at + 1), "lb-button is-primary");
    this.back = button("back", () => this.go(this.at - 1));
    this.skip = button("skip", () => this.go(this.at + 1));
    this.leave = button("leave", () => this.close(true));
    this.node = el("section", { class: "lb-tour", "data-testid": "tour", "aria-labelledby": "lb-tour-title", hidden: true,
      onkeydown: (event) => event.key === "Escape" && this.close(true) },
      el("div", { class: "lb-tourhead" }, this.count, el("span", { class: "lb-tourdots", "aria-hidden": "true" }, ...MOMENTS.map(() => el("i"))), this.back, this.skip, this.leave),
      this.title, this.question, el("div", { class: "lb-tourline" }, this.choices, this.see), el("div", { class: "lb-tourline" }, this.told, this.next));
  }

  get moment() {
    return MOMENTS[this.at];
  }

  open() {
    this.go(loadPreference("tour", 0) ?? 0);
  }

  /** Moment i, from its beginning; past the last one the tour ends on the ladder. */
  async go(i) {
    if (i >= MOMENTS.length) return this.#finish();
    this.at = Math.max(0, i);
    this.state = { choice: 0, acted: false, told: false };
    savePreference("tour", this.at);
    this.#write();
    setHidden(this.node, false);
    this.#veil(this.moment.veil ?? "");
    const { page, moment } = this;
    page.actions.setSettings({});
    if (page.level < moment.level) page.actions.setLevel(moment.level);
    page.drawButtons();
    this.title.focus({ preventScroll: true });
    this.node.scrollIntoView({ block: "nearest" });
    await moment.open(page);
  }

  #write() {
    const { page: { words }, moment } = this;
    const key = `tour.${moment.id}`;
    setText(this.count, words.t("tour.count", { i: this.at + 1, total: MOMENTS.length }));
    [...this.node.querySelectorAll(".lb-tourdots i")].forEach((dot, i) => dot.classList.toggle("is-done", i <= this.at));
    setText(this.title, words.t(`${key}.title`));
    setText(this.question, words.t(`${key}.question`));
    const choices = [1, 2, 3].filter((i) => words.has(`${key}.choice_${i}`));
    this.choices.replaceChildren(...choices.map((i) => el("button", { type: "button", class: "lb-chip", "data-testid": `tour-choice-${i}`, "aria-pressed": "false",
      onclick: () => this.#choose(i) }, words.t(`${key}.choice_${i}`))));
    setText(this.see, words.t(`${key}.see`));
    setText(this.told, "");
    setText(this.next, words.t(this.at === MOMENTS.length - 1 ? "tour.last" : "tour.next"));
    setHidden(this.back, this.at === 0);
    this.#stage();
  }

  #choose(choice) {
    if (this.state.told) return;
    this.state.choice = choice;
    [...this.choices.children].forEach((button, i) => setAttribute(button, "aria-pressed", String(i + 1 === choice)));
    this.#stage();
    this.see.focus({ preventScroll: true });
    this.notice();
  }

  /** Which buttons this stage of the moment shows; the control in question pulses until it has been used. */
  #stage() {
    const { choice, told, acted } = this.state;
    setHidden(this.see, choice === 0 || told || acted);
    setHidden(this.next, !told);
    setHidden(this.told, !told);
    setHidden(this.skip, told);
    this.#pulse(choice > 0 && !told ? this.moment.target : null);
  }

  #pulse(target) {
    const { root } = this.page;
    for (const node of root.querySelectorAll(".is-pulsing")) node.classList.remove("is-pulsing");
    if (target) root.querySelector(`[data-testid="${target}"]`)?.classList.add("is-pulsing");
  }

  /** A veil hides the answer until the learner has guessed; it is lifted when they leave. */
  #veil(part) {
    setAttribute(this.page.root, "data-veil", part || null);
  }

  async #act() {
    const { state, moment, page } = this;
    state.acting = true;
    this.#veil("");
    setHidden(this.see, true);
    await moment.act(page, state);
    Object.assign(state, { acted: true, acting: false });
    if (state === this.state) this.notice();
  }

  /** Something changed on the page: has the moment happened? */
  notice() {
    if (this.at < 0 || this.node.hidden || !this.state?.choice || this.state.told || this.state.acting) return;
    const { page, moment, state } = this;
    if (page.session.status === "busy" || !page.session.law) return;
    const values = moment.done(page, state);
    if (values) this.#tell(values);
  }

  #tell(values) {
    const { page: { words }, moment, state } = this;
    state.told = true;
    const verdict = words.t(state.choice === moment.right ? "tour.right" : "tour.surprise");
    setText(this.told, `${verdict} ${words.t(`tour.${moment.id}.told`, values)}`);
    this.choices.children[moment.right - 1].classList.add("is-true");
    this.#stage();
    this.next.focus({ preventScroll: true });
  }

  async #finish() {
    this.close();
    savePreference("tour", 0);
    this.page.drawButtons();
    const { page } = this;
    await page.actions.loadPreset(page.presets.groups.flatMap((group) => group.presets).find((preset) => preset.id === "ladder"));
    page.root.querySelector('[data-testid="ladder-more"]')?.focus();
  }

  /** Leave; the place is kept. */
  close(refocus = false) {
    if (this.at < 0) return;
    this.at = -1;
    setHidden(this.node, true);
    this.#veil("");
    this.#pulse(null);
    this.page.drawButtons();
    if (refocus) this.page.header.tour.focus();
  }
}
