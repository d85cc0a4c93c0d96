/** Replaces the secrets in a text. */
export type Redact = (text: string) => string;

/** A value that nobody may see. */
export interface Secret {
  value: string;
  /** Shortest length at which it is hidden in a model's reply; 8 by default. */
  leastInReply?: number;
  /** What replaces it; `***` by default. */
  shownAs?: string;
}

/** Shorter values are too common: replacing them would garble every text. */
const SHORTEST = 4;
/**
 * In replies only what is certainly a secret is replaced: local servers are given tokens like `none` or `1234`,
 * and a model may well write these.
 */
const SHORTEST_IN_REPLY = 8;
/** Levels of JSON inside JSON: gateways quote the response of the server behind them. */
const DEEPEST_ESCAPE = 4;

/** Keeps secrets out of what a server sends back. */
export interface Redaction {
  /** For error bodies, headers and responses to the editor. */
  error: Redact;
  /** For a model's reply, as JSON before it is parsed or as text. Called for every delta, so it only searches. */
  reply: Redact;
  /** What `reply` searches, without what contains another needle: a delta that ends like the beginning of one waits. */
  needles: readonly string[];
  /** Length of the shortest of them: a shorter text holds none, however it is written. */
  shortest: number;
}

interface Needle {
  text: string;
  shownAs: string;
}

/** @param secrets - tokens, secret header values, proxy passwords */
export function makeRedaction(secrets: Iterable<string | Secret | undefined>): Redaction {
  const known = [...secrets].flatMap((secret): Secret[] => {
    if (secret === undefined) return [];
    return [typeof secret === "string" ? { value: secret } : secret];
  });
  const inReplies = needlesOf(known.filter(isUnmistakable));
  const needles = innermost(inReplies);
  return {
    error: makeRedact(needlesOf(known.filter(({ value }) => value.length >= SHORTEST)), hasEscape),
    reply: makeRedact(inReplies, hasAsciiEscape),
    needles,
    shortest: Math.min(...needles.map(({ length }) => length)),
  };
}

function isUnmistakable({ value, leastInReply = SHORTEST_IN_REPLY }: Secret): boolean {
  if (value.startsWith("hf_")) return value.length >= SHORTEST;
  return value.length >= leastInReply && !/^\d+$/.test(value);
}

/** Returns all ways to write the secrets, the longest first: one that contains another is replaced as a whole. */
function needlesOf(secrets: Secret[]): Needle[] {
  const needles = new Map<string, Needle>();
  for (const { value, shownAs = "***" } of secrets) {
    for (const text of [value, percentEncoded(value), JSON.stringify(value).slice(1, -1)]) {
      if (!needles.has(text)) needles.set(text, { text, shownAs });
    }
  }
  return [...needles.values()].sort((a, b) => b.text.length - a.text.length);
}

/** Half of a surrogate pair cannot be encoded. */
function percentEncoded(value: string): string {
  try {
    return encodeURIComponent(value);
  } catch {
    return value;
  }
}

/** Leaves out needles that contain another one: a text without `hf_…` has no `key=hf_…` either. */
function innermost(needles: Needle[]): string[] {
  const texts = needles.map(({ text }) => text);
  return texts.filter((text) => !texts.some((other) => other !== text && text.includes(other)));
}

/** @param mayEscape - true if a text may hold plain characters as escapes, which hide a secret */
function makeRedact(needles: Needle[], mayEscape: (text: string) => boolean): Redact {
  if (needles.length === 0) return (text) => text;
  const inner = innermost(needles);
  return (text) => {
    if (includesAny(text, inner)) {
      for (const needle of needles) {
        if (text.includes(needle.text)) text = text.replaceAll(needle.text, () => needle.shownAs);
      }
    }
    return mayEscape(text) && isEscapedIn(text, inner) ? replaceRanges(text, find(text, needles)) : text;
  };
}

function includesAny(text: string, needles: readonly string[]): boolean {
  for (const needle of needles) if (text.includes(needle)) return true;
  return false;
}

function hasEscape(text: string): boolean {
  return text.includes("\\");
}

/** Most deltas escape only line breaks and quotes, which two searches tell. */
function hasAsciiEscape(json: string): boolean {
  return json.includes("\\") && (json.includes("\\/") || json.includes("\\u00"));
}

const BACKSLASH = 0x5c;
const LETTER_U = 0x75;
/** What stands behind a backslash in JSON, and what it means. */
const ESCAPES = new Map(
  ['""', "\\\\", "//", "b\b", "f\f", "n\n", "r\r", "t\t"].map((pair) => [pair.charCodeAt(0), pair.charCodeAt(1)]),
);

/** True if a needle is hidden in a text by JSON escapes, also where JSON was written into JSON. */
function isEscapedIn(text: string, needles: readonly string[]): boolean {
  for (let level = 0; level < DEEPEST_ESCAPE; level++) {
    if (!hasEscape(text)) return false;
    const plain = unescaped(text);
    if (plain.length === text.length) return false;
    if (includesAny(plain, needles)) return true;
    text = plain;
  }
  return false;
}

/** A part of a text, and what replaces it. */
interface Range {
  start: number;
  end: number;
  shownAs: string;
}

/** Finds needles in a text, as they are or hidden by escapes. */
function find(text: string, needles: readonly Needle[], level = 0): Range[] {
  const ranges: Range[] = [];
  for (const { text: needle, shownAs } of needles) {
    for (let start = text.indexOf(needle); start >= 0; start = text.indexOf(needle, start + needle.length)) {
      ranges.push({ start, end: start + needle.length, shownAs });
    }
  }
  if (level === DEEPEST_ESCAPE || !hasEscape(text)) return ranges;
  const offsets = offsetsOf(text);
  for (const { start, end, shownAs } of find(unescaped(text), needles, level + 1)) {
    ranges.push({ start: offsets[start] as number, end: offsets[end] as number, shownAs });
  }
  return ranges;
}

/** Removes the escapes of a text. A pattern takes several times as long for a text of escapes alone. */
function unescaped(text: string): string {
  const parts: string[] = [];
  let from = 0;
  for (let at = text.indexOf("\\"); at >= 0; at = text.indexOf("\\", at)) {
    const code = escapedAt(text, at);
    if (code === undefined) {
      at++;
      continue;
    }
    if (at > from) parts.push(text.slice(from, at));
    parts.push(String.fromCharCode(code));
    at += lengthOfEscape(text, at);
    from = at;
  }
  return from === 0 ? text : parts.join("") + text.slice(from);
}

/** Tells where each character of the text without escapes was, and its end. */
function offsetsOf(text: string): Uint32Array {
  const offsets = new Uint32Array(text.length + 1);
  let length = 0;
  for (let at = 0; at < text.length; length++) {
    offsets[length] = at;
    at += escapedAt(text, at) === undefined ? 1 : lengthOfEscape(text, at);
  }
  offsets[length] = text.length;
  return offsets;
}

/** Returns the character that an escape at this place stands for; undefined for no escape. */
function escapedAt(text: string, at: number): number | undefined {
  if (text.charCodeAt(at) !== BACKSLASH) return undefined;
  const letter = text.charCodeAt(at + 1);
  return letter === LETTER_U ? hexAt(text, at + 2) : ESCAPES.get(letter);
}

function lengthOfEscape(text: string, at: number): number {
  return text.charCodeAt(at + 1) === LETTER_U ? 6 : 2;
}

/** Reads four hexadecimal digits; undefined if they are not there. */
function hexAt(text: string, begin: number): number | undefined {
  let value = 0;
  for (let at = begin; at < begin + 4; at++) {
    const code = text.charCodeAt(at);
    const letter = code | 0x20;
    if (code >= 0x30 && code <= 0x39) value = value * 16 + code - 0x30;
    else if (letter >= 0x61 && letter <= 0x66) value = value * 16 + letter - 0x57;
    else return undefined;
  }
  return value;
}

function replaceRanges(text: string, ranges: Range[]): string {
  let result = "";
  let at = 0;
  for (const { start, end, shownAs } of ranges.sort((a, b) => a.start - b.start || b.end - a.end)) {
    if (end <= at) continue;
    if (start >= at) result += text.slice(at, start) + shownAs;
    at = end;
  }
  return result + text.slice(at);
}

/** Replaces what precedes the last `@` of an address, which may be a password. */
export function withoutUserInfo(address: string): string {
  return address.replace(/^(\s*[a-z][a-z\d+.-]*:\/\/)?.*@/is, "$1***@");
}
