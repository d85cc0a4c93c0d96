import type { NodeAPI } from "node-red";
import {
  asRecord,
  asText,
  ChatClient,
  type ClientOptions,
  environmentToken,
  type ProxyChoice,
  resolveEndpoint,
} from "../../client/internal";
import { checkEnvironment, readObject } from "../../conversation/request/fields";
import { type ConfigForm, UNCHANGED, type Withheld } from "../../shared/admin-api";
import { type ConfigDef, checkDemo, readClientOptions, readEndpointsUseEnvironment } from "../config-options";
import { ChatError } from "../errors";
import { findNode } from "../red";
import { readSecretHeaders, storedName, withStored } from "../secret-headers";
import type { DeployedNode, DeployedNodes, Lookup } from "./deployed";
import { holdsVariable, Variables } from "./variables";

/** A body of which only the names are known. */
export type Unchecked<Body> = { [Name in keyof Body]?: unknown };

/** The configuration as it stands in an open form. */
export interface FormConfig {
  id: unknown;
  def: ConfigDef;
  client: ChatClient;
  /** What its requests depend on beside the address: other lists of models may be seen with it. */
  identity: string;
  /** Names of headers whose values are secret because their row says so, in lower case. */
  secretHeaders: ReadonlySet<string>;
  /** True if secrets and variables may go to its address. */
  isTrusted: boolean;
  withheld: Withheld;
}

/**
 * Makes a client of what is in the form of a configuration, deployed or not. What is secret, a stored token and values of
 * variables, goes only to the origin that the configuration was deployed with; one that was never deployed may use
 * variables at Hugging Face's router. So nobody can send secrets elsewhere by changing the base URL in a form.
 *
 * @param body - a `ConfigForm`, from somebody who may write anything into it
 * @param variables - takes note of those that are used
 * @param changes - options of the client that are not those of the form
 * @throws ChatError `invalid_input` for what cannot work
 */
export function formClient(
  RED: NodeAPI,
  body: unknown,
  nodes: DeployedNodes,
  variables: Variables,
  changes: Partial<ClientOptions> = {},
): FormConfig {
  const { id, def: properties, token, secretHeaders } = (asRecord(body) ?? {}) as Unchecked<ConfigForm>;
  const deployed = nodes.get(id, "huggingface-config");
  const lookup = nodes.lookup(deployed ?? {});
  const { headers: headerFields, ...fields } = asRecord(properties) ?? {};
  const { baseUrl, origin, isTrusted } = readAddress(fields["baseUrl"], deployed?.["baseUrl"], lookup, variables);
  const typed = asText(token)?.trim() ?? "";
  const stored = deployed ? nodes.credentials(deployed.id) : {};
  const secret = readFormHeaders(stored, secretHeaders);
  const resolveStored = <T>(value: T): T => new Variables().resolve(value, lookup);
  const resolve = <T>(value: T): T => (isTrusted ? variables.resolve(value, lookup) : value);
  const read = readObject(resolve(headerFields), "headers");
  // At run time, too, those in JSON text are replaced where it is read.
  const headers = typeof headerFields === "string" ? resolve(read) : read;
  if (!isTrusted) {
    // One after the other: a header may have the name of a property, and must not stand in for it.
    const typedHeaders = { ...prefixed("headers.", headers), ...prefixed("headers.", secret.typed) };
    const named = prefixed("huggingface-config.", fields);
    for (const part of [named, typedHeaders, { token: typed }]) checkVariables(part);
  }
  const def: ConfigDef = { ...NO_NODE, ...resolve(fields), baseUrl, headers };
  const isUnchanged = typed === UNCHANGED;
  const sent = isUnchanged ? (isTrusted ? resolveStored(stored["token"]) : undefined) : resolve(typed);
  const marked = { ...(isTrusted && resolveStored(secret.kept)), ...resolve(secret.typed) };
  const options = readOptions(RED, def, { token: asText(sent) ?? "", secretHeaders: marked }, nodes);
  // What was deployed applies to it as it does to the origin.
  const endpointsUseEnvironment = options.endpointsUseEnvironment !== false && mayUseEndpoints(nodes, deployed);
  const client = new ChatClient({ ...options, useEnvironment: isTrusted, endpointsUseEnvironment, ...changes });
  return {
    id,
    def,
    client,
    identity: JSON.stringify([client.baseUrl, sent, options.headers, marked, def.billTo, def.tls, def.proxy]),
    secretHeaders: new Set(Object.keys(marked).map((name) => name.toLowerCase())),
    isTrusted,
    withheld: isTrusted
      ? {}
      : {
          ...(!sent && findWithheld(origin, isUnchanged && Boolean(stored["token"]), endpointsUseEnvironment)),
          ...(Object.keys(secret.kept).length > 0 && { isHeaderWithheld: true }),
        },
  };
}

/** Returns the address of a form, and whether secrets may go there: the one that was deployed, or the router where none was. */
function readAddress(written: unknown, deployed: unknown, lookup: Lookup, variables: Variables) {
  const baseUrl = asText(variables.resolve(written, lookup)) ?? "";
  if (holdsVariable(written)) {
    checkEnvironment(baseUrl, "baseUrl");
    checkDemo(baseUrl, written);
    // An error of the address would quote it.
    if (originOf(baseUrl) === undefined) throw new ChatError("secret_withheld", { name: "baseUrl" });
  }
  const { origin } = resolveEndpoint(baseUrl);
  return { baseUrl, origin, isTrusted: origin === originOf(new Variables().resolve(deployed, lookup)) };
}

const NO_NODE = { id: "", type: "huggingface-config", name: "", z: "" };

/** Reads the secret headers of a form: those that were typed, and those that stay as they are stored. */
export function readFormHeaders(credentials: Record<string, unknown>, written: unknown) {
  const stored = readSecretHeaders(credentials);
  const all = asRecord(written);
  if (!all) return { typed: {}, kept: stored };
  const isKept = ([, value]: [string, unknown]) => storedName(value) !== undefined;
  const entries = Object.entries(all);
  return {
    typed: Object.fromEntries(entries.filter((entry) => !isKept(entry))),
    kept: withStored(Object.fromEntries(entries.filter(isKept)), stored),
  };
}

/** True if a token of the environment may go to a dedicated endpoint, as it was deployed; what cannot be read says no. */
export function mayUseEndpoints(nodes: DeployedNodes, deployed: DeployedNode | undefined): boolean {
  if (!deployed) return true;
  try {
    return readEndpointsUseEnvironment(new Variables().resolve(deployed, nodes.lookup(deployed)) as ConfigDef);
  } catch (error) {
    if (!(error instanceof ChatError)) throw error;
    return false;
  }
}

function findWithheld(origin: string, isTokenWithheld: boolean, endpoints: boolean): Withheld {
  if (isTokenWithheld) return { isTokenWithheld };
  return environmentToken(origin, endpoints) ? { isEnvironmentWithheld: true } : {};
}

/** Returns the origin that a configuration points to: the router's without a base URL, undefined for what is not an address. */
export function originOf(baseUrl: unknown): string | undefined {
  try {
    return resolveEndpoint(asText(baseUrl) ?? "").origin;
  } catch {
    return undefined;
  }
}

/**
 * Any field can carry a value of the environment to a server, not only the token.
 *
 * @throws ChatError `secret_withheld`, which names the field
 */
export function checkVariables(fields: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(fields)) {
    if (holdsVariable(value)) throw new ChatError("secret_withheld", { name });
  }
}

/** Puts something in front of the names of fields. */
export function prefixed(prefix: string, fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [prefix + name, value]));
}

/** Reads the client's options. A proxy node that does not run is read as it was deployed. */
export function readOptions(
  RED: NodeAPI,
  def: ConfigDef,
  credentials: Record<string, unknown>,
  nodes: DeployedNodes,
): ClientOptions {
  const proxy = findNode(RED, def.proxy ?? "") ? undefined : nodes.get(def.proxy, "http proxy");
  if (!proxy) return readClientOptions(RED, undefined, def, credentials);
  return { ...readClientOptions(RED, undefined, { ...def, proxy: "" }, credentials), proxy: readProxy(proxy, nodes) };
}

function readProxy(node: DeployedNode, nodes: DeployedNodes): ProxyChoice {
  const lookup = nodes.lookup(node);
  const { url, noproxy, username, password } = new Variables().resolve(
    { ...node, ...nodes.credentials(node.id) } as Record<string, unknown>,
    lookup,
  );
  const choice: ProxyChoice = { url: asText(url) ?? "", noProxy: Array.isArray(noproxy) ? noproxy.map(String) : [] };
  if (username) choice.username = String(username);
  if (password) choice.password = String(password);
  return choice;
}
