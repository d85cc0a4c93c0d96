/** A longer timer fires at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** A timer that fires later than this, in ms, has waited for our own process, which was busy. */
const LATE_MS = 50;

/** How long a server may be silent, in ms; 0 for no limit. */
export interface SilenceLimits {
  /** Until the headers. */
  headersLimitMs: number;
  /** From there to the first piece. */
  firstPieceLimitMs: number;
  /** Afterwards. */
  silenceLimitMs: number;
  /** True for a server at home, which may be loading its model. */
  isAtHome: boolean;
}

/** What has come, by `performance.now()`. */
export interface News {
  /** Returns when something came last; 0 for nothing yet. */
  at(): number;
  /** True if the first piece has come: from then on the shorter limit applies. */
  hasBegun(): boolean;
}

/**
 * Calls back when nothing has come for a while. Uses one timer a wait and does nothing for a delta: when the timer fires, it
 * asks when the last one came, and waits for the rest of the time. Where more time is allowed until the first piece, it asks
 * meanwhile whether that has come.
 *
 * Only the server's silence counts. Before the callback, everything that has come meanwhile is read. If our own process was
 * busy, the server gets the whole time once more.
 */
export class IdleTimeout {
  readonly #news: News;
  readonly #onSilence: (seconds: number) => void;
  #timer: NodeJS.Timeout | undefined;
  #poll: NodeJS.Immediate | undefined;
  #limitMs = 0;
  #firstLimitMs = 0;
  #startedAt = 0;
  /** When the wait began that got its time twice. */
  #extended = -1;

  /** @param onSilence - must not throw */
  constructor(news: News, onSilence: (seconds: number) => void) {
    this.#news = news;
    this.#onSilence = onSilence;
  }

  /**
   * Starts to wait.
   *
   * @param limitMs - 0 for no limit
   * @param firstLimitMs - until the first piece; not shorter than the other
   */
  start(limitMs: number, firstLimitMs = limitMs): void {
    this.stop();
    this.#limitMs = Math.min(limitMs, LONGEST_TIMER_MS);
    this.#firstLimitMs = firstLimitMs;
    this.#startedAt = performance.now();
    if (limitMs > 0) this.#timer = setTimeout(this.#check, this.#limitMs);
  }

  /** Starts again with the same limit. */
  again(): void {
    this.start(this.#limitMs, this.#firstLimitMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#poll);
  }

  get #begin(): number {
    return Math.max(this.#startedAt, this.#news.at());
  }

  get #limit(): number {
    return this.#firstLimitMs > this.#limitMs && !this.#news.hasBegun() ? this.#firstLimitMs : this.#limitMs;
  }

  get #left(): number {
    return this.#limit - (performance.now() - this.#begin);
  }

  #check = (): void => {
    const left = this.#left;
    // Timers may fire up to a millisecond early.
    if (left >= 1) this.#timer = setTimeout(this.#check, Math.min(left, this.#limitMs));
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
      this.#onSilence(this.#limit / 1000);
    }
  };
}
