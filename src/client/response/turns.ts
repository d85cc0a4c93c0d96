/** How long replies are read before everything else gets its turn, in ms. */
const TURN_MS = 10;
/** For each of these bytes that wait, a turn lasts one more `TURN_MS`, so that they do not pile up. */
const WAITING_BYTES = 1 << 20;
const LONGEST_TURN_MS = 100;
/** A look at the clock takes 50 ns: too much for each event that takes little time. */
const EVENTS_A_LOOK = 8;
const QUICK_MS = 0.5;

/**
 * Shares the event loop between reading and everything else. Node.js reads a socket up to 32 times before anything else has
 * its turn, and Node-RED delivers messages with `setImmediate`. Without turns, all messages of a reply that comes at once
 * would exist before the first is delivered.
 *
 * All replies share one turn, since they share one event loop.
 */
class Turns {
  /** Nothing more may be read before the next turn. */
  isOver = false;
  /** Bytes that wait to be read, of all replies. */
  waitingBytes = 0;
  /** When reading began, or the clock was last looked at, by `performance.now()`. Set by whoever begins to read. */
  readingSince = 0;
  #spentMs = 0;
  #untilLook = 1;
  #line = new Set<() => void>();
  #isNextDue = false;

  /** Counts one event. @returns true if the turn is over */
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

  /** Queues for the next turn. @param resume - called in it, or in a later one if it is over by then; must not throw */
  wait(resume: () => void): void {
    this.#line.add(resume);
    this.#plan();
  }

  /** Leaves the queue. */
  leave(resume: () => void): void {
    this.#line.delete(resume);
  }

  #plan(): void {
    if (this.#isNextDue) return;
    this.#isNextDue = true;
    setImmediate(this.#next);
  }

  /** By now the messages of the turn before are delivered: their `setImmediate` was called earlier. */
  #next = (): void => {
    this.#isNextDue = false;
    this.isOver = false;
    this.#spentMs = 0;
    this.readingSince = performance.now();
    // Those that queue again come behind those that have not had their turn.
    for (const resume of [...this.#line]) {
      if (this.isOver) break;
      if (this.#line.delete(resume)) resume();
    }
    if (this.#line.size > 0) this.#plan();
  };
}

/** The one instance: a process, or a worker thread, has one event loop. */
export const turns = new Turns();
