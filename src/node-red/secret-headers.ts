import type { NodeAPI } from "node-red";
import { asRecord, asText, parseJson } from "../client/internal";
import { checkEnvironment } from "../conversation/request/fields";
import { ChatError } from "./errors";
import { credentialsOf } from "./red";

/** Credentials of a configuration with values of headers, both JSON text of an object by the headers' names. */
export interface HeaderCredentials {
  secretHeaders?: unknown;
  /**
   * The same as the form has left it, which knows no stored value: `{ "stored": "X-Api-Key" }` stands for the one that
   * this header has in `secretHeaders`. Node-RED replaces a credential as a whole, so the values lie in another one.
   */
  secretHeadersEdited?: unknown;
}

type Headers = Record<string, unknown>;

/**
 * Reads the secret headers of a configuration. Variables of the environment are still names.
 *
 * @throws ChatError `not_an_object`, which quotes nothing of it, `env_missing`
 */
export function readSecretHeaders({ secretHeaders, secretHeadersEdited }: HeaderCredentials = {}): Headers {
  const stored = parseHeaders(secretHeaders);
  return isBlank(secretHeadersEdited) ? stored : withStored(parseHeaders(secretHeadersEdited), stored);
}

/** Puts stored values where a form leaves them as they are; one that is no longer stored is left out. */
export function withStored(headers: Headers, stored: Headers): Headers {
  const entries = Object.entries(headers).map(([name, value]) => {
    const kept = storedName(value);
    return [name, kept === undefined ? value : ownValue(stored, kept)] as const;
  });
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

/** Returns the stored header whose value a form leaves as it is; undefined for a value that was typed. */
export function storedName(value: unknown): string | undefined {
  return asText(asRecord(value)?.["stored"]);
}

/**
 * The names of the secret headers of a configuration that is deployed, running or not, for its form. What the form has
 * kept is stored as values by then, so that its next change can go by these names.
 *
 * @param type - of the node
 */
export function secretHeaderNames(RED: NodeAPI, id: string, type = "huggingface-config"): string[] {
  if (!isOfType(RED, id, type)) return [];
  const credentials: HeaderCredentials = credentialsOf(RED, id);
  const headers = readSecretHeaders(credentials);
  const { secretHeadersEdited, ...rest } = credentials;
  if (!isBlank(secretHeadersEdited)) {
    RED.nodes.addCredentials(id, { ...rest, secretHeaders: JSON.stringify(headers) });
  }
  return Object.keys(headers);
}

function isOfType(RED: NodeAPI, id: string, type: string): boolean {
  let isFound = false;
  RED.nodes.eachNode((node) => {
    isFound ||= node.id === id && node.type === type;
  });
  return isFound;
}

const isBlank = (value: unknown) => value === undefined || value === null || value === "";

const ownValue = (headers: Headers, name: string) => (Object.hasOwn(headers, name) ? headers[name] : undefined);

function parseHeaders(value: unknown): Headers {
  if (isBlank(value)) return {};
  checkEnvironment(value, "secretHeaders");
  const headers = asRecord(typeof value === "string" ? parseJson(value) : value);
  if (!headers) throw new ChatError("not_an_object", { name: "secretHeaders" });
  return headers;
}
