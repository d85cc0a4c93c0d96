import type { IncomingHttpHeaders } from "node:http";

/** Longest wait that a server may ask for; a longer one ends the question, and the error says when. */
export const LONGEST_WAIT_S = 60;

const FIRST_BACKOFF_S = 0.5;
const LONGEST_BACKOFF_S = 8;
const JITTER = 0.25;

/** Statuses that may pass by themselves. 402 and 501 never do. 52x are Cloudflare's for an origin that is away. */
export function isRetryableStatus(status: number): boolean {
  return [408, 409, 425, 429, 500, 502, 503, 504].includes(status) || (status >= 520 && status <= 529);
}

/**
 * The wait that a server asks for, in seconds: `retry-after-ms`, else `Retry-After` as seconds or date.
 * Only for answers that are retried: Together sends `Retry-After` on replies that are fine.
 */
export function requestedWait(headers: IncomingHttpHeaders, now = Date.now()): number | undefined {
  const ms = Number.parseFloat(text(headers["retry-after-ms"]));
  if (ms >= 0) return ms / 1000;
  const after = text(headers["retry-after"]).trim();
  if (/^\d+(\.\d+)?$/.test(after)) return Number(after);
  const date = Date.parse(after);
  return Number.isNaN(date) ? undefined : Math.max(0, (date - now) / 1000);
}

/** What `x-should-retry` says, if anything. */
export function shouldRetryHeader(headers: IncomingHttpHeaders): boolean | undefined {
  const value = text(headers["x-should-retry"]);
  return value === "true" ? true : value === "false" ? false : undefined;
}

/**
 * The wait before an extra attempt when the server asks for none: 0.5 s doubling up to 8 s, up to a quarter less at
 * random so that many clients do not come back together (as the openai package does).
 *
 * @param attempt - extra attempts made so far, from 0
 * @returns seconds
 */
export function backoff(attempt: number, random = Math.random): number {
  const wait = Math.min(FIRST_BACKOFF_S * 2 ** attempt, LONGEST_BACKOFF_S);
  return wait * (1 - JITTER * random());
}

function text(header: string | string[] | undefined): string {
  return (Array.isArray(header) ? header[0] : header) ?? "";
}
