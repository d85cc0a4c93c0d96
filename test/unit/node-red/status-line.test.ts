import assert from "node:assert/strict";
import type { Node, NodeStatus } from "node-red";
import { type SinonFakeTimers, useFakeTimers } from "sinon";
import type { Completion } from "../../../src/client/internal";
import { StatusLine } from "../../../src/node-red/status-line";

const COMPLETION = { timing: { queued_ms: 0, total_ms: 1500 } } as Completion;

describe("the status of a node whose server is at home", () => {
  let clock: SinonFakeTimers;
  let line: StatusLine;
  let shown: { at: number; text: string }[];
  beforeEach(() => {
    clock = useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance"] });
    shown = [];
    const node = { status: ({ text = "" }: NodeStatus) => shown.push({ at: performance.now(), text }) };
    const translate = (key: string, params = {}) => `${key} ${Object.values(params).join(" ")}`.trim();
    line = new StatusLine(node as unknown as Node, translate);
  });
  afterEach(() => clock.restore());

  const texts = () => shown.map(({ text }) => text.replace("status.", ""));

  it("says how long the server has been silent, until something comes", () => {
    const run = line.begin();
    run.asking(true);
    clock.tick(45_500);
    assert.deepEqual(texts(), [
      "asking",
      ...[5, 10, 15, 20, 25, 30, 35, 40, 45].map((seconds) => `loading ${seconds}`),
    ]);
    run.deltas++;
    run.writing();
    clock.tick(60_000);
    assert.deepEqual(texts().slice(10), ["writing 1"]);
    run.done(COMPLETION);
    assert.equal(clock.countTimers(), 0);
  });

  it("says nothing of that where the server is elsewhere", () => {
    line.begin().asking(false);
    clock.tick(60_000);
    assert.deepEqual(texts(), ["asking"]);
    assert.equal(clock.countTimers(), 0);
  });

  it("says so again for the next round, and not behind an end", () => {
    const run = line.begin();
    run.asking(true);
    run.deltas++;
    run.writing();
    run.tool("f");
    run.asking(true);
    clock.tick(6000);
    assert.equal(texts().at(-1), "loading 5");
    run.done(COMPLETION);
    clock.tick(60_000);
    assert.equal(texts().at(-1), "done 1.5");
  });

  it("keeps no timer when the node closes, which would keep Node-RED from ending", () => {
    const run = line.begin();
    run.asking(true);
    line.close();
    assert.equal(clock.countTimers(), 0);
    run.asking(true);
    assert.equal(clock.countTimers(), 0);
  });

  it("leaves alone what another question shows", () => {
    const run = line.begin();
    run.asking(true);
    const other = line.begin();
    other.waiting();
    clock.tick(60_000);
    assert.deepEqual(texts(), ["asking", "many 1 1"]);
    run.done(COMPLETION);
    other.done(COMPLETION);
    assert.equal(clock.countTimers(), 0);
  });

  it("says how much of the prompt is read, at most four times a second", () => {
    const run = line.begin();
    run.asking(true);
    for (let processed = 0; processed <= 1000; processed++) {
      run.reading({ processed, total: 1000 });
      clock.tick(5);
    }
    clock.tick(60_000);
    assert.equal(texts().at(-1), "reading 100");
    assert.ok(shown.length > 15, String(shown.length));
    for (const { at } of shown) {
      assert.ok(shown.filter((other) => other.at >= at && other.at < at + 999).length <= 4, `${at}`);
    }
    assert.equal(clock.countTimers(), 0);
  });

  it("shows no more than 100 % and no nonsense, whatever the server says", () => {
    const run = line.begin();
    for (const [processed, total, percent] of [
      [7, 0, 0],
      [9, 3, 100],
      [0, 0, 0],
      [45, 99, 45],
    ] as const) {
      run.reading({ processed, total });
      clock.tick(1000);
      assert.equal(texts().at(-1), `reading ${percent}`);
    }
  });
});
