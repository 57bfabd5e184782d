// The eight moments of the tour. Each: `open` prepares the page, `act` shows what the learner was asked to predict,
// `done` gives the figures of its sentence once it has happened on the page, whoever made it happen.
import { NEUTRAL, runChain } from "../core/sampling.mjs";

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const pace = () => (matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 900);

function presetText(page, id) {
  return page.presets.groups.flatMap((group) => group.presets).find((preset) => preset.id === id);
}

function load(page, id) {
  return page.actions.loadPreset(presetText(page, id));
}

function chance(page, text) {
  const [id] = page.vocab.search(text, 1);
  return page.words.percent(page.session.law.probability(id));
}

/** @typedef {{id: string, level: number, right: number, veil?: "bars" | "pills", target: string,
 *             open: (page: any) => Promise<void>, act: (page: any) => Promise<void>,
 *             done: (page: any, state: any) => null | Object<string, unknown>}} Moment
 *  right: which of the choices, from 1, turns out true */

/** @type {Moment[]} */
export const MOMENTS = [
  { id: "law", level: 1, right: 2, veil: "bars", target: "bars",
    open: (page) => load(page, "france"), act: async () => {},
    done: (page, { acted }) => acted && { p: chance(page, " Paris"), n: page.vocab.size - 1 } },

  { id: "draw", level: 1, right: 2, target: "draw",
    open: (page) => load(page, "france"), act: (page) => page.actions.drawTen(),
    done: ({ view: { tally }, session }) => tally && tally.law === session.law && { count: tally.counts.get(tally.law.ranked[0]) ?? 0, total: tally.us.length } },

  { id: "loop", level: 1, right: 2, target: "bars",
    open: (page) => load(page, "revolution"), act: async (page) => { await pickFirst(page); await pause(pace()); await pickFirst(page); },
    done: ({ session, words }) => {
      const [first, second] = session.draft.appended;
      return second ? { p1: words.percent(first.p), p2: words.percent(second.p) } : null;
    } },

  { id: "future", level: 1, right: 1, target: "bars",
    open: (page) => load(page, "little"),
    act: async (page) => { await page.actions.pick(page.session.law.ranked[1]); await pause(2 * pace()); await page.actions.undo(); },
    done: ({ session: { draft, status }, look }) => status === "ready" && draft.appended.length === 0 && draft.future.length > 0
      && { token: look(draft.future[0].tokenId).text } },

  { id: "temperature", level: 2, right: 2, target: "temperature",
    open: (page) => load(page, "little"), act: warm,
    done: ({ outcome, session: { law }, words, view }) => view.settings.temperature >= 1.45 && outcome?.law === law && outcome.temperature >= 1.45
      && { p: words.percent(law.probability(law.ranked[0])), after: words.percent(outcome.probability(law.ranked[0])) } },

  { id: "nucleus", level: 2, right: 2, target: "top_p",
    open: (page) => load(page, "once"),
    act: async (page, state) => {
      const counts = [];
      for (const id of ["once", "france", "cat"]) counts.push(runChain(await page.peek(presetText(page, id).text), { ...NEUTRAL, top_p: 0.9 }).nSurvivors);
      await load(page, "cat");
      page.actions.setSettings({ ...NEUTRAL, top_p: 0.9 });
      state.counts = counts;
    },
    done: (_, { counts }) => counts && { a: counts[0], b: counts[1], c: counts[2] } },

  { id: "pieces", level: 1, right: 3, veil: "pills", target: "pills",
    open: (page) => page.actions.setText("Bonjour 🐱", { mode: "continue", source: "preset", force: true }), act: async () => {},
    done: ({ session }, { acted }) => acted && { count: session.draft.promptIds.length } },

  { id: "truth", level: 1, right: 1, veil: "bars", target: "bars",
    open: (page) => load(page, "australia"), act: async () => {},
    done: (page, { acted }) => acted && { p1: chance(page, " Canberra"), p2: chance(page, " Sydney") } },
];

function pickFirst({ actions, session }) {
  return actions.pick(session.law.ranked[0]);
}

/** Temperature from 1 to 1.5 in small steps, as a hand would move it. */
async function warm({ actions }) {
  const nSteps = pace() === 0 ? 1 : 25;
  for (let i = 1; i <= nSteps; i++) {
    actions.setSettings({ ...NEUTRAL, temperature: Number((1 + (0.5 * i) / nSteps).toFixed(2)) });
    await pause(pace() / 25);
  }
}
