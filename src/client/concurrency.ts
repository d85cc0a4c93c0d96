import { ChatError } from "./errors/chat-error";

/**
 * What asks for a slot: a new question; one that was admitted before, when it began to wait for something else; or a
 * retry or later round of a question that has begun.
 */
export type Priority = "new" | "admitted" | "begun";

interface Waiter {
  go: () => void;
  stop: () => void;
}

/**
 * Says when an HTTP exchange may begin: so many run at once, and none begins while the server wants a pause; the others
 * wait in order. Later rounds and retries of a question go ahead of new questions and are never refused, so that a
 * question that has begun can always end.
 */
export class ConcurrencyLimiter {
  readonly #limit: number;
  readonly #maxQueued: number;
  readonly #ahead = new Set<Waiter>();
  readonly #queue = new Set<Waiter>();
  /** Questions that wait elsewhere and count all the same. */
  #reserved = 0;
  #running = 0;
  /** Runs while the server wants a pause. */
  #pauseFor: NodeJS.Timeout | undefined;
  /** When that ends, by `performance.now()`. */
  #pausedUntil = 0;

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
   * @param onWait - called if it has to wait
   * @throws ChatError `queue_full`, or `cancelled` when `signal` fires first
   */
  acquire(priority: Priority, signal: AbortSignal | undefined, onWait?: () => void): Promise<void> {
    if (signal?.aborted) return Promise.reject(new ChatError("cancelled"));
    if (this.#hasRoom) {
      this.#running++;
      return Promise.resolve();
    }
    if (priority === "new" && this.#waiting >= this.#maxQueued) return Promise.reject(this.#full());
    onWait?.();
    const line = priority === "begun" ? this.#ahead : this.#queue;
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

  /**
   * Counts a question that begins to wait for something else than a slot.
   *
   * @returns what ends that
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

  /** Lets nothing begin for so many seconds, or for longer where that was said before. What runs goes on. */
  pauseFor(seconds: number): void {
    const until = performance.now() + seconds * 1000;
    if (until <= this.#pausedUntil) return;
    this.#pausedUntil = until;
    clearTimeout(this.#pauseFor);
    this.#pauseFor = setTimeout(() => {
      this.#pauseFor = undefined;
      this.#fill();
    }, seconds * 1000);
  }

  get #hasRoom(): boolean {
    return this.#running < this.#limit && this.#pauseFor === undefined;
  }

  get #waiting(): number {
    return this.#queue.size + this.#reserved;
  }

  #full(): ChatError {
    return new ChatError("queue_full", { count: this.#waiting }, { retryable: true });
  }

  /** Ends the wait of all. */
  close(): void {
    clearTimeout(this.#pauseFor);
    for (const waiter of [...this.#ahead, ...this.#queue]) waiter.stop();
  }

  /** Gives a slot back: the next in line has it at once. */
  release(): void {
    this.#running--;
    this.#fill();
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
