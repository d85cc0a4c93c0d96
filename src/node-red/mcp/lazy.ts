import { asInputError, loadModule } from "../../client/internal";
import type { McpParts, McpTools } from "./mcp-tools";

/** Adds the tools of MCP servers to those of a question: see `McpTools.add`. */
export type AddMcpTools = McpTools["add"];

/** Returns what adds the tools of a chat node's servers, loaded by the first question; undefined where it has none. */
export function mcpToolsOf(parts: McpParts): AddMcpTools | undefined {
  const { mcp } = parts.def;
  if (Array.isArray(mcp) && mcp.length === 0) return undefined;
  let made: McpTools | undefined;
  return async (...question) => {
    made ??= make(parts);
    return made.add(...question);
  };
}

/** @throws ChatError for what is wrong in the form */
function make(parts: McpParts): McpTools {
  const { McpTools } = loadModule("mcp-tools", (): typeof import("./mcp-tools") => require("./mcp-tools"));
  try {
    return new McpTools(parts);
  } catch (error) {
    throw asInputError(error);
  }
}
