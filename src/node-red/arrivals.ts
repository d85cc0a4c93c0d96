/** The place of a message among all others: keys may come later, and those that came before go first. */
export interface Arrival {
  /** Settled when all messages before have taken their place in line. */
  before: Promise<void>;
  /** Must be called when this one has, or never will. */
  entered(): void;
}

/** Puts messages in line for their conversations in the order in which they came. */
export class Arrivals {
  /** Settled when all messages so far have taken their place in line. */
  #last: Promise<void> = Promise.resolve();

  arrive(): Arrival {
    const before = this.#last;
    let entered = () => {};
    const mine = new Promise<void>((resolve) => {
      entered = resolve;
    });
    this.#last = before.then(() => mine);
    return { before, entered };
  }
}
