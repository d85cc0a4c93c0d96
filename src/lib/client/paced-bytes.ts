/** What is handed on before all else gets its turn: as much as one read of a socket brings. */
const BYTES_A_TURN = 65_536;
/** Of what waits, this part goes in one turn if it is more, so that it cannot grow for ever where more comes than goes. */
const PART_A_TURN = 1 / 4;

/**
 * Hands bytes on no faster than others can take what becomes of them. Node.js reads a socket up to 32 times before
 * anything else has its turn, and Node-RED delivers messages in the next one: all chunks of a reply that comes at once would
 * wait as messages, which costs more memory and time than to let their bytes wait.
 *
 * The connection is not paused for that: undici 7 fails an assertion where a paused one is reset, and Node.js ends.
 */
export class PacedBytes {
  readonly #take: (bytes: Buffer) => void;
  readonly #onEnd: () => void;
  #left = BYTES_A_TURN;
  #waiting: Buffer[] = [];
  #waitingLength = 0;
  /** Runs when others have had their turn. */
  #pause: NodeJS.Immediate | undefined;
  #hasEnded = false;
  #isDestroyed = false;

  /**
   * @param take - takes the bytes, in the order in which they came
   * @param onEnd - called once, after the last of them
   */
  constructor(take: (bytes: Buffer) => void, onEnd: () => void) {
    this.#take = take;
    this.#onEnd = onEnd;
  }

  /** Whether there is something that has not been handed on yet, and be it that no more comes. */
  get isWaiting(): boolean {
    return this.#pause !== undefined && (this.#waiting.length > 0 || this.#hasEnded);
  }

  push(bytes: Buffer): void {
    if (this.#isDestroyed) return;
    if (this.#pause) {
      this.#waiting.push(bytes);
      this.#waitingLength += bytes.length;
    } else {
      this.#hand(bytes);
    }
  }

  /** No more will come. */
  end(): void {
    this.#hasEnded = true;
    this.#endIfEmpty();
  }

  /** Hands on at once what waits. */
  drain(): void {
    clearImmediate(this.#pause);
    this.#resume(Number.POSITIVE_INFINITY);
  }

  /** Hands on nothing more. */
  destroy(): void {
    this.#isDestroyed = true;
    clearImmediate(this.#pause);
    this.#waiting = [];
  }

  #hand(bytes: Buffer): void {
    this.#left -= bytes.length;
    // Before they are taken: whoever does so may want no more.
    if (this.#left <= 0) {
      const next = () => this.#resume(Math.max(BYTES_A_TURN, this.#waitingLength * PART_A_TURN));
      this.#pause = setImmediate(next);
    }
    this.#take(bytes);
  }

  #resume(length: number): void {
    this.#pause = undefined;
    this.#left = length;
    let handed = 0;
    while (!this.#pause && handed < this.#waiting.length) {
      const bytes = this.#waiting[handed++] as Buffer;
      this.#waitingLength -= bytes.length;
      this.#hand(bytes);
    }
    this.#waiting.splice(0, handed);
    this.#endIfEmpty();
  }

  #endIfEmpty(): void {
    if (!this.#hasEnded || this.#pause || this.#isDestroyed) return;
    this.#hasEnded = false;
    this.#onEnd();
  }
}
