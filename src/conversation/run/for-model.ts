import { createHash } from "node:crypto";
import { asRecord, REASONING_FIELDS, type ToolCall } from "../../client/internal";
import { FUNCTION_NAME } from "../../shared/limits";
import type { Message } from "../request/prompt";

/** Messages as one model gets them: what another one has written loses what that one alone takes back. */

const LONGEST_NAME = 64;
/** The ids that all servers take: the strictest take no others. */
const STRICT_ID = /^[A-Za-z0-9]{9}$/;

/** Takes the reasoning off all messages, for a server that takes none back. */
export function withoutReasoning(messages: Message[]): Message[] {
  return messages.map((message) => (message.role === "assistant" ? withoutThoughts(message) : message));
}

function withoutThoughts(message: Message): Message {
  if (!REASONING_FIELDS.some((field) => field in message)) return message;
  const rest = { ...message };
  for (const field of REASONING_FIELDS) delete rest[field];
  return rest;
}

/** Returns a message with calls as a model gets it. @param isForeign - another one wrote it */
export function asSent(message: Message, isForeign: boolean): Message {
  const { tool_calls } = message;
  if (!Array.isArray(tool_calls)) return message;
  const calls = tool_calls.map((call: unknown) => {
    const { id, function: called } = asRecord(call) ?? {};
    const name = asRecord(called)?.["name"];
    if (typeof name !== "string" || (!isForeign && FUNCTION_NAME.test(name))) return call;
    return {
      ...(call as ToolCall),
      ...(isForeign && { id: strictId(id) }),
      function: { ...(called as ToolCall["function"]), name: legalName(name) },
    };
  });
  return { ...(isForeign ? withoutThoughts(message) : message), tool_calls: calls };
}

function legalName(name: string): string {
  return name.replace(/[^A-Za-z0-9_-]/g, "_").slice(0, LONGEST_NAME);
}

/** Returns an id that every server takes, the same one for the same id. */
export function strictId(id: unknown): unknown {
  if (typeof id !== "string" || STRICT_ID.test(id)) return id;
  return createHash("sha256")
    .update(id)
    .digest("base64")
    .replace(/[^A-Za-z0-9]/g, "")
    .slice(0, 9);
}
