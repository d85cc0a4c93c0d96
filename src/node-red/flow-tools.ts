import { randomBytes } from "node:crypto";
import { setMaxListeners } from "node:events";
import type { Node, NodeAPI, NodeMessage } from "node-red";
import { isCancelled, LONGEST_TIMER_MS, untilAbort } from "../client/internal";
import { checkEnvironment, readBoolean } from "../conversation/request/fields";
import { checkNames, declare, readParameters, type Tool } from "../conversation/tools";
import { type ChatDef, heldProperties, readField } from "./chat-options";
import type { Judge } from "./judge";
import { copyWithout } from "./message-copy";
import { cloneOf, startFlow } from "./red";
import type { RunStatus } from "./status-line";
import { type ReturnedMessage, readAnswer } from "./tool-answer";
import { findTools, runningTool, type ToolNode } from "./tool-registry";

/** Properties that a tool flow does not get: what steers or ends the question, and the way back of the flow that asks. */
const LEFT_OUT = [
  "huggingface",
  "error",
  "_error",
  "parts",
  "complete",
  "messages",
  "completion",
  "payload",
  "_linkSource",
];

/** Those of the chat nodes that run. */
const ofNodes = new WeakMap<Node, FlowTools>();

/** Returns what carries out the calls of a chat node, which the way back of a tool flow leads to. */
export function flowToolsOf(node: Node): FlowTools | undefined {
  return ofNodes.get(node);
}

/**
 * Carries out calls by flows, as core's link call node does: the message that starts the flow has a return address,
 * and a link out node in return mode brings it back to `returned`.
 */
export class FlowTools {
  readonly #RED: NodeAPI;
  readonly #node: Node;
  /** By the id of a call: what takes the message that comes back. */
  readonly #waiting = new Map<string, (msg: ReturnedMessage) => void>();

  constructor(RED: NodeAPI, node: Node) {
    this.#RED = RED;
    this.#node = node;
    ofNodes.set(node, this);
  }

  /** Returns the functions that the picked tool nodes carry out. Those that are missing or disabled are not offered. */
  picked(def: ChatDef, msg: NodeMessage, judge: Judge, status: RunStatus): Tool[] {
    const { found, missing } = findTools(this.#RED, this.#node, def.tools);
    judge.tools(found.length > 0, missing, status);
    if (found.length === 0) return [];
    const seconds = readField.number(def, "toolTimeout");
    const onTimeout = (name: string) => judge.noReturn(name, seconds, status);
    const tools = this.tools(found, msg, heldProperties(def), seconds * 1000, onTimeout);
    checkNames(tools.map(declare));
    return tools;
  }

  /**
   * Makes the functions that a question may call.
   *
   * @param inputs - the properties of the question that the prompt and the images come from
   * @param timeoutMs - for one call; 0 for no limit
   * @param onTimeout - called when a flow has not answered in time
   * @throws ChatError `invalid_input` for a schema that is none
   */
  tools(
    nodes: ToolNode[],
    question: NodeMessage,
    inputs: readonly string[],
    timeoutMs: number,
    onTimeout: (name: string) => void,
  ): Tool[] {
    const base = this.base(question, inputs);
    for (const { def } of nodes) checkEnvironment(def.description, "description");
    return nodes.map((tool) => ({
      name: tool.name ?? "",
      description: String(tool.def.description ?? ""),
      parameters: readParameters(tool.name ?? "", tool.def.parameters),
      strict: readBoolean(tool.def.strict || false, "strict"),
      run: async (call, signal) => {
        const node = runningTool(tool);
        if (!node) throw new Error(`${call.name} is gone: its node was removed or disabled.`);
        const msg = {
          ...base,
          topic: call.name,
          payload: call.arguments,
          tool: { id: call.id, name: call.name, node: node.id },
        };
        // The flow may change what it gets; the other calls and the report of this one stay as they are.
        const own = cloneOf(this.#RED, msg);
        const tooLate = () => {
          onTimeout(call.name);
          return new Error(`${call.name} has not answered within ${timeoutMs / 1000} s.`);
        };
        return readAnswer(this.#RED, await this.call(node, own, timeoutMs, signal, tooLate), call.arguments);
      },
    }));
  }

  /** Copies what a flow gets of a question. @param inputs - as in `tools` */
  base(question: NodeMessage, inputs: readonly string[]): Record<string, unknown> {
    return copyWithout(this.#RED, question, LEFT_OUT, inputs);
  }

  /** Takes a message that a link out node gives back. What nobody waits for is dropped. */
  returned(id: string, msg: ReturnedMessage): void {
    const resolve = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (resolve) resolve(msg);
    else this.#node.debug(`a tool flow has answered too late or twice (${id})`);
  }

  /**
   * Starts a flow and waits for what it gives back.
   *
   * @param node - the first one of the flow
   * @param timeoutMs - 0 for no limit
   * @param tooLate - called when that is over
   * @throws what `tooLate` returns, and Error for an abort
   */
  async call(
    node: Node,
    msg: object,
    timeoutMs: number,
    signal: AbortSignal,
    tooLate: () => Error,
  ): Promise<ReturnedMessage> {
    const id = randomBytes(14).toString("hex");
    // Every call of a round listens, and more than ten are no leak.
    setMaxListeners(0, signal);
    let timer: NodeJS.Timeout | undefined;
    const returned = new Promise<ReturnedMessage>((resolve, reject) => {
      if (timeoutMs > 0) timer = setTimeout(() => reject(tooLate()), Math.min(timeoutMs, LONGEST_TIMER_MS));
      this.#waiting.set(id, resolve);
    });
    try {
      if (!signal.aborted) startFlow(node, msg, { id, node: this.#node.id });
      return await untilAbort(returned, signal);
    } catch (error) {
      throw isCancelled(error) ? new Error("It was cancelled.") : error;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }
}
