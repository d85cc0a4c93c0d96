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

/** The escapes of JSON. */
const ESCAPE = /\\(?:u([\da-f]{4})|(["\\/bfnrt]))/gi;
const CONTROLS: Record<string, string> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

function unescaped(_escape: string, hex: string | undefined, letter = ""): string {
  return hex === undefined ? (CONTROLS[letter] ?? letter) : String.fromCharCode(Number.parseInt(hex, 16));
}

/** True if a needle is hidden in a text by JSON escapes, also where JSON was written into JSON. */
function isEscapedIn(text: string, needles: readonly string[]): boolean {
  for (let level = 0; level < DEEPEST_ESCAPE; level++) {
    const plain = text.replace(ESCAPE, unescaped);
    if (plain === text) return false;
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
  const { plain, offsets } = withOffsets(text);
  for (const { start, end, shownAs } of find(plain, needles, level + 1)) {
    ranges.push({ start: offsets[start] as number, end: offsets[end] as number, shownAs });
  }
  return ranges;
}

/** Removes the escapes of a text; `offsets` tells where each character, and the end, was. */
function withOffsets(text: string): { plain: string; offsets: number[] } {
  const offsets: number[] = [];
  let plain = "";
  let at = 0;
  const addAsItIs = (end: number): void => {
    plain += text.slice(at, end);
    while (at < end) offsets.push(at++);
  };
  for (const match of text.matchAll(ESCAPE)) {
    addAsItIs(match.index);
    plain += unescaped(match[0], match[1], match[2]);
    offsets.push(at);
    at += match[0].length;
  }
  addAsItIs(text.length);
  offsets.push(text.length);
  return { plain, offsets };
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
