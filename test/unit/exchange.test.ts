import assert from "node:assert/strict";
import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";
import { resolveEndpoint } from "../../src/lib/client/endpoint";
import { type ExchangeInput, exchange } from "../../src/lib/client/exchange";
import { makeRedaction } from "../../src/lib/client/redact";
import { chunk, sseEvent } from "../support/server";

/** Time in which Node.js reads what has come is nothing that a server can bring about: here bytes come when we say. */
describe("an exchange", () => {
  const endpoint = resolveEndpoint("http://127.0.0.1:1/v1");
  const redaction = makeRedaction([]);
  const COUNT = 6000;
  const EVENTS = Array.from({ length: COUNT }, () => sseEvent(chunk("x")));
  const BODY = Buffer.from(
    `${EVENTS.join("")}${sseEvent(chunk(undefined, { finish_reason: "stop" }))}data: [DONE]\n\n`,
  );

  /** Lets a whole reply come at once. @param onText - called for every piece */
  async function receive(onText: () => void, limits: Partial<ExchangeInput> = {}) {
    let handler: Dispatcher.DispatchHandler = {};
    let closes = 0;
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
      facts: { model: "test/model", host: endpoint.host, hasToken: false, redact: redaction.error },
      redaction,
      listener: { onText },
      signal: undefined,
      onFailure: () => {},
      onClose: () => closes++,
      headersLimitMs: 0,
      silenceLimitMs: 0,
      maxReplyLength: 1e7,
      proxyHost: undefined,
      ...limits,
    });
    const controller = { abort() {} } as unknown as Dispatcher.DispatchController;
    handler.onRequestStart?.(controller, {});
    const headers: IncomingHttpHeaders = { "content-type": "text/event-stream" };
    handler.onResponseStart?.(controller, 200, headers);
    for (let at = 0; at < BODY.length; at += 65_536)
      handler.onResponseData?.(controller, BODY.subarray(at, at + 65_536));
    handler.onResponseEnd?.(controller, {});
    const settled = await result;
    assert.equal(closes, 1);
    return settled;
  }

  /** Keeps everything else waiting. */
  function block(ms: number): void {
    const until = performance.now() + ms;
    while (performance.now() < until);
  }

  it("does not take a reply that waits to be read for a silent server", async () => {
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

  it("measures when pieces came, not when they were read", async () => {
    let count = 0;
    const { firstAt, lastAt } = await receive(() => {
      if (count++ % 1000 === 0) block(20);
    });
    assert.ok(firstAt !== undefined && lastAt !== undefined);
    assert.ok(lastAt - firstAt < 20, `${lastAt - firstAt} ms for a reply that came at once`);
  });
});
