// Runs chains over the rows that tests/test_ui_javascript_chain.py wrote into a folder, and compares each with what
// Python answered for it: cases.json and laws.f64 (one row of the vocabulary per compared case, -1 where a token is
// removed) in, report.json out.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { inBrowser, runSteps } from "../../ui/static/core/chain.mjs";
import { fromServer } from "../../ui/static/core/chain_answer.mjs";
import { Law, temperatureRow } from "../../ui/static/core/sampling.mjs";

const folder = process.argv[2];
const { rows, cases, timed } = JSON.parse(readFileSync(join(folder, "cases.json"), "utf8"));

function read(name, kind) {
  const file = readFileSync(join(folder, name));
  return new kind(file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength));
}

const known = new Map(rows.map((name) => [name, new Law(read(name, Float32Array))]));
const dense = read("laws.f64", Float64Array);
let at = 0;

/** Every number of `ours` beside the one of Python; returns where they differ. JSON writes an infinity as null. */
function differences(ours, theirs, tolerance, path = "") {
  if (typeof ours === "number") {
    const isSame = Number.isFinite(ours) ? Math.abs(ours - theirs) <= tolerance * Math.max(1, Math.abs(ours)) : theirs === null;
    return isSame && typeof theirs !== "undefined" ? [] : [`${path}: ${ours} ${theirs}`];
  }
  if (typeof ours !== "object" || ours === null || theirs === null) return ours === theirs ? [] : [`${path}: ${ours} ${theirs}`];
  const names = Object.keys({ ...ours, ...theirs });
  return names.flatMap((name) => differences(ours[name], theirs[name], tolerance, `${path}.${name}`));
}

/** The largest distance of a probability, and the tokens that only one of the two holds. */
function lawDifference(outcome, law) {
  const last = outcome.stages.length - 1;
  let distance = 0, nElsewhere = 0;
  for (let id = 0; id < law.length; id++) {
    const isAbsent = outcome.rankAt(last, id) === null;
    if (isAbsent !== (law[id] === -1)) nElsewhere++;
    else if (!isAbsent) distance = Math.max(distance, Math.abs(law[id] - outcome.probability(id)));
  }
  return { distance, nElsewhere };
}

function compared({ row, steps, history, prompt_len: promptLen, error, answer, draws, follow }) {
  const law = known.get(row);
  if (error) return { error: errorOf(() => runSteps(law, steps, { history, promptLen })) };
  const python = dense.subarray(at, at += law.nVocab);
  const outcome = runSteps(law, steps, { history, promptLen });
  const server = fromServer(answer, law.nVocab);
  const ours = { model: outcome.model, final: outcome.final, stages: outcome.stages, paths: follow.map((id) => outcome.path(id)),
    survivors: outcome.survivors(), drawn: outcome.draw(answer.u), removedBy: follow.map((id) => outcome.removedBy(id)) };
  const theirs = { model: server.model, final: server.final, stages: server.stages, paths: follow.map((id) => server.path(id)),
    survivors: server.survivors(), drawn: server.draw(answer.u), removedBy: follow.map((id) => server.removedBy(id)) };
  const wrongDraws = draws.filter(([u, tokenId]) => outcome.draw(u).tokenId !== tokenId || (server.draw(u)?.tokenId ?? tokenId) !== tokenId);
  return { differences: differences(ours, theirs, 1e-9).slice(0, 5), wrongDraws, ...lawDifference(outcome, python), known: inBrowser(steps) };
}

function errorOf(action) {
  try {
    action();
    return null;
  } catch (error) {
    return [error.code ?? String(error), error.data?.step ?? null];
  }
}

/** Median milliseconds of redraws at ever other temperatures, bars, one path and the draw read. */
function redrawMs() {
  const law = known.get(timed);
  const times = Array.from({ length: 41 }, (_, i) => {
    const start = performance.now();
    const outcome = runSteps(law, [{ sampler: "temperature", temperature: 0.52 + i * 0.02 }, { sampler: "top_p", p: 0.95 }, { sampler: "min_p", p: 0.01 }]);
    outcome.draw(0.5);
    outcome.path(17);
    return performance.now() - start;
  });
  return times.sort((a, b) => a - b)[20];
}

writeFileSync(join(folder, "report.json"), JSON.stringify({
  cases: cases.map(compared),
  temperatures: rows.map((row) => [0.2, 1, 1.7].map((each) => temperatureRow(known.get(row), each, 20))),
  redrawMs: timed ? redrawMs() : null,
}));
