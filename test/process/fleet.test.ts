import assert from "node:assert/strict";
import { execFile, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { AskingSide } from "../../dev/fleet/asking-side";
import { workerFlow } from "../../dev/fleet/flows";
import { Ledger } from "../../dev/fleet/ledger";
import { missingServices, startBroker, startStore } from "../../dev/fleet/services";
import { makeWorker } from "../../dev/fleet/worker";
import type { NodeDef } from "../support/node-red";
import type { OwnNodeRed } from "../support/own-node-red";
import { root } from "../support/root";

const CONVERSATIONS = 24;
/** A worker is frozen for twice that time. */
const OUTAGE_S = 3;
const FAULTS = ["kill", "broker", "store", "freeze"];

/** Runs `npm run fleet` with fewer conversations and shorter outages. */
describe("a fleet of two workers behind a broker", function () {
  this.timeout(400_000);

  before(function () {
    const missing = missingServices();
    if (!missing) return;
    console.log(`      Not installed: ${missing}. The fleet is not run.`);
    this.skip();
  });

  it("answers every question once and in order though a worker, the broker and the store go, and a worker freezes", async () => {
    const size = ["--conversations", String(CONVERSATIONS), "--seconds", String(OUTAGE_S), "--workers", "1,2"];
    const args = ["--import", "tsx", path.join("dev", "fleet", "index.ts"), ...size];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, {
      cwd: root,
      maxBuffer: 16 * 1024 * 1024,
    }).catch((error) => error);
    assert.match(stdout, /^\{/, stderr);
    const { questionsPerSecond, ratios, remark, problems, ...faults } = JSON.parse(stdout);
    assert.deepEqual(problems, []);
    assert.deepEqual(Object.keys(faults), FAULTS);
    for (const [fault, { asked, answered }] of Object.entries<{ asked: number; answered: number }>(faults)) {
      assert.equal(asked, CONVERSATIONS * 5, fault);
      assert.equal(answered, asked, fault);
    }
    assert.ok(faults["kill"].askedAgain > 0, "the worker had nothing to lose when it was killed");
    assert.ok(faults["broker"].askedAgain > 0, "nothing was under way when the broker went");
    // How much faster two are depends on what else runs on the machine.
    assert.deepEqual(
      [Object.keys(questionsPerSecond), Object.keys(ratios)],
      [
        ["1", "2"],
        ["1", "2"],
      ],
    );
    assert.match(remark, /cores were shared/);
  });
});

/** Kills the worker when a reply of a conversation has left the chat node, which has remembered it, and before it is noted. */
function dying(flow: NodeDef[]): NodeDef[] {
  const kill = "if (msg.partition !== undefined && msg.completion && !msg.error) { global.get('die')(); return null; }";
  return flow.map((node) => (node.name === "Answer" ? { ...node, func: `${kill}\n${node["func"]}` } : node));
}

describe("what a killed worker had", function () {
  this.timeout(180_000);
  const QUESTIONS = 12;
  /** Longer than the tests wait: what is asked again is asked because the worker died. */
  const PATIENCE_S = 90;
  const SOON_MS = 45_000;
  const endings: (() => unknown)[] = [];
  let asking: AskingSide;
  let start: (name: string, change?: (flow: NodeDef[]) => NodeDef[]) => Promise<OwnNodeRed>;

  before(async function () {
    if (missingServices()) this.skip();
    const folder = mkdtempSync(path.join(tmpdir(), "huggingface-killed-"));
    endings.push(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
    const [broker, store] = await Promise.all([startBroker(folder), startStore(folder)]);
    endings.push(broker.stop, store.stop);
    const model = fork(path.join(root, "dev", "fleet", "model.ts"), { execArgv: ["--import", "tsx"] });
    endings.push(() => model.disconnect());
    const [url] = await once(model, "message");
    const flow = workerFlow({ broker: broker.port, model: url }, QUESTIONS);
    asking = await AskingSide.start(folder, broker.port, PATIENCE_S);
    endings.push(() => asking.stop());
    const die = 'functionGlobalContext: { die: () => process.kill(process.pid, "SIGKILL") }';
    start = async (name, change = (same) => same) => {
      const worker = makeWorker(name, change(flow), store.port, die);
      endings.push(() => worker.remove());
      await worker.start();
      return worker;
    };
  });
  beforeEach(() => {
    asking.ledger = new Ledger();
  });
  after(async () => {
    for (const end of endings.reverse()) await end();
  });

  it("is answered by another one in seconds, and once in its conversation, also if it was killed behind remembering", async () => {
    const killed = await start("1", dying);
    const other = await start("2");
    await asking.servedBy(2);
    // One of the conversations that worker 1 answers kills it; its others are in the middle of their replies.
    await asking.hearAll("kill", QUESTIONS, 0);
    const { slowestMs } = asking.ledger;
    await assert.rejects(fetch(killed.url), "the worker was not killed");
    assert.ok(slowestMs < SOON_MS, `the slowest answer took ${slowestMs} ms`);
    // The model tells what it hears of each conversation.
    await asking.hearAll("kill", QUESTIONS, 1);
    assert.deepEqual([asking.ledger.heardTwice, asking.ledger.audit()], [0, []]);
    await other.remove();
  });

  it("is answered in seconds by itself when it is back before anybody else serves its partitions", async () => {
    const worker = await start("3");
    await asking.servedBy(1);
    const answered = asking.hearAll("back", QUESTIONS, 0);
    while (asking.ledger.chunks === 0) await sleep(5);
    await worker.end("SIGKILL");
    assert.ok(asking.ledger.open > 0, "the worker had nothing to lose");
    await worker.start();
    await answered;
    assert.ok(asking.ledger.slowestMs < SOON_MS, `the slowest answer took ${asking.ledger.slowestMs} ms`);
    await asking.hearAll("back", QUESTIONS, 1);
    assert.deepEqual([asking.ledger.heardTwice, asking.ledger.audit()], [0, []]);
  });
});
