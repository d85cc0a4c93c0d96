import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { type SinonFakeTimers, useFakeTimers } from "sinon";
import { type Claim, Slots } from "../../../src/client/concurrency";
import type { ChatError } from "../../../src/client/errors/chat-error";

/** Takes slots under names and writes down who got one. */
function taker(slots: Slots) {
  const got: string[] = [];
  const waited: string[] = [];
  const take = (name: string, claim: Claim = "new", signal?: AbortSignal) => {
    const taken = slots.take(claim, signal, () => waited.push(name)).then(() => void got.push(name));
    taken.catch(() => {});
    return taken;
  };
  return { got, waited, take };
}

const isError = (code: string) => (error: ChatError) => {
  assert.equal(error.code, code);
  return true;
};

describe("slots", () => {
  it("are given at once as long as there are any", async () => {
    const { take, waited } = taker(new Slots(2, 0));
    await Promise.all([take("a"), take("b")]);
    assert.deepEqual(waited, []);
  });

  it("are given in the order of the questions when they are given back", async () => {
    const slots = new Slots(1, 10);
    const { take, got, waited } = taker(slots);
    for (const name of ["a", "b", "c", "d"]) take(name);
    await turn();
    assert.deepEqual(got, ["a"]);
    assert.deepEqual(waited, ["b", "c", "d"]);
    for (const expected of [
      ["a", "b"],
      ["a", "b", "c"],
      ["a", "b", "c", "d"],
    ]) {
      slots.give();
      await turn();
      assert.deepEqual(got, expected);
    }
  });

  it("go to questions that have begun before new ones, in their own order", async () => {
    const slots = new Slots(1, 10);
    const { take, got } = taker(slots);
    take("first");
    take("new 1");
    take("new 2");
    take("later round 1", "begun");
    take("later round 2", "begun");
    for (let i = 0; i < 4; i++) slots.give();
    await turn();
    assert.deepEqual(got, ["first", "later round 1", "later round 2", "new 1", "new 2"]);
  });

  it("are refused to one question more than may wait", async () => {
    const slots = new Slots(1, 2);
    const { take, got } = taker(slots);
    for (const name of ["a", "b", "c"]) take(name);
    await assert.rejects(take("d"), (error: ChatError) => {
      assert.equal(error.code, "rate_limit");
      assert.equal(error.cause.retryable, true);
      assert.match(error.message, /^2 questions are waiting/);
      return true;
    });
    slots.give();
    take("e");
    slots.give();
    slots.give();
    await turn();
    assert.deepEqual(got, ["a", "b", "c", "e"]);
  });

  it("are never refused to a question that has begun, and it takes no place of those that wait", async () => {
    const slots = new Slots(1, 1);
    const { take, got } = taker(slots);
    take("a");
    take("later round 1", "begun");
    take("b");
    take("later round 2", "begun");
    await assert.rejects(take("c"), isError("rate_limit"));
    for (let i = 0; i < 3; i++) slots.give();
    await turn();
    assert.deepEqual(got, ["a", "later round 1", "later round 2", "b"]);
  });

  it("are refused at once where nothing may wait", async () => {
    const { take } = taker(new Slots(1, 0));
    await take("a");
    await assert.rejects(take("b"), isError("rate_limit"));
  });

  it("are not given to a question that was aborted before", async () => {
    const slots = new Slots(1, 0);
    const { take } = taker(slots);
    await assert.rejects(take("a", "new", AbortSignal.abort()), isError("cancelled"));
    await take("b");
  });

  it("pass by a question that was aborted while it waited", async () => {
    const slots = new Slots(1, 1);
    const { take, got } = taker(slots);
    const abort = new AbortController();
    take("a");
    const aborted = take("b", "new", abort.signal);
    abort.abort();
    await assert.rejects(aborted, isError("cancelled"));
    take("c");
    slots.give();
    await turn();
    assert.deepEqual(got, ["a", "c"], "and its place in the line is free");
    slots.give();
    await take("d");
    await assert.rejects(async () => {
      take("e");
      await take("f");
    }, isError("rate_limit"));
  });

  it("are kept by a question that is aborted when it has one", async () => {
    const slots = new Slots(1, 1);
    const { take, got } = taker(slots);
    const abort = new AbortController();
    take("a");
    take("b", "new", abort.signal);
    slots.give();
    assert.equal(getEventListeners(abort.signal, "abort").length, 0, "nothing of it is kept");
    abort.abort();
    take("c");
    await turn();
    assert.deepEqual(got, ["a", "b"]);
    slots.give();
    await turn();
    assert.deepEqual(got, ["a", "b", "c"]);
  });

  describe("while a server wants a pause", () => {
    let clock: SinonFakeTimers;
    beforeEach(() => {
      clock = useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    });
    afterEach(() => clock.restore());

    it("are given to nobody, and then to as many as there are slots, those that have begun first", async () => {
      const slots = new Slots(2, 10);
      const { take, got, waited } = taker(slots);
      take("runs");
      slots.hold(1);
      for (const name of ["a", "b", "c"]) take(name);
      take("retry", "begun");
      slots.give();
      clock.tick(999);
      await turn();
      assert.deepEqual(got, ["runs"]);
      assert.deepEqual(waited, ["a", "b", "c", "retry"]);
      clock.tick(1);
      await turn();
      assert.deepEqual(got, ["runs", "retry", "a"]);
      slots.give();
      await turn();
      assert.deepEqual(got, ["runs", "retry", "a", "b"]);
    });

    it("wait for the longest of several pauses", async () => {
      const slots = new Slots(1, 10);
      const { take, got } = taker(slots);
      slots.hold(2);
      slots.hold(1);
      take("a");
      clock.tick(1999);
      await turn();
      assert.deepEqual(got, []);
      slots.hold(1);
      clock.tick(999);
      await turn();
      assert.deepEqual(got, []);
      clock.tick(1);
      await turn();
      assert.deepEqual(got, ["a"]);
    });

    it("are refused to one question more than may wait, though they are free", async () => {
      const slots = new Slots(5, 1);
      const { take } = taker(slots);
      slots.hold(1);
      take("a");
      await assert.rejects(take("b"), isError("rate_limit"));
    });
  });
});
