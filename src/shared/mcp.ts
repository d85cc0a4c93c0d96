/** Which tools of an MCP server are offered: all, only those that are named, or all but those. */
export const MCP_USES = ["all", "only", "except"] as const;
export type McpUse = (typeof MCP_USES)[number];

/** When a person is asked before a tool of an MCP server runs: if it may change something, always, or never. */
export const MCP_ASKS = ["changes", "every", "never"] as const;
export type McpAsk = (typeof MCP_ASKS)[number];

/** What the form of a chat node says of one server: an entry of the property `mcpTools`. */
export interface McpSettings {
  use: McpUse;
  /** Names of tools; for `only` and `except`. */
  names: string[];
  ask: McpAsk;
  /** The hashes of the definitions that the form has shown, by the name of the tool. */
  seen: Record<string, string>;
}

/** A tool as the forms list it. */
export interface ListedTool {
  name: string;
  description?: string;
  annotations?: { readOnlyHint?: boolean; title?: string };
  /** Tells this definition from another one: see `McpSettings.seen`. */
  hash: string;
}

/** Response of `POST /mcp-tools`. */
export interface McpToolsResponse {
  tools: ListedTool[];
}
