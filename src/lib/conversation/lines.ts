/** A place in a line whose turn has come. */
export interface Turn {
  /** Lets the next one have its turn. */
  end(): void;
}

/** Lets those of one key have their turn one after the other, in the order in which they came. */
export class Lines {
  /** By key: settled when the last one in the line has ended. */
  readonly #ends = new Map<string, Promise<void>>();
  /** Settled when the last one has ended that had the turn in all lines, also those that did not exist yet. */
  #endOfAll: Promise<void> | undefined;

  /** Whether one of this key would have to wait. */
  isBusy(key: string): boolean {
    return this.#endBefore(key) !== undefined;
  }

  /**
   * Waits for a turn. Every turn must be ended.
   *
   * @returns undefined if `signal` fires first
   */
  async enter(key: string, signal?: AbortSignal): Promise<Turn | undefined> {
    const before = this.#endBefore(key);
    const { end, ended } = openTurn(before);
    this.#ends.set(key, ended);
    void ended.then(() => {
      if (this.#ends.get(key) === ended) this.#ends.delete(key);
    });
    if (!before || (await isFirst(before, signal))) return { end };
    end();
    return undefined;
  }

  /** Waits for a turn in all lines at once. */
  async enterAll(): Promise<Turn> {
    const before = Promise.all([...this.#ends.values(), this.#endOfAll]).then(() => {});
    const { end, ended } = openTurn(before);
    this.#endOfAll = ended;
    // Those that come from now on wait for this one, whatever their key.
    this.#ends.clear();
    void ended.then(() => {
      if (this.#endOfAll === ended) this.#endOfAll = undefined;
    });
    await before;
    return { end };
  }

  #endBefore(key: string): Promise<void> | undefined {
    return this.#ends.get(key) ?? this.#endOfAll;
  }
}

/** @returns what ends a turn, and a promise that it has ended, with all before it */
function openTurn(before: Promise<void> | undefined): Turn & { ended: Promise<void> } {
  let end = (): void => {};
  const mine = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { end, ended: before ? before.then(() => mine) : mine };
}

/** Whether a promise is settled before an abort. */
function isFirst(promise: Promise<void>, signal: AbortSignal | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const onAbort = () => resolve(false);
    if (signal?.aborted) onAbort();
    signal?.addEventListener("abort", onAbort, { once: true });
    void promise.then(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve(true);
    });
  });
}
