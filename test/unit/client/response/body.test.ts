import assert from "node:assert/strict";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { brotliCompressSync, constants, deflateSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import sinon from "sinon";
import { Body } from "../../../../src/client/response/body";
import { wasQuick } from "../../../support/cpu";
import { sseEvent } from "../../../support/server";

const STREAM = { "content-type": "text/event-stream" };

interface Collected {
  events: [data: string, name: string | undefined][];
  ends: (string | undefined)[];
  broken: string[];
  crashes: unknown[];
  tooLong: number;
}

/** Makes a body, and records its callbacks. @param onEvent - called for every event */
function makeBody(headers = {}, onEvent: (body: Body, data: string) => void = () => {}, maxLength = 1e6) {
  const seen: Collected = { events: [], ends: [], broken: [], crashes: [], tooLong: 0 };
  const reader = {
    readEvent(data: string, name: string | undefined) {
      assert.equal(seen.ends.length, 0, "an event after the end");
      seen.events.push([data, name]);
      onEvent(body, data);
    },
  };
  const options = { headers: { ...STREAM, ...headers }, isDocument: false, maxLength, reader };
  const body: Body = new Body(options, {
    onTooLong: () => seen.tooLong++,
    onBroken: ({ message }) => seen.broken.push(message),
    onEnd: (document) => seen.ends.push(document),
    onCrash: (error) => seen.crashes.push(error),
  });
  return { body, seen };
}

function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await sleep(1);
}

const ended = ({ ends, crashes }: Collected) => until(() => ends.length + crashes.length > 0);

const texts = (count: number) => Array.from({ length: count }, (_, index) => `event ${index}`);
const stream = (names: string[]) => Buffer.from(names.map((name) => `data: ${name}\n\n`).join(""));

describe("a body that is read in turns", () => {
  it("is passed on at once while it is short", async () => {
    await nextTurn();
    // Other programs may take the processor away for longer than a turn.
    const clock = sinon.useFakeTimers({ toFake: ["performance"] });
    try {
      const { body, seen } = makeBody();
      body.push(stream(["a", "b"]));
      assert.deepEqual(seen.events, [
        ["a", undefined],
        ["b", undefined],
      ]);
      body.end();
      assert.deepEqual(seen.ends, [undefined]);
    } finally {
      clock.restore();
    }
  });

  it("ends its turn in the middle of one read if its events take long", async () => {
    const COUNT = 60;
    let waiting = 0;
    let most = 0;
    // Node-RED, too, delivers a message in the turn after it was sent.
    const { body, seen } = makeBody({}, () => {
      block(3);
      most = Math.max(most, ++waiting);
      setImmediate(() => waiting--);
    });
    body.push(stream(texts(COUNT)));
    body.end();
    assert.ok(seen.events.length < COUNT / 3, `${seen.events.length} of ${COUNT} in one turn`);
    assert.ok(body.isWaiting);
    await ended(seen);
    assert.deepEqual(
      seen.events.map(([data]) => data),
      texts(COUNT),
    );
    assert.ok(most <= COUNT / 3, `${most} of ${COUNT} were waiting to be delivered`);
  });

  it("shares its turn with other bodies, so that none has to wait for another", async () => {
    const COUNT = 20;
    let inTurn = 0;
    let most = 0;
    const bodies = Array.from({ length: 5 }, () =>
      makeBody({}, () => {
        block(3);
        if (inTurn++ === 0) {
          setImmediate(() => {
            inTurn = 0;
          });
        }
        most = Math.max(most, inTurn);
      }),
    );
    for (const { body } of bodies) {
      body.push(stream(texts(COUNT)));
      body.end();
    }
    const finished: number[] = [];
    await Promise.all(
      bodies.map(async ({ seen }, index) => {
        await ended(seen);
        finished.push(index);
        assert.equal(seen.events.length, COUNT);
      }),
    );
    assert.ok(most <= 20, `${most} events in one turn`);
    assert.equal(finished.length, 5);
  });

  it("passes on at most one read of a socket in a turn, however quick its events are", async () => {
    const { body, seen } = makeBody();
    const bytes = stream(Array.from({ length: 40 }, () => "x".repeat(10_000)));
    for (let at = 0; at < bytes.length; at += 65_536) body.push(bytes.subarray(at, at + 65_536));
    body.end();
    assert.ok(seen.events.length <= 8, `${seen.events.length}`);
    await ended(seen);
    assert.equal(seen.events.length, 40);
  });

  it("catches up if more arrives than is passed on", async () => {
    const { body, seen } = makeBody({}, undefined, 1e8);
    const bytes = stream(["x".repeat(65_500)]);
    let pushed = 0;
    for (let turn = 0; turn < 60; turn++) {
      for (let read = 0; read < 16; read++) body.push(bytes);
      pushed += 16;
      await nextTurn();
    }
    assert.ok(pushed - seen.events.length <= 5 * 16, `${pushed - seen.events.length} reads are waiting`);
    body.destroy();
  });

  it("is too long if far more waits than a reply may have", () => {
    const { body, seen } = makeBody({}, () => block(3), 1000);
    for (let read = 0; read < 100; read++) body.push(stream(texts(20)));
    assert.ok(seen.tooLong > 0);
    body.destroy();
  });

  it("arrives complete, in order and with one end, however it is split and whatever runs in between", async () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.integer({ min: 1, max: 70_000 }) },
      { weight: 1, arbitrary: fc.constantFrom("turn" as const, "slow" as const) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 14 }), fc.boolean(), async (steps, isFailing) => {
        let slow = 0;
        const { body, seen } = makeBody({}, () => {
          if (slow-- > 0) block(2);
        });
        const names = Array.from({ length: 4000 }, (_, index) => `${index} ${"y".repeat(index % 90)}`);
        const bytes = stream(names);
        let at = 0;
        for (const what of steps) {
          if (what === "turn") await nextTurn();
          else if (what === "slow") slow = 8;
          else {
            if (at < bytes.length) body.push(bytes.subarray(at, at + what));
            at += what;
          }
        }
        if (at < bytes.length) body.push(bytes.subarray(at));
        let failures = 0;
        if (isFailing) body.finish(() => failures++);
        else body.end();
        await until(() => seen.ends.length + failures > 0);
        assert.deepEqual(
          seen.events.map(([data]) => data),
          names,
        );
        assert.equal(seen.ends.length, isFailing ? 0 : 1);
        assert.equal(failures, isFailing ? 1 : 0);
      }),
      { numRuns: 25 },
    );
  });

  for (const when of [0, 7, 25]) {
    it(`passes on nothing more when it is destroyed at event ${when}`, async () => {
      const { body, seen } = makeBody({}, (self, data) => {
        block(2);
        if (data === `event ${when}`) self.destroy();
      });
      body.push(stream(texts(60)));
      body.push(stream(texts(60)));
      body.end();
      for (let turn = 0; turn < 100; turn++) await nextTurn();
      assert.equal(seen.events.length, when + 1);
      assert.equal(seen.ends.length, 0);
    });
  }

  it("reports what a listener throws, in the turn of a timer, too", async () => {
    const { body, seen } = makeBody({}, (_, data) => {
      block(3);
      if (data === "event 30") throw new Error("no");
    });
    body.push(stream(texts(60)));
    await ended(seen);
    assert.match(String(seen.crashes), /no/);
    body.destroy();
  });

  it("gives the same events however it is split", async () => {
    const line = fc.constantFrom(
      "data: a",
      "data:é😀",
      "",
      "",
      ": c",
      "event: error",
      "id: 1",
      "error: y",
      "data",
      "x",
    );
    const text = fc
      .array(fc.tuple(line, fc.constantFrom("\n", "\n", "\r\n", "\r")), { maxLength: 12 })
      .map((lines) => Buffer.from(lines.flat().join("")));
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.integer({ min: 1, max: 5 })), async (bytes, sizes) => {
        const whole = makeBody();
        const cut = makeBody();
        whole.body.push(bytes);
        let at = 0;
        for (const size of sizes) {
          if (at < bytes.length) cut.body.push(bytes.subarray(at, at + size));
          at += size;
        }
        if (at < bytes.length) cut.body.push(bytes.subarray(at));
        for (const { body } of [whole, cut]) body.end();
        for (const { seen } of [whole, cut]) await ended(seen);
        assert.deepEqual(cut.seen, whole.seen);
      }),
      { numRuns: 200 },
    );
  });
});

describe("a body that comes byte by byte", () => {
  const LENGTH = 500_000;

  it("takes little more memory than its length", () => {
    assert.ok(global.gc, "the options of .mocharc.json are missing");
    const heap = (): number => {
      global.gc?.();
      return process.memoryUsage().heapUsed;
    };
    for (const isBlocked of [false, true]) {
      // The first event blocks: the rest waits for its turn.
      const { body } = makeBody({}, () => block(20), 1e6);
      const before = heap();
      body.push(Buffer.from(isBlocked ? "data: a\n\n" : "{"));
      for (let at = 0; at < LENGTH; at++) body.push(Buffer.from("1"));
      assert.ok(heap() - before < 10 * LENGTH);
      body.destroy();
    }
  });

  it("is decompressed in time that is not that of so many writes", async () => {
    const text = Array.from({ length: 40_000 }, () => Math.random().toString(36)).join("");
    const packed = gzipSync(sseEvent(text));
    const { body, seen } = makeBody({ "content-encoding": "gzip" });
    const before = process.cpuUsage();
    for (let at = 0; at < packed.length; at++) body.push(packed.subarray(at, at + 1));
    body.end();
    await ended(seen);
    assert.deepEqual(seen.events, [[JSON.stringify(text), undefined]]);
    wasQuick(before);
  });
});

describe("a compressed body", () => {
  const EVENTS = [...Array(30).keys()].map((index) => sseEvent({ index, text: "word ".repeat(index % 7) }));
  const TEXT = EVENTS.join("");
  const packers = {
    gzip: () => gzipSync(TEXT, { finishFlush: constants.Z_SYNC_FLUSH }),
    deflate: () => deflateSync(TEXT, { finishFlush: constants.Z_SYNC_FLUSH }),
    br: () => brotliCompressSync(TEXT).subarray(0, -1),
  };
  const garbage = Buffer.alloc(36, 0xff);

  for (const encoding of ["gzip", "deflate"] as const) {
    const packed = packers[encoding]();
    for (const [what, writes] of Object.entries({
      "one write": [Buffer.concat([packed, garbage])],
      "two writes": [packed, garbage],
      "single bytes": Array.from(Buffer.concat([packed, garbage]), (byte) => Buffer.from([byte])),
    })) {
      it(`gives all events before the damage, then reports it: ${encoding}, ${what}`, async () => {
        const { body, seen } = makeBody({ "content-encoding": encoding });
        for (const bytes of writes) body.push(bytes);
        body.end();
        await ended(seen);
        assert.equal(seen.events.length, EVENTS.length);
        assert.equal(seen.broken.length, 1);
        assert.deepEqual(seen.ends, [undefined]);
      });
    }
  }

  it("gives all events before the damage if it is long", async () => {
    const names = Array.from({ length: 3000 }, (_, index) => `${index} ${Math.sin(index)}`);
    const packed = gzipSync(stream(names), { finishFlush: constants.Z_SYNC_FLUSH });
    const { body, seen } = makeBody({ "content-encoding": "gzip" });
    body.push(Buffer.concat([packed, garbage]));
    await ended(seen);
    assert.deepEqual(
      seen.events.map(([data]) => data),
      names,
    );
    assert.equal(seen.broken.length, 1);
  });

  it("is decompressed no faster than it is read", async () => {
    const { body, seen } = makeBody({ "content-encoding": "gzip" }, (_, data) => {
      if (data.length > 1000) block(3);
    });
    const names = Array.from({ length: 200 }, () => "z".repeat(5000));
    body.push(gzipSync(stream(names)));
    body.end();
    await ended(seen);
    assert.equal(seen.events.length, 200);
    assert.equal(seen.tooLong, 0);
  });

  it("is passed on as far as it can be decompressed if the connection fails", async () => {
    for (const [encoding, pack] of Object.entries(packers)) {
      const { body, seen } = makeBody({ "content-encoding": encoding });
      body.push(pack());
      let failures = 0;
      body.finish(() => failures++);
      await until(() => failures > 0);
      assert.equal(failures, 1, encoding);
      assert.equal(seen.ends.length, 0);
      if (encoding !== "br") assert.equal(seen.events.length, EVENTS.length);
    }
  });
});
