import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { deflateSync } from "node:zlib";
import { ChatClient, type ChatError } from "../../src/client";
import { assertNothingLeft, openResources } from "../support/leaks";
import { chunk, json, reply, replyChunks, sse, sseEvent, startServer, type TestServer } from "../support/server";

const REQUEST = { model: "test/model", messages: [{ role: "user", content: "Hi" }], stream: true };

describe("parallel requests", () => {
  let server: TestServer;
  beforeEach(async () => {
    server = await startServer();
  });
  afterEach(() => server.close());

  it("are no more than maxConcurrent; the others wait in order", async () => {
    let running = 0;
    let most = 0;
    const order: string[] = [];
    server.handle(async (request, response) => {
      most = Math.max(most, ++running);
      order.push(request.body.messages[0].content);
      await sleep(20);
      running--;
      await sse(response, replyChunks(["ok"]));
    });
    const client = new ChatClient({ baseUrl: server.url, maxConcurrent: 2 });
    const names = ["0", "1", "2", "3", "4", "5", "6"];
    await Promise.all(names.map((content) => client.complete({ ...REQUEST, messages: [{ role: "user", content }] })));
    assert.equal(most, 2);
    assert.deepEqual(order.sort(), names);
    await client.close();
  });

  it("fail at once when the queue is full", async () => {
    server.handle((request, response, index) => setTimeout(() => reply("ok")(request, response, index), 100));
    const client = new ChatClient({ baseUrl: server.url, maxConcurrent: 1, maxQueued: 1 });
    const first = client.complete(REQUEST);
    const second = client.complete(REQUEST);
    await assert.rejects(client.complete(REQUEST), (error: ChatError) => {
      assert.equal(error.code, "rate_limit");
      assert.equal(error.cause.attempts, 0);
      return true;
    });
    assert.equal((await first).message.content, "ok");
    assert.equal((await second).message.content, "ok");
    assert.ok((await second).timing.queued_ms > 0);
    await client.close();
  });

  it("release their slot while a retry waits", async () => {
    server.handle((request, response, index) =>
      index === 0 ? json(response, 500, {}, { "retry-after-ms": "200" }) : reply("ok")(request, response, index),
    );
    const client = new ChatClient({ baseUrl: server.url, maxConcurrent: 1 });
    const ended: string[] = [];
    const first = client.complete(REQUEST).then(() => ended.push("retried"));
    await server.waitFor(1);
    const second = client.complete(REQUEST).then(() => ended.push("other"));
    await Promise.all([first, second]);
    assert.deepEqual(ended, ["other", "retried"]);
    await client.close();
  });

  it("use a connection again", async () => {
    server.handle(reply("ok"));
    const client = new ChatClient({ baseUrl: server.url });
    for (let turn = 0; turn < 5; turn++) {
      await client.complete(REQUEST);
      // undici needs a turn of the event loop to notice that a connection is free.
      await sleep(10);
    }
    assert.equal(server.connections, 1);
    await client.close();
  });
});

describe("a Retry-After", () => {
  /** Starts a server that is busy for a while, and records when it was asked. */
  async function busyServer(pauseMs: number, status: number, body: object = {}) {
    const asked: { at: number; model: string }[] = [];
    const server = await startServer((request, response, index) => {
      asked.push({ at: performance.now(), model: request.body.model });
      if (asked.length === 1) return json(response, status, body, { "retry-after-ms": String(pauseMs) });
      return reply("ok")(request, response, index);
    });
    return { server, asked };
  }

  for (const [status, options, why] of [
    [429, {}, "pauses all questions of the client"],
    [503, {}, "pauses all questions of the client"],
    [429, { retries: 0 }, "pauses the others even if the question that got it is not retried"],
  ] as const) {
    it(`${why}: ${status} with ${JSON.stringify(options)}`, async () => {
      const { server, asked } = await busyServer(300, status);
      const client = new ChatClient({ baseUrl: server.url, maxConcurrent: 5, ...options });
      const first = client.complete(REQUEST).catch((error: ChatError) => error.code);
      await server.waitFor(1);
      await sleep(50);
      const waiting: string[] = [];
      const rest = ["a", "b"].map((name) =>
        client.complete(REQUEST, { listener: { onWaiting: () => waiting.push(name) } }),
      );
      await Promise.all([first, ...rest]);
      assert.deepEqual(waiting, ["a", "b"]);
      const [begin, ...later] = asked.map(({ at }) => at);
      for (const at of later) assert.ok(at - (begin ?? 0) >= 295, `asked after ${at - (begin ?? 0)} ms`);
      await client.close();
      await server.close();
    });
  }

  it("pauses those that were waiting for the slot of the question that got it", async () => {
    const { server, asked } = await busyServer(300, 429);
    const client = new ChatClient({ baseUrl: server.url, maxConcurrent: 1 });
    await Promise.all([1, 2, 3].map(() => client.complete(REQUEST)));
    const [begin = 0, ...later] = asked.map(({ at }) => at);
    assert.equal(later.length, 3);
    for (const at of later) assert.ok(at - begin >= 295, `asked after ${at - begin} ms`);
    await client.close();
    await server.close();
  });

  it("lets the question that got it go first", async () => {
    const asked: string[] = [];
    const server = await startServer((request, response, index) => {
      asked.push(request.body.model);
      if (asked.length === 1) return json(response, 429, {}, { "retry-after-ms": "100" });
      return reply("ok")(request, response, index);
    });
    const client = new ChatClient({ baseUrl: server.url, maxConcurrent: 1 });
    await Promise.all(["a", "b", "c"].map((model) => client.complete({ ...REQUEST, model })));
    assert.deepEqual(asked, ["a", "a", "b", "c"]);
    await client.close();
    await server.close();
  });

  it("does not interrupt a reply that is being written", async () => {
    const server = await startServer(async (request, response, index) => {
      if (index === 1) return json(response, 429, {}, { "retry-after-ms": "400" });
      if (index > 1) return reply("late")(request, response, index);
      return sse(response, replyChunks(["a", "b", "c", "d"]), { delayMs: 30 });
    });
    const client = new ChatClient({ baseUrl: server.url });
    const ended: string[] = [];
    const first = client.complete(REQUEST).then(({ message }) => ended.push(String(message.content)));
    await server.waitFor(1);
    const second = client.complete(REQUEST).then(({ message }) => ended.push(String(message.content)));
    await Promise.all([first, second]);
    assert.deepEqual(ended, ["abcd", "late"]);
    await client.close();
    await server.close();
  });

  it("fills the queue, and further questions fail at once", async () => {
    const { server } = await busyServer(300, 429);
    const client = new ChatClient({ baseUrl: server.url, maxQueued: 1 });
    const first = client.complete(REQUEST);
    await server.waitFor(1);
    await sleep(50);
    const second = client.complete(REQUEST);
    await assert.rejects(client.complete(REQUEST), { code: "rate_limit" });
    await Promise.all([first, second]);
    await client.close();
    await server.close();
  });

  it("pauses nothing while there is another model to ask", async () => {
    const { server, asked } = await busyServer(30_000, 429);
    const client = new ChatClient({ baseUrl: server.url });
    await assert.rejects(client.complete(REQUEST, { hasFallback: true }), { code: "rate_limit" });
    await client.complete({ ...REQUEST, model: "test/other" });
    assert.equal(asked[1]?.model, "test/other");
    await client.close();
    await server.close();
  });

  it("pauses nothing after an exhausted quota, or for longer than a minute", async () => {
    for (const [pauseMs, body] of [
      [30_000, { error: { message: "You exceeded your current quota", code: "insufficient_quota" } }],
      [61_000, {}],
    ] as const) {
      const { server, asked } = await busyServer(pauseMs, 429, body);
      const client = new ChatClient({ baseUrl: server.url });
      await assert.rejects(client.complete(REQUEST));
      await client.complete(REQUEST);
      assert.equal(asked.length, 2);
      await client.close();
      await server.close();
    }
  });
});

describe("an abort", () => {
  let server: TestServer;
  let client: ChatClient;
  beforeEach(async () => {
    server = await startServer();
  });
  afterEach(async () => {
    await client.close();
    await server.close();
  });

  /** Aborts a question, and returns how long it took to end. */
  async function abortAfter(start: (abort: AbortController) => Promise<unknown>) {
    const abort = new AbortController();
    const settled = start(abort).then(
      () => assert.fail("it was not aborted"),
      (error: ChatError) => error,
    );
    return { abort, settled };
  }

  it("closes the connection during the reply, and keeps what has arrived", async () => {
    server.handle((_, response) => sse(response, [chunk("Hel")], { done: false, end: false }));
    client = new ChatClient({ baseUrl: server.url });
    const { abort, settled } = await abortAfter((abort) =>
      client.complete(REQUEST, { signal: abort.signal, listener: { onText: () => setImmediate(() => abort.abort()) } }),
    );
    const error = await settled;
    assert.ok(abort.signal.aborted);
    assert.equal(error.code, "cancelled");
    assert.equal(error.completion?.message.content, "Hel");
    await server.last.closed;
    assert.ok(server.last.abortedAt !== undefined);
  });

  it("ends the wait for the headers", async () => {
    client = new ChatClient({ baseUrl: server.url });
    const { abort, settled } = await abortAfter((abort) => client.complete(REQUEST, { signal: abort.signal }));
    await server.waitFor(1);
    abort.abort();
    assert.equal((await settled).code, "cancelled");
    await server.last.closed;
  });

  it("ends the wait for a slot", async () => {
    client = new ChatClient({ baseUrl: server.url, maxConcurrent: 1 });
    const first = new AbortController();
    const running = client.complete(REQUEST, { signal: first.signal }).catch((error) => error);
    const { abort, settled } = await abortAfter((abort) => client.complete(REQUEST, { signal: abort.signal }));
    await server.waitFor(1);
    abort.abort();
    assert.equal((await settled).code, "cancelled");
    assert.equal(server.requests.length, 1);
    first.abort();
    await running;
  });

  it("ends the wait before a retry", async () => {
    server.handle((_, response) => json(response, 503, {}, { "retry-after": "30" }));
    client = new ChatClient({ baseUrl: server.url });
    const { settled } = await abortAfter((abort) =>
      client.complete(REQUEST, {
        signal: abort.signal,
        listener: { onRetry: () => setImmediate(() => abort.abort()) },
      }),
    );
    assert.equal((await settled).code, "cancelled");
    assert.equal(server.requests.length, 1);
  });

  it("leaves the client usable", async () => {
    client = new ChatClient({ baseUrl: server.url, maxConcurrent: 1 });
    const { abort, settled } = await abortAfter((abort) => client.complete(REQUEST, { signal: abort.signal }));
    await server.waitFor(1);
    abort.abort();
    await settled;
    server.handle(reply("ok"));
    assert.equal((await client.complete(REQUEST)).message.content, "ok");
  });

  it("leaves all slots free, at whatever moment of 400 questions it comes", async () => {
    server.handle(async (_, response, index) => {
      if (index % 7 === 3) return json(response, 500, {}, { "retry-after-ms": "5" });
      if (index % 11 === 5) await sleep(10);
      await sse(response, replyChunks(["a", "b", "c", "d"]), { delayMs: 2 });
    });
    // Enough retries that no question gets a 500 each time.
    client = new ChatClient({ baseUrl: server.url, maxConcurrent: 3, timeout: 5, retries: 10 });
    const ends: Record<string, number> = {};
    const ask = async (index: number): Promise<void> => {
      const abort = new AbortController();
      const { signal } = abort;
      // The step shares no factor with the length of a question, so the aborts reach each moment of it.
      const timer = setTimeout(() => abort.abort(), (index * 389) % 1500);
      let end = "whole";
      try {
        if (index % 4 > 0) await client.complete(REQUEST, { signal });
        else
          for await (const { text } of client.stream(REQUEST, { signal })) if (index % 8 === 0 && text === "b") break;
      } catch (error) {
        end = (error as ChatError).code;
      }
      clearTimeout(timer);
      ends[end] = (ends[end] ?? 0) + 1;
    };
    await Promise.all(Array.from({ length: 400 }, (_, index) => ask(index)));
    assert.deepEqual(Object.keys(ends).sort(), ["cancelled", "whole"]);
    assert.ok(Math.min(...Object.values(ends)) >= 10, JSON.stringify(ends));
    // Each of these waits until the others are asked, so all run at once.
    let arrived = 0;
    server.handle(async (request, response, index) => {
      arrived++;
      while (arrived < 3) await sleep(5);
      await reply("ok")(request, response, index);
    });
    const rest = await Promise.all([1, 2, 3].map(() => client.complete(REQUEST)));
    assert.deepEqual(
      rest.map(({ message }) => message.content),
      ["ok", "ok", "ok"],
    );
  });

  it("comes with closing the client", async () => {
    client = new ChatClient({ baseUrl: server.url });
    const { settled } = await abortAfter(() => client.complete(REQUEST));
    await server.waitFor(1);
    await client.close();
    assert.equal((await settled).code, "cancelled");
    assert.equal(server.requests.length, 1);
  });
});

describe("a listener that throws", () => {
  for (const [name, attempts] of [
    ["onWaiting", 0],
    ["onAsking", 1],
    ["onRetry", 1],
  ] as const) {
    it(`ends the question with an error of its own, and keeps no slot: ${name}`, async () => {
      const server = await startServer((_, response, index) =>
        index === 1 ? json(response, 500, {}) : sse(response, replyChunks(["ok"]), { delayMs: 20 }),
      );
      const client = new ChatClient({ baseUrl: server.url, maxConcurrent: 1 });
      const first = client.complete(REQUEST);
      const listener = {
        [name]: () => {
          throw new Error("mistake in the listener");
        },
      };
      await assert.rejects(client.complete(REQUEST, { listener }), (error: ChatError) => {
        assert.equal(error.key, "internal");
        assert.match(error.message, /mistake in the listener/);
        assert.equal(error.cause.attempts, attempts);
        return true;
      });
      await first;
      assert.equal((await client.complete(REQUEST)).message.content, "ok");
      await client.close();
      await server.close();
    });
  }

  for (const texts of [["Hello"], ["<thi"]]) {
    it(`ends the question with its error, once: ${texts}`, async () => {
      const server = await startServer(reply(...texts));
      const client = new ChatClient({ baseUrl: server.url });
      const onText = () => {
        throw new Error("mistake in the listener");
      };
      await assert.rejects(client.complete(REQUEST, { listener: { onText } }), (error: ChatError) => {
        assert.equal(error.key, "internal");
        assert.match(error.message, /mistake in the listener/);
        return true;
      });
      assert.equal(server.requests.length, 1);
      await client.close();
      await server.close();
    });
  }
});

describe("the end of a client", () => {
  it("ends the wait before a retry and for a slot, and nothing is sent afterwards", async () => {
    const server = await startServer((_, response) => json(response, 503, {}, { "retry-after": "30" }));
    const client = new ChatClient({ baseUrl: server.url, maxConcurrent: 1 });
    const ends: Promise<string>[] = [];
    const code = (error: ChatError) => error.code;
    await new Promise<void>((resolve) => {
      const asked = client.complete(REQUEST, { listener: { onRetry: () => resolve() } });
      ends.push(asked.then(() => "ok", code));
    });
    await client.close();
    ends.push(client.complete(REQUEST).then(() => "ok", code));
    assert.deepEqual(await Promise.all(ends), ["cancelled", "cancelled"]);
    assert.equal(server.requests.length, 1);
    await server.close();
  });

  it("ends a question at once while its error response arrives, and leaves no timer", async () => {
    const server = await startServer((_, response) => {
      response.writeHead(429, { "content-type": "application/json", "retry-after": "30" });
      response.write("{");
    });
    const before = await openResources();
    const client = new ChatClient({ baseUrl: server.url });
    const asked = client.complete(REQUEST).catch((error: ChatError) => error.code);
    await server.waitFor(1);
    await sleep(50);
    await client.close();
    assert.equal(await asked, "cancelled");
    await server.close();
    await assertNothingLeft(before);
  });
});

describe("a reply whose body stays open after its end mark", () => {
  it("releases its slot in the end if the server goes on after it", async () => {
    // The compressed text has ended, but the body goes on with one more byte.
    const packed = Buffer.concat([
      deflateSync(`${sseEvent(chunk("ok", { finish_reason: "stop" }))}`),
      Buffer.from("\n"),
    ]);
    const server = await startServer((_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream", "content-encoding": "deflate" });
      response.write(packed);
    });
    const client = new ChatClient({ baseUrl: server.url, maxConcurrent: 1, timeout: 5 });
    for (let turn = 0; turn < 2; turn++) assert.equal((await client.complete(REQUEST)).message.content, "ok");
    await client.close();
    await server.close();
  });

  it("is returned at once, but keeps its slot", async () => {
    let open = 0;
    let most = 0;
    const server = await startServer(async (_, response) => {
      open++;
      response.on("close", () => open--);
      // Gives the server time to notice that the client closed the connection before.
      await sleep(50);
      most = Math.max(most, open);
      return sse(response, replyChunks(["ok"]), { end: false });
    });
    const client = new ChatClient({ baseUrl: server.url, maxConcurrent: 1 });
    const texts = await Promise.all([1, 2, 3].map(async () => (await client.complete(REQUEST)).message.content));
    assert.deepEqual(texts, ["ok", "ok", "ok"]);
    assert.equal(most, 1);
    await client.close();
    await server.close();
  });
});
