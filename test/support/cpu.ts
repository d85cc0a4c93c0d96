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

/**
 * Asserts that something took no longer than a user may wait, by the clock. Where other programs use the processor, it may
 * take as many times longer as work takes longer here than its CPU time.
 */
export function wasSoon(tookMs: number, mostMs: number): void {
  if (tookMs < mostMs) return;
  const slowness = howSlow();
  assert.ok(tookMs < mostMs * slowness, `${Math.round(tookMs)} ms, ${slowness.toFixed(1)} x slower`);
}

/** Returns how many times longer work takes here than its CPU time: others may use the processor. */
export function howSlow(): number {
  const worked = () => process.cpuUsage().user / 1000;
  const startedAt = performance.now();
  const began = worked();
  while (worked() - began < 100);
  return Math.max(1, (performance.now() - startedAt) / 100);
}
