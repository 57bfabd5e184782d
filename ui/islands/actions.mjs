// What each button of the page "Next token" does. Every action leaves the page redrawn.
import { draw, NEUTRAL } from "../core/sampling.mjs";
import { tabActions, textActions } from "./tab_actions.mjs";

const HOLD_MS = 750; // long enough to see where the die fell
const PLAY_MS = 420;
const N_TALLY = 10;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** @param {any} page */
export function createActions(page) {
  return { ...textActions(page), ...drawActions(page), ...viewActions(page), ...tabActions(page) };
}

function entryOf({ session, outcome }, tokenId, rest) {
  const { law } = session;
  return { tokenId, p: law.probability(tokenId), pAfter: outcome.probability(tokenId), rank: law.rankOf(tokenId), ...rest };
}

function drawActions(page) {
  const { view } = page;
  return {
    async pick(tokenId) {
      if (!page.canDraw) return;
      page.forget();
      await page.session.append(entryOf(page, tokenId, { how: "pick", u: null }));
    },
    /** Throw the die, show where it fell, then add the token. */
    async draw({ isQuick = false } = {}) {
      if (!page.canDraw) return;
      const { session, outcome } = page;
      const entry = throwDie(page);
      if (!isQuick && !(await hold(page, entry))) return;
      view.hit = null;
      await session.append({ ...entry, u: outcome.isGreedy ? null : entry.u });
    },
    step() {
      return this.draw({ isQuick: true });
    },
    async play() {
      view.isPlaying = !view.isPlaying;
      const run = (view.run = (view.run ?? 0) + 1); // paused and played again within one pause: the older loop must end
      page.drawButtons();
      while (view.isPlaying && view.run === run && page.canDraw) {
        await this.draw({ isQuick: true });
        await pause(PLAY_MS);
      }
      if (view.run !== run) return;
      view.isPlaying = false;
      page.drawButtons();
    },
    async drawTen() {
      if (!page.canDraw) return;
      const { session, outcome } = page;
      page.forget();
      try {
        view.tally = countDraws(outcome, await session.throwDice(N_TALLY));
        page.redraw();
      } catch {
        await session.evaluate(); // the same request again, whose failure is told in place
      }
    },
  };
}

function throwDie(page) {
  const { session, outcome, view } = page;
  const { u } = session.step;
  const landed = draw(outcome, u);
  view.tally = null;
  view.record = { ...landed, u, outcome, attempt: session.attemptAt(session.tokenIds) };
  view.hit = landed.tokenId;
  const entry = entryOf(page, landed.tokenId, { how: "draw", u });
  session.spend();
  return entry;
}

/** Meanwhile the next step is already asked for. @returns {Promise<boolean>} false when something else happened */
async function hold(page, entry) {
  const { session, view } = page;
  const { turn } = session;
  view.isHolding = true;
  page.drawButtons();
  page.redraw();
  const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (!page.vocab.isEnd(entry.tokenId)) {
    session.lookUp([...session.tokenIds, entry.tokenId]).catch(() => {}); // the append asks again and tells
  }
  await pause(isStill ? 0 : HOLD_MS);
  view.isHolding = false;
  page.drawButtons();
  return turn === session.turn;
}

function countDraws(outcome, us) {
  const counts = new Map();
  for (const u of us) {
    const { tokenId } = draw(outcome, u);
    counts.set(tokenId, (counts.get(tokenId) ?? 0) + 1);
  }
  return { law: outcome.law, outcome, us, counts };
}

function viewActions(page) {
  const { view } = page;
  return {
    setSettings(settings) {
      page.forget();
      view.settings = { ...NEUTRAL, ...settings };
      view.callsAt = page.api.nModelCalls;
      page.controls.tell("");
      page.redrawSoon();
    },
    toggleRows() {
      view.showsMore = !view.showsMore;
      page.applyLevel();
    },
    startTour() {
      page.tour.open();
    },
  };
}
