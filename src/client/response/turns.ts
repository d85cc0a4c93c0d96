/** Replies are read for so long before everything else gets its turn, in ms. */
const TURN_MS = 10;
/** Where this many bytes wait, a turn lasts that much longer, so that what waits does not grow for ever. */
const WAITING_BYTES = 1 << 20;
const LONGEST_TURN_MS = 100;
/** A look at the clock takes 50 ns: where events take little time it is not worth one for each. */
const EVENTS_A_LOOK = 8;
const QUICK_MS = 0.5;

/**
 * Shares the event loop between the replies that are read and all else. Node.js reads a socket up to 32 times before anything
 * else has its turn, and Node-RED delivers messages with `setImmediate`: without turns all messages of a reply that comes at
 * once would exist before the first is delivered.
 *
 * All replies share one turn, since they share one event loop.
 */
class Turns {
  /** Nothing more is read before the next turn. */
  isOver = false;
  /** Bytes that wait to be read, of all replies. */
  waitingBytes = 0;
  /** When reading began, or was last looked at, by `performance.now()`. Whoever begins to read sets it. */
  readingSince = 0;
  #spentMs = 0;
  #untilLook = 1;
  #line = new Set<() => void>();
  #isNextDue = false;

  /** Counts one event that was handed on. @returns whether the turn is over */
  spend(): boolean {
    if (--this.#untilLook > 0) return this.isOver;
    const now = performance.now();
    const tookMs = now - this.readingSince;
    this.readingSince = now;
    this.#untilLook = tookMs < QUICK_MS ? EVENTS_A_LOOK : 1;
    this.#spentMs += tookMs;
    const longer = Math.max(1, this.waitingBytes / WAITING_BYTES);
    if (this.#spentMs < Math.min(TURN_MS * longer, LONGEST_TURN_MS)) return this.isOver;
    this.isOver = true;
    this.#plan();
    return true;
  }

  /** Lines up for the next turn. @param resume - called in it, or in a later one if it is over by then; must not throw */
  wait(resume: () => void): void {
    this.#line.add(resume);
    this.#plan();
  }

  /** Leaves the line. */
  leave(resume: () => void): void {
    this.#line.delete(resume);
  }

  #plan(): void {
    if (this.#isNextDue) return;
    this.#isNextDue = true;
    setImmediate(this.#next);
  }

  /** What was sent in the turn before has been delivered by now: its `setImmediate` was called earlier. */
  #next = (): void => {
    this.#isNextDue = false;
    this.isOver = false;
    this.#spentMs = 0;
    this.readingSince = performance.now();
    // Whoever lines up again comes behind those that have not had their turn.
    for (const resume of [...this.#line]) {
      if (this.isOver) break;
      if (this.#line.delete(resume)) resume();
    }
    if (this.#line.size > 0) this.#plan();
  };
}

/** The one instance: a process, or a worker thread, has one event loop. */
export const turns = new Turns();
