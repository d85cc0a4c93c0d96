import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { ChatError } from "../../../src/client/errors/chat-error";
import { isCancelled, onAbort, untilAbort } from "../../../src/client/until-abort";

const listeners = (signal: AbortSignal) => getEventListeners(signal, "abort").length;

describe("untilAbort", () => {
  it("settles as the promise does, and stops listening", async () => {
    const { signal } = new AbortController();
    assert.equal(await untilAbort(Promise.resolve(1), signal), 1);
    await assert.rejects(untilAbort(Promise.reject(new Error("lost")), signal), /lost/);
    assert.equal(listeners(signal), 0);
    assert.equal(await untilAbort(Promise.resolve(2), undefined), 2);
  });

  it("rejects with `cancelled` when the signal fires first, and ignores a later error", async () => {
    const abort = new AbortController();
    let fail = (_error: Error) => {};
    const waiting = untilAbort(
      new Promise((_, reject) => {
        fail = reject;
      }),
      abort.signal,
    );
    abort.abort();
    await assert.rejects(waiting, { code: "cancelled" });
    fail(new Error("too late"));
    await assert.rejects(untilAbort(new Promise(() => {}), abort.signal), isCancelled);
  });
});

describe("onAbort", () => {
  it("calls the listener once, immediately if the signal has already fired", () => {
    const abort = new AbortController();
    let calls = 0;
    const listener = () => {
      calls++;
    };
    onAbort(abort.signal, listener);
    onAbort(abort.signal, listener)();
    onAbort(undefined, listener)();
    assert.equal(calls, 0);
    onAbort(abort.signal, listener);
    abort.abort();
    assert.equal(calls, 1);
    onAbort(abort.signal, listener);
    assert.equal(calls, 2);
    assert.equal(listeners(abort.signal), 0);
  });
});

describe("isCancelled", () => {
  it("distinguishes the error of an abort from all others", () => {
    assert.equal(isCancelled(new ChatError("cancelled")), true);
    assert.equal(isCancelled(new ChatError("queue_full")), false);
    assert.equal(isCancelled(new Error("cancelled")), false);
  });
});
