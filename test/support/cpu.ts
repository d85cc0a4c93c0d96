import assert from "node:assert/strict";

/**
 * Far more than work needs whose time grows with its size alone, on a slow and busy machine, too. In the tests that use this, work whose
 * time grows with the square of its size takes many times as long.
 */
const MOST_MS = 3000;

/** Asserts that work takes little time of the processor: other programs do not count. @returns what it returns */
export function quickly<T>(work: () => T, what = ""): T {
  const before = process.cpuUsage();
  const result = work();
  wasQuick(before, what);
  return result;
}

/** Asserts that little time of the processor has passed. @param before - what `process.cpuUsage()` was then */
export function wasQuick(before: NodeJS.CpuUsage, what = ""): void {
  const { user, system } = process.cpuUsage(before);
  const ms = (user + system) / 1000;
  assert.ok(ms < MOST_MS, `${Math.round(ms)} ms ${what}`);
}
