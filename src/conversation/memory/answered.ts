import { asRecord, type Completion } from "../../client/internal";
import { emptyCompletion } from "../run/report";
import type { Outcome } from "../run/run-question";

/** The last answer of a conversation, stored with it where its question had an idempotency key. */
export interface Answered extends Pick<Completion, (typeof STORED)[number]> {
  idempotency_key: string;
  /** The value of a JSON reply; absent where it is the text of the message. */
  reply?: unknown;
}

/** Usage and cost are not among them: an answer that is given again costs nothing. */
const STORED = ["id", "created", "model", "provider", "request_id", "finish_reason", "message"] as const;

/**
 * Returns what is stored of an answer, so that the same question gets it again. It is one value with the conversation: whoever
 * reads that knows whether the question is in it.
 *
 * @returns undefined for a question that has not been answered: one that was aborted, or that waits for results of calls
 */
export function toAnswered(key: string, { calls, completion, reply }: Outcome): Answered | undefined {
  if (calls.length > 0 || completion.finish_reason === "aborted") return undefined;
  const { message } = completion;
  const known = STORED.flatMap((name) => (completion[name] === undefined ? [] : [[name, completion[name]]]));
  const stored = { ...Object.fromEntries(known), idempotency_key: key, message };
  // The flow may change what it gets of them.
  return structuredClone(reply === message.content ? stored : { ...stored, reply });
}

/**
 * Returns the outcome of a question that the conversation has answered last.
 *
 * @param stored - what the store has, which may be anything
 * @returns undefined if it has answered another one
 */
export function answerAgain(
  stored: unknown,
  key: string,
  { messages, origins }: Pick<Outcome, "messages" | "origins">,
): Outcome | undefined {
  const answered = asRecord(stored);
  if (answered?.["idempotency_key"] !== key || !asRecord(answered["message"])) return undefined;
  const { idempotency_key: _, reply, ...known } = structuredClone(answered as unknown as Answered);
  return {
    completion: { ...emptyCompletion(), ...known, steps: [] },
    messages,
    origins,
    isKept: false,
    reply: reply === undefined ? (known.message.content ?? "") : reply,
    calls: [],
  };
}
