import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { driftOf, growthOf, rounded, type TimedSample } from "./drift";
import { CHANGED, CHATS, randomChat, soakFlow, type Urls } from "./flow";
import { Ledger } from "./ledger";
import { SoakNodeRed } from "./node-red";
import type { RouterCounts } from "./server";

/**
 * Asks a real Node-RED with 20 chat nodes thousands of questions, at servers that fail in all kinds of ways, while questions are
 * aborted and nodes redeployed. Measures over time what it holds, fails if that drifts, and checks what is left.
 *
 *     npm run soak                     20 minutes
 *     npm run soak -- --minutes 5
 *     npm run soak -- --seconds 20
 */

/** Questions at once: load comes in waves, the busy ones first. */
const WAVES = [24, 48, 24, 8];
/** Time between two looks at what is to be done. */
const STEP_MS = 10;
/** Most questions asked in one step, which leaves the machine some of its time. */
const MOST_AT_ONCE = 8;
const ABORT_MS = 200;
const TOPICS = 20;
const SAMPLES = 240;
const SAMPLES_PRINTED = 20;
/** The time for questions that still run at the end. */
const DRAIN_MS = 20_000;
/** The time for sockets and timers to go once the flow is gone. */
const LEFT_MS = 10_000;

/** How often things happen, by the length of the run: a short one should see all of them. */
const paceOf = (ms: number) => ({
  redeployMs: Math.min(5000, Math.max(1500, ms / 6)),
  waveMs: Math.min(10_000, ms / 8),
  sampleMs: Math.max(1000, ms / SAMPLES),
});

/** Calls a function now and then. */
function every(ms: number, act: () => void | Promise<void>): () => Promise<void> {
  let at = performance.now() + ms;
  return async () => {
    if (performance.now() < at) return;
    at = Math.max(at + ms, performance.now());
    await act();
  };
}

class Soak {
  readonly ledger = new Ledger();
  readonly samples: TimedSample[] = [];
  readonly red = new SoakNodeRed((events, pieces) => {
    for (const [question, how, code] of events) {
      if (how === "done") this.ledger.done(question);
      else this.ledger.end(question, how, code);
    }
    this.pieces += pieces;
  });
  readonly #urls: Urls;
  #revision = 0;
  deploys = 0;
  aborts = 0;
  pieces = 0;

  constructor(urls: Urls) {
    this.#urls = urls;
  }

  /** Redeploys everything, or only the changed chat node. */
  async redeploy(type: "full" | "nodes"): Promise<void> {
    this.deploys++;
    const running = this.ledger.openIn(type === "full" ? CHATS : [CHANGED]);
    await this.red.deploy(soakFlow(this.#urls, ++this.#revision), type);
    this.ledger.redeployed(running);
  }

  /** Asks questions for this long, and then waits until all have ended. */
  async run(ms: number): Promise<void> {
    const { redeployMs, waveMs, sampleMs } = paceOf(ms);
    const startedAt = performance.now();
    const chores = [
      every(ABORT_MS, () => this.#abort()),
      every(redeployMs, () => this.redeploy(this.#revision % 2 ? "full" : "nodes")),
      every(sampleMs, async () => {
        const at = rounded((performance.now() - startedAt) / 1000);
        this.samples.push({ at, ...(await this.red.sample()) });
      }),
    ];
    while (performance.now() - startedAt < ms) {
      const wave = Math.floor((performance.now() - startedAt) / waveMs) % WAVES.length;
      const missing = (WAVES[wave] ?? 0) - this.ledger.open;
      for (let count = 0; count < Math.min(missing, MOST_AT_ONCE); count++) this.#ask();
      await sleep(STEP_MS);
      for (const chore of chores) await chore();
    }
    await this.#drain();
  }

  /** Waits until no more is open than in `before`. @returns what is left, in words */
  async left(before: Record<string, number>): Promise<string[]> {
    const endAt = performance.now() + LEFT_MS;
    for (;;) {
      const now = await this.red.resources();
      const more = Object.entries(now).filter(([kind, count]) => count > (before[kind] ?? 0));
      if (more.length === 0) return [];
      if (performance.now() > endAt) return more.map(([kind, count]) => `left over: ${count} ${kind}`);
      await sleep(100);
    }
  }

  #ask(): void {
    const id = randomChat();
    const soak = this.ledger.ask(id);
    const message = { soak, payload: `Question ${soak}`, topic: `topic ${soak % TOPICS}` };
    this.red.receive(id, message, Math.random() < 0.05);
  }

  #abort(): void {
    this.aborts++;
    const topic = `topic ${Math.floor(Math.random() * TOPICS)}`;
    const abort = Math.random() < 0.3 ? "forget" : true;
    if (Math.random() < 0.1) for (const id of CHATS) this.red.receive(id, { abort });
    else this.red.receive(randomChat(), { abort, topic });
    if (Math.random() < 0.2) this.red.receive(randomChat(), { reset: true, topic });
  }

  async #drain(): Promise<void> {
    const endAt = performance.now() + DRAIN_MS;
    while (this.ledger.open > 0 && performance.now() < endAt) await sleep(10);
    // Gives messages that should not come the time to arrive.
    await sleep(200);
  }
}

async function startServers(): Promise<{ child: ChildProcess; urls: Urls }> {
  const child = fork(path.join(__dirname, "server.ts"), { execArgv: process.execArgv });
  const [urls] = await once(child, "message");
  return { child, urls };
}

async function routerCounts(child: ChildProcess): Promise<RouterCounts> {
  const answer = once(child, "message");
  child.send("counts");
  const [counts] = await answer;
  return counts;
}

/** Some of the samples, for people. */
function printed(samples: readonly TimedSample[]): object[] {
  const step = Math.max(1, Math.floor(samples.length / SAMPLES_PRINTED));
  return samples
    .filter((_, index) => index % step === 0 || index === samples.length - 1)
    .map((sample) => Object.fromEntries(Object.entries(sample).map(([name, value]) => [name, rounded(value)])));
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { minutes: { type: "string" }, seconds: { type: "string" } } });
  const ms = values.seconds ? Number(values.seconds) * 1000 : Number(values.minutes ?? 20) * 60_000;
  if (!(ms > 0)) throw new Error("give a number of --minutes or --seconds");
  if (!global.gc) throw new Error("start this with npm run soak: it needs --expose-gc");
  const { child, urls } = await startServers();
  const soak = new Soak(urls);
  try {
    await soak.red.start();
    // Node-RED itself keeps something from its first deploy.
    await soak.redeploy("full");
    await soak.red.deploy([], "full");
    const before = await soak.red.resources();
    await soak.redeploy("full");
    await soak.run(ms);
    await soak.red.deploy([], "full");
    const left = await soak.left(before);
    const { ledger, deploys, aborts, pieces, samples, red } = soak;
    const { asked, ends, lost, codes } = ledger;
    const problems = [...ledger.audit(), ...red.problems, ...driftOf(samples), ...left];
    const report = {
      minutes: ms / 60_000,
      chats: CHATS.length,
      asked,
      ends,
      lost,
      codes,
      deploys,
      aborts,
      pieces,
      seen: await red.seen(),
      router: await routerCounts(child),
      slowestMs: Math.round(ledger.slowestMs),
      samples: printed(samples),
      growth: growthOf(samples),
      problems,
    };
    console.log(JSON.stringify(report, null, 2));
    process.exitCode = problems.length > 0 ? 1 : 0;
  } finally {
    await soak.red.stop();
    child.disconnect();
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
