// Runs the page's sampling over the rows and settings that tests/test_ui_javascript.py wrote into a folder:
// cases.json in, answers.json and probabilities.f64 (one row of the vocabulary per case) out.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { Law, draw, runChain } from "../../ui/static/core/sampling.mjs";

const folder = process.argv[2];
const { rows, timed } = JSON.parse(readFileSync(join(folder, "cases.json"), "utf8"));

function readRow(name) {
  const file = readFileSync(join(folder, name));
  return new Float32Array(file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength));
}

const blocks = [];
const answers = rows.map(({ file, settings, us }) => {
  const law = new Law(readRow(file));
  return settings.map((each) => {
    const outcome = runChain(law, each);
    blocks.push(Float64Array.from({ length: law.nVocab }, (_, id) => outcome.probability(id)));
    const { nSurvivors, entropyBits, tiedAtCut, stages } = outcome;
    return { nSurvivors, entropyBits, tiedAtCut, stages, draws: us.map((u) => draw(outcome, u).tokenId) };
  });
});

/** Milliseconds for a new row, and the median of redraws at ever other temperatures with 20 bars read. */
function timing(file) {
  const logits = readRow(file);
  let start = performance.now();
  const law = new Law(logits);
  const rankMs = performance.now() - start;
  const redrawMs = Array.from({ length: 41 }, (_, i) => {
    start = performance.now();
    const outcome = runChain(law, { temperature: 0.52 + i * 0.02, top_k: 0, top_p: 1, min_p: 0 });
    for (let rank = 0; rank < 20; rank++) outcome.probability(law.ranked[rank]);
    outcome.others(20);
    return performance.now() - start;
  });
  return { rankMs, redrawMs: redrawMs.sort((a, b) => a - b)[20] };
}

writeFileSync(join(folder, "probabilities.f64"), Buffer.concat(blocks.map((block) => Buffer.from(block.buffer))));
writeFileSync(join(folder, "answers.json"), JSON.stringify({ answers, timings: timed.map(timing) }));
