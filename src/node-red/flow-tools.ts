import { randomBytes } from "node:crypto";
import { setMaxListeners } from "node:events";
import type { Node, NodeAPI, NodeMessage } from "node-red";
import { isCancelled, LONGEST_TIMER_MS, untilAbort } from "../client/internal";
import { readBoolean } from "../conversation/request/fields";
import { readParameters, type Tool } from "../conversation/tools";
import { copyWithout } from "./message-copy";
import { cloneOf, startFlow } from "./red";
import { runningTool, type ToolNode } from "./tool-registry";

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

/** What comes back from a tool flow. */
interface ReturnedMessage extends NodeMessage {
  error?: unknown;
}

/** What starts a tool flow. */
interface StartMessage extends Record<string, unknown> {
  tool: { id: string; name: string; node: string };
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
  }

  /**
   * Makes the functions that a question may call.
   *
   * @param inputs - the properties of the question that the prompt and the images come from
   * @param timeoutMs - for one call; 0 for no limit
   * @throws ChatError `invalid_input` for a schema that is none
   */
  tools(nodes: ToolNode[], question: NodeMessage, inputs: readonly string[], timeoutMs: number): Tool[] {
    const base = copyWithout(this.#RED, question, LEFT_OUT, inputs);
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
        return resultText(await this.#call(node, own, timeoutMs, signal));
      },
    }));
  }

  /** Takes a message that a link out node gives back. What nobody waits for is dropped. */
  returned(id: string, msg: ReturnedMessage): void {
    const resolve = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (resolve) resolve(msg);
    else this.#node.debug(`a tool flow has answered too late or twice (${id})`);
  }

  /** Starts a tool flow and waits for what it gives back. */
  async #call(node: ToolNode, msg: StartMessage, timeoutMs: number, signal: AbortSignal): Promise<ReturnedMessage> {
    const id = randomBytes(14).toString("hex");
    // Every call of a round listens, and more than ten are no leak.
    setMaxListeners(0, signal);
    let timer: NodeJS.Timeout | undefined;
    const returned = new Promise<ReturnedMessage>((resolve, reject) => {
      const onTimeout = () => reject(new Error(`${msg.tool.name} has not answered within ${timeoutMs / 1000} s.`));
      if (timeoutMs > 0) timer = setTimeout(onTimeout, Math.min(timeoutMs, LONGEST_TIMER_MS));
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

/** Returns a string as it is, anything else as JSON. An error on the message is a result, too: the model is told. */
function resultText(msg: ReturnedMessage): string {
  if (msg.error) throw new Error(errorText(msg.error));
  if (typeof msg.payload === "string") return msg.payload;
  try {
    return JSON.stringify(msg.payload) ?? "";
  } catch (error) {
    // Of several lines only the first says what is wrong: a value in a circle, or a BigInt.
    throw new Error(`Its answer cannot be written as JSON: ${String((error as Error).message).split("\n")[0]}.`);
  }
}

function errorText(error: unknown): string {
  if (typeof error === "string") return error;
  const { message } = error as { message?: unknown };
  if (typeof message === "string") return message;
  try {
    return JSON.stringify(error) ?? "It has failed.";
  } catch {
    return "It has failed.";
  }
}
