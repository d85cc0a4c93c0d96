import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { OwnNodeRed } from "../../test/support/own-node-red";
import { AskingSide } from "./asking-side";
import { workerFlow } from "./flows";
import { Ledger } from "./ledger";
import { missingServices, type Service, startBroker, startStore } from "./services";
import { makeWorker } from "./worker";

/**
 * A fleet on this machine: Mosquitto, Redis or Valkey, workers and a side that asks, by the flows of the examples, with memory, limits
 * and a tool. Measures one worker, two and four. With two it kills one, loses the broker, loses the store and freezes a worker,
 * each in the middle of a load, and checks every answer.
 *
 *     npm run fleet
 *     npm run fleet -- --conversations 60 --seconds 3 --faults kill,store --workers 1,2
 */

const TURNS = 3;
const PARALLEL = 60;
/** Parallel requests of a worker, which limit its speed with a server of a fixed pace. */
const MAX_CONCURRENT = 8;
/** Longer than a question waits in the queue. */
const ASK_AGAIN_S = 5;

/** Functions that end what was started, run in reverse order whatever fails. */
const endings: (() => unknown)[] = [];

async function startWorker(name: string, flow: ReturnType<typeof workerFlow>, storePort: number): Promise<OwnNodeRed> {
  const worker = makeWorker(name, flow, storePort);
  endings.push(() => {
    if (process.exitCode) console.error(`Worker ${name}: ${worker.output}`);
    return worker.remove();
  });
  await worker.start();
  return worker;
}

/** @returns questions answered per second */
async function measure(asking: AskingSide, name: string, conversations: number): Promise<number> {
  asking.ledger = new Ledger();
  const startedAt = performance.now();
  await asking.load(name, conversations, TURNS, PARALLEL);
  const speed = asking.ledger.replies / ((performance.now() - startedAt) / 1000);
  const problems = asking.ledger.audit();
  if (problems.length > 0) throw new Error(problems.join("; "));
  return Math.round(speed * 10) / 10;
}

/** What the faults of a run work on. */
interface Fleet {
  asking: AskingSide;
  broker: Service;
  store: Service;
  /** The one of two that is killed or frozen. */
  worker: OwnNodeRed;
  /** How long something is away; a worker is frozen for twice that time. */
  outageMs: number;
}

/** What goes wrong in the middle of a load, until it is over. */
const FAULTS: Record<string, (fleet: Fleet) => Promise<void>> = {
  kill: async ({ worker }) => {
    await worker.end("SIGKILL");
    await worker.start();
  },
  broker: ({ broker, outageMs }) => gone(broker, outageMs),
  store: ({ store, outageMs }) => gone(store, outageMs),
  freeze: async ({ worker, outageMs }) => {
    worker.freeze();
    await sleep(outageMs * 2);
    worker.thaw();
  },
};

async function gone(service: Service, ms: number): Promise<void> {
  await service.stop();
  await sleep(ms);
  await service.start();
}

async function suffer(fault: string, fleet: Fleet, conversations: number) {
  const { asking } = fleet;
  const ledger = new Ledger();
  asking.ledger = ledger;
  const before = asking.counts();
  const startedAt = performance.now();
  const loading = asking.load(fault, conversations, TURNS, PARALLEL);
  loading.catch(() => {});
  await asking.answeredSoMany(conversations);
  const repliesBefore = ledger.replies;
  await FAULTS[fault]?.(fleet);
  const repliesAfter = ledger.replies;
  const problems: string[] = [];
  await loading.catch((error: Error) => problems.push(error.message));
  const seconds = Math.round((performance.now() - startedAt) / 100) / 10;
  await asking.hearAll(fault, conversations, TURNS).catch((error: Error) => problems.push(error.message));
  // Gives a second reply the time to arrive.
  await sleep(1000);
  const after = asking.counts();
  if (ledger.heardTwice > 0) problems.push(`${ledger.heardTwice} requests held a question twice`);
  return {
    asked: conversations * (TURNS + 2),
    answered: ledger.replies,
    answeredMeanwhile: repliesAfter - repliesBefore,
    seconds,
    slowestSeconds: Math.round(ledger.slowestMs / 100) / 10,
    askedAgain: after.again - before.again,
    doublesDropped: after.doubles - before.doubles,
    heardTwiceByTheModel: ledger.heardTwice,
    chunks: ledger.chunks,
    streamedWhole: ledger.streamed,
    problems: [...problems, ...ledger.audit()].map((problem) => `${fault}: ${problem}`),
  };
}

async function main(): Promise<void> {
  const options = {
    conversations: { type: "string", default: "300" },
    seconds: { type: "string", default: "10" },
    faults: { type: "string", default: Object.keys(FAULTS).join() },
    workers: { type: "string", default: "1,2,4" },
  } as const;
  const { values } = parseArgs({ options });
  const [conversations, seconds] = [Number(values.conversations), Number(values.seconds)];
  if (!(conversations > 0 && seconds > 0)) throw new Error("give a number of --conversations and --seconds");
  const faults = values.faults.split(",").filter(Boolean);
  const unknown = faults.filter((fault) => !(fault in FAULTS));
  if (unknown.length > 0) throw new Error(`no such --faults: ${unknown}`);
  const sizes = values.workers.split(",").map(Number);
  const missing = missingServices();
  if (missing) throw new Error(`not installed: ${missing}`);
  const folder = mkdtempSync(path.join(tmpdir(), "huggingface-fleet-"));
  endings.push(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const [broker, store] = await Promise.all([startBroker(folder), startStore(folder)]);
  endings.push(broker.stop, store.stop);
  const model = fork(path.join(__dirname, "model.ts"), { execArgv: process.execArgv });
  endings.push(() => model.disconnect());
  const [url] = await once(model, "message");
  const flow = workerFlow({ broker: broker.port, model: url }, MAX_CONCURRENT);
  const asking = await AskingSide.start(folder, broker.port, ASK_AGAIN_S);
  endings.push(() => asking.stop());

  const workers: OwnNodeRed[] = [];
  const grow = async (size: number) => {
    while (workers.length < size) workers.push(await startWorker(`${workers.length + 1}`, flow, store.port));
    await asking.servedBy(size);
  };
  const speeds: Record<string, number> = {};
  const suffered: Record<string, Awaited<ReturnType<typeof suffer>>> = {};
  const problems: string[] = [];
  for (const size of sizes) {
    await grow(size);
    speeds[size] = await measure(asking, `of${size}`, Math.ceil(conversations / 3));
    const [, worker] = workers;
    if (size !== 2 || !worker) continue;
    for (const fault of faults) {
      suffered[fault] = await suffer(fault, { asking, broker, store, worker, outageMs: seconds * 1000 }, conversations);
      problems.push(...suffered[fault].problems);
      await asking.servedBy(2).catch((error: Error) => problems.push(`after ${fault}: ${error.message}`));
    }
  }
  if (suffered["kill"]?.answeredMeanwhile === 0) problems.push("nothing was answered while one worker was dead");
  const [alone = 1] = Object.values(speeds);
  const ratios = Object.fromEntries(Object.entries(speeds).map(([size, speed]) => [size, rounded(speed / alone)]));
  const remark = `The ${availableParallelism()} cores were shared by the workers, the broker, the store, the model and who asks.`;
  const report = { questionsPerSecond: speeds, ratios, remark, ...suffered, problems };
  console.log(JSON.stringify(report, null, 2));
  process.exitCode = problems.length > 0 ? 1 : 0;
}

const rounded = (value: number): number => Math.round(value * 100) / 100;

main()
  .catch((error) => {
    console.error(error);
    process.exitCode = 1;
  })
  .finally(async () => {
    for (const end of endings.reverse()) await Promise.resolve(end()).catch(() => {});
    process.exit();
  });
