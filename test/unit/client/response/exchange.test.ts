import assert from "node:assert/strict";
import type { IncomingHttpHeaders } from "node:http";
import { stub } from "sinon";
import type { Dispatcher } from "undici";
import { resolveEndpoint } from "../../../../src/client/connection/endpoint";
import { makeRedaction } from "../../../../src/client/redaction";
import { type ExchangeInput, exchange } from "../../../../src/client/response/exchange";
import { turns } from "../../../../src/client/response/turns";
import { openResources } from "../../../support/leaks";
import { chunk, sseEvent } from "../../../support/server";

/** Hands the bytes over itself, since no server can decide when Node.js reads what has arrived. */
describe("an exchange", () => {
  const endpoint = resolveEndpoint("http://127.0.0.1:1/v1");
  const redaction = makeRedaction([]);
  const COUNT = 6000;
  const EVENTS = Array.from({ length: COUNT }, () => sseEvent(chunk("x")));
  const BODY = Buffer.from(
    `${EVENTS.join("")}${sseEvent(chunk(undefined, { finish_reason: "stop" }))}data: [DONE]\n\n`,
  );

  /** Sends a request that only the test answers. */
  function open(more: Partial<ExchangeInput> = {}) {
    let handler: Dispatcher.DispatchHandler = {};
    const seen = { closes: 0 };
    const dispatcher = {
      dispatch(_: unknown, given: Dispatcher.DispatchHandler) {
        handler = given;
      },
    };
    const result = exchange({
      dispatcher: dispatcher as unknown as Dispatcher,
      endpoint,
      headers: {},
      body: Buffer.alloc(0),
      context: { model: "test/model", host: endpoint.host, hasToken: false, redact: redaction.error },
      redaction,
      listener: {},
      signal: undefined,
      onFailure: () => {},
      onClose: () => seen.closes++,
      headersLimitMs: 0,
      firstPieceLimitMs: 0,
      silenceLimitMs: 0,
      isAtHome: false,
      onHead: () => {},
      maxReplyLength: 1e7,
      proxyHost: undefined,
      ...more,
    });
    return { result, handler, seen };
  }

  /** Makes a whole reply arrive at once. @param onText - called for every delta */
  async function receive(onText: () => void, limits: Partial<ExchangeInput> = {}) {
    const { result, handler, seen } = open({ listener: { onText }, ...limits });
    const controller = { abort() {} } as unknown as Dispatcher.DispatchController;
    handler.onRequestStart?.(controller, {});
    const headers: IncomingHttpHeaders = { "content-type": "text/event-stream" };
    handler.onResponseStart?.(controller, 200, headers);
    for (let at = 0; at < BODY.length; at += 65_536)
      handler.onResponseData?.(controller, BODY.subarray(at, at + 65_536));
    handler.onResponseEnd?.(controller, {});
    const settled = await result;
    assert.equal(seen.closes, 1);
    return settled;
  }

  /** Blocks the event loop. */
  function block(ms: number): void {
    const until = performance.now() + ms;
    while (performance.now() < until);
  }

  it("does not mistake a reply that waits to be read for a silent server", async () => {
    let isBlocked = false;
    const { failure, completion } = await receive(
      () => {
        if (isBlocked) return;
        isBlocked = true;
        setImmediate(() => block(150));
      },
      { silenceLimitMs: 50 },
    );
    assert.equal(failure, undefined);
    assert.equal(completion.message.content?.length, COUNT);
  });

  it("measures when deltas arrived, not when they were read", async () => {
    let count = 0;
    const { firstAt, lastAt } = await receive(() => {
      if (count++ % 1000 === 0) block(50);
    });
    assert.ok(firstAt !== undefined && lastAt !== undefined);
    assert.ok(lastAt - firstAt < 150, `${lastAt - firstAt} ms for a reply that came at once`);
  });

  it("leaves no timer if it ends in the middle of a read, after a finish reason", async () => {
    const before = await openResources();
    const { result, handler } = open({ silenceLimitMs: 60_000 });
    const controller = { abort() {} } as unknown as Dispatcher.DispatchController;
    handler.onRequestStart?.(controller, {});
    handler.onResponseStart?.(controller, 200, { "content-type": "text/event-stream" });
    const bytes = `${sseEvent(chunk("Hi", { finish_reason: "stop" }))}${sseEvent({ error: { message: "no" } })}`;
    handler.onResponseData?.(controller, Buffer.from(bytes));
    handler.onResponseEnd?.(controller, {});
    assert.equal((await result).failure?.error.key, "reply_error");
    const { Timeout: after = 0 } = await openResources();
    assert.ok(after <= (before.Timeout ?? 0), `${after} timers`);
  });

  describe("in which a callback throws", () => {
    const head: IncomingHttpHeaders = { "content-type": "text/event-stream" };
    const mistake = () => {
      throw new Error("a mistake");
    };
    const controller = (abort = () => {}) => ({ abort }) as unknown as Dispatcher.DispatchController;
    const whole = Buffer.from(`${sseEvent(chunk("Hi", { finish_reason: "stop" }))}data: [DONE]\n\n`);
    const deepUsage = { ...chunk("Hi"), usage: JSON.parse("[".repeat(1000) + "]".repeat(1000)) };

    /** Which callback throws, what arrives, and how the exchange must end. */
    const cases: Record<string, { more: Partial<ExchangeInput>; bytes: Buffer; key: string | undefined }> = {
      "when it has failed": { more: { onFailure: mistake }, bytes: Buffer.from("data: x\n\n"), key: "internal" },
      "when it is closed": { more: { onClose: mistake }, bytes: whole, key: undefined },
      "when it is closed after a failure": {
        more: { onClose: mistake },
        bytes: Buffer.from("data: x\n\n"),
        key: "reply_senseless",
      },
      "when a delta arrives": { more: { listener: { onText: mistake } }, bytes: whole, key: "internal" },
      "when a field is left out": {
        more: { listener: { onLeftOut: mistake } },
        bytes: Buffer.from(`${sseEvent(deepUsage)}data: [DONE]\n\n`),
        key: "internal",
      },
      "when secrets are looked for": {
        more: { redaction: { ...redaction, reply: mistake } },
        bytes: whole,
        key: undefined,
      },
    };
    for (const [when, { more, bytes, key }] of Object.entries(cases)) {
      it(`ends once, and throws nothing into the connection: ${when}`, async () => {
        const { result, handler } = open(more);
        const control = controller(mistake);
        handler.onRequestStart?.(control, {});
        handler.onResponseStart?.(control, 200, head);
        handler.onResponseData?.(control, bytes);
        handler.onResponseEnd?.(control, {});
        const { failure } = await result;
        if (key !== undefined) assert.equal(failure?.error.key, key);
      });
    }

    it("ends once where the body cannot be given up, either: a file that was being written has none of its functions", async () => {
      const leave = stub(turns, "leave").throws(new TypeError("no function"));
      try {
        const { result, handler } = open({ onFailure: mistake });
        handler.onRequestStart?.(
          controller(() => {}),
          {},
        );
        handler.onResponseStart?.(
          controller(() => {}),
          200,
          head,
        );
        handler.onResponseError?.(
          controller(() => {}),
          new Error("gone"),
        );
        assert.equal((await result).failure?.error.key, "internal");
        assert.ok(leave.called);
      } finally {
        leave.restore();
      }
    });

    it("ends once after an abort, too", async () => {
      const abort = new AbortController();
      const { result, handler } = open({ signal: abort.signal, onFailure: mistake, onClose: mistake });
      handler.onRequestStart?.(controller(mistake), {});
      abort.abort();
      assert.equal((await result).failure?.error.key, "internal");
    });
  });
});
