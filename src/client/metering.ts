import type { ChatRequest, CompleteOptions, Completion } from "./types";

/**
 * Counts what questions use, and refuses further ones.
 *
 * @internal
 */
export interface Meter {
  /** Asks through a client, or throws where a limit is reached. */
  ask(request: ChatRequest, options: CompleteOptions, client: MeteredClient): Promise<Completion>;
}

/**
 * What a meter needs of a client.
 *
 * @internal
 */
export interface MeteredClient {
  complete(request: ChatRequest, options: CompleteOptions): Promise<Completion>;
  /** Waits for the prices, at most some seconds; undefined where there is nothing to wait for. */
  prices(): Promise<void> | undefined;
  /** Returns what a reply costs, in USD; undefined where nobody knows. */
  costOf(model: string, completion: Completion): number | undefined;
}
