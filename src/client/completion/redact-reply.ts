import type { Redaction } from "../redaction";
import type { DeltaListener, PartialCompletion } from "../types";

/** Characters that must equal the beginning of a secret before they wait. Fewer would tear every other word. */
const LEAST_HELD = 4;

/**
 * Hides secrets in the deltas of a reply. A secret mostly comes in several of them, token by token: the end of a delta that
 * may begin one waits for the next delta of its kind, text for text and reasoning for reasoning.
 *
 * @returns the listener that takes the deltas; its `end` hands on the rest when no more will come
 */
export function redactDeltas(listener: DeltaListener, redaction: Redaction): DeltaListener & { end(): void } {
  const text = new DeltaRedactor(redaction, listener.onText?.bind(listener));
  const reasoning = new DeltaRedactor(redaction, listener.onReasoning?.bind(listener));
  return {
    onText: text.push,
    onReasoning: reasoning.push,
    end: () => {
      reasoning.end();
      text.end();
    },
  };
}

class DeltaRedactor {
  readonly #redaction: Redaction;
  readonly #next: (delta: string) => void;
  /** Characters with which secrets begin. */
  readonly #firsts: string[];
  /** The end of the deltas so far, if it may begin a secret. */
  #pending = "";
  /** How much of it has been handed on: fewer than `LEAST_HELD` characters. */
  #shown = 0;

  /** @param next - takes the deltas; undefined for nobody */
  constructor(redaction: Redaction, next: (delta: string) => void = () => {}) {
    this.#redaction = redaction;
    this.#next = next;
    this.#firsts = [...new Set(redaction.needles.map((needle) => needle[0] as string))];
  }

  /** Takes a delta. Most hold no character with which a secret begins. */
  push = (delta: string): void => {
    let mayBegin = this.#pending !== "";
    for (const first of this.#firsts) if (delta.includes(first)) mayBegin = true;
    if (mayBegin) this.#search(delta);
    else this.#next(delta);
  };

  #search(delta: string): void {
    const joined = this.#pending + delta;
    const text = this.#redaction.reply(joined);
    let shown = 0;
    while (shown < this.#shown && text[shown] === joined[shown]) shown++;
    const begin = secretBegin(text, this.#redaction.needles);
    const end = text.length - begin < LEAST_HELD ? text.length : Math.max(begin, shown);
    this.#pending = begin < text.length ? text.slice(begin) : "";
    this.#shown = end - begin;
    if (end > shown) this.#next(end - shown < text.length ? text.slice(shown, end) : text);
  }

  /** Hands on what waits: nothing more can make it a secret. */
  end(): void {
    const rest = this.#pending.slice(this.#shown);
    this.#pending = "";
    this.#shown = 0;
    if (rest) this.#next(rest);
  }
}

/** Returns where the beginning of a secret at the end of a text begins; the length of the text for none. */
function secretBegin(text: string, needles: readonly string[]): number {
  let begin = text.length;
  for (const needle of needles) {
    const first = needle[0] as string;
    let at = text.indexOf(first, Math.max(0, text.length - needle.length + 1));
    while (at >= 0 && at < begin) {
      if (needle.startsWith(text.slice(at))) begin = at;
      else at = text.indexOf(first, at + 1);
    }
  }
  return begin;
}

/**
 * Hides the secrets that came in several deltas: they are found only here, where the deltas are one text.
 *
 * @param wasHidden - a secret was hidden in a chunk of the reply
 */
export function redactCompletion(
  completion: PartialCompletion,
  { reply }: Redaction,
  wasHidden: boolean,
): PartialCompletion {
  const { message, reasoningToReturn = {} } = completion;
  const texts: string[] = [];
  const hide = (text: string): string => {
    const redacted = reply(text);
    texts.push(redacted);
    if (redacted !== text) wasHidden = true;
    return redacted;
  };
  const { reasoning } = message;
  hideTexts(message as unknown as Record<string, unknown>, hide);
  if (message.audio) hideTexts(message.audio, hide);
  for (const { function: called } of message.tool_calls ?? []) {
    called.name = hide(called.name);
    called.arguments = hide(called.arguments);
  }
  hideTexts(reasoningToReturn, hide);
  // These list the same text token by token, or part by part, and would give it away.
  if (wasHidden && texts.some((text) => text.includes("***"))) delete completion.logprobs;
  if (message.reasoning !== reasoning) delete reasoningToReturn["reasoning_details"];
  return completion;
}

function hideTexts(fields: Record<string, unknown>, hide: (text: string) => string): void {
  for (const [name, value] of Object.entries(fields)) if (typeof value === "string") fields[name] = hide(value);
}
