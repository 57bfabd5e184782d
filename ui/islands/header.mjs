// The top of every page: the way to the others, its name, and the choices that stay: level, language, light or dark.
import { el, setAttribute, setHidden, setText } from "./dom.mjs";

export const LEVELS = [1, 2, 3];
/** As ui/pages/__init__.py orders them: the page's name, the key of its title, that of its lede. */
export const PAGES = [["next_token", "title", "lede"], ["sampler_lab", "lab.title", "lab.lede"]];

export class Header {
  /** @param {{words: any, actions: any, page: string}} context page: the one in view */
  constructor({ words, actions, page }) {
    this.words = words;
    const [, title, lede] = PAGES.find(([name]) => name === page);
    this.levels = LEVELS.map((level) => el("button", { type: "button", "data-testid": `level-${level}`, "data-level": level,
      onclick: () => actions.setLevel(level) }, words.t(`level.${level}`)));
    this.languages = ["fr", "en"].map((lang) => el("button", { type: "button", lang, "data-testid": `lang-${lang}`,
      "aria-label": { fr: "Français", en: "English" }[lang], "aria-pressed": String(lang === words.locale),
        onclick: () => actions.setLanguage(lang) }, lang.toUpperCase()));
    this.theme = el("button", { type: "button", class: "lb-round icon-theme", "data-testid": "theme-switch", "aria-label": words.t("theme"),
      title: words.t("theme"),
      onclick: () => actions.toggleTheme() });
    this.tour = el("button", { type: "button", class: "lb-quiet", "data-testid": "tour-button", hidden: !actions.startTour,
      onclick: () => actions.startTour() }, words.t("tour.open"));
    this.invitation = el("aside", { class: "lb-invite", "data-testid": "invitation" },
      el("p", {}, el("b", {}, words.t("invite_title")), " ", words.t("invite")),
      el("button", { type: "button", class: "lb-quiet", onclick: () => actions.startTour() }, words.t("tour.open")));
    this.node = el("header", { class: "lb-header" },
      el("div", { class: "lb-masthead" }, el("p", { class: "lb-brand" }, el("i", { "aria-hidden": "true" }), "Logitbox"), navigation(words, page)),
      el("div", { class: "lb-title" }, el("h1", {}, words.t(title)), el("p", { class: "lb-lede" }, words.t(lede))),
      el("div", { class: "lb-choices" }, this.tour,
        el("div", { class: "lb-switch", role: "group", "aria-label": words.t("level.label"), "data-testid": "level-switch" }, ...this.levels),
        el("div", { class: "lb-switch is-small", role: "group", "aria-label": words.t("language"), "data-testid": "lang-switch" }, ...this.languages),
        this.theme));
  }

  /** @param {{level: number, tourAt: number | null}} view */
  draw({ level, tourAt }) {
    setHidden(this.invitation, level > 1 || tourAt !== null);
    for (const button of this.levels) setAttribute(button, "aria-pressed", String(Number(button.dataset.level) === level));
    setText(this.tour, tourAt ? this.words.t("tour.resume", { i: tourAt + 1 }) : this.words.t("tour.open"));
  }
}

/** Plain links: the address is the state, so that the browser's own back button works. */
function navigation(words, page) {
  return el("nav", { class: "lb-nav", "data-testid": "nav", "aria-label": words.t("nav.label") }, ...PAGES.map(([name, title]) => {
    const hash = `#/${name.replaceAll("_", "-")}`;
    return el("a", { href: hash, "data-testid": `nav-${name}`, "aria-current": name === page ? "page" : null,
      onclick: (event) => go(event, hash) }, words.t(title));
  }));
}

/** The host's <base> would resolve "#/x" against another address and load the document anew: the text would be lost. */
function go(event, hash) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  location.hash = hash;
}
