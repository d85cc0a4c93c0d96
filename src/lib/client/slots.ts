import { ChatError } from "./errors";

interface Waiter {
  go: () => void;
  stop: () => void;
}

/**
 * Limits how many HTTP exchanges run at once; the others wait in order. Later rounds and retries of a question go
 * ahead of new questions and are never refused, so that a question that has begun can always end.
 */
export class Slots {
  readonly #limit: number;
  readonly #maxQueued: number;
  readonly #ahead = new Set<Waiter>();
  readonly #queue = new Set<Waiter>();
  #taken = 0;

  /**
   * @param limit - exchanges at once
   * @param maxQueued - new questions that may wait; one more fails at once
   */
  constructor(limit: number, maxQueued: number) {
    this.#limit = limit;
    this.#maxQueued = maxQueued;
  }

  /**
   * Waits for a slot. Every slot that was taken must be given back.
   *
   * @param ahead - part of a question that has begun
   * @param onWait - called if it has to wait
   * @throws ChatError `queue_full`, or `cancelled` when `signal` fires first
   */
  take(ahead: boolean, signal: AbortSignal | undefined, onWait?: () => void): Promise<void> {
    if (signal?.aborted) return Promise.reject(new ChatError("cancelled"));
    if (this.#taken < this.#limit) {
      this.#taken++;
      return Promise.resolve();
    }
    if (!ahead && this.#queue.size >= this.#maxQueued) {
      return Promise.reject(new ChatError("queue_full", { count: this.#queue.size }, { retryable: true }));
    }
    onWait?.();
    const line = ahead ? this.#ahead : this.#queue;
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        line.delete(waiter);
        reject(new ChatError("cancelled"));
      };
      const waiter: Waiter = {
        stop: onAbort,
        go: () => {
          signal?.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      line.add(waiter);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** Ends the wait of all. */
  close(): void {
    for (const waiter of [...this.#ahead, ...this.#queue]) waiter.stop();
  }

  /** Gives a slot back: the next in line has it at once. */
  give(): void {
    const line = this.#ahead.size > 0 ? this.#ahead : this.#queue;
    for (const next of line) {
      line.delete(next);
      next.go();
      return;
    }
    this.#taken--;
  }
}
