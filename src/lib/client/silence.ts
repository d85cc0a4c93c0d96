/** A longer timer fires at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Tells when nothing has come for a while. One timer a wait: a piece only notes the time, and the timer, when it fires,
 * goes on waiting for what is left. Bytes that come in one read of the socket look at the clock once.
 */
export class Silence {
  readonly #onSilence: (seconds: number) => void;
  #timer: NodeJS.Timeout | undefined;
  #limitMs = 0;
  #startedAt = 0;
  #arrivedAt = 0;
  /** `#arrivedAt` is of this turn of the event loop. */
  #isArrivalNoted = false;
  /** When what was last noted has come, by `performance.now()`; it may have been read later. 0 for nothing yet. */
  lastAt = 0;

  constructor(onSilence: (seconds: number) => void) {
    this.#onSilence = onSilence;
  }

  /** Begins to wait anew. @param limitMs - 0 for no limit */
  start(limitMs: number): void {
    this.stop();
    this.#limitMs = Math.min(limitMs, LONGEST_TIMER_MS);
    this.#startedAt = performance.now();
    if (limitMs > 0) this.#timer = setTimeout(this.#check, this.#limitMs);
  }

  /** Bytes have come; whether they mean anything is not known yet. */
  noteArrival(): void {
    if (this.#isArrivalNoted) return;
    this.#isArrivalNoted = true;
    this.#arrivedAt = performance.now();
    process.nextTick(this.#endTurn);
  }

  /** What came means something. */
  note(): void {
    this.lastAt = this.#arrivedAt;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #endTurn = (): void => {
    this.#isArrivalNoted = false;
  };

  #check = (): void => {
    const left = this.#limitMs - (performance.now() - Math.max(this.#startedAt, this.lastAt));
    // Timers may fire up to a millisecond early.
    if (left >= 1) this.#timer = setTimeout(this.#check, left);
    else this.#onSilence(this.#limitMs / 1000);
  };
}
