import { ChatError } from "./errors";
import type { ChatMessage } from "./message-reply";

/** Why a question is aborted that shall be as if it had never been asked. */
export const FORGET = new Error("forgotten");

/** What a message wants that controls instead of asking. */
export interface Controls {
  /** Ends questions; `forget` also what is remembered of them. */
  abort: boolean | "forget";
  reset: boolean;
}

const ON = new Set<unknown>([true, "true", 1]);
const OFF = new Set<unknown>([undefined, null, false, "false", 0, ""]);

/**
 * Reads `msg.abort` and `msg.reset`.
 *
 * @throws ChatError `control_invalid`
 */
export function readControls({ abort, reset }: ChatMessage): Controls {
  return {
    abort: abort === "forget" ? abort : readSwitch(abort, "msg.abort"),
    reset: readSwitch(reset, "msg.reset"),
  };
}

function readSwitch(value: unknown, name: string): boolean {
  if (ON.has(value)) return true;
  if (OFF.has(value)) return false;
  throw new ChatError("control_invalid", { name });
}
