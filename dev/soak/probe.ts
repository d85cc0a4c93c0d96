import { readdirSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setImmediate as nextTurn } from "node:timers/promises";
import nodeRed from "node-red";
import { openResources } from "../../test/support/leaks";
import type { Red } from "../node-red";
import type { Sample } from "./drift";
import { CHATS } from "./flow";

/**
 * What runs inside the Node-RED of the soak test: `settings.js` loads it as the global `soak`. It hands questions to the chat
 * nodes, tells its parent process how they end, and measures.
 */

/** What the parent sends. */
export type Order =
  | { kind: "receive"; node: string; message: object; sound?: boolean }
  | { kind: "sample" }
  | { kind: "resources" }
  | { kind: "seen" };

/** What the parent is told. */
export type Report =
  | { kind: "events"; events: Event[]; pieces: number }
  | { kind: "started" }
  | { kind: "sample"; sample: Sample }
  | { kind: "resources"; resources: Record<string, number> }
  | { kind: "seen"; seen: Seen }
  | { kind: "problem"; text: string };

/** How a question has ended, or that `done` was called for it. */
export type Event = readonly [question: number, how: "reply" | "calls" | "error" | "done", code?: string];

/** Questions in which a feature has played its part. */
export interface Seen {
  /** Replies whose cost is known. */
  priced: number;
  /** Questions that a limit in USD has refused. */
  refusedByUsd: number;
  /** Replies of the configuration that is asked otherwise. */
  otherwise: number;
  /** Replies to sound. */
  sound: number;
}

interface SoakMessage {
  soak?: number;
  audio?: Buffer;
  completion?: { cost?: number; fallbacks?: { to?: string }[] };
  error?: { code?: string; cause?: { limit?: { unit?: string } } };
}

interface Hooked {
  hooks: { add(name: string, handler: (event: { msg: SoakMessage; node: { id: string } }) => void): void };
}

const FLUSH_MS = 20;
/** Only its first bytes are checked. */
const SOUND = Buffer.from("RIFF\x24\x00\x00\x00WAVEfmt ", "latin1");
const MB = 1024 * 1024;
const SOCKETS = ["TCPSocketWrap", "TLSWrap", "TCPConnectWrap", "PipeWrap"];

const red = nodeRed as unknown as Red & Hooked;
const delay = monitorEventLoopDelay({ resolution: 5 });
let events: Event[] = [];
let pieces = 0;
const seen: Seen = { priced: 0, refusedByUsd: 0, otherwise: 0, sound: 0 };

const tell = (report: Report): void => {
  if (process.connected) process.send?.(report);
};

function flush(): void {
  if (events.length > 0 || pieces > 0) tell({ kind: "events", events, pieces });
  events = [];
  pieces = 0;
}

/** The heap is measured after a collection, so that it shows what is held. */
async function measure(): Promise<Sample> {
  const [p50, p99, longest] = [delay.percentile(50), delay.percentile(99), delay.max].map((ns) => ns / 1e6);
  const resources = await openResources();
  global.gc?.();
  await nextTurn();
  const { rss, heapUsed, external } = process.memoryUsage();
  // What the collection has blocked is not the nodes' doing.
  delay.reset();
  return {
    rss: rss / MB,
    heap: heapUsed / MB,
    external: external / MB,
    sockets: SOCKETS.reduce((sum, kind) => sum + (resources[kind] ?? 0), 0),
    timers: resources["Timeout"] ?? 0,
    files: process.platform === "linux" ? readdirSync("/proc/self/fd").length : 0,
    delay: p50 ?? 0,
    delay99: p99 ?? 0,
    longest: longest ?? 0,
  };
}

async function obey(order: Order): Promise<void> {
  if (order.kind === "receive") {
    const message = order.sound ? { ...order.message, audio: SOUND } : order.message;
    red.nodes.getNode(order.node)?.receive(message);
  } else if (order.kind === "sample") {
    tell({ kind: "sample", sample: await measure() });
  } else if (order.kind === "resources") {
    tell({ kind: "resources", resources: await openResources() });
  } else {
    tell({ kind: "seen", seen });
  }
}

export const reply = ({ soak = 0, audio, completion = {} }: SoakMessage): void => {
  if (completion.cost !== undefined) seen.priced++;
  if (completion.fallbacks?.some(({ to }) => to !== undefined)) seen.otherwise++;
  if (audio) seen.sound++;
  events.push([soak, "reply"]);
};
export const calls = ({ soak = 0 }: SoakMessage): unknown => events.push([soak, "calls"]);
export const error = ({ soak = 0, error: found }: SoakMessage): void => {
  if (found?.cause?.limit?.unit === "usd") seen.refusedByUsd++;
  events.push(found?.code === undefined ? [soak, "error"] : [soak, "error", found.code]);
};
export const stream = (): void => {
  pieces++;
};

delay.enable();
setInterval(flush, FLUSH_MS);
red.events.on("flows:started", () => {
  // What has ended before the start must be told before it.
  flush();
  tell({ kind: "started" });
});
red.hooks.add("onComplete.soak", ({ msg, node }) => {
  if (msg.soak !== undefined && CHATS.includes(node.id)) events.push([msg.soak, "done"]);
});
process.on("warning", (warning) => tell({ kind: "problem", text: String(warning) }));
process.on("message", (order: Order) => {
  obey(order).catch((cause) => tell({ kind: "problem", text: String(cause) }));
});
process.on("disconnect", () => process.exit());
