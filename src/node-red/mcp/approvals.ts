import type { Node, NodeAPI } from "node-red";
import { toJson } from "../../client/internal";
import { BoundedMap } from "../../conversation/bounded-map";
import type { ParsedCall } from "../../conversation/tools";
import type { FlowTools } from "../flow-tools";
import { cloneOf, findNode } from "../red";
import { type ReturnedMessage, readAnswer } from "../tool-answer";
import { definitionHash } from "./definition-hash";
import type { McpChoice } from "./mcp-choices";
import type { McpServer, McpTool } from "./types";

/** Definitions that are remembered as allowed. */
const MOST_ALLOWED = 10_000;
/** In characters, of a refusal that the model is told. */
const LONGEST_REFUSAL = 2000;

/** Definitions to which somebody has said yes since Node-RED began: a deploy does not forget them. */
const allowed = new BoundedMap<true>({ count: MOST_ALLOWED });

/** Callbacks for what the author of the flow has to know. */
export interface ApprovalListener {
  /** Called when there is no flow that could be asked. */
  onNobody(): void;
  /** Called when the flow has not answered in time. */
  onTooLate(seconds: number): void;
}

/** A call of a tool of an MCP server. */
export interface McpCall {
  server: McpServer;
  choice: McpChoice;
  tool: McpTool;
  call: ParsedCall;
}

/** What asks a person before a tool runs. */
export class Approvals {
  readonly #RED: NodeAPI;
  readonly #node: Node;
  readonly #flowTools: FlowTools;
  readonly #linkIn: string;
  readonly #timeoutMs: number;

  /**
   * @param linkIn - id of the link in node at which the flow begins; blank for none
   * @param timeoutMs - for an answer; 0 for no limit
   */
  constructor(RED: NodeAPI, node: Node, flowTools: FlowTools, linkIn: string, timeoutMs: number) {
    this.#RED = RED;
    this.#node = node;
    this.#flowTools = flowTools;
    this.#linkIn = linkIn;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Asks whether a call may run, where somebody has to be asked.
   *
   * @param base - what the flow gets of the question
   * @throws Error for a refusal; its message is for the model
   */
  async ask(
    mcpCall: McpCall,
    base: () => Record<string, unknown>,
    signal: AbortSignal,
    listener: ApprovalListener,
  ): Promise<void> {
    const { server, choice, tool, call } = mcpCall;
    const hash = definitionHash(tool);
    const key = [this.#node.id, choice.id, tool.name, hash].join("\n");
    const isNew = choice.seen.size > 0 && choice.seen.get(tool.name) !== hash && !allowed.has(key);
    if (!isNew && !mustAsk(choice, server, tool)) return;
    const linkIn = findNode<Node>(this.#RED, this.#linkIn);
    if (linkIn?.type !== "link in") {
      listener.onNobody();
      throw new Error(`${call.name} was not run: somebody has to allow it first, and nobody can be asked here.`);
    }
    const msg: Record<string, unknown> = { ...base(), topic: call.name, payload: describe(mcpCall) };
    const tooLate = () => {
      listener.onTooLate(this.#timeoutMs / 1000);
      return new Error(`${call.name} was not run: nobody has allowed it in time.`);
    };
    const own = cloneOf(this.#RED, msg);
    const returned = await this.#flowTools.call(linkIn, own, this.#timeoutMs, signal, tooLate);
    this.#read(returned, msg["payload"], call.name);
    allowed.set(key, true);
  }

  /** @throws Error unless the answer is yes */
  #read(returned: ReturnedMessage, asked: unknown, name: string): void {
    // Throws for an error in the flow that nobody has mended.
    const answer = readAnswer(this.#RED, returned, asked);
    const { payload } = returned;
    if (payload === true) return;
    const isSilent =
      payload === false || payload === undefined || payload === null || toJson(payload) === toJson(asked);
    const written = typeof answer === "string" ? answer : answer.text;
    const reason = isSilent ? "" : written;
    const said = reason.slice(0, LONGEST_REFUSAL).replace(/[\uD800-\uDBFF]$/, "");
    throw new Error(`${name} was not run: it was refused${said ? `. The answer was: ${said}` : "."}`);
  }
}

/** What the approval flow gets as payload. */
function describe({ server, tool, call }: McpCall): object {
  return {
    id: call.id,
    name: tool.name,
    arguments: call.arguments,
    description: tool.description ?? "",
    server: server.name,
    annotations: { ...tool.annotations },
  };
}

/** True if the choice in the form wants a call to be allowed first. A server's marks count only where it is believed. */
function mustAsk({ ask }: McpChoice, { believes }: McpServer, { annotations }: McpTool): boolean {
  if (ask !== "changes") return ask === "every";
  return !(believes && annotations?.readOnlyHint === true && annotations.destructiveHint !== true);
}
