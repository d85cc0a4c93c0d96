import type { Node, NodeAPI } from "node-red";
import { type ChatError, platformProblem } from "../client/internal";
import { localizeError } from "./localize";
import { makeTranslate } from "./red";

/**
 * Says where Node-RED starts that no question can be asked here: one line in the log, and a status on each node.
 *
 * @returns sets the status of a node; it does nothing where all is well
 */
export function reportPlatform(RED: NodeAPI, problem: ChatError | undefined = platformProblem()): (node: Node) => void {
  if (!problem) return () => {};
  const { message, summary: text } = localizeError(problem, makeTranslate(RED));
  RED.log.error(`huggingface: ${message}`);
  return (node) => node.status({ fill: "red", shape: "ring", text });
}
