import type { ChatError } from "./errors/chat-error";
import type { Failure } from "./errors/failure";
import type { ExchangeResult } from "./response/exchange";
import { backoff, LONGEST_WAIT_S, requestedWait, SHORTEST_WAIT_S, SHORTEST_WAKING_WAIT_S } from "./retry";
import type { Completion, PartialCompletion, Timing } from "./types";

/** In ms. A reply that the server wrote at once takes a busy machine a few to read. */
const SHORTEST_WRITING_MS = 20;

/** The course of one question over its attempts: when the next one is due, and what is told of them. */
export class Attempts {
  readonly #startedAt = performance.now();
  readonly #wakeUpMs: number;
  /** Requests made. */
  count = 0;
  /** Extra attempts that count. */
  retries = 0;
  /** A kept connection has been replaced since the last attempt that counts. */
  #isReplaced = false;
  queuedMs = 0;
  /** When the last one was sent. */
  sentAt = performance.now();

  constructor(wakeUp: number) {
    this.#wakeUpMs = wakeUp * 1000;
  }

  /**
   * Whether the request may be sent again at once, since the kept connection that it went out on was closed: once a
   * request. It is the same attempt then.
   */
  mayReplace(): boolean {
    if (this.#isReplaced) return false;
    this.#isReplaced = true;
    this.count--;
    return true;
  }

  /** Seconds until the next attempt, or undefined if there is none. */
  nextWait({ error, headers }: Failure, allowed: number): number | undefined {
    this.#isReplaced = false;
    const requested = requestedWait(headers);
    if (requested !== undefined && requested > LONGEST_WAIT_S) return undefined;
    if (this.isWaking(error)) return Math.max(SHORTEST_WAKING_WAIT_S, requested ?? backoff(this.count - 1));
    if (this.retries >= allowed) return undefined;
    this.retries++;
    return Math.max(SHORTEST_WAIT_S, requested ?? backoff(this.retries - 1));
  }

  /** Whether an error is that of an endpoint that wakes up: it says nothing of the model, and costs no retry. */
  isWaking({ cause: { status } }: ChatError): boolean {
    return (status === 502 || status === 503) && performance.now() - this.#startedAt < this.#wakeUpMs;
  }

  completion({ completion, firstAt, lastAt }: ExchangeResult): Completion {
    return { ...completion, attempts: this.count, timing: this.#timing(completion, firstAt, lastAt) };
  }

  /** Puts on the error what is known of the question. */
  error(error: ChatError, result?: ExchangeResult): ChatError {
    const completion = this.completion(result ?? { completion: { message: { role: "assistant", content: "" } } });
    error.completion = completion;
    error.cause.attempts = this.count;
    if (completion.provider) error.cause.provider = completion.provider;
    if (completion.request_id) error.cause.request_id = completion.request_id;
    return error;
  }

  #timing(completion: PartialCompletion, firstAt: number | undefined, lastAt: number | undefined): Timing {
    const now = performance.now();
    // The end of the body may come later than the last piece.
    const endedAt = lastAt ?? now;
    const timing: Timing = {
      queued_ms: Math.round(this.queuedMs),
      total_ms: Math.round(now - this.#startedAt),
    };
    if (firstAt === undefined) return timing;
    timing.first_ms = Math.round(firstAt - this.#startedAt);
    // A reply that came as one piece has no time between its first and its last token but that of reading it.
    const writing = endedAt - firstAt > SHORTEST_WRITING_MS ? endedAt - firstAt : endedAt - this.sentAt;
    const tokens = completion.usage?.["completion_tokens"];
    if (typeof tokens === "number" && writing > 0) {
      timing.tokens_per_second = Math.round((tokens / writing) * 10_000) / 10;
    }
    return timing;
  }
}
