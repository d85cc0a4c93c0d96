import type { LIMIT_PERIODS } from "../../shared/limits";

/** How long a limit counts before it begins anew. */
export type Period = (typeof LIMIT_PERIODS)[number];

/** A stretch of the calendar in local time, in ms since 1970: from `start` up to, but without, `end`. */
export interface Window {
  start: number;
  end: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/**
 * Returns the minute, hour, day or month that a time is in. Its start names it: the hour that a clock shows twice in autumn
 * is two hours, and a day may have 23 or 25.
 */
export function windowAt(period: Period, now: number): Window {
  const date = new Date(now);
  const [year, month, day] = [date.getFullYear(), date.getMonth(), date.getDate()];
  const sinceMinute = date.getSeconds() * 1000 + date.getMilliseconds();
  switch (period) {
    case "minute":
      return sized(now - sinceMinute, MINUTE_MS);
    case "hour":
      return sized(now - date.getMinutes() * MINUTE_MS - sinceMinute, HOUR_MS);
    case "day":
      return { start: startOf(year, month, day), end: startOf(year, month, day + 1) };
    case "month":
      return { start: startOf(year, month, 1), end: startOf(year, month + 1, 1) };
  }
}

function sized(start: number, ms: number): Window {
  return { start, end: start + ms };
}

/** `new Date(99, …)` would be the year 1999. */
function startOf(year: number, month: number, day: number): number {
  return new Date(2000, 0, 1).setFullYear(year, month, day);
}
