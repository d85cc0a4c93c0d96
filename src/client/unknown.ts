import type { IncomingHttpHeaders } from "node:http";

/** Readers for values that come from outside and may be anything. */

/** The value as an object with keys, if it is one. */
export function asRecord(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

/** The value as text, if it is a string or a number; blank counts as none. */
export function asText(value: unknown): string | undefined {
  if (typeof value === "string") return value || undefined;
  return typeof value === "number" ? String(value) : undefined;
}

/** A value as JSON text; blank for what cannot be written, such as what is nested thousands of levels deep. */
export function toJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "";
  } catch {
    return "";
  }
}

/** A value of any kind as text: `String` would throw for an object whose `toString` is none. */
export function toText(value: unknown): string {
  return typeof value === "string" ? value : toJson(value);
}

/** A header's first value. */
export function firstHeader(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}
