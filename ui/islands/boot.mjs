// From an empty root to a model that answers: stylesheet, theme, words, then the wait for the weights.
import { loadPreference } from "../core/store.mjs";
import { el } from "./dom.mjs";

const POLL_MS = 300;
const RETRY_MS = 2000;

/** @param {any} page @returns {Promise<null | {model: any, vocab: any, frenchModels: any[]}>} null: taken down, or no model */
export async function boot(page) {
  followTheme(page);
  await stylesheet();
  await persist(page, () => page.speak(startLanguage(page.query)));
  if (page.gone.signal.aborted) return null;
  showSkeleton(page, page.words.t("loading"));
  for (;;) {
    const answer = await persist(page, () => page.api.models());
    if (page.gone.signal.aborted) return null;
    if (answer.status === "failed") return showFailure(page, answer.error);
    if (answer.status === "ready") return open(page, answer);
    await pause(POLL_MS);
  }
}

async function open(page, { models, default: id, french_models: frenchModels }) {
  const model = models.find((each) => each.id === id) ?? models[0];
  const vocab = await persist(page, () => page.api.vocab(model.id));
  return { model, vocab, frenchModels: frenchModels ?? [] };
}

/** The server may be restarting: keep asking until it answers or the page goes away. */
async function persist(page, action) {
  while (!page.gone.signal.aborted) {
    try {
      return await action();
    } catch (error) {
      if (page.words) showSkeleton(page, page.words.sentence(error));
      await pause(RETRY_MS);
    }
  }
  return null;
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function showSkeleton(page, sentence) {
  const rows = Array.from({ length: 10 }, () => el("i", { class: "lb-ghost" }));
  page.root.replaceChildren(el("div", { class: "lb-boot", "data-testid": "loading" },
    el("p", { class: "lb-brand" }, el("i", { "aria-hidden": "true" }), "Logitbox"),
    el("p", { role: "status" }, sentence), el("div", { "aria-hidden": "true" }, ...rows)));
}

function showFailure(page, error) {
  page.root.setAttribute("aria-busy", "false");
  page.root.replaceChildren(el("div", { class: "lb-boot is-failed", "data-testid": "load-failed" },
    el("p", { class: "lb-brand" }, el("i", { "aria-hidden": "true" }), "Logitbox"),
    el("p", { role: "alert", class: "lb-problem" }, page.words.sentence(error ?? {})), el("p", {}, page.words.t("failed_do"))));
  return null;
}

/** ?lang=, then the choice kept on this machine, then the browser's language. */
function startLanguage(query) {
  const asked = query.get("lang") ?? loadPreference("lang") ?? navigator.language;
  return String(asked).toLowerCase().startsWith("fr") ? "fr" : "en";
}

/** ?__theme=, then the kept choice, then the system's, followed live. */
function followTheme(page) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const asked = page.query.get("__theme") ?? loadPreference("theme");
  const isSet = asked === "dark" || asked === "light";
  page.setTheme(isSet ? asked : system.matches ? "dark" : "light");
  const follow = () => loadPreference("theme") ?? page.setTheme(system.matches ? "dark" : "light");
  if (!isSet) system.addEventListener("change", follow, { signal: page.gone.signal });
}

function stylesheet() {
  const href = new URL("./next_token.css", import.meta.url).href;
  if (document.querySelector(`link[href="${href}"]`)) return Promise.resolve();
  return new Promise((resolve) => {
    const link = el("link", { rel: "stylesheet", href, onload: resolve, onerror: resolve }); // unstyled beats absent
    document.head.append(link);
  });
}
