import type { CompleteOptions, Completion, CompletionStream, Delta } from "./types";
import { onAbort } from "./until-abort";

/** A delta that waits for the loop. */
interface Waiting {
  delta: Delta;
  next: Waiting | undefined;
}

/**
 * Hands the deltas of one reply from the callbacks of a completion to a loop. This is no async generator, since
 * `return()` of one that waits for a delta takes effect only when the delta comes.
 */
export class DeltaStream implements CompletionStream, AsyncIterator<Delta, undefined> {
  readonly completion: Promise<Completion>;
  readonly #abort = new AbortController();
  #first: Waiting | undefined;
  #last: Waiting | undefined;
  /** One for each `next()` that waits. */
  #wakers: (() => void)[] = [];
  #isOver = false;
  /** Thrown when all deltas are taken, once. */
  #error: unknown;

  /** @param complete - sends the request */
  constructor(complete: (options: CompleteOptions) => Promise<Completion>, signal: AbortSignal | undefined) {
    const stopListening = onAbort(signal, () => this.#abort.abort());
    this.completion = complete({
      signal: this.#abort.signal,
      listener: {
        onText: (text) => this.#push({ type: "text", text }),
        onReasoning: (text) => this.#push({ type: "reasoning", text }),
      },
    });
    const end = (error?: unknown) => {
      stopListening();
      this.#end(error);
    };
    // Handles the error also where nobody awaits the completion.
    this.completion.then(() => end(), end);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Delta, undefined>> {
    while (!this.#first && !this.#isOver) await new Promise<void>((wake) => this.#wakers.push(wake));
    if (this.#first) {
      const { delta, next } = this.#first;
      this.#first = next;
      return { done: false, value: delta };
    }
    const error = this.#error;
    this.#error = undefined;
    if (error !== undefined) throw error;
    return { done: true, value: undefined };
  }

  /** Ends the request; called when a loop is left early. */
  async return(): Promise<IteratorResult<Delta, undefined>> {
    this.#first = undefined;
    this.#error = undefined;
    this.#end();
    this.#abort.abort();
    return { done: true, value: undefined };
  }

  #push(delta: Delta): void {
    if (this.#isOver) return;
    const waiting = { delta, next: undefined };
    if (this.#first && this.#last) this.#last.next = waiting;
    else this.#first = waiting;
    this.#last = waiting;
    this.#wake();
  }

  #end(error?: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#error = error;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#wakers.splice(0)) wake();
  }
}
