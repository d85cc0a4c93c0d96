import type { SecretHeaders } from "../../shared/admin-api.js";

/** The editor's view of a configuration's credentials: text typed since the last deploy, and whether values are stored. */
export interface HeaderCredentials {
  secretHeaders?: string;
  has_secretHeaders?: boolean;
  secretHeadersEdited?: string;
  has_secretHeadersEdited?: boolean;
}

/** Credentials that hold secret headers. */
export const HEADER_CREDENTIALS = ["secretHeaders", "secretHeadersEdited"] as const;

/**
 * Reads the secret headers as changed since the last deploy.
 *
 * @returns `undefined` if none were changed: only Node-RED knows them
 */
export function readSecretHeaders(credentials: HeaderCredentials = {}): SecretHeaders | undefined {
  const { secretHeaders, secretHeadersEdited } = credentials;
  if (secretHeadersEdited) return parse(secretHeadersEdited);
  return typeof secretHeaders === "string" ? parse(secretHeaders) : undefined;
}

/** True if Node-RED has stored secret headers. */
export function hasSecretHeaders(credentials: HeaderCredentials = {}): boolean {
  return Boolean(credentials.has_secretHeaders || credentials.has_secretHeadersEdited);
}

/**
 * Makes the credentials for these headers. Node-RED replaces a credential as a whole. While a stored value is kept, the
 * credential with the value stays as it is (`undefined`), and the other one holds the headers as they are now.
 */
export function writeSecretHeaders(
  headers: SecretHeaders,
): Record<(typeof HEADER_CREDENTIALS)[number], string | undefined> {
  const json = Object.keys(headers).length > 0 ? JSON.stringify(headers) : "";
  const isStored = Object.values(headers).some((value) => typeof value !== "string");
  return isStored
    ? { secretHeaders: undefined, secretHeadersEdited: json }
    : { secretHeaders: json, secretHeadersEdited: "" };
}

function parse(json: string): SecretHeaders {
  try {
    const headers: unknown = JSON.parse(json);
    return typeof headers === "object" && headers !== null ? (headers as SecretHeaders) : {};
  } catch {
    return {};
  }
}
