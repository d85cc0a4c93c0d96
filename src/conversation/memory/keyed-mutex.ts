import { untilAbort } from "../../client/internal";

/** A place in a line whose turn has come. */
export interface Lock {
  /** Lets the next one have its turn. */
  end(): void;
}

/** Lets those of one key have their turn one after the other, in the order in which they came. */
export class KeyedMutex {
  /** By key: settled when the last one in the line has ended. */
  readonly #ends = new Map<string, Promise<void>>();
  /** Settled when the last one has ended that had the turn for all keys without a line. */
  #endOfOthers: Promise<void> | undefined;

  /** Whether one of this key would have to wait. */
  isBusy(key: string): boolean {
    return this.#endBefore(key) !== undefined;
  }

  /**
   * Waits for a turn. Every turn must be ended.
   *
   * @returns undefined if `signal` fires first
   */
  async lock(key: string, signal?: AbortSignal): Promise<Lock | undefined> {
    const before = this.#endBefore(key);
    const { end, ended } = openLock(before);
    this.#ends.set(key, ended);
    void ended.then(() => {
      if (this.#ends.get(key) === ended) this.#ends.delete(key);
    });
    try {
      if (before) await untilAbort(before, signal);
      return { end };
    } catch {
      end();
      return undefined;
    }
  }

  /**
   * Takes a place in every line that there is, and one before all lines that will be. None of them waits for another.
   *
   * @returns the keys of the lines with a promise of the turn in each, and one for all other keys
   */
  lockAll(): { locks: [key: string, lock: Promise<Lock | undefined>][]; others: Promise<Lock> } {
    const locks = [...this.#ends.keys()].map((key): [string, Promise<Lock | undefined>] => [key, this.lock(key)]);
    const before = this.#endOfOthers;
    const { end, ended } = openLock(before);
    this.#endOfOthers = ended;
    void ended.then(() => {
      if (this.#endOfOthers === ended) this.#endOfOthers = undefined;
    });
    return { locks, others: Promise.resolve(before).then(() => ({ end })) };
  }

  #endBefore(key: string): Promise<void> | undefined {
    return this.#ends.get(key) ?? this.#endOfOthers;
  }
}

/** @returns what ends a turn, and a promise that it has ended, with all before it */
function openLock(before: Promise<void> | undefined): Lock & { ended: Promise<void> } {
  let end = (): void => {};
  const mine = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { end, ended: before ? before.then(() => mine) : mine };
}
