// The page's words and numbers in one language.
import { formatNumber, formatPercent, spokenToken, visibleToken } from "../core/format.mjs";

/** @param {{page: object, errors: Object<string, string>}} strings @param {string} locale "en" or "fr" */
export function createWords(strings, locale) {
  const plural = new Intl.PluralRules(locale);
  const number = (value, nDecimals = 0) => formatNumber(value, locale, nDecimals);
  const shown = (value) => (typeof value === "number" ? number(value, Number.isInteger(value) ? 0 : 2) : String(value));
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, key) => (key in values ? shown(values[key]) : whole));
  const find = (key) => key.split(".").reduce((node, part) => node?.[part], strings.page);

  /** A sentence; where `values.n` is given, "key_one" / "key_other" are tried too. A missing one shows its key. */
  function t(key, values = {}) {
    const found = find(key) ?? find(`${key}_${plural.select(values.n ?? 0)}`) ?? find(`${key}_other`);
    return typeof found === "string" ? fill(found, values) : key;
  }

  function has(key) {
    return typeof find(key) === "string";
  }

  /** Whatever went wrong, as the locale's sentence. */
  function sentence(error) {
    const known = strings.errors?.[error.code];
    return known ? fill(known, error.data ?? {}) : t("error_unknown", { message: error.message });
  }

  /** "(0, 1]" as the language writes it: French turns the bracket of an open end and parts numbers with ";". */
  function interval(text) {
    if (locale !== "fr" || !/^[[(]/.test(text)) return text;
    return text.replace("(", "]").replace(")", "[").replace(", ", "\u00a0; ").replace("∞", "+∞");
  }

  return {
    locale, t, has, sentence, number, interval, spokenWords: strings.page.spoken,
    percent: (p) => formatPercent(p, locale),
    parseNumber: (text) => parseNumber(text, locale),
  };
}

/** "0,8" or "0.8", with the locale's grouping; NaN for anything else. */
function parseNumber(text, locale) {
  const plain = text.replace(/[\s\u00a0\u202f]/g, "").replace("−", "-");
  const pointed = locale === "fr" ? plain.replace(",", ".") : plain.replace(/,(?=\d{3}\b)/g, "").replace(",", ".");
  return pointed === "" ? NaN : Number(pointed);
}

/** Remembers how each token looks and sounds: decoding 12 tokens at each redraw would be waste. */
export function createLooks(vocab, words) {
  const looks = new Map();
  return (id) => {
    let look = looks.get(id);
    if (!look) {
      look = describe(id, vocab, words);
      looks.set(id, look);
    }
    return look;
  };
}

function describe(id, vocab, words) {
  const bytes = vocab.bytes(id);
  const isEnd = vocab.isEnd(id);
  const isSpecial = isEnd || vocab.isSpecial(id);
  return {
    id, ...visibleToken(bytes), isSpecial, isEnd,
    hex: [...bytes].map((byte) => byte.toString(16).toUpperCase().padStart(2, "0")).join(" "),
    spoken: (isEnd ? `${words.t("end_token")} ` : "") + spokenToken(bytes, words.spokenWords),
  };
}
