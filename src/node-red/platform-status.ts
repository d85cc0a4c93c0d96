import type { Node, NodeAPI } from "node-red";
import { type ChatError, platformProblem } from "../client/internal";
import { localizeError } from "./localize";
import { makeTranslate, type Translate } from "./red";

/** What is missing, in a word, where no question can be asked. */
const MISSING: Partial<Record<ChatError["key"], (params: ChatError["params"]) => string>> = {
  node_too_old: ({ needed }) => `Node.js ${needed}`,
  undici_unfit: () => "undici 7",
  webassembly_missing: () => "WebAssembly",
};

/** Returns what an error says is missing on this machine, for a status; undefined for errors of another kind. */
export function missingText({ key, params }: ChatError, translate: Translate): string | undefined {
  const what = MISSING[key]?.(params);
  return what && translate("status.needs", { what });
}

/**
 * Says where Node-RED starts that no question can be asked here: one line in the log, and a status on each node.
 *
 * @returns sets the status of a node; it does nothing where all is well
 */
export function reportPlatform(RED: NodeAPI, problem: ChatError | undefined = platformProblem()): (node: Node) => void {
  if (!problem) return () => {};
  const translate = makeTranslate(RED);
  RED.log.error(`huggingface: ${localizeError(problem, translate).message}`);
  const text = missingText(problem, translate) ?? problem.code;
  return (node) => node.status({ fill: "red", shape: "ring", text });
}
