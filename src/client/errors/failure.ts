import type { IncomingHttpHeaders } from "node:http";
import type { FailureKey } from "../response/verdict";
import { shouldRetryHeader } from "../retry";
import { ChatError } from "./chat-error";
import {
  errorFromResponse,
  type FailedResponse,
  isLasting,
  type RequestContext,
  senselessReply,
} from "./from-response";

export interface Failure {
  error: ChatError;
  /** True if another attempt makes sense: nothing of the reply has come, and the cause may pass. */
  mayRetry: boolean;
  headers: IncomingHttpHeaders;
}

/**
 * Makes the error that a verdict names.
 *
 * @param makeError - makes the error of the event, where the key alone does not say enough
 */
export function errorOf(
  key: FailureKey,
  response: FailedResponse,
  context: RequestContext,
  makeError: ((key: FailureKey) => ChatError) | undefined,
): ChatError {
  switch (key) {
    case "by status":
      return errorFromResponse(response, context);
    case "reply_incomplete":
      return new ChatError(key, { host: context.host }, { retryable: true });
    case "cancelled":
      return new ChatError(key);
    case "reply_damaged": {
      // A reply that had begun comes from the right address, and may be whole the next time.
      const { params, cause } = makeError?.(key) ?? new ChatError(key);
      return new ChatError(key, params, { ...cause, retryable: true });
    }
    default:
      return makeError?.(key) ?? senselessReply("no choices", response.status, context);
  }
}

/**
 * Decides whether another attempt makes sense.
 *
 * @param mayPass - the cause is of a kind that may pass
 * @param headers - of a response with an error status; replies that are fine may have `Retry-After`, too
 */
export function failureOf(error: ChatError, mayPass: boolean, headers: IncomingHttpHeaders): Failure {
  const wish = shouldRetryHeader(headers) ?? error.cause.retryable;
  const isFinal = error.code === "budget_exhausted" || isLasting(error.key);
  return { error, mayRetry: mayPass && wish && !isFinal, headers };
}
