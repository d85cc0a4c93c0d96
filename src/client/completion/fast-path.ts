import { asRecord } from "../unknown";

const CONTENT = /"content"\s*:\s*"/;
/** Stands in for a text, to see where in a chunk that text is. */
const PROBE = "\u0000probe\u0000";
/**
 * Longer pieces are left to `JSON.parse`: V8 does not copy a slice of 13 characters or more, and the whole chunk would be
 * kept with it.
 */
const LONGEST_SLICE = 12;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** So many chunks in a row are learnt in vain before a stream is taken for one whose chunks have nothing in common. */
const PATIENCE = 8;

/**
 * Reads chunks that are, character by character, like the one before but for the piece of text in them, as most chunks of a
 * reply are. To parse id, model, time and all the rest anew for each word would be a quarter of what a reply costs.
 *
 * Nothing is guessed. What was learnt is where the literal of `choices[0].delta.content` stands in a text that has been
 * parsed. Another text that is the same before and behind it, and has one literal between, has the same value but for that
 * string; and the rest of that value says only once what it says (see `isPlain`).
 */
export class FastDeltaPath {
  #before = "";
  #after = "";
  #patience = PATIENCE;

  /** The piece of text in a chunk that brings nothing else; undefined for one that has to be parsed. */
  read(json: string): string | undefined {
    const before = this.#before;
    const after = this.#after;
    if (before === "") return undefined;
    // V8's startsWith goes character by character and would take as long as parsing.
    if (json.slice(0, before.length) !== before || json.slice(-after.length) !== after) return undefined;
    const end = json.length - after.length;
    const last = end - 1;
    if (json.charCodeAt(before.length) !== QUOTE) return undefined;
    let at = before.length + 1;
    if (last - at <= LONGEST_SLICE) {
      // What has no backslash and no control character before its last quotation mark says what it is.
      let code = json.charCodeAt(at);
      while (at < last && code >= 0x20 && code !== QUOTE && code !== BACKSLASH) code = json.charCodeAt(++at);
      if (at === last && code === QUOTE) {
        this.#patience = PATIENCE;
        return json.slice(before.length + 1, last);
      }
    }
    const delta = parse(json.slice(before.length, end)) as string | undefined;
    if (delta !== undefined) this.#patience = PATIENCE;
    return delta;
  }

  /**
   * Takes a chunk that was added to the reply as what the next ones may be like. Each one counts: what an earlier one said
   * may no longer hold.
   *
   * @param json - the chunk as it came
   * @param chunk - the same, parsed
   */
  learn(json: string, chunk: Record<string, unknown>): void {
    this.#before = "";
    if (this.#patience === 0 || !isPlain(chunk)) return;
    this.#patience--;
    const found = CONTENT.exec(json);
    if (!found) return;
    const begin = found.index + found[0].length - 1;
    const before = json.slice(0, begin);
    const after = json.slice(endOfLiteral(json, begin));
    // Another field may be called so, or this one may come twice: then the probe is not what comes of it.
    if (contentOf(parse(before + JSON.stringify(PROBE) + after)) !== PROBE || contentOf(chunk) === PROBE) return;
    this.#before = before;
    this.#after = after;
  }
}

/**
 * Whether a chunk brings a piece of text and nothing of what a reply collects: reasoning, calls, probabilities, a whole
 * message. All else in it, said twice, is the same as said once.
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

/** @param begin - where its first quotation mark stands @returns the place behind the last one */
function endOfLiteral(json: string, begin: number): number {
  let end = begin + 1;
  while (end < json.length && json[end] !== '"') end += json[end] === "\\" ? 2 : 1;
  return end + 1;
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
