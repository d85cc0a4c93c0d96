import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { type SinonFakeTimers, useFakeTimers } from "sinon";
import { ConcurrencyLimiter } from "../../../src/client/concurrency";
import type { ChatError } from "../../../src/client/errors/chat-error";
import type { Priority } from "../../../src/client/types";

/** Acquires slots under names, and records who got one and who had to wait. */
function makeAcquire(slots: ConcurrencyLimiter) {
  const got: string[] = [];
  const waited: string[] = [];
  const acquire = (name: string, priority: Priority = "new", signal?: AbortSignal) => {
    const taken = slots.acquire(priority, signal, () => waited.push(name)).then(() => void got.push(name));
    taken.catch(() => {});
    return taken;
  };
  return { got, waited, acquire };
}

const isError = (code: string) => (error: ChatError) => {
  assert.equal(error.code, code);
  return true;
};

describe("slots", () => {
  it("are acquired at once while some are free", async () => {
    const { acquire, waited } = makeAcquire(new ConcurrencyLimiter(2, 0));
    await Promise.all([acquire("a"), acquire("b")]);
    assert.deepEqual(waited, []);
  });

  it("go to the waiting questions in order when they are released", async () => {
    const slots = new ConcurrencyLimiter(1, 10);
    const { acquire, got, waited } = makeAcquire(slots);
    for (const name of ["a", "b", "c", "d"]) acquire(name);
    await turn();
    assert.deepEqual(got, ["a"]);
    assert.deepEqual(waited, ["b", "c", "d"]);
    for (const expected of [
      ["a", "b"],
      ["a", "b", "c"],
      ["a", "b", "c", "d"],
    ]) {
      slots.release();
      await turn();
      assert.deepEqual(got, expected);
    }
  });

  it("go to questions that have begun before new ones, each in their order", async () => {
    const slots = new ConcurrencyLimiter(1, 10);
    const { acquire, got } = makeAcquire(slots);
    acquire("first");
    acquire("new 1");
    acquire("new 2");
    acquire("later round 1", "begun");
    acquire("later round 2", "begun");
    for (let i = 0; i < 4; i++) slots.release();
    await turn();
    assert.deepEqual(got, ["first", "later round 1", "later round 2", "new 1", "new 2"]);
  });

  it("are refused to a question when the queue is full", async () => {
    const slots = new ConcurrencyLimiter(1, 2);
    const { acquire, got } = makeAcquire(slots);
    for (const name of ["a", "b", "c"]) acquire(name);
    await assert.rejects(acquire("d"), (error: ChatError) => {
      assert.equal(error.code, "rate_limit");
      assert.equal(error.cause.retryable, true);
      assert.match(error.message, /^Queue full: 2 questions/);
      return true;
    });
    slots.release();
    acquire("e");
    slots.release();
    slots.release();
    await turn();
    assert.deepEqual(got, ["a", "b", "c", "e"]);
  });

  it("are never refused to a question that has begun, which takes no place in the queue", async () => {
    const slots = new ConcurrencyLimiter(1, 1);
    const { acquire, got } = makeAcquire(slots);
    acquire("a");
    acquire("later round 1", "begun");
    acquire("b");
    acquire("later round 2", "begun");
    await assert.rejects(acquire("c"), isError("rate_limit"));
    for (let i = 0; i < 3; i++) slots.release();
    await turn();
    assert.deepEqual(got, ["a", "later round 1", "later round 2", "b"]);
  });

  it("are refused at once if the queue has no places", async () => {
    const { acquire } = makeAcquire(new ConcurrencyLimiter(1, 0));
    await acquire("a");
    await assert.rejects(acquire("b"), isError("rate_limit"));
  });

  it("are not given to a question that is already aborted", async () => {
    const slots = new ConcurrencyLimiter(1, 0);
    const { acquire } = makeAcquire(slots);
    await assert.rejects(acquire("a", "new", AbortSignal.abort()), isError("cancelled"));
    await acquire("b");
  });

  it("skip a question that was aborted while it waited", async () => {
    const slots = new ConcurrencyLimiter(1, 1);
    const { acquire, got } = makeAcquire(slots);
    const abort = new AbortController();
    acquire("a");
    const aborted = acquire("b", "new", abort.signal);
    abort.abort();
    await assert.rejects(aborted, isError("cancelled"));
    acquire("c");
    slots.release();
    await turn();
    assert.deepEqual(got, ["a", "c"], "and its place in the line is free");
    slots.release();
    await acquire("d");
    await assert.rejects(async () => {
      acquire("e");
      await acquire("f");
    }, isError("rate_limit"));
  });

  it("skip a question that is aborted by the one that released the slot", async () => {
    const slots = new ConcurrencyLimiter(1, 1);
    const { acquire, got } = makeAcquire(slots);
    const abort = new AbortController();
    acquire("a");
    const aborted = acquire("b", "new", abort.signal);
    slots.release();
    assert.equal(getEventListeners(abort.signal, "abort").length, 0, "nothing of it is kept");
    abort.abort();
    await assert.rejects(aborted, isError("cancelled"));
    acquire("c");
    await turn();
    assert.deepEqual(got, ["a", "c"]);
  });

  it("are kept by a question that is aborted while it runs", async () => {
    const slots = new ConcurrencyLimiter(1, 1);
    const { acquire, got } = makeAcquire(slots);
    const abort = new AbortController();
    await acquire("a", "new", abort.signal);
    abort.abort();
    acquire("b");
    await turn();
    assert.deepEqual(got, ["a"]);
    slots.release();
    await turn();
    assert.deepEqual(got, ["a", "b"]);
  });

  it("are given to nobody after the limiter is closed, and every wait ends", async () => {
    const slots = new ConcurrencyLimiter(1, 5);
    const { acquire } = makeAcquire(slots);
    await acquire("a");
    const waiting = [acquire("b"), acquire("retry", "begun")];
    const delay = slots.delay(60, undefined);
    slots.pauseFor(60);
    slots.close();
    for (const taken of waiting) await assert.rejects(taken, isError("cancelled"));
    await delay;
    slots.release();
    await assert.rejects(acquire("c"), isError("cancelled"));
    await slots.delay(60, undefined);
  });

  it("are free while a question waits before its retry, until an abort ends the wait", async () => {
    const slots = new ConcurrencyLimiter(1, 5);
    const abort = new AbortController();
    const delay = slots.delay(60, abort.signal);
    await slots.acquire("new", undefined);
    abort.abort();
    await delay;
    assert.equal(getEventListeners(abort.signal, "abort").length, 0);
  });

  describe("while a server asks for a pause", () => {
    let clock: SinonFakeTimers;
    beforeEach(() => {
      clock = useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    });
    afterEach(() => clock.restore());

    it("are given to nobody, and then to as many as there are slots, those that have begun first", async () => {
      const slots = new ConcurrencyLimiter(2, 10);
      const { acquire, got, waited } = makeAcquire(slots);
      acquire("runs");
      slots.pauseFor(1);
      for (const name of ["a", "b", "c"]) acquire(name);
      acquire("retry", "begun");
      slots.release();
      clock.tick(999);
      await turn();
      assert.deepEqual(got, ["runs"]);
      assert.deepEqual(waited, ["a", "b", "c", "retry"]);
      clock.tick(1);
      await turn();
      assert.deepEqual(got, ["runs", "retry", "a"]);
      slots.release();
      await turn();
      assert.deepEqual(got, ["runs", "retry", "a", "b"]);
    });

    it("wait for the longest of several pauses", async () => {
      const slots = new ConcurrencyLimiter(1, 10);
      const { acquire, got } = makeAcquire(slots);
      slots.pauseFor(2);
      slots.pauseFor(1);
      acquire("a");
      clock.tick(1999);
      await turn();
      assert.deepEqual(got, []);
      slots.pauseFor(1);
      clock.tick(999);
      await turn();
      assert.deepEqual(got, []);
      clock.tick(1);
      await turn();
      assert.deepEqual(got, ["a"]);
    });

    it("are refused when the queue is full, although they are free", async () => {
      const slots = new ConcurrencyLimiter(5, 1);
      const { acquire } = makeAcquire(slots);
      slots.pauseFor(1);
      acquire("a");
      await assert.rejects(acquire("b"), isError("rate_limit"));
    });
  });

  it("never exceed the limit and are all free at the end, whatever is aborted and paused", async () => {
    const clock = useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    try {
      const LIMIT = 4;
      const slots = new ConcurrencyLimiter(LIMIT, 100);
      const random = pseudoRandom(5);
      const ends = { done: 0, refused: 0, cancelled: 0 };
      let running = 0;
      let most = 0;
      const use = async (priority: Priority, abort: AbortController, ms: number): Promise<void> => {
        waiting.add(abort);
        try {
          await slots.acquire(priority, abort.signal);
        } catch (error) {
          ends[(error as ChatError).key === "queue_full" ? "refused" : "cancelled"]++;
          return;
        } finally {
          waiting.delete(abort);
        }
        most = Math.max(most, ++running);
        if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
        running--;
        slots.release();
        ends.done++;
        // The next question may have the slot already without knowing it.
        if (random(4) === 0) [...waiting][random(4)]?.abort();
      };
      const all: Promise<void>[] = [];
      const waiting = new Set<AbortController>();
      let ended = 0;
      for (let count = 0; count < 10_000; count++) {
        const abort = new AbortController();
        if (random(20) === 0) abort.abort();
        // This may happen while it waits, while it runs, or after its end.
        else if (random(3) === 0) setTimeout(() => abort.abort(), random(12));
        if (random(400) === 0) slots.pauseFor(0.005);
        const priority = (["new", "begun", "admitted"] as const)[random(3)] ?? "new";
        all.push(use(priority, abort, random(2) && random(4)).finally(() => ended++));
        if (count % 10 === 0) await clock.tickAsync(1);
      }
      for (let ms = 0; ended < all.length && ms < 100_000; ms++) await clock.tickAsync(1);
      assert.equal(ended, all.length, "every wait ends");
      assert.equal(most, LIMIT);
      assert.equal(running, 0);
      for (const [end, count] of Object.entries(ends)) assert.ok(count > 500, `${end}: ${count}`);
      const { acquire, got } = makeAcquire(slots);
      for (let index = 0; index <= LIMIT; index++) acquire(String(index));
      await turn();
      assert.deepEqual(got, ["0", "1", "2", "3"], "all are free, and no more than those");
      assert.equal(clock.countTimers(), 0);
    } finally {
      clock.restore();
    }
  });
});

/** Returns a function that gives integers below its argument, the same ones in each run. */
function pseudoRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1664525 + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
