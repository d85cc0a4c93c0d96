/** Finds the ends of sentences, for a voice: no cut in an abbreviation, a number or an address, and no piece of almost nothing. */

/** In characters. A longer sentence is cut. */
export const LONGEST_SENTENCE = 2000;
/** In characters. How far behind an end its next letter is looked for. */
const LOOKAHEAD = 64;
/** Letters and digits. A sentence with fewer goes with the next one: a voice pauses between pieces. */
const SHORTEST = 6;
/** In characters, of what stands before a full stop. */
const LONGEST_ABBREVIATION = 16;
/** Digits of an ordinal number in front of a full stop. A year has more, and ends a sentence. */
const LONGEST_ORDINAL = 3;

/** What a language writes with a full stop inside a sentence. All in lower case. */
interface Abbreviations {
  /** Words in front of anything. */
  words: string;
  /** Words in front of a number: "No. 5" and not "No. I will not." */
  beforeNumbers?: string;
  /** Single letters that are words; other letters are initials. */
  letters?: string;
  /** True where "1. Januar" is an ordinal. */
  hasOrdinals?: true;
}

const EVERYWHERE = "dr prof st vs ca mr mrs ms mme";
/** Left out is what often ends a sentence: "etc.", "Inc.". In front of a small letter no full stop ends one anyway. */
const ABBREVIATIONS: Readonly<Record<string, Abbreviations>> = {
  en: {
    words: "messrs jr sr rev hon gen col capt lt sgt cpl gov sen rep pres approx cf viz al ed eds esp",
    beforeNumbers: "no nos fig figs eq vol vols ch sec art pp p jan feb mar apr jun jul aug sep sept oct nov dec",
    letters: "i",
  },
  de: {
    words:
      "hr hrn fr frl dipl ing mag phil med nat jur bzw ggf evtl inkl exkl zzgl vgl sog bspw bes insb allg max mind mio mrd tsd tel str abs art kap abb tab bd jh geb gest verh od lt lfd jan feb apr aug sept okt nov dez",
    beforeNumbers: "nr nrn s z ziff rn",
    hasOrdinals: true,
  },
  fr: { words: "mlle mm mgr me ex env av apr art chap éd fig vol tél boul", beforeNumbers: "n no p pp" },
  es: {
    words: "sr sra srta sres dra ud uds vd lic ing arq gral prof ej aprox art cap fig tel av avda pág págs núm",
  },
  pt: { words: "sr sra srs sras dra profa exmo exma eng ex art cap fig tel av pág págs núm séc" },
  it: { words: "sig sigg ra dott ssa ing avv arch es ecc art cap fig tel pag pagg sec" },
  nl: { words: "dhr mevr mw ir drs ing bijv resp incl excl evt ong art blz nr tel", hasOrdinals: true },
  ru: { words: "г гг ул пр проф акад им стр рис табл тыс млн млрд руб коп тел см напр", letters: "я" },
  pl: { words: "np tzn tzw ul al prof inż mgr ks św godz str tel nr", hasOrdinals: true },
  cs: { words: "např tzv ing mgr bc ul tel str čl", hasOrdinals: true },
  da: { words: "eks hr fru nr tlf kl ca", hasOrdinals: true },
};

/** The rules of a language, ready to be looked up. */
export interface SentenceRules {
  words: ReadonlySet<string>;
  beforeNumbers: ReadonlySet<string>;
  letters: ReadonlySet<string>;
  hasOrdinals: boolean;
}

/** Returns the rules of a language. @param language - its code, such as `de` or `pt-BR`; those of English where it is not known */
export function sentenceRules(language: string): SentenceRules {
  const code = language.toLowerCase().split(/[-_]/)[0] ?? "";
  const own = Object.hasOwn(ABBREVIATIONS, code) ? ABBREVIATIONS[code] : ABBREVIATIONS["en"];
  const { words = "", beforeNumbers = "", letters = "", hasOrdinals = false } = own ?? {};
  const setOf = (list: string) => new Set(list.split(" ").filter(Boolean));
  return {
    words: setOf(`${EVERYWHERE} ${words}`),
    beforeNumbers: setOf(beforeNumbers),
    letters: setOf(letters),
    hasOrdinals,
  };
}

/** What may end a sentence: marks with what closes behind them, or the end of a line. */
const MARKS = /([\p{STerm}…]+)([\p{Pe}\p{Pf}\p{Pi}"'`*_~]*)|[\n\r\u2028\u2029]/gu;
/** Marks of scripts that have no spaces between sentences. */
const WITHOUT_SPACE = /[\u3002\uff01\uff0e\uff1f\uff61\u104a\u104b\u17d4\u17d5]$/;
const LINE_END = /[\n\r\u2028\u2029]/;
/** The first characters behind an end that do not tell whether it is one. */
const UNTELLING = /[^\p{L}\p{STerm}\n\r\u2028\u2029]*/uy;
const SPACE = /\s*/y;
/** The word or number in front of a full stop. */
const LAST_WORD = /(?:\p{L}[\p{L}\p{M}]*|\p{N}+)$/u;
const SPOKEN = /[\p{L}\p{N}]/gu;
/** Letters that say as much as two others. */
const WIDE = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u;

/**
 * Yields the places behind the sentences of a text that are whole, in their order: white space belongs to the sentence before
 * it. Looks at a window of the text at a time, so that the time is linear.
 */
export function* sentenceEnds(text: string, rules: SentenceRules): Generator<number> {
  let at = 0;
  for (;;) {
    const window = text.slice(at, at + LONGEST_SENTENCE + LOOKAHEAD);
    const end = sentenceEnd(window, rules) ?? (window.length > LONGEST_SENTENCE ? wordsWithin(window) : undefined);
    if (end === undefined) return;
    at += end;
    yield at;
  }
}

/** @returns the end of the first sentence of a text that is not too short; undefined where it is not known yet */
function sentenceEnd(window: string, rules: SentenceRules): number | undefined {
  let from = 0;
  for (;;) {
    MARKS.lastIndex = from;
    const marks = MARKS.exec(window);
    if (!marks) return undefined;
    const behind = skip(SPACE, window, MARKS.lastIndex);
    // More may belong to it. No sentence is longer than the limit.
    if (behind === window.length || behind > LONGEST_SENTENCE) return undefined;
    const isEnd = endsSentence(window, marks, behind, rules);
    if (isEnd === undefined) return undefined;
    if (isEnd && isLongEnough(window.slice(0, behind))) return behind;
    from = isEnd ? behind : marks.index + marks[0].length;
  }
}

/** @returns undefined where what follows must tell and has not come */
function endsSentence(
  window: string,
  { 0: { length }, 1: marks, 2: closing, index }: RegExpExecArray,
  behind: number,
  rules: SentenceRules,
): boolean | undefined {
  if (marks === undefined || WITHOUT_SPACE.test(marks)) return true;
  const space = window.slice(index + length, behind);
  // As in numbers, addresses and names of files.
  if (space === "") return false;
  if (LINE_END.test(space)) return true;
  if (marks === "." && !closing && isAbbreviated(window, index, behind, rules)) return false;
  if (!closing && /[^.…]$/.test(marks)) return true;
  const tells = skip(UNTELLING, window, behind);
  if (tells - behind > LOOKAHEAD) return true;
  return tells === window.length ? undefined : !/^\p{Ll}/u.test(window.slice(tells, tells + 2));
}

/** True if the full stop at `index` belongs to the word or the number before it. */
function isAbbreviated(window: string, index: number, behind: number, rules: SentenceRules): boolean {
  const before = window.slice(Math.max(0, index - LONGEST_ABBREVIATION), index);
  const word = LAST_WORD.exec(before)?.[0].toLowerCase();
  if (word === undefined) return false;
  const isBeforeNumber = /^\p{N}/u.test(window.slice(behind, behind + 2));
  if (/^\p{N}/u.test(word)) {
    // The number of an item in a list.
    if (/(?:^|[\n\r])\s*$/.test(window.slice(0, index - word.length).slice(-LOOKAHEAD))) return true;
    const isWhole = !/\p{N}[.,:]\p{N}+$/u.test(before);
    return rules.hasOrdinals && isWhole && word.length <= LONGEST_ORDINAL && !isBeforeNumber;
  }
  if (rules.words.has(word) || (isBeforeNumber && rules.beforeNumbers.has(word))) return true;
  // An initial, or the last part of "e.g." and "z. B.".
  const isInitial = Array.from(word).length === 1 && word.toUpperCase() !== word;
  return isInitial && !rules.letters.has(word);
}

function isLongEnough(text: string): boolean {
  let count = 0;
  for (const [letter] of text.matchAll(SPOKEN)) {
    count += WIDE.test(letter) ? 2 : 1;
    if (count >= SHORTEST) return true;
  }
  return false;
}

/** @returns the place behind what a sticky expression matches */
function skip(expression: RegExp, text: string, from: number): number {
  expression.lastIndex = from;
  expression.exec(text);
  return expression.lastIndex;
}

/** How much of a text can be parted from what follows: at a space, or at least between two characters. */
function wordsWithin(window: string): number {
  const text = window.slice(0, LONGEST_SENTENCE);
  const space = /^[\s\S]*\s/.exec(text)?.[0].length;
  const isHalf = /[\ud800-\udbff]$/.test(text);
  return space ?? text.length - (isHalf ? 1 : 0);
}

/** Behind the end of a sentence, before what decides whether it was one. */
const UNDECIDED = /[\p{STerm}…\n\r\u2028\u2029][^\p{L}]*$/u;
const MARK = /[\p{STerm}…\n\r\u2028\u2029]/u;

/** Whether a sentence may end in a piece, or have ended in what came before. */
export function maySentenceEnd(delta: string, before: string): boolean {
  return MARK.test(delta) || UNDECIDED.test(before.slice(-LOOKAHEAD));
}
