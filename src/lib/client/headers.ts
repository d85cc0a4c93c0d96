import { validateHeaderName, validateHeaderValue } from "node:http";
import { ChatError } from "./errors";
import { asText } from "./json";

/** Set by us or by undici; another value would break the request. */
const RESERVED_HEADERS = new Set([
  "connection",
  "content-length",
  "content-type",
  "expect",
  "keep-alive",
  "proxy-authorization",
  "transfer-encoding",
  "upgrade",
]);
const SECRET_HEADER = /auth|key|token|secret|cookie|pass|credential|signature/i;

/**
 * The headers of every request of a client.
 *
 * @throws ChatError `token_invalid`, `header_invalid`, `header_reserved`
 */
export function requestHeaders(
  options: {
    billTo?: string;
    wakeUp: number;
    headers?: Record<string, string>;
    secretHeaders?: Record<string, string>;
  },
  token: string | undefined,
): Record<string, string> {
  const headers: Record<string, string> = {
    "content-type": "application/json",
    // What is not compressed need not be unpacked piece by piece.
    "accept-encoding": "identity",
    "user-agent": userAgent(),
  };
  if (token) headers.authorization = `Bearer ${token}`;
  if (options.billTo?.trim()) headers["x-hf-bill-to"] = options.billTo.trim();
  if (options.wakeUp > 0) headers["x-scale-up-timeout"] = String(Math.ceil(options.wakeUp));
  checkHeader("authorization", headers.authorization ?? "", "token_invalid");
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
 * The values among them that nobody may see.
 *
 * @param marked - headers whose values are secret, whatever their names
 */
export function headerSecrets(headers: Record<string, string>, marked: Record<string, string> = {}): string[] {
  const names = new Set(Object.keys(marked).map((name) => name.toLowerCase()));
  return Object.entries(headers)
    .filter(([name]) => names.has(name) || SECRET_HEADER.test(name))
    .flatMap(([, value]) => [value, value.replace(/^\w+\s+/, "")]);
}

function userAgent(): string {
  const { name, version } = require("../../../package.json") as { name: string; version: string };
  return `${name.split("/").at(-1)}/${version}`;
}
