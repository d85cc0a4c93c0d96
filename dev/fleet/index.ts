import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { OwnNodeRed } from "../../test/support/own-node-red";
import { AskingSide } from "./asking-side";
import { workerFlow } from "./flows";
import { Ledger } from "./ledger";
import { missingServices, startBroker, startStore } from "./services";

/**
 * A fleet on this machine: Mosquitto, Redis or Valkey, two workers and a side that asks, by the flows of the examples. Measures one
 * worker and two, then kills one of two in the middle of a load and starts it again, and looks at every answer.
 *
 *     npm run fleet
 *     npm run fleet -- --conversations 60
 */

const TURNS = 3;
const SIDE_BY_SIDE = 60;
/** Requests that a worker runs at once: what limits it, at a server that answers at a fixed pace. */
const MAX_CONCURRENT = 8;
/** Longer than a question waits for its turn. */
const ASK_AGAIN_S = 5;

/** Ends what was started, the last first, whatever fails. */
const endings: (() => unknown)[] = [];

async function startWorker(name: string, flow: ReturnType<typeof workerFlow>, storePort: number): Promise<OwnNodeRed> {
  const plugin = JSON.stringify(path.join(__dirname, "redis-context.js"));
  const config = JSON.stringify({ url: `redis://127.0.0.1:${storePort}` });
  const stores = `contextStorage: {
    default: { module: "memory" },
    shared: { module: require(${plugin}), config: ${config} },
  }`;
  const worker = new OwnNodeRed(flow, {}, stores, { FLEET_WORKER: name });
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
  await asking.load(name, conversations, TURNS, SIDE_BY_SIDE);
  const speed = asking.ledger.replies / ((performance.now() - startedAt) / 1000);
  const problems = asking.ledger.audit();
  if (problems.length > 0) throw new Error(problems.join("; "));
  return Math.round(speed * 10) / 10;
}

async function killOne(asking: AskingSide, worker: OwnNodeRed, conversations: number) {
  asking.ledger = new Ledger();
  const { ledger } = asking;
  const before = asking.counts();
  const loading = asking.load("kill", conversations, TURNS, SIDE_BY_SIDE);
  loading.catch(() => {});
  await asking.answeredSoMany(conversations);
  await worker.end("SIGKILL");
  const atKill = ledger.replies;
  await worker.start();
  const atStart = ledger.replies;
  await loading;
  // A second reply that is on its way still gets the time to come.
  await sleep(1000);
  const after = asking.counts();
  return {
    asked: conversations * (TURNS + 1),
    answered: ledger.replies,
    answeredWhileOneWasDead: atStart - atKill,
    askedAgain: after.again - before.again,
    doublesDropped: after.doubles - before.doubles,
    heardTwiceByTheModel: ledger.heardTwice,
    chunks: ledger.chunks,
    streamedWhole: ledger.streamed,
    problems: ledger.audit(),
  };
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { conversations: { type: "string", default: "300" } } });
  const conversations = Number(values.conversations);
  if (!(conversations > 0)) throw new Error("give a number of --conversations");
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

  await startWorker("a", flow, store.port);
  await asking.servedBy(1);
  const one = await measure(asking, "one", Math.ceil(conversations / 3));
  const second = await startWorker("b", flow, store.port);
  await asking.servedBy(2);
  const two = await measure(asking, "two", Math.ceil(conversations / 3));
  const killed = await killOne(asking, second, conversations);
  const { problems, ...kill } = killed;
  if (kill.answeredWhileOneWasDead === 0) problems.push("nothing was answered while one worker was dead");
  await asking.servedBy(2).catch((error: Error) => problems.push(error.message));
  console.log(JSON.stringify({ questionsPerSecond: { one, two }, kill, problems }, null, 2));
  process.exitCode = problems.length > 0 ? 1 : 0;
}

main()
  .catch((error) => {
    console.error(error);
    process.exitCode = 1;
  })
  .finally(async () => {
    for (const end of endings.reverse()) await Promise.resolve(end()).catch(() => {});
    process.exit();
  });
