/** A longer timer fires at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** A timer that fires later than this, in ms, has waited for our own process, which was busy. */
const LATE_MS = 50;

/**
 * Calls back when nothing has come for a while. Uses one timer a wait and does nothing for a delta: when the timer fires, it
 * asks when the last one came, and waits for the rest of the time.
 *
 * Only the server's silence counts. Before the callback, everything that has come meanwhile is read. If our own process was
 * busy, the server gets the whole time once more.
 */
export class IdleTimeout {
  readonly #lastNewsAt: () => number;
  readonly #onSilence: (seconds: number) => void;
  #timer: NodeJS.Timeout | undefined;
  #poll: NodeJS.Immediate | undefined;
  #limitMs = 0;
  #startedAt = 0;
  /** When the wait began that got its time twice. */
  #extended = -1;

  /**
   * @param lastNewsAt - returns when something came last, by `performance.now()`; 0 for nothing yet
   * @param onSilence - must not throw
   */
  constructor(lastNewsAt: () => number, onSilence: (seconds: number) => void) {
    this.#lastNewsAt = lastNewsAt;
    this.#onSilence = onSilence;
  }

  /** Starts to wait. @param limitMs - 0 for no limit */
  start(limitMs: number): void {
    this.stop();
    this.#limitMs = Math.min(limitMs, LONGEST_TIMER_MS);
    this.#startedAt = performance.now();
    if (limitMs > 0) this.#timer = setTimeout(this.#check, this.#limitMs);
  }

  /** Starts again with the same limit. */
  again(): void {
    this.start(this.#limitMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#poll);
  }

  get #begin(): number {
    return Math.max(this.#startedAt, this.#lastNewsAt());
  }

  get #left(): number {
    return this.#limitMs - (performance.now() - this.#begin);
  }

  #check = (): void => {
    const left = this.#left;
    // Timers may fire up to a millisecond early.
    if (left >= 1) this.#timer = setTimeout(this.#check, left);
    // Sockets are read between the timers and `setImmediate`.
    else this.#poll = setImmediate(this.#judge, left < -LATE_MS);
  };

  #judge = (isLate: boolean): void => {
    const begin = this.#begin;
    if (this.#left >= 1) {
      this.#check();
    } else if (isLate && begin !== this.#extended) {
      this.#extended = begin;
      this.#timer = setTimeout(this.#check, this.#limitMs);
    } else {
      this.#onSilence(this.#limitMs / 1000);
    }
  };
}
