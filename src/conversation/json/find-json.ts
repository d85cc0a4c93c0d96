import { nestingProblem, parseJson } from "../../client/internal";

/** Places in a text that are tried. */
const MOST_CANDIDATES = 20;
/** JSON strings around a value that are opened. */
export const MOST_WRAPPED = 3;
/** Brackets without an end that are passed over: each costs a walk to the end of the text. */
const MOST_UNCLOSED = 3;

/** The beginning of an object or array that is meant as one, as against a bracket in a sentence. */
const VALUE_BEGINS = /[[{]\s*(?:["[{\]}\d-]|true|false|null)/y;

const THINK_END = "</think>";
/** A fenced block of Markdown, with the word behind its fence. */
const FENCE = /^[ \t]*```[^\n`]*\n([\s\S]*?)^[ \t]*```/gm;

/**
 * Finds the JSON in what a model has written: the text itself, what stands behind a thinking part whose beginning the
 * server has kept to itself, a fenced block, or the first object or array between other words.
 *
 * @returns the values that it may be, the likeliest first; none if there is no JSON
 */
export function* findJson(text: string): Generator<unknown> {
  const whole = readWrittenJson(text);
  if (whole) {
    yield* readings(whole.value);
    return;
  }
  const thought = text.lastIndexOf(THINK_END);
  const reply = thought < 0 ? text : text.slice(thought + THINK_END.length);
  let tried = 0;
  for (const candidate of candidates(reply)) {
    if (candidate === text) continue;
    const parsed = readWrittenJson(candidate);
    if (parsed) yield* readings(parsed.value);
    if (++tried === MOST_CANDIDATES) return;
  }
}

/** Yields a value, and before it the object or array that it holds as text: some models write JSON into a JSON string. */
function* readings(value: unknown): Generator<unknown> {
  let inner = value;
  for (let level = 0; level < MOST_WRAPPED && typeof inner === "string"; level++) inner = readWrittenJson(inner)?.value;
  if (inner !== value && typeof inner === "object" && inner !== null) yield inner;
  yield value;
}

function* candidates(text: string): Generator<string> {
  yield text;
  for (const [, block] of text.matchAll(FENCE)) yield block as string;
  yield* bracketed(text);
}

/** Yields the parts of a text from an opening bracket to the one that closes it. */
function* bracketed(text: string): Generator<string> {
  const opening = /[[{]/g;
  let unclosed = 0;
  for (let found = opening.exec(text); found; found = opening.exec(text)) {
    const start = found.index;
    const end = closingBracket(text, start);
    if (end !== undefined) {
      yield text.slice(start, end);
      opening.lastIndex = end;
      continue;
    }
    // What was broken off is no reply, and what stands inside it is not what was asked for.
    VALUE_BEGINS.lastIndex = start;
    if (VALUE_BEGINS.test(text) || ++unclosed === MOST_UNCLOSED) return;
  }
}

/** @returns the place behind the bracket that closes the one at `start` */
function closingBracket(text: string, start: number): number | undefined {
  let depth = 0;
  let isInString = false;
  for (let at = start; at < text.length; at++) {
    const char = text[at];
    if (isInString) {
      if (char === "\\") at++;
      else if (char === '"') isInString = false;
    } else if (char === '"') {
      isInString = true;
    } else if (char === "{" || char === "[") {
      depth++;
    } else if ((char === "}" || char === "]") && --depth === 0) {
      return at + 1;
    }
  }
  return undefined;
}

/** Parses JSON that a model has written. @returns undefined for what is not JSON, or must not be used */
export function readWrittenJson(text: string): { value: unknown } | undefined {
  const value = parse(text);
  return value === undefined || nestingProblem(value) !== undefined ? undefined : { value };
}

/** Tells why JSON is not used although it can be parsed. @returns undefined if it cannot */
export function jsonProblem(text: string): string | undefined {
  return nestingProblem(parse(text));
}

function parse(text: string): unknown {
  // Some servers begin with a byte order mark, which JSON.parse does not take.
  return parseJson(text.replace(/^\uFEFF/, ""));
}
