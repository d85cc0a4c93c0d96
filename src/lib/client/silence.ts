/** A longer timer fires at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Tells when nothing has come for a while. One timer a wait: a piece only notes the time, and the timer, when it fires,
 * goes on waiting for what is left. Pieces that come in one read of the socket look at the clock once.
 */
export class Silence {
  readonly #onSilence: (seconds: number) => void;
  #timer: NodeJS.Timeout | undefined;
  #limitMs = 0;
  /** When something has come last, by `performance.now()`. */
  lastAt = 0;
  /** The time has been noted in this turn of the event loop. */
  #isNoted = false;

  constructor(onSilence: (seconds: number) => void) {
    this.#onSilence = onSilence;
  }

  /** Begins to wait anew. @param limitMs - 0 for no limit */
  start(limitMs: number): void {
    this.stop();
    this.#limitMs = Math.min(limitMs, LONGEST_TIMER_MS);
    this.lastAt = performance.now();
    if (limitMs > 0) this.#timer = setTimeout(this.#check, this.#limitMs);
  }

  /** Something has come. */
  note(): void {
    if (this.#isNoted) return;
    this.#isNoted = true;
    this.lastAt = performance.now();
    process.nextTick(this.#endTurn);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #endTurn = (): void => {
    this.#isNoted = false;
  };

  #check = (): void => {
    const left = this.#limitMs - (performance.now() - this.lastAt);
    // Timers may fire up to a millisecond early.
    if (left >= 1) this.#timer = setTimeout(this.#check, left);
    else this.#onSilence(this.#limitMs / 1000);
  };
}
