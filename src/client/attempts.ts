import { asChatError, type ChatError, isOfModel } from "./errors/chat-error";
import type { Failure } from "./errors/failure";
import { isTimeout } from "./errors/of-server";
import type { ExchangeResult } from "./response/exchange-result";
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

/** The others wait longer by this, so that the retried question is in the queue before them. */
const HEAD_START_S = 0.01;

/** Limits on the attempts of a question. */
export interface AttemptLimits {
  /** Extra attempts that count. */
  retries: number;
  /** How long an endpoint may take to wake up, in seconds. */
  wakeUp: number;
}

/** Counts the attempts of one question, says when the next one is due, and measures the time. */
export class Attempts {
  readonly #startedAt = performance.now();
  readonly #limits: AttemptLimits;
  readonly #hasFallback: boolean;
  readonly #hasOtherServer: boolean;
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

  /** @param whatElse - whether there is another model or server to ask */
  constructor(
    limits: AttemptLimits,
    whatElse: { hasFallback?: boolean | undefined; hasOtherServer?: boolean | undefined } = {},
  ) {
    this.#limits = limits;
    this.#hasFallback = whatElse.hasFallback === true;
    this.#hasOtherServer = whatElse.hasOtherServer === true;
  }

  /**
   * Waits for the slot of the next attempt.
   *
   * @throws ChatError of `ConcurrencyLimiter.acquire`
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
   * True if the request may be sent again at once, once an attempt, because the server closed the kept connection that
   * it used. It counts as the same attempt.
   */
  mayReplace(): boolean {
    if (this.#isReplaced) return false;
    this.#isReplaced = true;
    this.count--;
    return true;
  }

  /**
   * True if a question that failed may be asked in another way at once: nothing of its reply has come. After silence another
   * server comes first; one that says itself that it was too slow is there.
   */
  mayAskAnew({ failure, firstAt }: ExchangeResult): boolean {
    if (!failure || firstAt !== undefined) return false;
    return failure.error.cause.status !== undefined || !this.#isForOtherServer(failure.error);
  }

  /** Returns the wait before the next attempt, in seconds; undefined if there is none. */
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
   * Returns for how long all other questions wait after a failure, in seconds; 0 for not at all. They wait even if this
   * question has no attempt left: the server would refuse the next one in its place.
   */
  pauseOfOthers(failure: Failure): number {
    if (!this.#isWorthRetry(failure)) return 0;
    const pause = requestedPause(failure.error.cause.status, failure.headers);
    return pause === undefined ? 0 : pause + HEAD_START_S;
  }

  /** Adds attempts and timing to a reply. */
  completion({ completion, firstAt, lastAt }: ExchangeResult): Completion {
    return { ...completion, attempts: this.count, timing: this.#timing(completion, firstAt, lastAt) };
  }

  /** Adds the attempts and the reply so far to an error. */
  error(error: ChatError, completion = this.completion(noReply())): ChatError {
    error.completion = completion;
    error.cause.attempts = this.count;
    if (completion.provider) error.cause.provider = completion.provider;
    if (completion.request_id) error.cause.request_id = completion.request_id;
    return error;
  }

  /** False if another model is better asked at once; but one that wakes up is worth the wait. */
  #isWorthRetry({ error, mayRetry }: Failure): boolean {
    if (!mayRetry || this.#isForOtherServer(error)) return false;
    return !(this.#hasFallback && isOfModel(error) && !this.#isWaking(error));
  }

  /** True for a time-out where there is another server: to wait as long again would help nobody. */
  #isForOtherServer(error: ChatError): boolean {
    return this.#hasOtherServer && isTimeout(error) && !this.#isWaking(error);
  }

  /** True for the error of an endpoint that wakes up: it says nothing about the model, and costs no retry. */
  #isWaking({ cause: { status } }: ChatError): boolean {
    return (status === 502 || status === 503) && performance.now() - this.#startedAt < this.#limits.wakeUp * 1000;
  }

  #timing(completion: PartialCompletion, firstAt: number | undefined, lastAt: number | undefined): Timing {
    const now = performance.now();
    // The end of the body may come later than the last delta.
    const endedAt = lastAt ?? now;
    const timing: Timing = {
      queued_ms: Math.round(this.#queuedMs),
      total_ms: Math.round(now - this.#startedAt),
    };
    if (firstAt === undefined) return timing;
    timing.first_ms = Math.round(firstAt - this.#startedAt);
    // In a reply that came at once, the time between first and last token is only that of reading it.
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
