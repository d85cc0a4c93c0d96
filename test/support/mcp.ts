import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { untilAbort } from "../../src/client/internal";
import type { McpResult, McpServer, McpTool } from "../../src/node-red/mcp/types";
import type { Message, NodeDef, NodeRed } from "./node-red";
import { root } from "./root";

/** A tool of a server in tests, and what its calls come to. */
export interface TestTool extends Omit<McpTool, "name" | "inputSchema"> {
  inputSchema?: Record<string, unknown>;
  /** The text of the result, a result, or what makes one. */
  gives?: string | McpResult | ((args: Message, signal: AbortSignal) => McpResult | Promise<McpResult>);
}

/** What a server of a test is and has, by the name of its tools. */
export interface TestServerOfTools {
  believes?: boolean;
  tools: Record<string, TestTool>;
  /** In ms, before it lists its tools. */
  slow?: number;
  /** what its list waits for */
  until?: () => Promise<unknown>;
  /** Why it cannot list them. */
  broken?: string;
}

/** What was asked of the servers. */
export interface Asked {
  server: string;
  /** `list`, or the name of a tool. */
  what: string;
  args?: Message;
}

/** The type of the nodes below: a table in the place of a server. */
const TYPE = "test-mcp-server";

const servers = new Map<string, TestServerOfTools>();
const asked: Asked[] = [];
let isRegistered = false;

export const text = (...texts: string[]): McpResult => ({
  content: texts.map((line) => ({ type: "text", text: line })),
  isError: false,
});

/** Makes configuration nodes of servers by their names; their ids are `mcp-<name>`. They may lie in a subflow. */
export function mcpServers(red: NodeRed, table: Record<string, TestServerOfTools>, z?: string): NodeDef[] {
  if (!isRegistered) register(red);
  for (const [name, server] of Object.entries(table)) servers.set(name, server);
  return Object.keys(table).map((name) => ({ id: `mcp-${name}`, type: TYPE, name, ...(z && { z }) }));
}

/** Returns what was asked of servers since the last call. */
export function takeAsked(): Asked[] {
  return asked.splice(0);
}

function register(red: NodeRed): void {
  isRegistered = true;
  const RED = red.red as unknown as {
    nodes: {
      createNode(node: object, def: object): void;
      registerType(set: string, type: string, make: unknown): void;
    };
  };
  RED.nodes.registerType("tests/mcp", TYPE, function (this: Message, def: Message) {
    RED.nodes.createNode(this, def);
    this["server"] = () => serverOf(this);
  });
}

/** Makes an error of the class that the running nodes know. */
export function failure(reason: string): Error {
  const { ChatError }: typeof import("../../src/client/internal") = require(
    path.join(root, "nodes/client/internal.js"),
  );
  return new ChatError("internal", { reason });
}

function serverOf({ id, name }: Message): McpServer {
  const server = servers.get(name);
  if (!server) throw new Error(`There is no table ${name}.`);
  return {
    id,
    name,
    believes: server.believes ?? false,
    tools: async (signal) => {
      asked.push({ server: name, what: "list" });
      if (server.slow) await delay(server.slow, undefined, { signal }).catch(() => {});
      await server.until?.();
      if (server.broken) throw failure(server.broken);
      return Object.entries(server.tools).map(([toolName, { gives: _, inputSchema, ...tool }]) => ({
        name: toolName,
        inputSchema: inputSchema ?? { type: "object", properties: {} },
        ...tool,
      }));
    },
    call: async (tool, args, signal) => {
      asked.push({ server: name, what: tool, args });
      const gives = server.tools[tool]?.gives ?? "done";
      if (typeof gives === "string") return text(gives);
      return typeof gives === "function" ? untilAbort(Promise.resolve(gives(args, signal)), signal) : gives;
    },
  };
}
