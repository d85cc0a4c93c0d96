import type { Node, NodeAPI } from "node-red";
import { isReadable, loadModule } from "./client/internal";
import { addMcpRoutes } from "./node-red/admin/mcp-routes";
import type { ConfigCredentials } from "./node-red/config-options";
import type { McpConnection } from "./node-red/mcp/mcp-connection";
import { isAccountUnused, type McpDef, readMcpOptions, serverOrigin } from "./node-red/mcp/mcp-options";
import type { McpNode } from "./node-red/mcp/types";

export = (RED: NodeAPI): void => {
  function HuggingFaceMcp(this: Node<ConfigCredentials> & McpNode, def: McpDef) {
    RED.nodes.createNode(this, def);
    let connection: McpConnection | undefined;
    this.server = () => {
      if (!connection) {
        const options = readMcpOptions(RED, this, def, this.credentials);
        const module = loadModule("mcp", (): typeof import("./node-red/mcp/mcp-connection") =>
          require("./node-red/mcp/mcp-connection"),
        );
        connection = new module.McpConnection(options);
      }
      return connection;
    };
    if (isAccountUnused(def)) this.warn(RED._("huggingface-mcp.warning.account"));
    const origin = serverOrigin(def.url);
    if (origin && isReadable(origin) && this.credentials?.token?.trim()) {
      this.warn(RED._("huggingface-mcp.warning.plain", { host: new URL(origin).host }));
    }
    this.on("close", (done: () => void) => {
      (connection?.close() ?? Promise.resolve()).then(done, done);
    });
  }

  RED.nodes.registerType<Node<ConfigCredentials> & McpNode, McpDef, object, ConfigCredentials>(
    "huggingface-mcp",
    HuggingFaceMcp,
    {
      credentials: {
        token: { type: "password" },
        secretHeaders: { type: "password" },
        secretHeadersEdited: { type: "password" },
      },
    },
  );
  addMcpRoutes(RED);
};
