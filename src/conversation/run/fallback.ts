import type { ChatError } from "../../client/internal";

/** A model that failed, as the report tells it. */
export interface Fallback {
  model: string;
  code: string;
  message: string;
  /** Where another server was asked: the configuration that failed, and the one that was asked instead. */
  from?: string;
  to?: string;
}

/** The models that a question may go to, in their order. One that has answered stays for the whole question. */
export class FallbackChain {
  readonly #models: string[];
  /** Those that failed, and why. */
  readonly failed: Fallback[] = [];

  /** @param others - to fall back on; what is named twice is asked once */
  constructor(first: string, others: readonly string[]) {
    this.#models = [...new Set([first, ...others])];
  }

  get current(): string {
    return this.#models[this.failed.length] ?? "";
  }

  get hasFallback(): boolean {
    return this.failed.length + 1 < this.#models.length;
  }

  /** Goes on to the next model. */
  moveOn({ code, message }: ChatError): void {
    this.failed.push({ model: this.current, code, message });
  }
}
