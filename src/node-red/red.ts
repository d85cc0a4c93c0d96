import type { Node, NodeAPI, NodeMessage } from "node-red";
import { asRecord, oneLine } from "../client/internal";

/**
 * What Node-RED gives and `@types/node-red` lacks or types otherwise. All casts for it are here, each with the place where
 * Node-RED documents it or has it in its source.
 */

/** A node's context with callbacks, since stores may answer later: https://nodered.org/docs/api/context/methods/. */
export interface NodeContext {
  get(key: string, store: string | undefined, done: (error: Error | undefined, value?: unknown) => void): void;
  set(key: string, value: unknown, store: string | undefined, done: (error?: Error) => void): void;
  keys(store: string | undefined, done: (error: Error | undefined, keys?: string[]) => void): void;
}

/** An admin request, as far as it is used: the types of express are not installed with `@types/node-red`. */
export interface AdminRequest {
  params: Record<string, string>;
  headers: Record<string, string | string[] | undefined>;
  body: unknown;
}

/** The response to one. */
export interface AdminResponse {
  status(code: number): AdminResponse;
  json(body: unknown): void;
  send(text: string): void;
  set(name: string, value: string): void;
  write(text: string): void;
  end(): void;
  on(event: "close", listener: () => void): void;
}

/** What `getSetting` in `@node-red/util/lib/util.js` asks a node outside of groups for its variables. */
export interface VariableSource {
  _flow: { getSetting(name: string): unknown };
}

/**
 * Returns a setting of the settings file. The types list only some; those that are used here are in Node-RED's
 * own settings.js: https://nodered.org/docs/user-guide/runtime/configuration.
 */
export function settingOf(RED: NodeAPI, name: "contextStorage" | "envVarExcludes" | "lang" | "proxyOptions"): unknown {
  return (RED.settings as unknown as Record<string, unknown>)[name];
}

/**
 * Returns the id of this Node-RED, which it makes at its first start and keeps in its user directory
 * (`@node-red/runtime/lib/index.js`); blank where it cannot be read.
 */
export function instanceIdOf(RED: NodeAPI): string {
  const { get } = RED.settings as unknown as { get?(name: string): unknown };
  try {
    return String(get?.("instanceId") ?? "").replace(/\W/g, "");
  } catch {
    return "";
  }
}

/** Returns Node-RED's version. The types promise a promise: `version` in `@node-red/runtime/lib/index.js` returns a text. */
export function versionOf(RED: NodeAPI): string {
  return RED.version() as unknown as string;
}

/** Returns the code of Node-RED's language, as `@node-red/util/lib/i18n.js` finds it; blank where nothing says. */
export function languageOf(RED: NodeAPI): string {
  const { LC_ALL, LC_MESSAGES, LANG } = process.env;
  const lang = settingOf(RED, "lang");
  return typeof lang === "string" && lang !== "" ? lang : (LC_ALL ?? LC_MESSAGES ?? LANG ?? "");
}

/**
 * Finds a node that runs: https://nodered.org/docs/creating-nodes/config-nodes#using-a-config-node. Node-RED returns null
 * where none has the id, and any node, ours or not, where one has; the caller checks what it uses.
 */
export function findNode<T extends Node<object>>(RED: NodeAPI, id: string): T | undefined {
  return (RED.nodes.getNode(id) as T | null) ?? undefined;
}

/** What typed inputs ask of a node: `getSetting` and `evaluateNodeProperty` in `@node-red/util/lib/util.js`. */
export interface NodeParts extends VariableSource {
  id: string;
  name: string;
  context(): unknown;
  warn(text: string): void;
}

/** Makes a node of what typed inputs ask of one, for a node that is not deployed as its form has it. */
export function asNode(parts: NodeParts): Node {
  return parts as unknown as Node;
}

/** Returns the id under which the editor knows a node: inside a subflow that of the template (`_alias` in `Flow.js`). */
export function editorId(node: Node): string {
  return (node as Node & { _alias?: string })._alias ?? node.id;
}

/** Returns the stored credentials of a node, running or not. Node-RED has nothing for a node without any. */
export function credentialsOf(RED: NodeAPI, id: string): Record<string, unknown> {
  return asRecord(RED.nodes.getCredentials(id)) ?? {};
}

/**
 * Returns a variable as a node sees it, or without a node as the process has it. The types want a node and promise a text;
 * `getSetting` in `@node-red/util/lib/util.js` takes none, and returns what a flow has set, or undefined.
 */
export function variableOf(RED: NodeAPI, node: Node | undefined, name: string): unknown {
  return RED.util.getSetting(node as Node, name);
}

/** Returns the ids that each output is wired to. `wires` is a property of every node: `@node-red/runtime/lib/nodes/Node.js`. */
export function wiresOf(node: Node): string[][] {
  return (node as unknown as { wires?: string[][] }).wires ?? [];
}

/** True if an output is wired. */
export function isWired(node: Node, output: number): boolean {
  return (wiresOf(node)[output]?.length ?? 0) > 0;
}

/** Returns the names of the context stores that the settings file sets up; Node-RED's own is `memory`. */
export function contextStores(RED: NodeAPI): string[] {
  const names = Object.keys(asRecord(settingOf(RED, "contextStorage")) ?? {});
  return names.length > 0 ? names : ["memory"];
}

/** Returns a node's context. The types lack the callbacks of `keys`. */
export function contextOf(node: Node): NodeContext {
  return node.context() as unknown as NodeContext;
}

/** Copies a message, or anything that stands in one: `cloneMessage` takes all objects, and its types only messages. */
export function cloneOf<T extends object>(RED: NodeAPI, value: T): T {
  return RED.util.cloneMessage(value as NodeMessage) as T;
}

/** Returns the steps of a path in a message, with or without `msg.` before it. @throws for what is not a path */
export function stepsOf(RED: NodeAPI, msg: NodeMessage, path: string): string[] {
  return RED.util.normalisePropertyExpression(withoutMsg(path), msg).map(String);
}

/** Returns a path as Node-RED's functions for messages take it: `question` for `msg.question`. */
export function withoutMsg(path: string): string {
  return path.replace(/^msg\./, "");
}

/**
 * Sets a property of a message, and makes what is missing on the way. Node-RED returns false, or for what is not a path
 * nothing at all, where it has set nothing: `setObjectProperty` in `@node-red/util/lib/util.js`.
 */
export function setProperty(RED: NodeAPI, msg: NodeMessage, path: string, value: unknown): boolean {
  return (RED.util.setMessageProperty(msg, path, value, true) as boolean | undefined) !== false;
}

/**
 * Evaluates a property as a typed input stores it. Any value is given back as it is where its type is none of Node-RED's;
 * the types want texts: https://nodered.org/docs/creating-nodes/properties#typedinput.
 */
export function evaluateProperty(
  RED: NodeAPI,
  { value, type }: { value: unknown; type: string },
  node: Node,
  msg: NodeMessage,
  done: (error: unknown, result?: unknown) => void,
): void {
  RED.util.evaluateNodeProperty(value as string, type, node, msg, done);
}

/** Evaluates a variable of a flow, a group or a subflow, which takes no message and, of a node, only variables. */
export function evaluateVariable(RED: NodeAPI, value: unknown, type: unknown, source: VariableSource): unknown {
  return RED.util.evaluateNodeProperty(value as string, type as string, source as unknown as Node, {} as NodeMessage);
}

/**
 * Starts a flow at a node, as core's link call node does: `_linkSource` tells a link out node in return mode where the
 * message goes back to (`@node-red/nodes/core/common/60-link.js`).
 */
export function startFlow(node: Node, msg: object, caller: { id: string; node: string }): void {
  node.receive({ ...msg, _linkSource: [caller] } as NodeMessage);
}

/**
 * Adds an admin route for those who have a permission, as core's inject node does
 * (`@node-red/nodes/core/common/20-inject.js`). Express hands over more than is used here.
 */
export function addRoute(
  RED: NodeAPI,
  method: "get" | "post",
  path: string,
  permission: string,
  handle: (request: AdminRequest, response: AdminResponse) => Promise<void>,
): void {
  RED.httpAdmin[method](path, RED.auth.needsPermission(permission), handle as never);
}

/** Looks up a text in the language that Node-RED runs in. */
export type Translate = (key: string, params?: Record<string, string | number>) => string;

/** A number that was written by us. */
const NUMBER = /^[\d.]+$/;

/** Where Node-RED keeps the texts of a node: `RED._` alone knows only those of the node that it was handed to. */
const CATALOGUES = "@hf-flows/node-red-huggingface";

/**
 * Returns what looks up the texts of the chat node, by keys without its name; those of another node by keys such as
 * `huggingface-config.label.timeout`. Parameters may come from a stranger.
 */
export function makeTranslate(RED: NodeAPI): Translate {
  return (key, params = {}) => {
    const clean = Object.entries(params).map(([name, value]) => [
      name,
      typeof value === "string" && !NUMBER.test(value) ? oneLine(value) : value,
    ]);
    const [node = ""] = /^huggingface-\w+/.exec(key) ?? [];
    const path = node ? `${node}:${key}` : `huggingface-chat:huggingface-chat.${key}`;
    return RED._(`${CATALOGUES}/${path}`, Object.fromEntries(clean));
  };
}
