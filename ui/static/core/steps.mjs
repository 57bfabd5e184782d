// Is a list of steps a chain? The checks of sandbox/knob.py and SamplerChain.from_steps, from the descriptors that
// GET /api/v1/samplers sends, so that a card can say what is wrong before anything is asked.

/** @typedef {{name: string, required: boolean, kind: string, interval?: string, is_whole?: boolean,
 *     is_optional?: boolean, may_be_empty?: boolean, choices?: string[], max_length?: number}} KnobInfo
 *  @typedef {{name: string, knobs: KnobInfo[]}} SamplerInfo
 *  @typedef {{step: number, code: string, sampler: string, knob: string | null, value: unknown, interval: string | null}}
 *     Problem code: the error class in sandbox/errors.py; interval: what the knob may be, where it is a number */

/** @param {unknown} steps @param {SamplerInfo[]} samplersInfo @returns {Problem | null} the first one */
export function problem(steps, samplersInfo) {
  if (!Array.isArray(steps)) return { step: 0, code: "NotAStep", sampler: "", knob: null, value: steps, interval: null };
  const samplers = new Map(samplersInfo.map((info) => [info.name, info]));
  for (const [index, step] of steps.entries()) {
    const found = stepProblem(step, samplers);
    if (found) return { step: index, sampler: isObject(step) ? String(step.sampler) : "", knob: null, value: null, interval: null, ...found };
  }
  return null;
}

/** @param {unknown} step @param {Map<string, SamplerInfo>} samplers @returns {({code: string} & Partial<Problem>) | null} */
function stepProblem(step, samplers) {
  if (!isObject(step)) return { code: "NotAStep", value: step };
  const info = samplers.get(String(step.sampler));
  if (!info) return { code: "UnknownSampler", value: step.sampler };
  const known = new Set(info.knobs.map((knob) => knob.name));
  const unknown = Object.keys(step).find((name) => name !== "sampler" && !known.has(name));
  if (unknown !== undefined) return { code: "UnknownKnob", knob: unknown };
  const missing = info.knobs.find((knob) => knob.required && !Object.hasOwn(step, knob.name));
  if (missing) return { code: "MissingKnob", knob: missing.name };
  if (info.name === "temperature" && step.temperature === 0) {
    return { code: "ZeroTemperature", knob: "temperature", value: 0, interval: "(0, inf)" };
  }
  const wrong = info.knobs.find((knob) => Object.hasOwn(step, knob.name) && !accepts(knob, step[knob.name]));
  return wrong ? refused(wrong, step[wrong.name]) : null;
}

function refused(knob, value) {
  const isNumber = knob.kind === "number";
  return { code: isNumber ? "KnobOutOfRange" : "InvalidKnob", knob: knob.name, value, interval: isNumber ? knob.interval : null };
}

/** Whether a value may stand at this knob. @param {KnobInfo} knob @param {unknown} value */
export function accepts(knob, value) {
  if (value === null && (knob.is_optional || knob.kind === "logits")) return true;
  const check = CHECKS[knob.kind];
  return check !== undefined && check(value, knob);
}

const isId = (value) => Number.isSafeInteger(value) && value >= 0;
const isIds = (value) => Array.isArray(value) && value.every(isId);
const isLogit = (value) => value === "-inf" || Number.isFinite(value);
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** @type {Object<string, (value: any, knob: KnobInfo) => boolean>} */
const CHECKS = {
  number: (value, knob) => Number.isFinite(value) && holds(knob.interval, value) && (!knob.is_whole || Number.isInteger(value)),
  switch: (value) => typeof value === "boolean",
  tokens: (value, knob) => isId(value) || (isIds(value) && (value.length > 0 || knob.may_be_empty !== false)),
  sequences: (value) => Array.isArray(value) && value.every((each) => isIds(each) && each.length > 0),
  bias: (value) => isObject(value) && Object.entries(value).every(([id, bias]) => /^\d+$/.test(id) && isLogit(bias)),
  breakers: (value) => Array.isArray(value) && value.every((each) => isId(each) || (typeof each === "string" && each !== "")),
  text: (value, knob) => typeof value === "string" && [...value].length <= knob.max_length
    && (!knob.choices?.length || knob.choices.includes(value)),
  logits: (value) => Array.isArray(value) && value.length > 0 && value.every(isLogit),
};

/** "(0, 1]", or "{1, 2, ...}" and "{1, 2, ..., 9}" for whole numbers. */
function holds(interval, value) {
  const ends = interval.slice(1, -1).split(",").map((each) => Number(each.replace("inf", "Infinity")));
  if (interval[0] === "{") return value >= ends[0] && value <= (ends[3] ?? Infinity);
  const [low, high] = ends;
  return (interval[0] === "[" ? value >= low : value > low) && (interval.at(-1) === "]" ? value <= high : value < high);
}
