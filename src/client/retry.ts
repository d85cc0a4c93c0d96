import type { IncomingHttpHeaders } from "node:http";
import { firstHeader } from "./unknown";

/** Longest wait that a server may ask for; a longer one ends the question, and the error tells the time. */
export const LONGEST_WAIT_S = 60;

/** Shortest wait before another attempt, even if the server asks for none. */
export const SHORTEST_WAIT_S = 0.1;
/** The same while an endpoint wakes up, since those attempts are not counted. */
export const SHORTEST_WAKING_WAIT_S = 1;

const FIRST_BACKOFF_S = 0.5;
const LONGEST_BACKOFF_S = 8;
const JITTER = 0.25;

const NUMBER = /^\d+(\.\d+)?$/;
/** An HTTP or ISO date. `Date.parse` alone takes "-5" and "soon 5" for dates long ago, which would mean at once. */
const DATE = /^(mon|tue|wed|thu|fri|sat|sun)|^\d{4}-\d\d-\d\dT/i;

/** Statuses that may pass by themselves. 402 and 501 never do. With 52x a gateway says that the server is away. */
export function isRetryableStatus(status: number): boolean {
  return [408, 409, 425, 429, 500, 502, 503, 504].includes(status) || (status >= 520 && status <= 529);
}

/**
 * Returns the wait that a server asks for, in seconds: `retry-after-ms`, else `Retry-After` as seconds or date.
 * Only for responses that are retried: some servers send `Retry-After` with replies that are fine.
 *
 * @param now - by default the server's own clock, since a Raspberry Pi may not know the time
 */
export function requestedWait(headers: IncomingHttpHeaders, now = clockOf(headers)): number | undefined {
  const ms = (firstHeader(headers, "retry-after-ms") ?? "").trim();
  if (NUMBER.test(ms)) return Number(ms) / 1000;
  const after = (firstHeader(headers, "retry-after") ?? "").trim();
  if (NUMBER.test(after)) return Number(after);
  const date = DATE.test(after) ? Date.parse(after) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, (date - now) / 1000);
}

/**
 * Returns for how long a server wants no request at all, in seconds. With 429 and 503, `Retry-After` concerns the
 * client and the server (RFC 6585, RFC 9110), not only the one request. A time that nobody waits for counts as none.
 */
export function requestedPause(status: number | undefined, headers: IncomingHttpHeaders): number | undefined {
  if (status !== 429 && status !== 503) return undefined;
  const wait = requestedWait(headers);
  return wait !== undefined && wait <= LONGEST_WAIT_S ? wait : undefined;
}

/** Returns what `x-should-retry` says, if anything. */
export function shouldRetryHeader(headers: IncomingHttpHeaders): boolean | undefined {
  const value = firstHeader(headers, "x-should-retry");
  return value === "true" ? true : value === "false" ? false : undefined;
}

/**
 * Returns the wait before an extra attempt when the server asks for none: 0.5 s doubling up to 8 s, up to a quarter
 * less at random so that many clients do not come back together.
 *
 * @param attempt - extra attempts made so far, from 0
 * @returns seconds
 */
export function backoff(attempt: number, random = Math.random): number {
  const wait = Math.min(FIRST_BACKOFF_S * 2 ** attempt, LONGEST_BACKOFF_S);
  return wait * (1 - JITTER * random());
}

function clockOf(headers: IncomingHttpHeaders): number {
  const date = Date.parse(firstHeader(headers, "date") ?? "");
  return Number.isNaN(date) ? Date.now() : date;
}
