// What each button of the lab does. Every action leaves the page redrawn, at once or after an answer.
import { tabActions, textActions } from "./tab_actions.mjs";

const N_LONGEST = 120; // tokens of an answer under a grammar
const HOVER_MS = 70;

/** @param {any} lab */
export function createLabActions(lab) {
  return { ...textActions(lab), ...tabActions(lab), ...chainActions(lab), ...diceActions(lab), ...lookActions(lab) };
}

function chainActions(lab) {
  const changed = () => {
    lab.forget();
    lab.keep();
    lab.redrawSoon();
  };
  return {
    setKnob(index, name, value, typed = undefined) {
      const card = lab.chain.cards[index];
      const { sampler, params } = card;
      params[name] = value;
      card.typed = typed; // to be quoted where it is no number
      if (sampler === "grammar" && name === "kind") exchangeExample(params, lab.constraints);
      changed();
    },
    setParams(index, params) {
      Object.assign(lab.chain.cards[index].params, params);
      changed();
    },
    setOtherText(text) {
      lab.view.otherText = text;
      changed();
    },
    toggle(index) {
      const card = lab.chain.cards[index];
      card.isOn = !card.isOn;
      changed();
    },
    move(from, to, focused = null) {
      if (to < 0 || to >= lab.chain.cards.length) return;
      lab.chain.move(from, to);
      lab.chainView.arrange();
      changed();
      focused?.focus();
    },
    add(sampler) {
      const index = lab.chain.add(sampler);
      if (lab.chain.info(sampler).needs?.length > 0) lab.view.otherText ||= lastWord(lab.session.draft.text);
      lab.chainView.arrange();
      changed();
      lab.redraw(); // now: the new card has no names for its parts before it is drawn
      lab.chainView.focusCard(index);
    },
    remove(index) {
      const name = lab.names.sampler(lab.chain.cards[index].sampler);
      lab.chain.remove(index);
      lab.chainView.arrange();
      changed();
      lab.chainView.focusCard(Math.min(index, lab.chain.cards.length - 1), "remove");
      lab.say(lab.words.t("lab.card.removed", { name }));
    },
    loadChain(steps) {
      lab.chain.load(steps, { restsIdle: true });
      changed();
    },
    compareWith(id) {
      lab.view.compare = { id };
      lab.keep();
      lab.redrawSoon();
    },
    /** A link or a file: another machine's text, chain, seed and comparison. */
    async restore(view) {
      lab.adopt(view);
      lab.rebuild();
      await this.setText(view.text, { mode: view.mode, force: true });
    },
  };
}

/** Another kind of grammar reads another language: an untouched example gives way to one of that kind. */
function exchangeExample(params, examples) {
  const isExample = examples.some(({ grammar }) => grammar === params.grammar);
  const other = examples.find(({ kind }) => kind === params.kind);
  if (isExample && other) params.grammar = other.grammar;
}

/** A guidance needs something to differ from; the end of the text alone is what libraries take where none is given. */
function lastWord(text) {
  return text.trim().split(/\s+/).at(-1) ?? "";
}

function diceActions(lab) {
  const { view } = lab;
  return {
    async drawOne() {
      if (!lab.canDraw) return;
      const { shown, session } = lab;
      const { u } = session.step;
      const landed = shown.outcome.draw(u);
      if (!landed) return lab.redraw(); // the answer was for another die: ask again
      lab.forget();
      view.record = { ...landed, ...shown, u, ids: session.tokenIds };
      lab.redrawParts();
      await spend(lab, 1);
    },
    async drawMany(n) {
      if (!lab.canDraw) return;
      const { shown, session, compute } = lab;
      lab.setBusy(true);
      try {
        const answer = await lab.api.draws({ ...await compute.body(shown.steps), states: compute.statesAt(session.tokenIds, shown.steps), n });
        if (shown.law !== session.law) return;
        lab.forget();
        view.tally = { ...answer, n, outcome: shown.outcome };
        lab.redrawParts();
        await spend(lab, n);
      } catch (error) {
        lab.fail(error, error.data?.step ?? -1);
      } finally {
        lab.setBusy(false);
        lab.count();
      }
    },
    async addDrawn() {
      const { record } = view;
      if (!record || !lab.canDraw) return;
      await append(lab, record, record.u);
    },
    /** Draw and add until the end token, the limit, or Stop. */
    async generate() {
      const { generation } = lab;
      if (generation.isRunning) return void (generation.isRunning = false);
      Object.assign(generation, { isRunning: true, n: 0, told: "running" });
      lab.redrawParts();
      generation.told = await writeOn(lab, generation);
      generation.isRunning = false;
      lab.redrawParts();
      lab.count();
    },
  };
}

/** The next draw here gets another die; a chain with a coin is computed with it. */
async function spend(lab, n) {
  const { law } = lab.session;
  await lab.session.nextDie(n);
  if (law === lab.session.law) lab.redraw();
  lab.count();
}

function append(lab, { tokenId, p, steps, nextStates, ids }, u) {
  const { session, compute } = lab;
  const { law } = session;
  compute.adopt([...ids, tokenId], steps, nextStates);
  lab.forget();
  return session.append({ tokenId, how: "draw", u, p: law.probability(tokenId), pAfter: p, rank: law.rankOf(tokenId) });
}

/** @returns {Promise<"finished" | "length" | "stopped" | "failed">} why it ended */
async function writeOn(lab, generation) {
  const { session } = lab;
  while (generation.isRunning) {
    await lab.settled();
    if (session.status === "ended") return "finished";
    if (!lab.canDraw) return "failed";
    if (generation.n === N_LONGEST) return "length";
    const { shown } = lab;
    const { u } = session.step;
    const landed = shown.outcome.draw(u);
    if (!landed) return "failed";
    session.spend();
    await append(lab, { ...landed, ...shown, ids: session.tokenIds }, u);
    generation.n += 1;
  }
  return "stopped";
}

function lookActions(lab) {
  const { view } = lab;
  let timer;
  return {
    /** Show this token's path. A passing pointer does not push away what was chosen by a click. */
    follow(id, { isPinned = false } = {}) {
      if (view.isPinned && !isPinned) return;
      view.isPinned ||= isPinned;
      if (view.follow === id) return lab.redrawParts();
      view.follow = id;
      lab.redrawParts();
      clearTimeout(timer);
      if (!lab.knows([id])) timer = setTimeout(() => lab.redraw(), isPinned ? 0 : HOVER_MS);
    },
    pin() {
      view.isPinned = !view.isPinned;
      lab.redrawParts();
    },
    /** More tokens whose paths the page wants to know. */
    ask(ids) {
      view.asked = ids;
      if (lab.knows(ids)) lab.redrawParts();
      else lab.redraw();
    },
  };
}
