import { asRecord } from "../../client/internal";
import { copyMessages, type Message } from "../request/prompt";
import { closeOldRounds, type Origins } from "../run/sendable-history";
import type { Answered } from "./answered";
import { type HistoryLimits, trimHistory } from "./history";

/** What is remembered of a conversation, as it stands in a store. Values are never changed. */
export interface Remembered {
  messages: Message[];
  /** Who wrote each message: the name of a model, null for what no model wrote. Earlier versions stored none. */
  by?: (string | null)[];
  /** By model: the provider that served it last. */
  providers?: Record<string, string>;
  /** Absent where the last question had no idempotency key. */
  answered?: Answered;
}

/** What a question gets of its conversation. */
export interface Recalled {
  history: Message[];
  origins: Origins;
}

/** Reads what a store has. The messages are copies: a store may hand out its own, and messages of flows are changed. */
export function recall({ messages, by, providers }: Remembered, limits: HistoryLimits): Recalled {
  const names: unknown[] | undefined = Array.isArray(by) ? by : undefined;
  const stored = names ? messages : closeOldRounds(messages);
  const writerOf = new Map(stored.map((message, at) => [message, names?.[at]]));
  const writers: Origins["writers"] = new Map();
  const history = trimHistory(stored, limits, 1).map((message) => {
    const [copy = message] = copyMessages([message]);
    const writer = writerOf.get(message);
    writers.set(copy, typeof writer === "string" ? writer : null);
    return copy;
  });
  const known = Object.entries(asRecord(providers) ?? {}).flatMap(([model, provider]): [string, string][] =>
    typeof provider === "string" ? [[model, provider]] : [],
  );
  return { history, origins: { writers, providers: new Map(known) } };
}

/**
 * Returns what is to be remembered.
 *
 * @param correction - tokens that the server counts for one of the estimate
 */
export function toRemember(
  messages: Message[],
  { writers, providers }: Origins,
  limits: HistoryLimits,
  correction: number,
): Required<Omit<Remembered, "answered">> {
  const left = trimHistory(messages, limits, correction);
  return {
    messages: copyMessages(left),
    by: left.map((message) => writers.get(message) ?? null),
    providers: Object.fromEntries(providers),
  };
}
