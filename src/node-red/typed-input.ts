import type { Node, NodeAPI, NodeMessage } from "node-red";
import { asRecord, loadModule, reasonOf } from "../client/internal";
import { checkEnvironment } from "../conversation/request/fields";
import { ChatError } from "./errors";
import { codeOf } from "./read-again";
import { evaluateProperty, setProperty, stepsOf } from "./red";

// Loaded by the first template, and found now: see `loadModule`.
require.resolve("mustache");

/** What is used of mustache. Its types say one thing to an import and another to a `require`. */
interface Renderer {
  render(template: string, view: unknown, partials: undefined, config: { escape: (text: string) => string }): string;
}

/** A value as the editor's typed input stores it. */
export interface TypedInput {
  value: unknown;
  type: string;
}

/**
 * Resolves a typed input against a message: Node-RED's own types, and `template`, a Mustache text over the message in
 * which nothing is HTML-escaped. Always by callback: JSONata and context stores may answer later.
 *
 * @param name - the property's name in the form, for messages
 * @throws ChatError `invalid_input` if it cannot be resolved, `context_unreadable` if a context store fails
 */
export async function resolveTypedInput(
  RED: NodeAPI,
  node: Node,
  { value, type }: TypedInput,
  msg: NodeMessage,
  name: string,
): Promise<unknown> {
  if (String(value).includes("${")) checkEnvironment(value, name);
  if (type === "template") return renderTemplate(String(value ?? ""), msg, name);
  return new Promise((resolve, reject) => {
    const property = label(value, type);
    const fail = (error: unknown) => {
      const isStore = (type === "flow" || type === "global") && !isNoPath(error);
      if (type === "msg" && isAbsent(RED, msg, String(value))) resolve(undefined);
      else if (isStore) reject(storeError("context_unreadable", { name, property, reason: reasonOf(error) }, error));
      else reject(new ChatError("property_failed", { name, property, reason: reasonOf(error) }));
    };
    const onResult = (error: unknown, result?: unknown) => {
      if (error) fail(error);
      // `resolve` would wait for it, and it may never come.
      else if (isPromise(result)) reject(new ChatError("property_promise", { name, property }));
      else resolve(result);
    };
    try {
      evaluateProperty(RED, { value, type }, node, msg, onResult);
    } catch (error) {
      fail(error);
    }
  });
}

/** True if a path ends early because there is nothing: the message has no such property, which is no mistake. */
function isAbsent(RED: NodeAPI, msg: NodeMessage, path: string): boolean {
  try {
    const keys = stepsOf(RED, msg, path);
    let value: unknown = msg;
    for (const key of keys) {
      if (value === undefined || value === null) return true;
      value = (value as Record<string, unknown>)[key];
    }
    return false;
  } catch {
    // no path, or a getter that throws
    return false;
  }
}

/** True if the error is Node-RED's about a path, and not a store's. */
function isNoPath(error: unknown): boolean {
  return asRecord(error)?.["code"] === "INVALID_EXPR";
}

/** Makes the error of a store. A read may be retried; where it could not be written the reply has been paid for. */
function storeError(
  key: "context_unreadable" | "output_failed",
  params: Record<string, string>,
  error: unknown,
): ChatError {
  return new ChatError(key, params, { retryable: key === "context_unreadable", ...codeOf(error) });
}

function isPromise(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  try {
    return typeof (value as { then?: unknown }).then === "function";
  } catch {
    // A getter that throws: whoever reads more of it will say so.
    return false;
  }
}

/** Returns how a typed input is called in a sentence: `msg.payload`, `flow.question`. */
export function label(value: unknown, type: string): string {
  return ["msg", "flow", "global"].includes(type) ? `${type}.${value}` : `${type} ${value}`.trim();
}

/** Writes an object in a template as JSON: `[object Object]` tells a model nothing. */
function plain(value: unknown): string {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}

/** @throws ChatError `template_failed`, `module_failed` */
export function renderTemplate(template: string, msg: object, name: string): string {
  // Loaded by the first template.
  const Mustache = loadModule("mustache", (): Renderer => require("mustache"));
  try {
    return Mustache.render(template, msg, undefined, { escape: plain });
  } catch (error) {
    throw new ChatError("template_failed", { name, reason: reasonOf(error) });
  }
}

/** Puts a value on a message. @returns false where it cannot be set */
function storeInMessage(RED: NodeAPI, msg: NodeMessage, property: string, value: unknown): boolean {
  try {
    return setProperty(RED, msg, property, value);
  } catch {
    return false;
  }
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
