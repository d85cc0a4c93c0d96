import { ChatError } from "./errors/chat-error";

/**
 * What asks for a slot: a new question; one that was admitted before, when it began to wait for something else; or a
 * retry or later round of a question that has begun.
 */
export type Claim = "new" | "admitted" | "begun";

interface Waiter {
  go: () => void;
  stop: () => void;
}

/**
 * Says when an HTTP exchange may begin: so many run at once, and none begins while the server wants a pause; the others
 * wait in order. Later rounds and retries of a question go ahead of new questions and are never refused, so that a
 * question that has begun can always end.
 */
export class Slots {
  readonly #limit: number;
  readonly #maxQueued: number;
  readonly #ahead = new Set<Waiter>();
  readonly #queue = new Set<Waiter>();
  /** Questions that wait elsewhere and count all the same. */
  #reserved = 0;
  #taken = 0;
  /** Runs while the server wants a pause. */
  #hold: NodeJS.Timeout | undefined;
  /** When that ends, by `performance.now()`. */
  #heldUntil = 0;

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
  take(claim: Claim, signal: AbortSignal | undefined, onWait?: () => void): Promise<void> {
    if (signal?.aborted) return Promise.reject(new ChatError("cancelled"));
    if (this.#hasRoom) {
      this.#taken++;
      return Promise.resolve();
    }
    if (claim === "new" && this.#waiting >= this.#maxQueued) return Promise.reject(this.#full());
    onWait?.();
    const line = claim === "begun" ? this.#ahead : this.#queue;
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
  hold(seconds: number): void {
    const until = performance.now() + seconds * 1000;
    if (until <= this.#heldUntil) return;
    this.#heldUntil = until;
    clearTimeout(this.#hold);
    this.#hold = setTimeout(() => {
      this.#hold = undefined;
      this.#fill();
    }, seconds * 1000);
  }

  get #hasRoom(): boolean {
    return this.#taken < this.#limit && this.#hold === undefined;
  }

  get #waiting(): number {
    return this.#queue.size + this.#reserved;
  }

  #full(): ChatError {
    return new ChatError("queue_full", { count: this.#waiting }, { retryable: true });
  }

  /** Ends the wait of all. */
  close(): void {
    clearTimeout(this.#hold);
    for (const waiter of [...this.#ahead, ...this.#queue]) waiter.stop();
  }

  /** Gives a slot back: the next in line has it at once. */
  give(): void {
    this.#taken--;
    this.#fill();
  }

  #fill(): void {
    while (this.#hasRoom) {
      const line = this.#ahead.size > 0 ? this.#ahead : this.#queue;
      const [next] = line;
      if (!next) return;
      line.delete(next);
      this.#taken++;
      next.go();
    }
  }
}
