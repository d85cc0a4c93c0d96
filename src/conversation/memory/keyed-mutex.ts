import { untilAbort } from "../../client/internal";

/** A lock that is held. */
export interface Lock {
  /** Releases the lock: the next in line gets it. */
  release(): void;
}

/** Locks keys: those that want one key get its lock one after the other, in the order in which they came. */
export class KeyedMutex {
  /** By key: settled when the last one in the line has released its lock. */
  readonly #releases = new Map<string, Promise<void>>();
  /** Settled when the last lock of all keys without a line is released. */
  #releaseOfOthers: Promise<void> | undefined;

  /** True if one of this key would have to wait. */
  isBusy(key: string): boolean {
    return this.#releaseBefore(key) !== undefined;
  }

  /**
   * Waits for the lock of a key. Every lock must be released.
   *
   * @returns undefined if `signal` fires first
   */
  async lock(key: string, signal?: AbortSignal): Promise<Lock | undefined> {
    const before = this.#releaseBefore(key);
    const { release, released } = openLock(before);
    this.#releases.set(key, released);
    void released.then(() => {
      if (this.#releases.get(key) === released) this.#releases.delete(key);
    });
    try {
      if (before) await untilAbort(before, signal);
      return { release };
    } catch {
      release();
      return undefined;
    }
  }

  /**
   * Takes a place in every line that there is, and one before all lines that will be. None of them waits for another.
   *
   * @returns the keys of the lines with a promise of the lock of each, and one for all other keys
   */
  lockAll(): { locks: [key: string, lock: Promise<Lock | undefined>][]; others: Promise<Lock> } {
    const locks = [...this.#releases.keys()].map((key): [string, Promise<Lock | undefined>] => [key, this.lock(key)]);
    const before = this.#releaseOfOthers;
    const { release, released } = openLock(before);
    this.#releaseOfOthers = released;
    void released.then(() => {
      if (this.#releaseOfOthers === released) this.#releaseOfOthers = undefined;
    });
    return { locks, others: Promise.resolve(before).then(() => ({ release })) };
  }

  #releaseBefore(key: string): Promise<void> | undefined {
    return this.#releases.get(key) ?? this.#releaseOfOthers;
  }
}

/** @returns what releases a lock, and a promise that it is released, with all before it */
function openLock(before: Promise<void> | undefined): Lock & { released: Promise<void> } {
  let release = (): void => {};
  const mine = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { release, released: before ? before.then(() => mine) : mine };
}
