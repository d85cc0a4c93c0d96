/** Becomes `nodes/mcp/client.js`: the parts of the MCP client that the nodes use. */
export { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
