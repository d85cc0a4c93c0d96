import { types } from "node:util";
import type { NodeAPI, NodeDef, NodeMessage } from "node-red";
import { asRecord, asText, toJson } from "../client/internal";
import { ChatError } from "../conversation/errors";
import { writeValue } from "../conversation/request/text-of";
import type { ToolAnswer } from "../conversation/tools";
import { findNode } from "./red";
import type { ToolNode } from "./tool-registry";

/** A node of a flow, as far as it matters here. */
interface FlowNode extends NodeDef {
  d?: boolean;
  g?: string;
  wires?: string[][];
  /** Of a link out node. */
  mode?: string;
  /** Of a catch node: ids of nodes, or `group`; null for the whole tab. */
  scope?: unknown;
  uncaught?: boolean;
}

/** What comes back from a tool flow. */
export interface ReturnedMessage extends NodeMessage {
  error?: unknown;
}

/**
 * Reads what a tool flow gives back: text, images and sound, or JSON.
 *
 * @param args - the arguments of the call, which the flow was given as payload
 * @throws Error for an answer that cannot be sent, or a failure of the flow; its message is for the model
 */
export function readAnswer(RED: NodeAPI, { payload, error }: ReturnedMessage, args: unknown): string | ToolAnswer {
  if (error && !isMended(RED, error, payload, args)) throw new Error(errorText(error));
  if (payload === undefined) return "";
  if (payload === null) return "null";
  if (types.isNativeError(payload)) throw new Error(errorText(payload));
  try {
    const answer = writeValue(payload, "msg.payload");
    return answer.parts.length > 0 ? answer : answer.text;
  } catch (cause) {
    if (!(cause instanceof ChatError)) throw cause;
    const { name = "", type = "", reason = type && `${name} is of type ${type}` } = cause.params;
    throw new Error(`Its answer cannot be written as JSON: ${reason || cause.message.replace(/\.$/, "")}.`);
  }
}

/**
 * True if an error that a catch node has put on the message is over: other nodes made a payload behind it. It is not where the
 * catch node is wired to the link out node that ends the flow.
 */
function isMended(RED: NodeAPI, error: unknown, payload: unknown, args: unknown): boolean {
  const source = asText(asRecord(asRecord(error)?.["source"])?.["id"]);
  if (source === undefined) return false;
  if (payload === undefined || payload === null || toJson(payload) === toJson(args)) return false;
  return !isReturnedByCatch(RED, source);
}

/** True if a catch node that hears the errors of a node is wired to a link out node in return mode. */
function isReturnedByCatch(RED: NodeAPI, sourceId: string): boolean {
  const byId = new Map<string, FlowNode>();
  RED.nodes.eachNode((node) => byId.set(node.id, node));
  // In a subflow instance a node has an id of its own, and the id in the subflow.
  const source = byId.get(sourceId) ?? byId.get(findNode<ToolNode>(RED, sourceId)?._alias ?? "");
  if (!source) return false;
  const catches = [...byId.values()].filter(({ type, d, z }) => type === "catch" && !d && z === source.z);
  const hearing = catches.filter((node) => hears(node, source, byId));
  // Those for uncaught errors hear nothing where another one does.
  const first = hearing.filter(({ uncaught }) => !uncaught);
  return (first.length > 0 ? first : hearing).some(({ wires }) =>
    (wires ?? []).flat().some((id) => {
      const next = byId.get(id);
      return next?.type === "link out" && next.mode === "return" && !next.d;
    }),
  );
}

/** As `Flow.handleError` in `@node-red/runtime/lib/flows/Flow.js` chooses catch nodes: all of the tab, of a group, or a list. */
function hears({ scope, g }: FlowNode, source: FlowNode, byId: Map<string, FlowNode>): boolean {
  if (Array.isArray(scope)) return scope.includes(source.id);
  if (scope !== "group") return true;
  for (let group = source.g; group; group = byId.get(group)?.g) if (group === g) return true;
  return false;
}

function errorText(error: unknown): string {
  if (typeof error === "string") return error;
  const { message } = error as { message?: unknown };
  if (typeof message === "string") return message;
  return toJson(error) || "It has failed.";
}
