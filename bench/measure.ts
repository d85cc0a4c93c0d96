import { type Contestant, startHost, startServer, type Worker } from "./processes";
import { median } from "./statistics";

/** The effort: how much is measured. */
export interface Effort {
  /** Fresh processes for each contestant and kind of chunks, one after the other. */
  generations: number;
  /** Turns of each process, after one to warm up. */
  rounds: number;
  replies: number;
  streams: number;
  /** Fresh processes for each contestant with many streams. */
  pacedTurns: number;
  pacedChunks: number;
  longChunks: number;
  messages: number[];
  starts: number;
}

export const CHUNKS = 2000;
export const PER_SECOND = 10;
/** Of the replies whose first chunk is timed. */
const SHORT = 20;

/** One contestant's replies at full speed: one value for each turn, in order. */
export interface Speed {
  /** CPU time per chunk in µs. */
  perChunk: number[];
  chunksPerSecond: number[];
  /** The same where no two chunks are alike. */
  perPaddedChunk: number[];
  /** From the question to the first chunk, in ms. */
  firstMs: number[];
  /** In bytes: the heap after a forced collection, and the peak of the process. */
  used: number[];
  peak: number[];
}

interface Replies {
  cpuMs: number;
  wallMs: number;
  chunks: number;
  firstMs: number[];
}

/**
 * Measures replies at full speed. Every contestant has its own Node-RED process; all run at once, and one at a time has
 * its turn, in an order that changes every round, so that other load of the machine affects all alike. The two
 * kinds of chunks have separate processes, since V8 would have to recompile code that it optimized for one kind.
 */
export async function measureSpeed(
  contestants: Contestant[],
  effort: Effort,
  nodeOptions: string[],
): Promise<{ speed: Partial<Record<Contestant, Speed>>; nodeRed: string }> {
  const speed = Object.fromEntries(contestants.map((name) => [name, noSpeed()])) as Record<Contestant, Speed>;
  let nodeRed = "";
  for (let generation = 0; generation < effort.generations; generation++) {
    for (const takeTurn of [takePlainTurn, takePaddedTurn]) {
      await withHosts(contestants, nodeOptions, async (hosts) => {
        for (let round = -1; round < effort.rounds; round++) {
          for (const name of rotate(contestants, round + 1 + generation)) {
            await takeTurn(hosts[name], round < 0 ? noSpeed() : speed[name], effort.replies);
          }
        }
        if (takeTurn === takePlainTurn) nodeRed = await noteMemory(hosts, speed);
      });
    }
  }
  return { speed, nodeRed };
}

function noSpeed(): Speed {
  return { perChunk: [], chunksPerSecond: [], perPaddedChunk: [], firstMs: [], used: [], peak: [] };
}

async function takePlainTurn(host: Worker, speed: Speed, times: number): Promise<void> {
  const replies = await host.call<Replies>("replies", { kind: "flood", chunks: CHUNKS, times });
  speed.perChunk.push((replies.cpuMs * 1000) / replies.chunks);
  speed.chunksPerSecond.push((replies.chunks / replies.wallMs) * 1000);
  const short = await host.call<Replies>("replies", { kind: "flood", chunks: SHORT, times: 30 });
  speed.firstMs.push(median(short.firstMs));
}

async function takePaddedTurn(host: Worker, speed: Speed, times: number): Promise<void> {
  const replies = await host.call<Replies>("replies", { kind: "padded", chunks: CHUNKS, times });
  speed.perPaddedChunk.push((replies.cpuMs * 1000) / replies.chunks);
}

/** @returns Node-RED's version */
async function noteMemory(hosts: Record<Contestant, Worker>, speed: Record<Contestant, Speed>): Promise<string> {
  let version = "";
  for (const [name, host] of Object.entries(hosts) as [Contestant, Worker][]) {
    const memory = await host.call<{ used: number; peak: number; nodeRed: string }>("memory");
    speed[name].used.push(memory.used);
    speed[name].peak.push(memory.peak);
    version = memory.nodeRed;
  }
  return version;
}

/** The result of many streams at once. */
export interface Paced {
  completed: number;
  failure?: string;
  cpuMs: number;
  wallMs: number;
  chunks: number;
  perStream: number;
  delayP99: number;
}

/** Measures many streams at once, alternately, each in a fresh process. */
export async function measurePaced(contestants: Contestant[], effort: Effort, nodeOptions: string[]) {
  const paced: Partial<Record<Contestant, Paced[]>> = {};
  for (let turn = 0; turn < effort.pacedTurns; turn++) {
    for (const name of rotate(contestants, turn)) {
      await withHosts([name], nodeOptions, async (hosts) => {
        const host = hosts[name];
        await host.call("replies", { kind: "flood", chunks: CHUNKS, times: 10 });
        const { streams, pacedChunks: chunks } = effort;
        const one = await host.call<Paced>("paced", { streams, chunks, perSecond: PER_SECOND });
        paced[name] = [...(paced[name] ?? []), one];
      });
    }
  }
  return paced;
}

/** Measures one very long reply of our node, by tenths. */
export interface Long {
  chunks: number;
  tenths: { cpuMs: number; used: number; text: number }[];
}

/** Measures the CPU time of questions at the end of our node's conversations, in ms. */
export interface Conversations {
  messages: number;
  inPrompt: number[];
  remembered: number[];
}

/** Measured only with our node: very long replies and conversations. */
export async function measureLength(effort: Effort, nodeOptions: string[]) {
  let long: Long | undefined;
  const conversations: Conversations[] = [];
  await withHosts(["ours"], nodeOptions, async ({ ours }) => {
    const chunks = effort.longChunks;
    await ours.call("replies", { kind: "flood", chunks: CHUNKS, times: 20 });
    long = { chunks, ...(await ours.call<Omit<Long, "chunks">>("long", { chunks })) };
    await ours.call("conversation", { messages: 100, times: 20 });
    for (const messages of effort.messages) {
      const times = await ours.call<Omit<Conversations, "messages">>("conversation", { messages, times: 9 });
      conversations.push({ messages, ...times });
    }
  });
  return { long: long as unknown as Long, conversations };
}

/** What matters on a small machine. */
export interface Small {
  /** CPU time of a message that carries `ROWS` rows beside its text, in ms; of each turn one value. */
  rows: { ours: number[]; split: number[] };
  /** Replies that came whole with a heap of `SMALL_HEAP_MB`, of `SMALL_HEAP_STREAMS` at once. */
  completed: number;
  /** What the first question leaves in the heap, in bytes; of each process one value. */
  first: number[];
}

export const ROWS = 5000;
export const SMALL_HEAP_MB = 64;
export const SMALL_HEAP_STREAMS = 50;

export async function measureSmall(effort: Effort): Promise<Small> {
  const small: Small = { rows: { ours: [], split: [] }, completed: 0, first: [] };
  const server = await startServer();
  const workers: Worker[] = [server.worker];
  const start = async (name: "ours" | "split", options: string[] = []) => {
    const host = await startHost(name, server.url, options);
    workers.push(host);
    return host;
  };
  try {
    const ours = await start("ours");
    const split = await start("split");
    for (let turn = -1; turn < effort.rounds; turn++) {
      const options = { rows: ROWS, messages: 200 };
      const times = {
        ours: await ours.call<number>("rows", options),
        split: await split.call<number>("rows", options),
      };
      if (turn < 0) continue;
      small.rows.ours.push(times.ours);
      small.rows.split.push(times.split);
    }
    const narrow = await start("ours", [`--max-old-space-size=${SMALL_HEAP_MB}`]);
    small.completed = await narrow.call<number>("together", { streams: SMALL_HEAP_STREAMS, chunks: CHUNKS });
    for (let turn = 0; turn < effort.rounds; turn++)
      small.first.push(await (await start("ours")).call<number>("first"));
    return small;
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
  }
}

async function withHosts(
  contestants: Contestant[],
  nodeOptions: string[],
  run: (hosts: Record<Contestant, Worker>) => Promise<void>,
): Promise<void> {
  const server = await startServer();
  const hosts: Partial<Record<Contestant, Worker>> = {};
  try {
    for (const name of contestants) hosts[name] = await startHost(name, server.url, nodeOptions);
    await run(hosts as Record<Contestant, Worker>);
  } finally {
    await Promise.all([...Object.values(hosts), server.worker].map((worker) => worker.stop()));
  }
}

function rotate<T>(list: T[], by: number): T[] {
  const at = by % list.length;
  return [...list.slice(at), ...list.slice(0, at)];
}
