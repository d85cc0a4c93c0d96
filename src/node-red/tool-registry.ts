import type { Node, NodeAPI, NodeDef } from "node-red";
import type { TOOL_FIELDS } from "../shared/tool-fields";
import { findNode } from "./red";
import { canReturn } from "./return-check";
import { showReturn } from "./tool-status";

/** The properties of a huggingface-tool as a flow file holds them. */
export interface ToolDef extends NodeDef, Omit<ToolFields, "name"> {}
type ToolFields = Partial<Record<(typeof TOOL_FIELDS)[number]["name"], unknown>>;

/** A huggingface-tool as the chat nodes see it. */
export interface ToolNode extends Node {
  def: ToolDef;
  /** In a subflow instance: the id that the node has in the subflow. */
  _alias?: string;
}

/** Running tool nodes by id. */
const running = new Map<string, ToolNode>();

/** Registers a tool node and returns a function that unregisters it. */
export function registerTool(node: ToolNode): () => void {
  running.set(node.id, node);
  return () => {
    if (running.get(node.id) === node) running.delete(node.id);
  };
}

/**
 * Shows on tool nodes whose flow cannot return that it does not. It depends on the wires of other nodes, so it is checked
 * whenever flows have started.
 */
export function watchReturns(RED: NodeAPI): void {
  RED.events.on("flows:started", () => {
    for (const node of running.values()) showReturn(RED, node, canReturn(RED, node));
  });
}

/**
 * Returns the running node with the id of this one, undefined if there is none. A deploy may replace nodes while a model
 * thinks, and messages to the old one are lost.
 */
export function runningTool(node: ToolNode): ToolNode | undefined {
  return running.get(node.id);
}

/**
 * Finds the tool nodes of a chat node. Do so for each question: a deploy may replace them and keep the chat node.
 *
 * Inside a subflow instance Node-RED maps a list of one id to that id alone, and leaves longer lists as they are in
 * the subflow. Those are looked up by the id in the subflow, in the same instance.
 *
 * @param ids - the property `tools`
 * @returns the nodes that run, and the ids of those that do not
 */
export function findTools(RED: NodeAPI, chat: Node, ids: unknown): { found: ToolNode[]; missing: string[] } {
  const found: ToolNode[] = [];
  const missing: string[] = [];
  for (const id of [ids ?? []].flat().map(String).filter(Boolean)) {
    const node = findNode<ToolNode>(RED, id) ?? inInstance(chat, id);
    if (node && running.get(node.id) === node) found.push(node);
    else missing.push(id);
  }
  return { found, missing };
}

function inInstance(chat: Node, id: string): ToolNode | undefined {
  return [...running.values()].find((node) => node._alias === id && node.z === chat.z);
}
