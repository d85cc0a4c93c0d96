import { type Contestant, startHost, startServer, type Worker } from "./processes";
import { median } from "./statistics";

/** How much is measured. */
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

/** One contestant's replies at full speed. Of each turn one value, in the order of the turns. */
export interface Speed {
  /** CPU time per chunk in µs. */
  perChunk: number[];
  chunksPerSecond: number[];
  /** The same where no two chunks are alike. */
  perPaddedChunk: number[];
  /** From the question to the first chunk, in ms. */
  firstMs: number[];
  /** In bytes: in use after a forced collection, and the most that the process had. */
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
 * Replies at full speed. Every contestant has a Node-RED process of its own; all are alive at once, and one at a time has
 * its turn, in an order that changes from round to round, so that what else the machine does hits all of them. The two
 * kinds of chunks have processes of their own, too: code that was compiled for one would have to be compiled anew.
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

/** What came of many streams at once. */
export interface Paced {
  completed: number;
  failure?: string;
  cpuMs: number;
  wallMs: number;
  chunks: number;
  perStream: number;
  delayP99: number;
}

/** Many streams at once, in turns, each in a fresh process. */
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

/** One very long reply of ours, by tenths. */
export interface Long {
  chunks: number;
  tenths: { cpuMs: number; used: number; text: number }[];
}

/** CPU time of questions at the end of conversations of ours, in ms. */
export interface Conversations {
  messages: number;
  inPrompt: number[];
  remembered: number[];
}

/** What only our node is measured in: how it goes on with what is very long. */
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
