import assert from "node:assert/strict";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";

/** Resources that keep a process alive, and must be gone when its work is done. */
const KINDS = ["TCPSocketWrap", "TLSWrap", "TCPConnectWrap", "PipeWrap", "GetAddrInfoReqWrap", "Timeout", "Zlib"];
const PATIENCE_MS = 5000;

/** Counts the open sockets, timers and the like of this process, by kind. */
export async function openResources(): Promise<Record<string, number>> {
  // mocha starts its timer once the test has returned its promise, and a timer counts until its callback returns.
  await nextTurn();
  return count();
}

function count(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) {
    if (KINDS.includes(kind)) counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

/** Waits until no more is open than in `before`; fails with what is left. */
export async function assertNothingLeft(before: Record<string, number>): Promise<void> {
  await nextTurn();
  const startedAt = performance.now();
  while (performance.now() - startedAt < PATIENCE_MS) {
    if (Object.keys(excess(before)).length === 0) return;
    await sleep(10);
    await nextTurn();
  }
  assert.deepEqual(excess(before), {}, "open when all is done");
}

function excess(before: Record<string, number>): Record<string, number> {
  const more = Object.entries(count()).map(([kind, count]) => [kind, count - (before[kind] ?? 0)] as const);
  return Object.fromEntries(more.filter(([, count]) => count > 0));
}

/** Collects warnings of this process, such as about too many listeners, until they are read. */
export function watchWarnings(): () => string[] {
  const warnings: string[] = [];
  const onWarning = (warning: Error) => warnings.push(`${warning.name}: ${warning.message}`);
  process.on("warning", onWarning);
  return () => {
    process.off("warning", onWarning);
    return warnings;
  };
}
