// How a sampler, its knobs and its numbers are called on the lab page.

/** @param {any} words */
export function createNames(words) {
  const or = (key, fallback) => (words.has(key) ? words.t(key) : fallback);
  return {
    sampler: (name) => or(`sampler.${name}`, name.replaceAll("_", " ")),
    does: (name) => or(`sampler_does.${name}`, ""),
    knob: (sampler, knob) => or(`sampler_knob.${sampler}.${knob}`, or(`lab.knob.${knob}`, knob.replaceAll("_", " "))),
    family: (name) => or(`family.${name}`, name.replaceAll("_", " ")),
    amount: (value) => amount(value, words),
    worked: ({ text, numbers }) => text.replace(/\{(\w+)\}/g, (whole, key) => (key in numbers ? amount(numbers[key], words) : whole)),
  };
}

/** Four significant digits: the numbers of a formula may be 0.0003 or 49,152. */
export function amount(value, words) {
  if (value === null || value === undefined) return "∅";
  if (typeof value !== "number") return String(value);
  if (!Number.isFinite(value) || Number.isInteger(value)) return words.number(value);
  const size = Math.abs(value);
  if (size < 1e-6) return new Intl.NumberFormat(words.locale, { notation: "scientific", maximumSignificantDigits: 3 }).format(value);
  return new Intl.NumberFormat(words.locale, { maximumSignificantDigits: 4 }).format(value);
}
