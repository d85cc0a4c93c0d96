import type { NodeAPI } from "node-red";
import {
  asRecord,
  asText,
  ChatClient,
  ChatError,
  type ClientOptions,
  environmentToken,
  isRouter,
  resolveEndpoint,
} from "../../client";
import { readObject } from "../../conversation/fields";
import { type ConfigDef, type ConfigNode, readClientOptions } from "../config-options";
import { withEnvironment } from "../environment";
import { readSecretHeaders, storedName, withStored } from "../secret-headers";

/** What the editor shows, and sends, in place of a password that it does not know. */
const UNCHANGED = "__PWRD__";
const VARIABLE = /^\$\{.+\}$/s;

/** What would be sent after a deploy, and was not sent from the form; for the form to say so. */
export interface Withheld {
  /** A token is stored for another address. */
  isTokenWithheld?: true;
  /** Values of secret headers are stored for another address. */
  isHeaderWithheld?: true;
  /** The environment has a token that may go to this address once it is deployed. */
  isEnvironmentWithheld?: true;
}

/** The configuration as it stands in an open form. */
export interface FormConfig {
  def: ConfigDef;
  client: ChatClient;
  withheld: Withheld;
  /** Puts the environment into a value, where the server may know it. */
  resolve<T>(value: T): T;
}

/**
 * Makes a client of what is in the form of a configuration, deployed or not. What is secret, a stored token and values of
 * the environment, goes only to the origin that the configuration was deployed with; one that was never deployed may use
 * the environment's at Hugging Face's router. So nobody can send secrets elsewhere by changing the base URL in a form.
 *
 * @param body - `{ id, def, token, secretHeaders }`: the node's id, its properties, the token field, and the secret
 *   headers as the form has them, with `{ stored: name }` for a stored value; without them, all that are stored
 * @param changes - options of the client that are not those of the form
 * @throws ChatError `invalid_input` for what cannot work
 */
export function formClient(RED: NodeAPI, body: unknown, changes: Partial<ClientOptions> = {}): FormConfig {
  const { id, def: properties, token, secretHeaders } = asRecord(body) ?? {};
  const node = RED.nodes.getNode(asText(id) ?? "") as ConfigNode | null | undefined;
  const deployed = typeof node?.client === "function" ? node : undefined;
  const { headers: headerFields, ...fields } = asRecord(properties) ?? {};
  const headers = readObject(headerFields, "headers");
  const baseUrl = addressOf(fields.baseUrl, deployed);
  const { origin } = resolveEndpoint(baseUrl);
  const isTrusted = deployed ? deployed.origin() === origin : isRouter(origin);
  const typed = asText(token)?.trim() ?? "";
  const isUnchanged = typed === UNCHANGED;
  const secret = readFormHeaders(deployed, secretHeaders);
  if (!isTrusted) {
    // One after the other: a header may have the name of a property, and must not stand in for it.
    for (const part of [fields, headers, secret.typed, { baseUrl, token: typed }]) checkSecrets(part);
  }
  // Node-RED puts the environment into properties when it makes a node; a form has not been through that.
  const def = withEnvironment(RED, undefined, {
    ...NO_NODE,
    ...fields,
    baseUrl,
    headers,
  });
  const stored = deployed?.credentials?.token;
  const sent = isUnchanged ? (isTrusted ? stored : undefined) : withEnvironment(RED, undefined, typed);
  const options = readClientOptions(RED, deployed, def, {
    ...(sent && { token: sent }),
    secretHeaders: isTrusted ? secret.all : secret.typed,
  });
  // What was deployed holds for it as it does for the origin.
  const endpoints = options.endpointsUseEnvironment !== false && deployed?.endpointsUseEnvironment() !== false;
  const environment = { useEnvironment: isTrusted, endpointsUseEnvironment: endpoints };
  const client = new ChatClient({ ...options, ...environment, ...changes });
  return {
    def,
    client,
    withheld: isTrusted
      ? {}
      : {
          ...(!sent && findWithheld(origin, isUnchanged && Boolean(stored), endpoints)),
          ...(secret.isStored && { isHeaderWithheld: true }),
        },
    resolve: (value) => (isTrusted ? withEnvironment(RED, undefined, value) : value),
  };
}

const NO_NODE = { id: "", type: "huggingface-config", name: "", z: "" };

/** The secret headers of a form: what was typed, and all, stored values among them. */
function readFormHeaders(deployed: ConfigNode | undefined, written: unknown) {
  const stored = readSecretHeaders(deployed?.credentials);
  const all = asRecord(written);
  if (!all) return { typed: {}, all: stored, isStored: Object.keys(stored).length > 0 };
  const typed = Object.fromEntries(Object.entries(all).filter(([, value]) => storedName(value) === undefined));
  const isStored = Object.keys(typed).length < Object.keys(all).length;
  return { typed, all: withStored(all, stored), isStored };
}

function findWithheld(origin: string, isTokenWithheld: boolean, endpoints: boolean): Withheld {
  if (isTokenWithheld) return { isTokenWithheld };
  return environmentToken(origin, endpoints) ? { isEnvironmentWithheld: true } : {};
}

/** An address that stands in the environment is that of the deployed configuration, or none. */
function addressOf(baseUrl: unknown, deployed: ConfigNode | undefined): string {
  const text = asText(baseUrl) ?? "";
  if (!VARIABLE.test(text.trim())) return text;
  if (!deployed) throw new ChatError("secret_withheld", { name: "baseUrl" });
  return deployed.origin() ? deployed.client().baseUrl : text;
}

/** Any field can carry a value of the environment to a server, not only the token. */
function checkSecrets(fields: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(fields)) {
    if (holdsVariable(value)) throw new ChatError("secret_withheld", { name });
  }
}

/** Looks as deep as `withEnvironment` does. */
function holdsVariable(value: unknown): boolean {
  if (typeof value === "string") return VARIABLE.test(value.trim());
  return typeof value === "object" && value !== null && Object.values(value).some(holdsVariable);
}
