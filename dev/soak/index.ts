import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import nodeRed from "node-red";
import { assertNothingLeft, openResources } from "../../test/support/leaks";
import { commonSettings, type NodeDef, type Red, startRed } from "../node-red";
import { CHATS, soakFlow } from "./flow";
import { Ledger } from "./ledger";

/**
 * Asks thousands of questions of servers that fail in all kinds of ways, while questions are aborted and nodes redeployed,
 * and then looks at what is left.
 *
 *     npm run soak -- --minutes 5
 *     npm run soak -- --seconds 20
 */

const SIDE_BY_SIDE = 24;
const REDEPLOY_MS = 1500;
const ABORT_MS = 200;
const MOST_GROWTH_MB = 5;
const TOPICS = 20;
/** For questions that are still running when no more are asked. */
const DRAIN_MS = 20_000;

/** What a message of the soak test holds. */
interface SoakMessage {
  soak?: number;
  error?: { code?: string };
}

interface Deployer {
  runtime: { flows: { setFlows(options: object): Promise<unknown> } };
  hooks: { add(name: string, handler: (event: { msg: SoakMessage; node: { id: string } }) => void): void };
}

class Soak {
  readonly ledger = new Ledger();
  readonly #red: Red;
  readonly #urls: { good: string; bad: string };
  #revision = 0;
  deploys = 0;
  aborts = 0;
  pieces = 0;

  constructor(red: Red, context: Record<string, unknown>, urls: { good: string; bad: string }) {
    this.#red = red;
    this.#urls = urls;
    const { ledger } = this;
    context.soak = {
      reply: ({ soak = 0 }: SoakMessage) => ledger.end(soak, "reply"),
      calls: ({ soak = 0 }: SoakMessage) => ledger.end(soak, "calls"),
      error: ({ soak = 0, error }: SoakMessage) => ledger.end(soak, "error", error?.code),
      stream: () => {
        this.pieces++;
      },
    };
    (nodeRed as unknown as Deployer).hooks.add("onComplete.soak", ({ msg, node }) => {
      if (msg.soak !== undefined && CHATS.includes(node.id as never)) ledger.done(msg.soak);
    });
  }

  async deploy(flows: NodeDef[], type: "full" | "nodes"): Promise<void> {
    const started = once(this.#red.events, "flows:started");
    await this.#red.runtime.flows.setFlows({ flows: { flows }, deploymentType: type });
    await started;
  }

  /** Redeploys everything, or the chat node that has changed alone. */
  async redeploy(type: "full" | "nodes"): Promise<void> {
    this.deploys++;
    const running = this.ledger.openIn(type === "full" ? CHATS : ["chat-good"]);
    await this.deploy(soakFlow(this.#urls, ++this.#revision), type);
    this.ledger.redeployed(running);
  }

  /** Asks questions for so long, and then waits until all have ended. */
  async run(ms: number): Promise<void> {
    const endAt = performance.now() + ms;
    let redeployAt = performance.now() + REDEPLOY_MS;
    let abortAt = performance.now() + ABORT_MS;
    while (performance.now() < endAt) {
      while (this.ledger.open < SIDE_BY_SIDE) this.#ask();
      await sleep(2);
      if (performance.now() > abortAt) {
        abortAt += ABORT_MS;
        this.#abort();
      }
      if (performance.now() > redeployAt) {
        redeployAt = performance.now() + REDEPLOY_MS;
        await this.redeploy(this.#revision % 2 ? "full" : "nodes");
      }
    }
    await this.#drain();
  }

  #ask(): void {
    const id = Math.random() < 0.7 ? "chat-good" : "chat-bad";
    const soak = this.ledger.ask(id);
    this.#node(id).receive({ soak, payload: `Question ${soak}`, topic: `topic ${soak % TOPICS}` });
  }

  #abort(): void {
    this.aborts++;
    const topic = `topic ${Math.floor(Math.random() * TOPICS)}`;
    const isAll = Math.random() < 0.1;
    this.#node("chat-good").receive({ abort: true, ...(isAll ? {} : { topic }) });
    if (isAll) this.#node("chat-bad").receive({ abort: true });
    if (Math.random() < 0.2) this.#node("chat-good").receive({ reset: true, topic });
  }

  #node(id: string): { receive(message: object): void } {
    const node = this.#red.nodes.getNode(id);
    if (!node) throw new Error(`no node ${id} is running`);
    return node;
  }

  async #drain(): Promise<void> {
    const endAt = performance.now() + DRAIN_MS;
    while (this.ledger.open > 0 && performance.now() < endAt) await sleep(10);
    // What should not come any more gets the time to come.
    await sleep(100);
  }
}

async function heapInMb(): Promise<number> {
  for (let turn = 0; turn < 3; turn++) {
    global.gc?.();
    await nextTurn();
  }
  return process.memoryUsage().heapUsed / 1024 / 1024;
}

async function startServers(): Promise<{ child: ChildProcess; urls: { good: string; bad: string } }> {
  const child = fork(path.join(__dirname, "server.ts"), { execArgv: process.execArgv });
  const [urls] = await once(child, "message");
  return { child, urls };
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { minutes: { type: "string" }, seconds: { type: "string" } } });
  const ms = values.seconds ? Number(values.seconds) * 1000 : Number(values.minutes ?? 5) * 60_000;
  if (!(ms > 0)) throw new Error("give a number of --minutes or --seconds");
  if (!global.gc) throw new Error("start this with npm run soak: it needs --expose-gc");
  const userDir = mkdtempSync(path.join(tmpdir(), "huggingface-soak-"));
  const { child, urls } = await startServers();
  const context: Record<string, unknown> = {};
  const warnings: string[] = [];
  process.on("warning", (warning) => warnings.push(String(warning)));
  const red = await startRed(http.createServer(), {
    ...commonSettings,
    userDir,
    credentialSecret: false,
    httpAdminRoot: false,
    httpNodeRoot: false,
    functionGlobalContext: context,
    logging: { console: { level: "off" } },
  });
  const before = await openResources();
  const soak = new Soak(red, context, urls);
  await soak.redeploy("full");
  await soak.run(ms / 10);
  const heapBefore = await heapInMb();
  // The longest time for which nothing else had its turn.
  const gaps = monitorEventLoopDelay({ resolution: 5 });
  gaps.enable();
  await soak.run((ms * 9) / 10);
  gaps.disable();
  const heapAfter = await heapInMb();
  const problems = [...soak.ledger.audit(), ...warnings];
  if (heapAfter - heapBefore > MOST_GROWTH_MB)
    problems.push(`the heap has grown by ${(heapAfter - heapBefore).toFixed(1)} MB`);
  await soak.deploy([], "full");
  await assertNothingLeft(before).catch((error: Error) => problems.push(error.message));
  const { asked, ends, lost, codes } = soak.ledger;
  const { deploys, aborts, pieces } = soak;
  const heap = { before: Number(heapBefore.toFixed(1)), after: Number(heapAfter.toFixed(1)) };
  const longest = { gapMs: Math.round(gaps.max / 1e6), questionMs: Math.round(soak.ledger.slowestMs) };
  console.log(JSON.stringify({ asked, ends, lost, codes, deploys, aborts, pieces, heap, longest, problems }, null, 2));
  await red.stop();
  child.disconnect();
  rmSync(userDir, { recursive: true, force: true, maxRetries: 5 });
  process.exitCode = problems.length > 0 ? 1 : 0;
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
