/** A question that runs or waits, or a message that steers while its key is being read. */
export interface Running {
  /** Conversation that it belongs to; undefined for none. */
  conversation: Promise<string | undefined>;
  abort: AbortController;
}

/** The place of a message among all others: keys may come later, and those that came before go first. */
export interface Arrival {
  /** Settled when all messages before have taken their place in line. */
  before: Promise<void>;
  /** Must be called when this one has, or never will. */
  entered(): void;
}

/** The questions of a node that have not ended yet. */
export class RunningQuestions {
  readonly #running = new Set<Running>();
  /** Settled when all messages before have taken their place in line. */
  #arrivals: Promise<void> = Promise.resolve();

  /** Must be followed by `end`. */
  begin(): Running {
    const running: Running = { conversation: Promise.resolve(undefined), abort: new AbortController() };
    this.#running.add(running);
    return running;
  }

  end(running: Running): void {
    this.#running.delete(running);
  }

  /** Those that run now. */
  list(): Running[] {
    return [...this.#running];
  }

  /** Notes that a message has come that may want its turn in a conversation. */
  arrive(): Arrival {
    const before = this.#arrivals;
    let entered = () => {};
    const mine = new Promise<void>((resolve) => {
      entered = resolve;
    });
    this.#arrivals = before.then(() => mine);
    return { before, entered };
  }
}

/** Ends questions: those of a conversation, or all. One whose key is not known yet ends when it is. */
export function abortAll(questions: readonly Running[], conversation: string | undefined): void {
  for (const running of questions) {
    if (conversation === undefined) running.abort.abort();
    else void running.conversation.then((own) => own === conversation && running.abort.abort());
  }
}
