import { randomBytes } from "node:crypto";
import type { Node, NodeAPI, NodeMessage } from "node-red";
import { readBoolean } from "../conversation/fields";
import { type ReadCall, readParameters, type Tool } from "../conversation/tools";
import { copyWithout } from "./message-copy";
import type { ToolNode } from "./tool-registry";

/** What a tool flow has no business with: what steers or ends the question, and the way back of its own asker. */
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

interface Waiting {
  resolve: (msg: ReturnedMessage) => void;
}

/**
 * Carries out calls by flows, as core's link call node does: the message that starts the flow has a return address,
 * and a link out node in return mode brings it back to `returned`.
 */
export class ToolCalls {
  readonly #RED: NodeAPI;
  readonly #node: Node;
  readonly #waiting = new Map<string, Waiting>();

  constructor(RED: NodeAPI, node: Node) {
    this.#RED = RED;
    this.#node = node;
  }

  /**
   * Makes the functions that a question may call.
   *
   * @param timeoutMs - for one call; 0 for no limit
   * @throws ChatError `invalid_input` for a schema that is none
   */
  tools(nodes: ToolNode[], question: NodeMessage, promptProperty: string | undefined, timeoutMs: number): Tool[] {
    const base = copyWithout(this.#RED, question, LEFT_OUT, promptProperty);
    return nodes.map((tool) => ({
      name: tool.name ?? "",
      description: String(tool.def.description ?? ""),
      parameters: readParameters(tool.name ?? "", tool.def.parameters),
      strict: readBoolean(tool.def.strict || false, "strict"),
      run: async (call, signal) => {
        const returned = await this.#call(tool, call, base, timeoutMs, signal);
        return resultText(returned);
      },
    }));
  }

  /** Takes a message that a link out node gives back. What nobody waits for is dropped. */
  returned(id: string, msg: ReturnedMessage): void {
    const waiting = this.#waiting.get(id);
    if (waiting) waiting.resolve(msg);
    else this.#node.debug(`a tool flow has answered too late or twice (${id})`);
  }

  #call(
    tool: ToolNode,
    call: ReadCall,
    base: Record<string, unknown>,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<ReturnedMessage> {
    const id = randomBytes(14).toString("hex");
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
        this.#waiting.delete(id);
      };
      const onAbort = () => {
        end();
        reject(new Error("It was cancelled."));
      };
      const onTimeout = () => {
        end();
        reject(new Error(`${call.name} has not answered within ${timeoutMs / 1000} s.`));
      };
      const timer = timeoutMs > 0 ? setTimeout(onTimeout, timeoutMs) : undefined;
      if (signal.aborted) {
        onAbort();
        return;
      }
      signal.addEventListener("abort", onAbort, { once: true });
      this.#waiting.set(id, {
        resolve: (msg) => {
          end();
          resolve(msg);
        },
      });
      tool.receive({
        ...(this.#RED.util.cloneMessage(base as NodeMessage) as Record<string, unknown>),
        topic: call.name,
        payload: call.arguments,
        tool: { id: call.id, name: call.name, node: tool.id },
        _linkSource: [{ id, node: this.#node.id }],
      } as NodeMessage);
    });
  }
}

/** A string as it is, anything else as JSON. An error on the message is the flow's answer, too: the model is told. */
function resultText(msg: ReturnedMessage): string {
  if (msg.error) throw new Error(errorText(msg.error));
  if (typeof msg.payload === "string") return msg.payload;
  return JSON.stringify(msg.payload) ?? "";
}

function errorText(error: unknown): string {
  if (typeof error === "string") return error;
  const { message } = error as { message?: unknown };
  return typeof message === "string" ? message : (JSON.stringify(error) ?? "It has failed.");
}
