/** A tool of an MCP server, as the server describes it. */
export interface McpTool {
  /** The server's own name of it. */
  name: string;
  description?: string;
  /** A JSON schema of the arguments. */
  inputSchema: Record<string, unknown>;
  /** What the server says of it; counts only where the node believes the server. */
  annotations?: {
    readOnlyHint?: boolean;
    idempotentHint?: boolean;
    destructiveHint?: boolean;
    openWorldHint?: boolean;
    title?: string;
  };
}

/** What a call came to. */
export interface McpResult {
  content: ({ type: "text"; text: string } | { type: "image"; data: Buffer; mimeType: string })[];
  isError: boolean;
}

/** What a chat node sees of a huggingface-mcp node. */
export interface McpServer {
  readonly id: string;
  readonly name: string;
  /** True if the server's marks count. */
  readonly believes: boolean;
  /** True once its node was deployed anew, or removed. */
  readonly isClosed?: boolean;
  /** Lists the tools; kept for as long as the server allows. @throws ChatError */
  tools(signal: AbortSignal): Promise<McpTool[]>;
  /** Calls a tool. @throws ChatError; `cancelled` for an abort */
  call(name: string, args: Record<string, unknown>, signal: AbortSignal): Promise<McpResult>;
}

/** A huggingface-mcp node in the runtime. */
export interface McpNode {
  /** Connects lazily; loads the client at the first use. */
  server(): McpServer;
}
