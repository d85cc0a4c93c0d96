import type { IncomingHttpHeaders } from "node:http";

/** Read values from outside, which may be anything. */

/** Returns the value if it is an object with keys. */
export function asRecord(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

/** Returns a string or a number as text; undefined for all else, and for a blank string. */
export function asText(value: unknown): string | undefined {
  if (typeof value === "string") return value || undefined;
  return typeof value === "number" ? String(value) : undefined;
}

/** True for what can be an amount: a finite number that is not negative. */
export function isAmount(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}

/** Parses JSON; undefined for what is not JSON. The parser's own error would quote the text. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Returns a value as JSON text; blank if it cannot be written, as when it is nested thousands of levels deep. */
export function toJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "";
  } catch {
    return "";
  }
}

/** Returns any value as text: `String` would throw for an object without a `toString` function. */
export function toText(value: unknown): string {
  return typeof value === "string" ? value : toJson(value);
}

/** Returns the first value of a header. */
export function firstHeader(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}
