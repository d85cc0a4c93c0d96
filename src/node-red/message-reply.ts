import type { Node, NodeAPI, NodeMessage, NodeMessageInFlow } from "node-red";
import { reasonOf } from "../client/internal";
import { checkEnvironment } from "../conversation/request/fields";
import type { Report } from "../conversation/run/report";
import type { Outcome } from "../conversation/run/run-question";
import { ChatError } from "./errors";
import { setProperty, stepsOf } from "./red";
import { label, storeError, type TypedInput } from "./typed-input";

/** The message of a question, as far as we read and write it. */
export interface ChatMessage extends NodeMessageInFlow {
  huggingface?: unknown;
  abort?: unknown;
  reset?: unknown;
  messages?: unknown;
  completion?: unknown;
  error?: unknown;
}

/**
 * Checks that a reply can be put on a message and where the form says, before the question is paid for.
 *
 * @throws ChatError `message_locked`, `output_unusable`, `env_missing`
 */
export function checkOutput(RED: NodeAPI, msg: ChatMessage, place: TypedInput): void {
  checkProperties(msg, ["completion", "messages"]);
  const property = String(place.value);
  if (property.includes("${")) checkEnvironment(property, "output");
  const inContext = place.type === "flow" || place.type === "global";
  if (inContext ? !isPath(RED, property) : !canSetPath(RED, msg, property)) {
    throw new ChatError("output_unusable", { property: label(place.value, place.type) });
  }
}

/**
 * Checks that properties of a message can be set: it may be frozen.
 *
 * @throws ChatError `message_locked`
 */
export function checkProperties(msg: ChatMessage, names: readonly string[]): void {
  for (const name of names) if (!canSet(msg, name)) throw new ChatError("message_locked", { name });
}

/** Puts what came of a question on its message, and where the form says. */
export async function putReply(
  RED: NodeAPI,
  node: Node,
  msg: ChatMessage,
  place: TypedInput,
  { calls, completion, messages, reply }: Outcome,
): Promise<void> {
  set(msg, "completion", completion satisfies Report);
  set(msg, "messages", messages);
  // An error of a node before this one is over. Where it cannot be deleted it stays: the reply has been paid for.
  Reflect.deleteProperty(msg, "error");
  if (calls.length > 0) set(msg, "payload", calls);
  else await storeTypedInput(RED, node, place, msg, reply);
}

/**
 * Puts a value where a typed input of the kinds `msg`, `flow` and `global` points.
 *
 * @throws ChatError `invalid_input` if it cannot be put there, `output_failed` if a context store fails
 */
export async function storeTypedInput(
  RED: NodeAPI,
  node: Node,
  { value: place, type }: TypedInput,
  msg: NodeMessage,
  value: unknown,
): Promise<void> {
  const property = String(place);
  if (type !== "flow" && type !== "global") {
    if (!storeInMessage(RED, msg, property, value)) {
      throw new ChatError("output_path", { property: label(place, type) });
    }
    return;
  }
  const { key, store } = RED.util.parseContextStore(property);
  await new Promise<void>((resolve, reject) => {
    const fail = (error: unknown) =>
      reject(storeError("output_failed", { property: label(place, type), reason: reasonOf(error) }, error));
    try {
      node.context()[type].set(key, value, store, (error?: Error) => (error ? fail(error) : resolve()));
    } catch (error) {
      fail(error);
    }
  });
}

/** Puts a value on a message. @returns false where it cannot be set */
function storeInMessage(RED: NodeAPI, msg: NodeMessage, property: string, value: unknown): boolean {
  try {
    return setProperty(RED, msg, property, value);
  } catch {
    return false;
  }
}

/** Sets a property that could be set before the question was asked; a flow may have frozen the message since. */
function set(msg: ChatMessage, name: "completion" | "messages" | "payload", value: unknown): void {
  try {
    msg[name] = value;
  } catch {
    throw new ChatError("output_path", { property: `msg.${name}` });
  }
}

/** Puts what had come on the message of an error. A message may be frozen; its error is told all the same. */
export function putCompletion(msg: ChatMessage, completion: unknown): void {
  try {
    // Before any request there was none.
    msg.completion = completion ?? { message: { role: "assistant", content: "" }, attempts: 0, steps: [] };
  } catch {
    // nothing can be put on it
  }
}

function isPath(RED: NodeAPI, property: string): boolean {
  try {
    RED.util.normalisePropertyExpression(RED.util.parseContextStore(property).key);
    return true;
  } catch {
    return false;
  }
}

/** Goes as `setMessageProperty` does, which makes what is missing on the way, to the first value that would be changed. */
function canSetPath(RED: NodeAPI, msg: ChatMessage, property: string): boolean {
  try {
    const keys = stepsOf(RED, msg, property);
    let target: unknown = msg;
    for (const [index, key] of keys.entries()) {
      // Below a text or a number nothing can be put. The reply is in msg.completion then, so nothing is lost.
      if ((typeof target !== "object" && typeof target !== "function") || target === null) return true;
      const next = (target as Record<string, unknown>)[key];
      if (next === undefined || index === keys.length - 1) return canSet(target, key);
      target = next;
    }
    return false;
  } catch {
    // no path, or what is on it throws when it is read
    return false;
  }
}

/** Tries it with the value that is there: a setter or a proxy can refuse anything. */
function canSet(target: object, key: string): boolean {
  try {
    // Where there was no item, deleting one would leave the list longer.
    if (Array.isArray(target)) return Object.isExtensible(target);
    const object = target as Record<string, unknown>;
    const isThere = Object.hasOwn(object, key);
    const { [key]: value } = object;
    object[key] = value;
    if (!isThere) delete object[key];
    return true;
  } catch {
    return false;
  }
}
