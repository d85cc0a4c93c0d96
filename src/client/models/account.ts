import type { Connection } from "../connection/connection";
import { oneLine } from "../one-line";
import type { Redact } from "../redaction";
import { asRecord, asText } from "../unknown";
import { fetchJson } from "./list";

/** Where Hugging Face tells whose token it is. */
const WHOAMI = { origin: "https://huggingface.co", path: "/api/whoami-v2" };
/** The permission "Make calls to Inference Providers" of a fine-grained token. */
const PERMISSION = "inference.serverless.write";

/** Whose a token is, and what it may do at the router. */
export interface Account {
  name: string;
  isOrganization: boolean;
  /** `read`, `write` or `fineGrained`; blank where Hugging Face does not say. */
  kind: string;
  /** The name that its owner gave the token. */
  tokenName?: string;
  /** True for a fine-grained token that may not ask models. */
  isPermissionMissing: boolean;
  /** Organizations that can be billed with it. */
  organizations: string[];
}

/**
 * Asks Hugging Face whose the token of a client is.
 *
 * @param headers - those of the client's requests
 * @throws Error where Hugging Face does not tell
 */
export async function fetchAccount(
  request: Connection["request"],
  { authorization, "user-agent": agent = "" }: Record<string, string>,
  redact: Redact,
  signal: AbortSignal | undefined,
): Promise<Account | undefined> {
  if (!authorization) return undefined;
  const headers = { accept: "application/json", authorization, "user-agent": agent };
  return readAccount(await fetchJson(request, WHOAMI, headers, signal), redact);
}

/**
 * Reads the response of `whoami-v2`.
 *
 * @param redact - keeps secrets out
 * @returns undefined for what names nobody
 */
export function readAccount(response: unknown, redact: Redact): Account | undefined {
  const clean = (value: unknown) => {
    const text = asText(value)?.trim();
    return text ? oneLine(redact(text)) : undefined;
  };
  const owner = asRecord(response) ?? {};
  const name = clean(owner["name"]);
  if (name === undefined) return undefined;
  const token = asRecord(asRecord(owner["auth"])?.["accessToken"]) ?? {};
  const kind = clean(token["role"]) ?? "";
  const tokenName = clean(token["displayName"]);
  const scopes = kind === "fineGrained" ? asRecord(token["fineGrained"]) : undefined;
  const scoped = list(scopes?.["scoped"]).filter((scope) => isPermitted(scope["permissions"]));
  const isEverywhere = scopes === undefined || isPermitted(scopes["global"]);
  const permitted = new Set(scoped.map(({ entity }) => asRecord(entity)?.["name"]));
  const organizations = list(owner["orgs"])
    .filter((org) => org["canPay"] !== false && (scopes === undefined || permitted.has(org["name"])))
    .flatMap((org) => clean(org["name"]) ?? []);
  return {
    name,
    isOrganization: owner["type"] === "org",
    kind,
    ...(tokenName !== undefined && { tokenName }),
    isPermissionMissing: !isEverywhere && scoped.length === 0,
    organizations,
  };
}

function isPermitted(permissions: unknown): boolean {
  return Array.isArray(permissions) && permissions.includes(PERMISSION);
}

function list(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.map(asRecord).filter((item) => item !== undefined) : [];
}
