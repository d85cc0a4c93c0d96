import type { Node, NodeAPI } from "node-red";
import { asRecord, type ChatError } from "../client/internal";
import { type ChatMessage, storeTypedInput } from "./message-reply";
import type { TypedInput } from "./typed-input";

/**
 * Puts an error on its message as a catch node would have it, and null where the reply goes: a batch that a join node
 * collects stays complete.
 *
 * @param place - where the reply goes
 * @throws whatever a message throws that cannot be written
 */
export async function putError(
  RED: NodeAPI,
  node: Node,
  msg: ChatMessage & { _error?: unknown },
  place: TypedInput,
  { message, code, cause }: ChatError,
): Promise<void> {
  const { id, type, name } = node;
  const source = asRecord(asRecord(msg.error)?.["source"]);
  // Core counts how often an error comes from the same node.
  const count = source?.["id"] === id ? Number(source["count"]) + 1 : 1;
  if (msg.error !== undefined) msg._error = msg.error;
  msg.error = { message, code, cause: { ...cause }, source: { id, type, name, count } };
  // The place may be what is wrong.
  await storeTypedInput(RED, node, place, msg, null).catch(() => {});
}
