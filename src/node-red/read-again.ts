import { setTimeout as sleep } from "node:timers/promises";
import { asRecord, asText, backoff, untilAbort } from "../client/internal";
import { ChatError } from "./errors";

/** Returns the system's code of an error, for the cause of ours. Never throws: a store may fail with anything. */
export function codeOf(error: unknown): { code?: string } {
  try {
    const code = asText(asRecord(error)?.["code"]);
    return code === undefined ? {} : { code };
  } catch {
    return {};
  }
}

/** How a read that fails is retried. */
export interface ReadOptions {
  signal: AbortSignal;
  /** Extra attempts. */
  retries: number;
  /** Called before the wait for a retry. */
  onRetry?(attempt: number, of: number, seconds: number): void;
}

/**
 * Reads from a context store, which may be away for a moment, with the retries of a connection.
 *
 * @throws ChatError of the last attempt, or `cancelled`
 */
export async function readAgain<T>(read: () => Promise<T>, { signal, retries, onRetry }: ReadOptions): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await untilAbort(read(), signal);
    } catch (error) {
      if (attempt >= retries || !(error instanceof ChatError) || !error.cause.retryable) throw error;
    }
    const seconds = backoff(attempt);
    onRetry?.(attempt + 1, retries, seconds);
    await untilAbort(sleep(seconds * 1000, undefined, { signal }), signal);
  }
}
