// One line of advice about a text, when one is due. Pure.

const FRENCH = new Set(("le la les un une des du de et est sont dans que qui pour avec sur pas ne je tu il elle nous vous ils elles ce cette "
  + "mon ma mes son sa ses au aux était c'est j'ai d'un d'une plus mais où comme très bonjour suis").split(" "));
const ENGLISH = new Set(("the a an of and is are in that to for with on not i you he she we they this my his her was it at by from but where "
  + "as very hello am be or").split(" "));

/** A rough guess from small words and accents; only ever used for a line of advice. */
export function looksFrench(text) {
  const found = text.slice(0, 2000).toLowerCase().replaceAll("’", "'").match(/[\p{L}']+/gu) ?? [];
  const count = (set) => found.filter((word) => set.has(word)).length;
  const accented = found.filter((word) => /[éèêàçùûîôœ]/.test(word)).length;
  const french = count(FRENCH) + accented;
  return french >= 2 && french > count(ENGLISH) && french / found.length >= 0.2;
}

/**
 * @param {{text: string, mode: string, source: string, presetText: string, presets: any, barelyReadsFrench: boolean}} situation
 * @returns {("question" | "space" | "french")[]}
 */
export function advise({ text, mode, source, presetText, presets, barelyReadsFrench }) {
  const lines = [];
  if (mode === "continue" && /\?\s*$/.test(text)) lines.push("question");
  else if (mode === "continue" && / $/.test(text)) lines.push("space");
  const isReady = source === "preset" && text === presetText && worksInFrench(text, presets);
  if (barelyReadsFrench && !isReady && looksFrench(text)) lines.push("french");
  return lines;
}

/** The French texts that were chosen because they do work, the ladder's bare question excepted. */
function worksInFrench(text, presets) {
  const works = presets.groups.find((group) => group.id === "french")?.presets ?? [];
  return text !== presets.ladder.target && works.some((preset) => preset.text === text);
}
