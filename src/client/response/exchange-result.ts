import type { ChatError } from "../errors/chat-error";
import type { Failure } from "../errors/failure";
import type { PartialCompletion } from "../types";

/** How an exchange ended. `completion` is the reply, or the part of it that came. */
export interface ExchangeResult {
  completion: PartialCompletion;
  /** When the first text, reasoning or call came, by `performance.now()`. */
  firstAt?: number;
  /** When the last delta came; not before `firstAt`, at which the first one was read. */
  lastAt?: number;
  failure?: Failure;
}

/** Makes the failure of an error behind which there is no other attempt. */
export function finalFailure(error: ChatError): Failure {
  return { error, mayRetry: false, headers: {} };
}
