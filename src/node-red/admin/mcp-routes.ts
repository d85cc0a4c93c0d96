import type { NodeAPI } from "node-red";
import { asRecord, asText, loadModule } from "../../client/internal";
import { checkEnvironment, readObject } from "../../conversation/request/fields";
import { type ConfigForm, type HeadersResponse, UNCHANGED, type Withheld } from "../../shared/admin-api";
import type { ListedTool, McpToolsResponse } from "../../shared/mcp";
import { ChatError } from "../errors";
import { definitionHash } from "../mcp/definition-hash";
import { accountToken, asConfig, type McpDef, makeMcpOptions, serverOrigin } from "../mcp/mcp-options";
import type { McpTool } from "../mcp/types";
import type { AdminRequest } from "../red";
import { secretHeaderNames } from "../secret-headers";
import { DeployedNodes } from "./deployed";
import { checkVariables, originOf, prefixed, readFormHeaders, readOptions, type Unchecked } from "./form-client";
import { addGet, addPost, respondWith } from "./routes";
import { mapTexts, Variables } from "./variables";

const TYPE = "huggingface-mcp";
const NO_NODE = { id: "", type: TYPE, name: "", z: "" };

/** The routes behind the form of an MCP server. No response has a secret in it, or the value of a variable. */
export function addMcpRoutes(RED: NodeAPI): void {
  const list = async ({ body }: AdminRequest, signal: AbortSignal): Promise<McpToolsResponse & Withheld> => {
    const variables = new Variables();
    try {
      const { options, withheld } = formOptions(RED, body, variables);
      const { McpConnection } = loadModule("mcp", () => require("../mcp/mcp-connection"));
      const connection: import("../mcp/mcp-connection").McpConnection = new McpConnection(options);
      try {
        const tools = (await connection.tools(signal)).map((tool) => listed(tool));
        return { tools: mapTexts(tools, (text) => variables.hide(text)), ...withheld };
      } finally {
        await connection.close();
      }
    } catch (error) {
      throw variables.hideError(error);
    }
  };
  /** Returns the names of the stored secret headers; their values stay here. */
  const headers = async ({ params }: AdminRequest): Promise<HeadersResponse> => ({
    names: secretHeaderNames(RED, params["id"] ?? "", TYPE),
  });
  addPost(RED, "/huggingface/mcp-tools", "huggingface-mcp.write", respondWith(RED, list));
  addGet(RED, "/huggingface/mcp-headers/:id", "huggingface-mcp.read", respondWith(RED, headers));
}

/**
 * Makes the options of what is in a form, deployed or not. A stored token and the values of variables go only to the origin
 * that was deployed, as in `formClient`; the token of an account goes to Hugging Face alone.
 *
 * @throws ChatError `invalid_input` for what cannot work
 */
function formOptions(RED: NodeAPI, body: unknown, variables: Variables) {
  const nodes = new DeployedNodes(RED);
  const { id, def: properties, token, secretHeaders } = (asRecord(body) ?? {}) as Unchecked<ConfigForm>;
  const deployed = nodes.get(id, TYPE);
  const lookup = nodes.lookup(deployed ?? {});
  const { headers: headerFields, url: written, ...fields } = asRecord(properties) ?? {};
  const url = variables.resolve(written, lookup);
  checkEnvironment(url, "url");
  const deployedUrl: unknown = new Variables().resolve(deployed?.["url"], lookup);
  const isTrusted = deployed !== undefined && serverOrigin(url) === serverOrigin(deployedUrl);
  if (url !== written && !isTrusted) throw new ChatError("secret_withheld", { name: "url" });
  const stored = deployed ? nodes.credentials(deployed.id) : {};
  const secret = readFormHeaders(stored, secretHeaders);
  const resolve = <T>(value: T): T => (isTrusted ? variables.resolve(value, lookup) : value);
  const resolveStored = <T>(value: T): T => new Variables().resolve(value, lookup);
  const read = readObject(resolve(headerFields), "headers");
  const headers = typeof headerFields === "string" ? resolve(read) : read;
  const typed = asText(token)?.trim() ?? "";
  if (!isTrusted) {
    const typedHeaders = { ...prefixed("headers.", headers), ...prefixed("headers.", secret.typed) };
    for (const part of [fields, typedHeaders, { token: typed }]) checkVariables(part);
  }
  const def: McpDef = { ...NO_NODE, ...resolve(fields), url, headers };
  const isKept = typed === UNCHANGED;
  const sent = isKept ? (isTrusted ? resolveStored(stored["token"]) : undefined) : resolve(typed);
  const marked = { ...(isTrusted && resolveStored(secret.kept)), ...resolve(secret.typed) };
  const route = readOptions(RED, asConfig(def), { token: asText(sent) ?? "", secretHeaders: marked }, nodes);
  const withheld: Withheld = {
    ...(!isTrusted && isKept && Boolean(stored["token"]) && { isTokenWithheld: true }),
    ...(!isTrusted && Object.keys(secret.kept).length > 0 && { isHeaderWithheld: true }),
  };
  return { options: makeMcpOptions(def, route, deployedAccount(nodes, def.account)), withheld };
}

function deployedAccount(nodes: DeployedNodes, id: unknown): string | undefined {
  const account = nodes.get(id, "huggingface-config");
  if (!account) return undefined;
  const lookup = nodes.lookup(account);
  const resolve = <T>(value: T): T => new Variables().resolve(value, lookup);
  return accountToken(originOf(resolve(account["baseUrl"])), resolve(nodes.credentials(account.id)["token"]));
}

/** Returns what a form lists of a tool: known fields only. */
function listed({ name, description, inputSchema, annotations }: McpTool): ListedTool {
  const { readOnlyHint, title } = annotations ?? {};
  const marks = {
    ...(readOnlyHint !== undefined && { readOnlyHint }),
    ...(title !== undefined && { title }),
  };
  return {
    name,
    ...(description !== undefined && { description }),
    annotations: marks,
    hash: definitionHash({ inputSchema, ...(description !== undefined && { description }) }),
  };
}
