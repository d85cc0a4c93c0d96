import type { Node, NodeAPI, NodeDef } from "node-red";
import { asRecord, asText, type ChatClient, type ClientOptions, type ProxyChoice } from "../client/internal";
import type { Grammar } from "../conversation/json/structured-output";
import { checkEnvironment, defaultsOf, formReader, readObject } from "../conversation/request/fields";
import type { Circuit } from "../conversation/run/circuit";
import { CONFIG_FIELDS } from "../shared/config-fields";
import type { NameOf } from "../shared/field";
import { DEMO_URL } from "../shared/limits";
import { withEnvironment } from "./environment";
import { ChatError } from "./errors";
import type { NodeLimits } from "./node-limits";
import { findNode, settingOf, versionOf } from "./red";
import { type HeaderCredentials, readSecretHeaders } from "./secret-headers";

/** The properties of a huggingface-config where nothing is set. */
export const CONFIG_DEFAULTS = defaultsOf(CONFIG_FIELDS);
/** Readers for the fields of the form. */
const readField = formReader(CONFIG_FIELDS);

/** The properties of a huggingface-config as a flow file holds them: numbers may be text. */
export interface ConfigDef extends NodeDef, Omit<ConfigFields, "name" | "tls" | "proxy"> {
  tls?: string;
  proxy?: string;
}
type ConfigFields = Partial<Record<(typeof CONFIG_FIELDS)[number]["name"], unknown>>;

export interface ConfigCredentials extends HeaderCredentials {
  token?: string;
}

/** What a configuration comes to. */
export interface ConfigSettings {
  /** Shared by all chat nodes of the configuration. */
  client: ChatClient;
  /** The model that is asked where no node or message names another; "" for none. */
  model: string;
  /** Whether the server is asked for a stream. */
  serverStreams: boolean;
  /** How the server is asked for JSON by a schema. */
  grammar: Grammar;
  /** Models to ask where the first one fails. */
  fallback: string[];
  /** Whether prompts and replies stand in traces. */
  traceContent: boolean;
  /** Whether the provider that served a conversation is asked again. */
  stickyProvider: boolean;
  /** Id of the configuration that is asked when this one cannot be reached; "" for none. */
  otherwise: string;
  /** Knows whether it can be reached; only where another one is asked otherwise. */
  circuit: Circuit | undefined;
  isDemo: boolean;
}

/** A huggingface-config as the chat nodes see it. */
export interface ConfigNode extends Node<ConfigCredentials> {
  /** Undefined until `open` has read them. */
  settings?: ConfigSettings;
  /**
   * Reads the settings, at the first question.
   *
   * @throws ChatError `invalid_input` if the configuration cannot work
   */
  open(): ConfigSettings;
  /**
   * Returns what is counted for its limits, undefined where it has none.
   *
   * @throws ChatError `invalid_input` for a limit that cannot be read
   */
  limits(): NodeLimits | undefined;
  /** Scheme, host and port of the server; undefined where the base URL is no address. */
  origin(): string | undefined;
  /** Host name with its port, likewise. */
  host(): string | undefined;
}

/** Core nodes that a configuration may point to, as far as they are used. */
interface TlsNode extends Node {
  addTLSOptions(options: Record<string, unknown>): Record<string, unknown>;
  valid?: boolean;
}
interface ProxyNode extends Node<{ username?: string; password?: string }> {
  url?: string;
  noproxy?: string[];
}

/**
 * Reads the client's options from a configuration.
 *
 * @throws ChatError `invalid_input` for values that cannot work
 */
export function readClientOptions(
  RED: NodeAPI,
  node: Node | undefined,
  def: ConfigDef,
  credentials: ConfigCredentials | undefined,
): ClientOptions {
  const options: ClientOptions = {
    baseUrl: text(def.baseUrl, "baseUrl"),
    token: text(credentials?.token, "token"),
    timeout: isBlank(def.timeout) ? undefined : readField.number(def, "timeout"),
    retries: number(def, "retries"),
    maxConcurrent: number(def, "maxConcurrent"),
    maxQueued: number(def, "maxQueued"),
    wakeUp: number(def, "wakeUp"),
    billTo: text(def.billTo, "billTo"),
    headers: headers(readHeaders(RED, node, def)),
    secretHeaders: headers(readMarkedHeaders(RED, node, credentials)),
    endpointsUseEnvironment: readEndpointsUseEnvironment(def),
    product: product(RED),
    proxyRules: asRecord(settingOf(RED, "proxyOptions")) ?? {},
  };
  checkEnvironment(def.tls, "tls");
  checkEnvironment(def.proxy, "proxy");
  const tls = def.tls ? tlsOptions(RED, def.tls) : undefined;
  const proxy = def.proxy ? proxyChoice(RED, def.proxy) : undefined;
  if (tls) options.tls = tls;
  if (proxy) options.proxy = proxy;
  return options;
}

/** Says by which programs the nodes run. */
function product(RED: NodeAPI): string {
  return `node-red/${versionOf(RED)} node/${process.versions.node}`;
}

/** Reads the model for questions that name no other; "" for none. The demo has one and needs no name for it. */
export function readModel(def: ConfigDef): string {
  return text(def.model, "huggingface-config.model") || (isDemoAddress(def.baseUrl) ? "demo" : "");
}

/** True for the base URL of the demo. */
export function isDemoAddress(baseUrl: unknown): boolean {
  return asText(baseUrl)?.trim() === DEMO_URL;
}

/**
 * Refuses the demo where a variable leads to it: a flow that somebody has checked must not turn into one that invents its
 * replies.
 *
 * @param written - the base URL as it stands in the flow; undefined where nobody knows
 * @throws ChatError `base_url_invalid`
 */
export function checkDemo(baseUrl: unknown, written: unknown): void {
  if (isDemoAddress(baseUrl) && written !== undefined && !isDemoAddress(written)) {
    throw new ChatError("base_url_invalid", { url: DEMO_URL });
  }
}

/** Reads whether to ask the server for a stream. */
export function readServerStreams(def: ConfigDef): boolean {
  return flag(def, "serverStreams");
}

/** Reads whether the provider that served a conversation is asked again. */
export function readStickyProvider(def: ConfigDef): boolean {
  return flag(def, "stickyProvider");
}

/**
 * Reads the id of the configuration that is asked when this one cannot be reached.
 *
 * @throws ChatError `env_missing`
 */
export function readOtherwise(def: ConfigDef): string {
  checkEnvironment(def.otherwise, "otherwise");
  return otherwiseId(def);
}

/** Returns that id as it stands in the flow. */
export function otherwiseId(def: ConfigDef): string {
  const id = asText(def.otherwise) ?? "";
  return id === "_ADD_" ? "" : id;
}

/** Reads whether a token of the environment may go to a dedicated endpoint. */
export function readEndpointsUseEnvironment(def: ConfigDef): boolean {
  return flag(def, "endpointsUseEnvironment");
}

/** Reads whether prompts and replies stand in traces. */
export function readTraceContent(def: ConfigDef): boolean {
  return flag(def, "traceContent");
}

/** True if something is limited. */
export function hasLimits({ limits }: ConfigDef): boolean {
  return Array.isArray(limits) ? limits.length > 0 : Boolean(limits);
}

/** Returns what is counted for the limits of a configuration that runs; undefined where there are none. */
export function limitsOf(RED: NodeAPI, id: unknown): NodeLimits | undefined {
  const node = typeof id === "string" ? findNode<ConfigNode>(RED, id) : undefined;
  return typeof node?.limits === "function" ? node.limits() : undefined;
}

/** Reads the fallback models, in their order. */
export function readFallback(def: ConfigDef): string[] {
  return [def.fallback ?? []]
    .flat()
    .map((model) => text(model, "fallback"))
    .filter(Boolean);
}

/** Reads in which dialect the server is asked for JSON by a schema. */
export function readGrammar(def: ConfigDef): Grammar {
  return readField.choice({ grammar: def.grammar || CONFIG_DEFAULTS.grammar }, "grammar");
}

function text(value: unknown, name: string): string {
  checkEnvironment(value, name);
  return (asText(value) ?? "").trim();
}

function flag(def: ConfigDef, name: NameOf<typeof CONFIG_FIELDS, "flag">): boolean {
  return isBlank(def[name]) ? CONFIG_DEFAULTS[name] : readField.boolean(def, name);
}

function number(def: ConfigDef, name: Exclude<NameOf<typeof CONFIG_FIELDS, "number">, "timeout">): number {
  return isBlank(def[name]) ? CONFIG_DEFAULTS[name] : readField.number(def, name);
}

function isBlank(value: unknown): boolean {
  return value === undefined || value === null || value === "";
}

/** In an object, Node-RED or the form's route has replaced variables already; in JSON text they are still there. */
function readHeaders(RED: NodeAPI, node: Node | undefined, { headers }: ConfigDef): Record<string, unknown> {
  const fields = readObject(headers, "headers");
  return typeof headers === "string" ? withEnvironment(RED, node, fields) : fields;
}

/** As an object they come from a form's route, which has replaced variables already. */
function readMarkedHeaders(
  RED: NodeAPI,
  node: Node | undefined,
  credentials: ConfigCredentials | undefined,
): Record<string, unknown> {
  const fields = readSecretHeaders(credentials);
  return asRecord(credentials?.secretHeaders) ? fields : withEnvironment(RED, node, fields);
}

function headers(fields: Record<string, unknown>): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, header] of Object.entries(fields)) {
    if (!["string", "number", "boolean"].includes(typeof header)) throw new ChatError("header_invalid", { name });
    checkEnvironment(header, `headers.${name}`);
    result[name] = String(header).trim();
  }
  return result;
}

function tlsOptions(RED: NodeAPI, id: string): Record<string, unknown> {
  const node = findNode<TlsNode>(RED, id);
  if (!node?.addTLSOptions || node.valid === false) throw new ChatError("tls_invalid");
  return node.addTLSOptions({});
}

function proxyChoice(RED: NodeAPI, id: string): ProxyChoice {
  const node = findNode<ProxyNode>(RED, id);
  if (!node?.url) throw new ChatError("proxy_invalid", { url: "" });
  const { username, password } = node.credentials ?? {};
  const choice: ProxyChoice = { url: node.url, noProxy: node.noproxy ?? [] };
  if (username) choice.username = username;
  if (password) choice.password = password;
  return choice;
}
