import type { SecretHeaders } from "../../shared/admin-api.js";

/** What the editor knows of a configuration's credentials: what was typed since the last deploy, and what is stored. */
export interface HeaderCredentials {
  secretHeaders?: string;
  has_secretHeaders?: boolean;
  secretHeadersEdited?: string;
  has_secretHeadersEdited?: boolean;
}

/** The credentials of a configuration that hold its secret headers. */
export const HEADER_CREDENTIALS = ["secretHeaders", "secretHeadersEdited"] as const;

/**
 * Reads the secret headers as they were left since the last deploy.
 *
 * @returns `undefined` where none were changed since, so that only Node-RED knows them
 */
export function readSecretHeaders(credentials: HeaderCredentials = {}): SecretHeaders | undefined {
  const { secretHeaders, secretHeadersEdited } = credentials;
  if (secretHeadersEdited) return parse(secretHeadersEdited);
  return typeof secretHeaders === "string" ? parse(secretHeaders) : undefined;
}

/** Whether Node-RED has stored some. */
export function hasSecretHeaders(credentials: HeaderCredentials = {}): boolean {
  return Boolean(credentials.has_secretHeaders || credentials.has_secretHeadersEdited);
}

/**
 * Makes the credentials that hold these headers. Node-RED replaces a credential as a whole: while a stored value is
 * kept, the one that has it stays as it is (`undefined`), and the other says how the headers are now.
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
