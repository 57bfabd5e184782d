// From an empty root to a model that answers: stylesheet, theme, words, then the wait for the weights.
import { loadPreference } from "../core/store.mjs";
import { el } from "./dom.mjs";

const POLL_MS = 300;
const RETRY_MS = 2000;
const STYLES = ["next_token", "sampler_lab"];

/** @param {import("./tab.mjs").Tab} tab @returns {Promise<null | {model: any, vocab: any, frenchModels: any[]}>} null: taken down, or no model */
export async function boot(tab) {
  followTheme(tab);
  await stylesheets();
  await persist(tab, () => tab.speak(startLanguage(tab.query)));
  if (tab.gone.signal.aborted) return null;
  showSkeleton(tab, tab.words.t("loading"));
  for (;;) {
    const answer = await persist(tab, () => tab.api.models());
    if (tab.gone.signal.aborted) return null;
    if (answer.status === "failed") return showFailure(tab, answer.error);
    if (answer.status === "ready") return open(tab, answer);
    await pause(POLL_MS);
  }
}

async function open(tab, { models, default: id, french_models: frenchModels }) {
  const model = models.find((each) => each.id === id) ?? models[0];
  const vocab = await persist(tab, () => tab.api.vocab(model.id));
  return { model, vocab, frenchModels: frenchModels ?? [] };
}

/** The server may be restarting: keep asking until it answers or the page goes away. */
export async function persist(tab, action) {
  while (!tab.gone.signal.aborted) {
    try {
      return await action();
    } catch (error) {
      if (tab.words) showSkeleton(tab, tab.words.sentence(error));
      await pause(RETRY_MS);
    }
  }
  return null;
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** In the page that will be shown, and in no other. */
function stage(tab) {
  return tab.roots.find((root) => !root.hidden) ?? tab.roots[0];
}

export function showSkeleton(tab, sentence) {
  const rows = Array.from({ length: 10 }, () => el("i", { class: "lb-ghost" }));
  stage(tab)?.replaceChildren(el("div", { class: "lb-boot", "data-testid": "loading" },
    el("p", { class: "lb-brand" }, el("i", { "aria-hidden": "true" }), "Logitbox"),
    el("p", { role: "status" }, sentence), el("div", { "aria-hidden": "true" }, ...rows)));
}

function showFailure(tab, error) {
  const root = stage(tab);
  root.setAttribute("aria-busy", "false");
  root.replaceChildren(el("div", { class: "lb-boot is-failed", "data-testid": "load-failed" },
    el("p", { class: "lb-brand" }, el("i", { "aria-hidden": "true" }), "Logitbox"),
    el("p", { role: "alert", class: "lb-problem" }, tab.words.sentence(error ?? {})), el("p", {}, tab.words.t("failed_do"))));
  return null;
}

/** ?lang=, then the choice kept on this machine, then the browser's language. */
function startLanguage(query) {
  const asked = query.get("lang") ?? loadPreference("lang") ?? navigator.language;
  return String(asked).toLowerCase().startsWith("fr") ? "fr" : "en";
}

/** ?__theme=, then the kept choice, then the system's, followed live. */
function followTheme(tab) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const asked = tab.query.get("__theme") ?? loadPreference("theme");
  const isSet = asked === "dark" || asked === "light";
  tab.setTheme(isSet ? asked : system.matches ? "dark" : "light");
  const follow = () => loadPreference("theme") ?? tab.setTheme(system.matches ? "dark" : "light");
  if (!isSet) system.addEventListener("change", follow, { signal: tab.gone.signal });
}

function stylesheets() {
  return Promise.all(STYLES.map((name) => stylesheet(new URL(`./${name}.css`, import.meta.url).href)));
}

function stylesheet(href) {
  if (document.querySelector(`link[href="${href}"]`)) return Promise.resolve();
  return new Promise((resolve) => {
    const link = el("link", { rel: "stylesheet", href, onload: resolve, onerror: resolve }); // unstyled beats absent
    document.head.append(link);
  });
}
