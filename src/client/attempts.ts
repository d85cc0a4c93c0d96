import { asChatError, type ChatError, isOfModel } from "./errors/chat-error";
import type { Failure } from "./errors/failure";
import type { ExchangeResult } from "./response/exchange";
import {
  backoff,
  LONGEST_WAIT_S,
  requestedPause,
  requestedWait,
  SHORTEST_WAIT_S,
  SHORTEST_WAKING_WAIT_S,
} from "./retry";
import type { Completion, PartialCompletion, Timing } from "./types";

/** In ms. A busy machine needs this long to read a reply that the server wrote at once. */
const SHORTEST_WRITING_MS = 20;

/** The others wait longer by this: a question that is retried has queued before them by then. */
const HEAD_START_S = 0.01;

/** What bounds the attempts of a question. */
export interface AttemptLimits {
  /** Extra attempts that count. */
  retries: number;
  /** How long an endpoint may take to wake up, in seconds. */
  wakeUp: number;
}

/** The course of one question over its attempts: when the next one is due, and what is told of them. */
export class Attempts {
  readonly #startedAt = performance.now();
  readonly #limits: AttemptLimits;
  readonly #hasFallback: boolean;
  /** True once it has had a slot. */
  hasBegun = false;
  /** Requests made. */
  count = 0;
  /** Extra attempts that count. */
  retries = 0;
  /** A kept connection has been replaced since the last attempt that counts. */
  #isReplaced = false;
  #queuedMs = 0;
  /** When the last one was sent. */
  sentAt = performance.now();

  /** @param hasFallback - there is another model to ask */
  constructor(limits: AttemptLimits, hasFallback = false) {
    this.#limits = limits;
    this.#hasFallback = hasFallback;
  }

  /**
   * Waits for the slot of the next attempt.
   *
   * @throws ChatError if there is none
   */
  async begin(slot: Promise<void>): Promise<void> {
    const queuedAt = performance.now();
    try {
      await slot;
    } catch (error) {
      this.#queuedMs += performance.now() - queuedAt;
      throw this.error(asChatError(error));
    }
    this.#queuedMs += performance.now() - queuedAt;
    this.hasBegun = true;
    this.count++;
  }

  /**
   * True if the request may be sent again at once, since the kept connection that it went out on was closed: once a
   * request. It is the same attempt then.
   */
  mayReplace(): boolean {
    if (this.#isReplaced) return false;
    this.#isReplaced = true;
    this.count--;
    return true;
  }

  /** Returns the seconds until the next attempt; undefined if there is none. */
  nextWait(failure: Failure): number | undefined {
    if (!this.#isWorthRetry(failure)) return undefined;
    this.#isReplaced = false;
    const requested = requestedWait(failure.headers);
    if (requested !== undefined && requested > LONGEST_WAIT_S) return undefined;
    if (this.#isWaking(failure.error)) return Math.max(SHORTEST_WAKING_WAIT_S, requested ?? backoff(this.count - 1));
    if (this.retries >= this.#limits.retries) return undefined;
    this.retries++;
    return Math.max(SHORTEST_WAIT_S, requested ?? backoff(this.retries - 1));
  }

  /**
   * Returns for how many seconds all other questions wait after a failure, also where this one has no attempt left: the next
   * one would only be refused in its place. 0 for no wait.
   */
  pauseOfOthers(failure: Failure): number {
    if (!this.#isWorthRetry(failure)) return 0;
    const pause = requestedPause(failure.error.cause.status, failure.headers);
    return pause === undefined ? 0 : pause + HEAD_START_S;
  }

  /** Adds to a reply what is known of its question. */
  completion({ completion, firstAt, lastAt }: ExchangeResult): Completion {
    return { ...completion, attempts: this.count, timing: this.#timing(completion, firstAt, lastAt) };
  }

  /** Puts on the error what is known of the question, and what had come of the reply. */
  error(error: ChatError, completion = this.completion(noReply())): ChatError {
    error.completion = completion;
    error.cause.attempts = this.count;
    if (completion.provider) error.cause.provider = completion.provider;
    if (completion.request_id) error.cause.request_id = completion.request_id;
    return error;
  }

  /** Another model is asked at once in place of one that refuses, but not in place of one that wakes up. */
  #isWorthRetry({ error, mayRetry }: Failure): boolean {
    return mayRetry && !(this.#hasFallback && isOfModel(error) && !this.#isWaking(error));
  }

  /** True for the error of an endpoint that wakes up: it says nothing of the model, and costs no retry. */
  #isWaking({ cause: { status } }: ChatError): boolean {
    return (status === 502 || status === 503) && performance.now() - this.#startedAt < this.#limits.wakeUp * 1000;
  }

  #timing(completion: PartialCompletion, firstAt: number | undefined, lastAt: number | undefined): Timing {
    const now = performance.now();
    // The end of the body may come later than the last piece.
    const endedAt = lastAt ?? now;
    const timing: Timing = {
      queued_ms: Math.round(this.#queuedMs),
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

function noReply(): ExchangeResult {
  return { completion: { message: { role: "assistant", content: "" } } };
}
