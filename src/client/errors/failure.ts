import type { IncomingHttpHeaders } from "node:http";
import type { FailureKey } from "../response/verdict";
import { shouldRetryHeader } from "../retry";
import { ChatError } from "./chat-error";
import { errorFromResponse, type FailedResponse, type RequestContext, senselessReply } from "./from-response";

/** Why an exchange failed. */
export interface Failure {
  error: ChatError;
  /** Nothing of the reply had come and the cause may pass, so that another attempt makes sense. */
  mayRetry: boolean;
  headers: IncomingHttpHeaders;
}

/**
 * Makes the error that a verdict names.
 *
 * @param makeError - makes the one of the event, for the keys that are neither of the answer nor without facts
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
      // A reply that had begun comes from the right address, and may come whole the next time.
      const { params, cause } = makeError?.(key) ?? new ChatError(key);
      return new ChatError(key, params, { ...cause, retryable: true });
    }
    default:
      return makeError?.(key) ?? senselessReply("no choices", response.status, context);
  }
}

/**
 * Says whether another attempt makes sense.
 *
 * @param mayPass - whether the cause is of a kind that another attempt may mend
 * @param headers - of an answer with an error status. Those of a reply mean nothing: some have Retry-After
 */
export function failureOf(error: ChatError, mayPass: boolean, headers: IncomingHttpHeaders): Failure {
  const wish = shouldRetryHeader(headers) ?? error.cause.retryable;
  const isFinal = error.code === "budget_exhausted" || error.key === "not_supported";
  return { error, mayRetry: mayPass && wish && !isFinal, headers };
}
