import type { Node, NodeAPI, NodeDef } from "node-red";
import { asText, type ClientOptions, environmentToken, isRouter } from "../../client/internal";
import { checkEnvironment, defaultsOf, formReader } from "../../conversation/request/fields";
import { MCP_FIELDS } from "../../shared/mcp-fields";
import { type ConfigCredentials, type ConfigDef, type ConfigNode, readClientOptions } from "../config-options";
import { ChatError } from "../errors";
import { findNode } from "../red";
import type { McpOptions } from "./mcp-connection";

/** The only origin that gets the token of an account. At `*.hf.space`, for one, anybody can run a Space. */
const ACCOUNT_ORIGIN = "https://huggingface.co";
const MCP_DEFAULTS = defaultsOf(MCP_FIELDS);
const readField = formReader(MCP_FIELDS);

/** The properties of a huggingface-mcp as a flow file holds them. */
export interface McpDef extends NodeDef, Omit<McpProperties, "name" | "account" | "tls" | "proxy"> {
  account?: string;
  tls?: string;
  proxy?: string;
}
type McpProperties = Partial<Record<(typeof MCP_FIELDS)[number]["name"], unknown>>;

/**
 * Reads the options of a node that runs.
 *
 * @throws ChatError `invalid_input` for values that cannot work
 */
export function readMcpOptions(
  RED: NodeAPI,
  node: Node,
  def: McpDef,
  credentials: ConfigCredentials | undefined,
): McpOptions {
  const account = findNode<ConfigNode>(RED, def.account ?? "");
  const token = account && accountToken(account.origin?.(), account.credentials?.token);
  return { ...makeMcpOptions(def, readClientOptions(RED, node, asConfig(def), credentials), token), id: node.id };
}

/**
 * Makes the options of a connection.
 *
 * @param route - what the fields come to that a configuration has as well
 * @param token - that of the account
 * @throws ChatError `invalid_input` for values that cannot work
 */
export function makeMcpOptions(def: McpDef, route: ClientOptions, token: string | undefined): McpOptions {
  const url = parseServerUrl(def.url);
  const { headers, secretHeaders, product, tls, proxy, proxyRules } = route;
  return {
    id: def.id,
    name: asText(def.name)?.trim() || url.host,
    url,
    believes: isBlank(def.believe) ? MCP_DEFAULTS.believe : readField.boolean(def, "believe"),
    timeout: isBlank(def.timeout) ? MCP_DEFAULTS.timeout : readField.number(def, "timeout"),
    token: route.token || (url.origin === ACCOUNT_ORIGIN ? token : undefined),
    ...(headers && { headers }),
    ...(secretHeaders && { secretHeaders }),
    ...(product && { product }),
    ...(tls && { tls }),
    ...(proxy && { proxy }),
    ...(proxyRules && { proxyRules }),
  };
}

/** The fields that a configuration has as well, as those of one. */
export function asConfig({ id, z, tls, proxy, headers }: McpDef): ConfigDef {
  return { id, z, type: "huggingface-config", name: "", tls: tls ?? "", proxy: proxy ?? "", headers };
}

/**
 * Returns the token of a configuration, for Hugging Face's own MCP server.
 *
 * @param origin - of the configuration: a token for another server is none of Hugging Face's
 */
export function accountToken(origin: string | undefined, stored: unknown): string | undefined {
  if (origin === undefined || !(isRouter(origin) || origin === ACCOUNT_ORIGIN)) return undefined;
  return asText(stored)?.trim() || environmentToken(ACCOUNT_ORIGIN)?.value;
}

/** True if an account is chosen and its token is never sent. */
export function isAccountUnused(def: McpDef): boolean {
  return Boolean(def.account) && serverOrigin(def.url) !== ACCOUNT_ORIGIN;
}

/** Returns scheme, host and port of a server; undefined for what is no address. */
export function serverOrigin(url: unknown): string | undefined {
  try {
    return parseServerUrl(url).origin;
  } catch {
    return undefined;
  }
}

/** @throws ChatError `mcp_url_invalid`, `mcp_url_credentials`, `env_missing` */
function parseServerUrl(value: unknown): URL {
  checkEnvironment(value, "url");
  const text = asText(value)?.trim() ?? "";
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) {
    throw new ChatError("mcp_url_invalid", { url: text.replace(/^.*@/s, "***@") });
  }
  const url = new URL(text);
  if (url.username || url.password) throw new ChatError("mcp_url_credentials");
  url.hash = "";
  return url;
}

function isBlank(value: unknown): boolean {
  return value === undefined || value === null || value === "";
}
