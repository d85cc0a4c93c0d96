import { asRecord } from "../unknown";

/** What stands between a name and the literal behind it, with the first quotation mark of that. */
const AFTER_NAME = /\s*:\s*"/y;
/** Takes the place of a text, to see where in a chunk that text is. */
const PROBE = "\u0000probe\u0000";
/**
 * Longer deltas are left to `JSON.parse`: V8 does not copy a slice of 13 characters or more, but keeps the whole chunk with
 * it.
 */
const LONGEST_SLICE = 12;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Chunks in a row that are learnt in vain before the stream counts as one whose chunks have nothing in common. */
const PATIENCE = 8;

/** Fields that may differ from chunk to chunk beside the text. Each takes a comparison more. */
const MOST_FIELDS = 4;

/**
 * Reads chunks that equal the one before in every character but those of their text, as most chunks of a reply do, and those
 * of a few more fields, such as the padding of some servers. Parsing id, model, time and the rest for each word would take a
 * quarter of the time that a reply costs.
 *
 * Nothing is guessed. The path learns where the literals of `choices[0].delta.content` and of these fields stand in a chunk
 * that was parsed. Another chunk with the same text around them, and one literal in each place, has the same value but for
 * those strings. And the rest of that value means the same said twice (see `isPlain`).
 */
export class FastDeltaPath {
  /** The text before the first literal, between two of them, and behind the last; empty where nothing is learnt. */
  #around: string[] = [];
  /** Which of the literals is the content. */
  #content = 0;
  /** Names of the top-level fields that differ from chunk to chunk; none at most servers. */
  fields: string[] = [];
  /** What these fields are in the chunk that was read last. */
  readonly values: string[] = [];
  /** The chunk that was learnt last, while none was read. */
  #learnt: Record<string, unknown> | undefined;
  #patience = PATIENCE;

  /** Returns the text of a chunk that brings nothing else but `values`; undefined for one that has to be parsed. */
  read(json: string): string | undefined {
    const around = this.#around;
    const literals = around.length - 1;
    let delta: string | undefined;
    let begin = 0;
    for (let at = 0; at <= literals; at++) {
      const text = around[at] as string;
      // V8's startsWith compares one character at a time and takes as long as parsing.
      if (json.slice(begin, at === literals ? json.length : begin + text.length) !== text) return undefined;
      if (at === literals) break;
      begin += text.length;
      if (json.charCodeAt(begin) !== QUOTE) return undefined;
      // Most literals are short, and without backslashes and control characters their own value.
      let end = begin + 1;
      let code = json.charCodeAt(end);
      while (code >= 0x20 && code !== QUOTE && code !== BACKSLASH && end - begin <= LONGEST_SLICE) {
        code = json.charCodeAt(++end);
      }
      const value = code === QUOTE ? json.slice(begin + 1, end) : parseLiteral(json, begin);
      if (value === undefined) return undefined;
      end = code === QUOTE ? end + 1 : endOfLiteral(json, begin);
      if (at === this.#content) delta = value;
      else this.values[at < this.#content ? at : at - 1] = value;
      begin = end;
    }
    if (delta === undefined) return undefined;
    this.#patience = PATIENCE;
    this.#learnt = undefined;
    return delta;
  }

  /**
   * Learns a chunk that was added to the reply. Each chunk replaces what an earlier one taught.
   *
   * @param json - the chunk as it came
   * @param chunk - the same, parsed
   */
  learn(json: string, chunk: Record<string, unknown>): void {
    const before = this.#learnt;
    this.#around = [];
    this.#learnt = undefined;
    if (this.#patience === 0 || !isPlain(chunk)) return;
    this.#patience--;
    this.#learnt = chunk;
    const fields = before ? differing(before, chunk) : [];
    const found = [undefined, ...fields].map((field) => ({ field, ...placeOf(field ?? "content", json) }));
    const places = found.filter(({ end }) => end > 0).sort((a, b) => a.begin - b.begin);
    const around: string[] = [];
    let end = 0;
    for (const place of places) {
      around.push(json.slice(end, place.begin));
      end = place.end;
    }
    around.push(json.slice(end));
    // Another field may have one of these names, or one may come twice: then a probe does not come out.
    if (!comesOut(around, places, chunk)) return;
    this.#around = around;
    this.#content = places.findIndex(({ field }) => field === undefined);
    this.fields = places.flatMap(({ field }) => field ?? []);
  }
}

/** The place of a literal; `end` is the place behind it, 0 if the literal is missing. */
interface Place {
  begin: number;
  end: number;
}

/** Returns where the first literal behind a name stands. */
function placeOf(name: string, json: string): Place {
  const key = JSON.stringify(name);
  for (let at = json.indexOf(key); at >= 0; at = json.indexOf(key, at + 1)) {
    AFTER_NAME.lastIndex = at + key.length;
    if (!AFTER_NAME.test(json)) continue;
    const begin = AFTER_NAME.lastIndex - 1;
    return { begin, end: endOfLiteral(json, begin) };
  }
  return { begin: 0, end: 0 };
}

/** Returns the names of the top-level fields that are texts and differ. */
function differing(one: Record<string, unknown>, other: Record<string, unknown>): string[] {
  const names = Object.keys(other).filter(
    (name) => isText(one[name]) && isText(other[name]) && one[name] !== other[name] && other[name] !== PROBE,
  );
  return names.slice(0, MOST_FIELDS);
}

/** True for a text that is not empty: an empty one may mean another thing, such as "not known yet". */
function isText(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}

/** True if each literal that is put in one of these places becomes the value that it stands for. */
function comesOut(around: string[], places: { field: string | undefined }[], chunk: Record<string, unknown>): boolean {
  if (!places.some(({ field }) => field === undefined) || contentOf(chunk) === PROBE) return false;
  for (let probed = 0; probed < places.length; probed++) {
    const json = around.reduce((text, next, at) => text + JSON.stringify(at - 1 === probed ? PROBE : "") + next);
    const { field } = places[probed] as { field: string | undefined };
    const parsed = parse(json);
    if ((field === undefined ? contentOf(parsed) : asRecord(parsed)?.[field]) !== PROBE) return false;
  }
  return true;
}

/** Returns the value of the literal that begins at a place; undefined for none. */
function parseLiteral(json: string, begin: number): string | undefined {
  const end = endOfLiteral(json, begin);
  return end > 0 ? (parse(json.slice(begin, end)) as string | undefined) : undefined;
}

/**
 * True if a chunk brings text and nothing else that a reply collects: no reasoning, calls, probabilities or whole message.
 * All its other fields mean the same said twice.
 */
function isPlain(chunk: Record<string, unknown>): boolean {
  const choice = firstChoice(chunk);
  const delta = asRecord(choice?.["delta"]);
  if (!delta || typeof delta["content"] !== "string" || choice?.["logprobs"] != null || choice?.["message"] != null)
    return false;
  for (const name in delta) if (name !== "content" && name !== "role" && delta[name] != null) return false;
  return true;
}

function firstChoice(chunk: unknown): Record<string, unknown> | undefined {
  const choices = asRecord(chunk)?.["choices"];
  return Array.isArray(choices) ? asRecord(choices[0]) : undefined;
}

function contentOf(chunk: unknown): unknown {
  return asRecord(firstChoice(chunk)?.["delta"])?.["content"];
}

/**
 * Returns the place behind a literal; 0 where none begins, or it has no end.
 *
 * @param begin - where its first quotation mark stands
 */
function endOfLiteral(json: string, begin: number): number {
  if (json.charCodeAt(begin) !== QUOTE) return 0;
  for (let at = begin + 1; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === QUOTE) return at + 1;
    if (code === BACKSLASH) at++;
  }
  return 0;
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
