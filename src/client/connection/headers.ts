import { validateHeaderName, validateHeaderValue } from "node:http";
import { headerWords, isSecretHeader, RESERVED_HEADERS } from "../../shared/limits";
import { ChatError } from "../errors/chat-error";
import type { Secret } from "../redaction";
import { asText } from "../unknown";

const { name, version } = require("../../../package.json") as { name: string; version: string };
/** Version of this package. */
export const VERSION = version;
const USER_AGENT = `${name.split("/").at(-1)}/${version}`;

/** Parts of a Digest or a signature that say how it was made, and are the same for everybody. */
const PUBLIC_PARTS = new Set([
  "algorithm",
  "charset",
  "nc",
  "qop",
  "realm",
  "signedheaders",
  "stale",
  "uri",
  "userhash",
  "username",
]);
/** Values of cookies such as `language=german` occur in replies by chance. */
const SHORTEST_COOKIE_IN_REPLY = 16;

/**
 * Returns the headers of every request of a client.
 *
 * @param isHuggingFace - true where they go to a host of Hugging Face, which is told by which product
 * @throws ChatError `token_invalid`, `header_invalid`, `header_reserved`
 */
export function requestHeaders(
  options: {
    billTo?: string;
    wakeUp: number;
    product?: string;
    headers?: Record<string, string>;
    secretHeaders?: Record<string, string>;
  },
  token: string | undefined,
  isHuggingFace = false,
): Record<string, string> {
  const headers: Record<string, string> = {
    "content-type": "application/json",
    // Decompressing a stream would cost time for each chunk.
    "accept-encoding": "identity",
    "user-agent": isHuggingFace && options.product ? `${USER_AGENT} ${options.product}` : USER_AGENT,
  };
  if (token) headers["authorization"] = `Bearer ${token}`;
  if (options.billTo?.trim()) headers["x-hf-bill-to"] = options.billTo.trim();
  if (options.wakeUp > 0) headers["x-scale-up-timeout"] = String(Math.ceil(options.wakeUp));
  checkHeader("user-agent", headers["user-agent"] ?? "", "header_invalid");
  checkHeader("authorization", headers["authorization"] ?? "", "token_invalid");
  checkHeader("x-hf-bill-to", headers["x-hf-bill-to"] ?? "", "header_invalid");
  for (const [name, value] of [options.headers, options.secretHeaders].flatMap((set) => Object.entries(set ?? {}))) {
    const lower = name.toLowerCase();
    if (RESERVED_HEADERS.has(lower)) throw new ChatError("header_reserved", { name });
    const text = asText(value) ?? "";
    checkHeader(lower, text, "header_invalid");
    headers[lower] = text;
  }
  return headers;
}

function checkHeader(name: string, value: string, key: "token_invalid" | "header_invalid"): void {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  } catch {
    throw new ChatError(key, { name });
  }
}

/**
 * Finds the secrets in headers.
 *
 * @param headers - names as they were written, since capitals separate words, too
 * @param marked - headers whose values are secret, whatever their names
 */
export function headerSecrets(headers: Record<string, unknown>, marked: Record<string, unknown> = {}): Secret[] {
  const secret = Object.entries(headers).filter(([name]) => isSecretHeader(name));
  return [...secret, ...Object.entries(marked)].flatMap(([name, value]) => {
    const text = asText(value)?.trim() ?? "";
    return name.toLowerCase() === "cookie" ? cookieSecrets(text) : valueSecrets(text, isAuthorization(name));
  });
}

/** True if values of this header begin with the name of a scheme. */
function isAuthorization(name: string): boolean {
  return headerWords(name).some((word) => word === "auth" || word === "authorization");
}

function cookieSecrets(cookies: string): Secret[] {
  return cookies.split(";").map((cookie) => {
    const value = cookie.slice(cookie.indexOf("=") + 1).trim();
    return { value: unquoted(value), leastInReply: SHORTEST_COOKIE_IN_REPLY };
  });
}

/**
 * Returns the secrets in the value of a header: what follows the scheme, split into its parts; of Basic also the
 * password.
 *
 * @param hasScheme - true if the first of several words is certainly a scheme, and so no secret
 */
function valueSecrets(text: string, hasScheme: boolean): Secret[] {
  const [, scheme = "", credentials] = /^([\w!#$%&'*+.^`|~-]+)\s+(\S.*)$/s.exec(text) ?? [];
  if (credentials === undefined) return [{ value: text }];
  const secrets: Secret[] = (partsOf(credentials) ?? [credentials]).map((value) => ({ value }));
  if (scheme.toLowerCase() === "basic") {
    secrets.push({ value: credentials.replace(/=+$/, "") }, { value: passwordOf(credentials) });
  }
  // The first word may belong to a passphrase.
  return hasScheme ? secrets : [{ value: text }, ...secrets];
}

const PART = /([\w-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,"]+)/g;

/** Returns the secret values in `response="…", nonce="…"`; undefined for credentials of one part. */
function partsOf(credentials: string): string[] | undefined {
  // The `=` is the padding of base64.
  if (/^[\w.~+/-]+=*$/.test(credentials)) return undefined;
  const parts = [...credentials.matchAll(PART)];
  if (parts.length === 0 || /[^\s,]/.test(credentials.replace(PART, ""))) return undefined;
  return parts
    .filter(([, name = ""]) => !PUBLIC_PARTS.has(name.toLowerCase()))
    .map(([, , value = ""]) => unquoted(value));
}

function unquoted(value: string): string {
  return /^".*"$/s.test(value) ? value.slice(1, -1).replace(/\\(.)/gs, "$1") : value;
}

function passwordOf(basic: string): string {
  const decoded = Buffer.from(basic, "base64").toString();
  return decoded.includes(":") ? decoded.slice(decoded.indexOf(":") + 1) : "";
}
