import type { Node } from "node-red";
import { reasonOf } from "../client/internal";
import type { Budget } from "../conversation/limits/budget";
import type { CountStore } from "../conversation/limits/meter";
import { contextOf, type NodeContext } from "./red";

/** Least time between two writes: flash memory wears out. */
const WRITE_MS = 10_000;
/** Longest wait of the first question for the store, and of a deploy for the last write. */
const LONGEST_WAIT_MS = 5000;

/**
 * Keeps what a budget has counted in the node's default context store. A store that fails or does not answer holds nobody
 * up: counting goes on in memory, and nothing is written before what was there has been read.
 */
export class LimitStore implements CountStore {
  readonly #context: NodeContext;
  readonly #key: string;
  readonly #budget: Budget;
  readonly #onFailure: (reason: string) => void;
  readonly #ready: Promise<void>;
  #isReady = false;
  #loading: Promise<void> | undefined;
  #isLoaded = false;
  #timer: NodeJS.Timeout | undefined;
  /** The last write, which may still be going on. */
  #writing: Promise<void> = Promise.resolve();
  #writtenAt = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  /** @param onFailure - called each time that the store fails */
  constructor(node: Node, key: string, budget: Budget, onFailure: (reason: string) => void) {
    this.#context = contextOf(node);
    this.#key = key;
    this.#budget = budget;
    this.#onFailure = onFailure;
    this.#ready = atMost(LONGEST_WAIT_MS, this.#load()).then(() => {
      this.#isReady = true;
    });
  }

  ready(): Promise<void> | undefined {
    return this.#isReady ? undefined : this.#ready;
  }

  changed(): void {
    if (this.#timer || this.#isClosed) return;
    const wait = Math.max(0, this.#writtenAt + WRITE_MS - performance.now());
    this.#timer = setTimeout(() => {
      this.#writing = this.#write();
    }, wait);
    this.#timer.unref();
  }

  /** Writes what has not been written yet. What a deploy starts in its place reads what is there then. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const last = this.#timer ? this.#write() : undefined;
    await atMost(LONGEST_WAIT_MS, Promise.all([this.#writing, last]));
  }

  async #write(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writtenAt = performance.now();
    await this.#load();
    const isWritten = this.#isLoaded && (await this.#save());
    // It may be the last question for long.
    if (!isWritten) this.changed();
  }

  /** @returns false where the store fails */
  #save(): Promise<boolean> {
    const saved = this.#budget.save();
    return new Promise((resolve) => {
      this.#ask(resolve, (done) => this.#context.set(this.#key, saved, undefined, done));
    });
  }

  /** Reads what was counted before, again where it could not be read. */
  #load(): Promise<void> {
    this.#loading ??= new Promise<void>((resolve) => {
      const read = (value?: unknown) => {
        this.#budget.load(value);
        this.#isLoaded = true;
      };
      this.#ask(
        () => resolve(),
        (done) => {
          this.#context.get(this.#key, undefined, (error, value) => {
            if (!error) read(value);
            done(error);
          });
        },
      );
    }).then(() => {
      if (!this.#isLoaded) this.#loading = undefined;
    });
    return this.#loading;
  }

  /** Lets the store do something. What it throws is a failure, too. */
  #ask(resolve: (isDone: boolean) => void, act: (done: (error?: Error) => void) => void): void {
    const done = (error?: unknown) => {
      if (error) this.#onFailure(reasonOf(error));
      resolve(!error);
    };
    try {
      act(done);
    } catch (error) {
      done(error);
    }
  }
}

/** Waits for something, but not for ever. */
async function atMost(ms: number, wait: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const end = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([wait, end]);
  clearTimeout(timer);
}
