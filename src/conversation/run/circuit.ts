import type { ChatError } from "../../client/internal";

/** How long a server that was not reached is left alone, in ms. */
const REST_MS = 30_000;

/**
 * Knows whether a server can be reached, for all questions of a configuration. Closed, they go there. After a connection
 * failure it is open: nobody asks for a while. Then one question tries it, and its reply closes it again.
 */
export class Circuit {
  /** Why it is open; undefined while it is closed. */
  #reason: ChatError | undefined;
  #restsUntil = 0;

  /** @param error - of a connection that failed */
  open(error: ChatError): void {
    this.#reason = error;
    this.#restsUntil = performance.now() + REST_MS;
  }

  close(): void {
    this.#reason = undefined;
  }

  /**
   * Lets a question through, or says why not. One that comes after the rest is let through alone: the next one may try when
   * it has rested once more.
   */
  enter(): { refusal?: ChatError; isTrial?: boolean } {
    const now = performance.now();
    if (this.#reason === undefined) return {};
    // A copy, since an error gets the facts of its own question.
    if (now < this.#restsUntil) return { refusal: this.#reason.withParams(this.#reason.params) };
    this.#restsUntil = now + REST_MS;
    return { isTrial: true };
  }
}
