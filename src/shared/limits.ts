/** Base URL of the demo, which answers inside the package. */
export const DEMO_URL = "demo:";

/** What a limit of a configuration counts, and in which stretch of the calendar. */
export const LIMIT_UNITS = ["questions", "usd", "tokens"] as const;
export const LIMIT_PERIODS = ["minute", "hour", "day", "month"] as const;

/** The limits that the form has boxes for. */
export const LIMIT_BOXES = [
  { unit: "questions", per: "minute" },
  { unit: "usd", per: "day" },
] as const;

/** The assistant's words between the results of a round and a message of the user with the images in them. */
export const SEE_BELOW = "(see below)";

/** The names that servers accept for a function or schema (API reference, `tools`). */
export const FUNCTION_NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** Levels of nested JSON. Deeper values exhaust the stack of code that reads, copies or writes them by recursion. */
export const DEEPEST_JSON = 500;

/** Request headers, in lower case, that we or undici set; another value would break the request. */
export const RESERVED_HEADERS: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "content-type",
  "expect",
  "host",
  "keep-alive",
  "proxy-authorization",
  "transfer-encoding",
  "upgrade",
]);

/** Words in the names of headers whose values are secret. */
const SECRET_WORDS: ReadonlySet<string> = new Set([
  "auth",
  "authorization",
  "key",
  "apikey",
  "token",
  "authtoken",
  "accesstoken",
  "secret",
  "jwt",
  "session",
  "sessionid",
  "sid",
  "password",
  "passwd",
  "pwd",
  "credential",
  "credentials",
  "signature",
]);

/** True if the value of a header with this name is a secret. */
export function isSecretHeader(name: string): boolean {
  return name.toLowerCase() === "cookie" || headerWords(name).some((word) => SECRET_WORDS.has(word));
}

/** Splits a header's name into its words, in lower case: `X-API-Key`, `xApiKey` and `x.api_key` have the same ones. */
export function headerWords(name: string): string[] {
  const parted = name.replace(/([^A-Z])([A-Z])/g, "$1-$2").replace(/([A-Z])([A-Z][a-z])/g, "$1-$2");
  return parted.split(/[-_.]/).map((word) => word.toLowerCase());
}
