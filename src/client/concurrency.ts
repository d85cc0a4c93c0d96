import { ChatError } from "./errors/chat-error";
import type { Priority } from "./types";
import { onAbort } from "./until-abort";

interface Waiter {
  go: () => void;
  stop: () => void;
}

/**
 * Limits how many HTTP exchanges run at once; none begins while the server wants a pause. The others wait in order.
 * Retries and later rounds go ahead of new questions and are never refused, so that a question that has begun can
 * always end.
 */
export class ConcurrencyLimiter {
  readonly #limit: number;
  readonly #maxQueued: number;
  /** Retries and later rounds, which go first. */
  readonly #ahead = new Set<Waiter>();
  readonly #queue = new Set<Waiter>();
  /** Questions that wait for something else, but count as waiting. */
  #reserved = 0;
  #running = 0;
  /** Set while the server wants a pause. */
  #pauseTimer: NodeJS.Timeout | undefined;
  /** When the pause ends, by `performance.now()`. */
  #pausedUntil = 0;
  /** End the waits before retries. */
  readonly #delays = new Set<() => void>();
  #isClosed = false;

  /**
   * @param limit - exchanges at once
   * @param maxQueued - new questions that may wait; further ones fail at once
   */
  constructor(limit: number, maxQueued: number) {
    this.#limit = limit;
    this.#maxQueued = maxQueued;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Waits for a slot. Every slot must be released.
   *
   * @param onWait - called if it has to wait
   * @throws ChatError `queue_full`, or `cancelled` when `signal` fires first or the limiter is closed
   */
  async acquire(priority: Priority, signal: AbortSignal | undefined, onWait?: () => void): Promise<void> {
    if (signal?.aborted || this.#isClosed) throw new ChatError("cancelled");
    if (this.#hasRoom) {
      this.#running++;
      return;
    }
    if (priority === "new" && this.#waiting >= this.#maxQueued) throw this.#full();
    onWait?.();
    await this.#wait(priority === "begun" || priority === "moved" ? this.#ahead : this.#queue, signal);
    // The same abort may have released the slot and end this question.
    if (signal?.aborted) {
      this.release();
      throw new ChatError("cancelled");
    }
  }

  /** Releases a slot; the next in line gets it at once. */
  release(): void {
    this.#running--;
    this.#fill();
  }

  /**
   * Counts a question as waiting, while it waits for something else than a slot.
   *
   * @returns a function that ends the count
   * @throws ChatError `queue_full`
   */
  reserve(): () => void {
    if (this.#waiting >= this.#maxQueued) throw this.#full();
    this.#reserved++;
    let isReserved = true;
    return () => {
      if (isReserved) this.#reserved--;
      isReserved = false;
    };
  }

  /** Pauses the queue for at least this many seconds, 0 for not at all; running exchanges continue. */
  pauseFor(seconds: number): void {
    const until = performance.now() + seconds * 1000;
    if (seconds === 0 || until <= this.#pausedUntil || this.#isClosed) return;
    this.#pausedUntil = until;
    clearTimeout(this.#pauseTimer);
    this.#pauseTimer = setTimeout(() => {
      this.#pauseTimer = undefined;
      this.#fill();
    }, seconds * 1000);
  }

  /** Waits before a retry, without a slot. An abort or `close()` ends the wait early. */
  async delay(seconds: number, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted || this.#isClosed) return;
    await new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer);
        stopListening();
        this.#delays.delete(end);
        resolve();
      };
      const timer = setTimeout(end, seconds * 1000);
      this.#delays.add(end);
      const stopListening = onAbort(signal, end);
    });
  }

  /** Ends all waits; nothing begins any more. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#pauseTimer);
    for (const waiter of [...this.#ahead, ...this.#queue]) waiter.stop();
    for (const end of this.#delays) end();
  }

  get #hasRoom(): boolean {
    return this.#running < this.#limit && this.#pauseTimer === undefined;
  }

  get #waiting(): number {
    return this.#queue.size + this.#reserved;
  }

  #full(): ChatError {
    return new ChatError("queue_full", { count: this.#waiting }, { retryable: true });
  }

  #wait(line: Set<Waiter>, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = () => {
        line.delete(waiter);
        reject(new ChatError("cancelled"));
      };
      const go = () => {
        stopListening();
        resolve();
      };
      const waiter: Waiter = { go, stop };
      line.add(waiter);
      const stopListening = onAbort(signal, stop);
    });
  }

  #fill(): void {
    while (this.#hasRoom) {
      const line = this.#ahead.size > 0 ? this.#ahead : this.#queue;
      const [next] = line;
      if (!next) return;
      line.delete(next);
      this.#running++;
      next.go();
    }
  }
}
