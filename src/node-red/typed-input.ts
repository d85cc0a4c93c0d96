import { ChatError } from "./errors";
import { codeOf } from "./read-again";

/** A value as the editor's typed input stores it. */
export interface TypedInput {
  value: unknown;
  type: string;
}

/** Makes the error of a store. A read may be retried; where it could not be written the reply has been paid for. */
export function storeError(
  key: "context_unreadable" | "output_failed",
  params: Record<string, string>,
  error: unknown,
): ChatError {
  return new ChatError(key, params, { retryable: key === "context_unreadable", ...codeOf(error) });
}

/** Returns how a typed input is called in a sentence: `msg.payload`, `flow.question`. */
export function label(value: unknown, type: string): string {
  return ["msg", "flow", "global"].includes(type) ? `${type}.${value}` : `${type} ${value}`.trim();
}
