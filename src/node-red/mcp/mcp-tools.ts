import { setMaxListeners } from "node:events";
import type { Node, NodeAPI, NodeMessage } from "node-red";
import { asRecord, asText, ChatError, isCancelled, nestingProblem, reasonOf, untilAbort } from "../../client/internal";
import type { ParsedCall, Tool, ToolAnswer } from "../../conversation/tools";
import { type ChatDef, heldProperties, readField } from "../chat-options";
import type { FlowTools } from "../flow-tools";
import { localizeError } from "../localize";
import type { Noticed, Notices } from "../notices";
import { findNode, type Translate } from "../red";
import { type ApprovalListener, Approvals } from "./approvals";
import { definitionHash } from "./definition-hash";
import { isOffered, type McpChoice, readMcpChoices } from "./mcp-choices";
import { readResult } from "./mcp-result";
import { ToolNames } from "./tool-names";
import type { McpNode, McpServer, McpTool } from "./types";

/** The API takes no more functions in a request. */
const MOST_TOOLS = 128;

/** What the tools need of the chat node. */
export interface McpParts {
  RED: NodeAPI;
  node: Node;
  def: ChatDef;
  flowTools: FlowTools;
  notices: Notices;
  translate: Translate;
}

/** A question, as far as the tools need it. */
interface McpQuestion {
  signal: AbortSignal;
  status: Noticed;
  /** Copies what a flow that asks gets of the message. */
  base(): Record<string, unknown>;
}

/** A huggingface-mcp node, as Node-RED gives it. */
type McpRuntimeNode = Node & Partial<McpNode> & { _alias?: string };

/** A server whose tools may be offered. */
interface Chosen {
  choice: McpChoice;
  server: McpServer;
}

/** The tools of MCP servers, as functions that a question may call. */
export class McpTools {
  readonly #parts: McpParts;
  readonly #choices: McpChoice[];
  readonly #approvals: Approvals;

  /** @throws ChatError `invalid_input` for a time-out that is none */
  constructor(parts: McpParts) {
    const { RED, node, def, flowTools } = parts;
    this.#parts = parts;
    this.#choices = readMcpChoices(def.mcp, def.mcpTools);
    const seconds = readField.number(def, "approvalTimeout");
    this.#approvals = new Approvals(RED, node, flowTools, String(def.approval ?? ""), seconds * 1000);
  }

  /**
   * Lists the tools of all servers at the same time. Their order is that of the servers in the form. What goes wrong with a
   * server is shown and warned of; its tools are not offered. So are tools beyond what a request takes.
   *
   * @param tools - the other functions that are carried out here
   * @returns these, and behind them those of the servers
   * @throws ChatError `cancelled` for an abort, and nothing else
   */
  async add(tools: Tool[], msg: NodeMessage, signal: AbortSignal, status: Noticed): Promise<Tool[]> {
    const { def, flowTools } = this.#parts;
    // Every server listens, and so does every call of a round: more than ten are no leak.
    setMaxListeners(0, signal);
    let copy: Record<string, unknown> | undefined;
    // Made when somebody is asked first: most questions ask nobody.
    const base = () => (copy ??= flowTools.base(msg, heldProperties(def)));
    const question: McpQuestion = { signal, status, base };
    const chosen = this.#choices.flatMap((choice) => this.#find(choice, status) ?? []);
    const lists = await Promise.all(chosen.map((one) => this.#list(one, question)));
    const functions = Array.isArray(def.functions) ? def.functions : [];
    const taken = [...tools, ...functions].map((tool) => asText(asRecord(tool)?.["name"]) ?? "");
    const names = new ToolNames(taken);
    const offered = chosen.flatMap((one, place) => (lists[place] ?? []).map((tool) => ({ tool, one })));
    const room = Math.max(0, MOST_TOOLS - taken.length);
    if (offered.length > room) this.#tooMany(room, offered.length, taken.length, status);
    const added = offered
      .slice(0, room)
      .map(({ tool, one }) => this.#tool(names.add(one.server.name, tool.name), tool, one, question));
    return [...tools, ...added];
  }

  /** Finds the node of a server. Inside a subflow longer lists of ids are those of the subflow, as with tool nodes. */
  #find(choice: McpChoice, status: Noticed): Chosen | undefined {
    const { RED, node: chat, notices } = this.#parts;
    const inInstance = findNode<McpRuntimeNode>(RED, `${chat.z}-${choice.id}`);
    const node = inInstance?._alias === choice.id ? inInstance : findNode<McpRuntimeNode>(RED, choice.id);
    if (typeof node?.server !== "function") {
      notices.raise(status, "mcp_missing", { id: choice.id }, choice.id);
      return undefined;
    }
    try {
      return { choice, server: node.server() };
    } catch (error) {
      this.#failed({ id: choice.id, name: node.name || choice.id }, error, status);
      return undefined;
    }
  }

  async #list(
    { choice, server }: Chosen,
    { signal, status }: Pick<McpQuestion, "signal" | "status">,
  ): Promise<McpTool[]> {
    try {
      const tools = await untilAbort(server.tools(signal), signal);
      const seen = new Set<string>();
      return tools.filter(({ name, inputSchema }) => {
        if (seen.has(name) || !isOffered(choice, name)) return false;
        seen.add(name);
        // More of them are not offered anyway.
        return seen.size > MOST_TOOLS || nestingProblem(inputSchema) === undefined;
      });
    } catch (error) {
      if (signal.aborted) throw new ChatError("cancelled");
      this.#failed(server, error, status);
      return [];
    }
  }

  #tool(name: string, tool: McpTool, { choice, server }: Chosen, { status, base }: McpQuestion): Tool {
    const { notices, translate } = this.#parts;
    const listener: ApprovalListener = {
      onNobody: () => {
        notices.raise(status, "approval_missing", { name, field: translate("label.approval") }, name);
      },
      onTooLate: (seconds) => {
        const field = translate("label.approvalTimeout");
        notices.raise(status, "approval_late", { name, seconds, field }, name);
      },
    };
    return {
      name,
      description: tool.description ?? "",
      parameters: tool.inputSchema,
      isForeign: true,
      strict: false,
      run: async (call, signal) => {
        await this.#approvals.ask({ server, choice, tool, call }, base, signal, listener);
        const running = server.isClosed
          ? await this.#successor({ choice, server }, tool, call, signal, status)
          : server;
        return this.#call(running, tool, call, signal, status);
      },
    };
  }

  /**
   * Finds the server that takes the place of one whose node was deployed anew, for example while a person was asked:
   * Node-RED does not restart a chat node with several servers then.
   *
   * @throws Error if it does not offer the same tool; its message is for the model
   */
  async #successor(
    { choice, server }: Chosen,
    tool: McpTool,
    call: ParsedCall,
    signal: AbortSignal,
    status: Noticed,
  ): Promise<McpServer> {
    const chosen = this.#find(choice, status);
    const tools = chosen?.server.name === server.name ? await this.#list(chosen, { signal, status }) : [];
    const hash = definitionHash(tool);
    if (chosen && tools.some((one) => one.name === tool.name && definitionHash(one) === hash)) return chosen.server;
    throw new Error(`${call.name} is gone: its server was deployed anew, or removed.`);
  }

  async #call(
    server: McpServer,
    tool: McpTool,
    call: ParsedCall,
    signal: AbortSignal,
    status: Noticed,
  ): Promise<string | ToolAnswer> {
    try {
      if (signal.aborted) throw new ChatError("cancelled");
      return readResult(await untilAbort(server.call(tool.name, asRecord(call.arguments) ?? {}, signal), signal));
    } catch (error) {
      if (signal.aborted) throw new Error("It was cancelled.");
      if (isCancelled(error)) throw new Error(`${call.name} may have run: its server was deployed anew meanwhile.`);
      if (error instanceof ChatError) this.#failed(server, error, status);
      throw error;
    }
  }

  #tooMany(room: number, chosen: number, others: number, status: Noticed): void {
    const params = { offered: room + others, count: chosen + others, most: MOST_TOOLS };
    this.#parts.notices.raise(status, "mcp_too_many", params);
  }

  #failed({ id, name }: Pick<McpServer, "id" | "name">, cause: unknown, status: Noticed): void {
    const { notices, translate } = this.#parts;
    const reason = cause instanceof ChatError ? localizeError(cause, translate).message : reasonOf(cause);
    notices.raise(status, "mcp_failed", { server: name, reason }, id);
  }
}
