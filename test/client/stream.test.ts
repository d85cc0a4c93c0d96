import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { ChatClient, type ChatError, type CompletionStream, type Delta } from "../../src/client";
import { assertNothingLeft, openResources } from "../support/leaks";
import { chunk, json, reply, replyChunks, sse, sseEvent, startServer, type TestServer } from "../support/server";

const REQUEST = { model: "test/model", messages: [{ role: "user", content: "Hi" }] };

const isCancelled = (error: ChatError) => {
  assert.equal(error.code, "cancelled");
  return true;
};

async function deltasOf(stream: CompletionStream): Promise<Delta[]> {
  const deltas: Delta[] = [];
  for await (const delta of stream) deltas.push(delta);
  return deltas;
}

describe("a stream of deltas", () => {
  let server: TestServer;
  let client: ChatClient;
  beforeEach(async () => {
    server = await startServer();
    // With one slot, the next question notices one that was not released.
    client = new ChatClient({ baseUrl: server.url, maxConcurrent: 1, timeout: 5 });
  });
  afterEach(async () => {
    await client.close();
    await server.close();
  });

  /** Starts a reply that never ends. */
  const endless = () =>
    server.handle((request, response, index) =>
      index === 0
        ? sse(response, [chunk("a"), chunk("b")], { end: false, done: false })
        : reply("next")(request, response, index),
    );
  const assertFree = async () => {
    assert.equal((await client.complete(REQUEST)).message.content, "next");
  };

  it("has text and reasoning as they arrive, and then the completion with tool calls and usage", async () => {
    const call = { index: 0, id: "c1", type: "function", function: { name: "f", arguments: "{}" } };
    server.handle((_, response) =>
      sse(response, [
        chunk(undefined, { delta: { role: "assistant", reasoning: "Hm." } }),
        chunk("Hel"),
        chunk("lo"),
        chunk(undefined, { delta: { tool_calls: [call] } }),
        chunk(undefined, { finish_reason: "tool_calls", usage: { total_tokens: 7 } }),
      ]),
    );
    const stream = client.stream(REQUEST);
    assert.deepEqual(await deltasOf(stream), [
      { type: "reasoning", text: "Hm." },
      { type: "text", text: "Hel" },
      { type: "text", text: "lo" },
    ]);
    const { message, finish_reason, usage, attempts } = await stream.completion;
    assert.equal(message.content, "Hello");
    assert.deepEqual(message.tool_calls, [{ id: "c1", type: "function", function: { name: "f", arguments: "{}" } }]);
    assert.deepEqual([finish_reason, usage, attempts], ["tool_calls", { total_tokens: 7 }, 1]);
    assert.equal(server.requests[0]?.body.stream, true);
    assert.equal("stream" in REQUEST, false, "the request given is left as it is");
  });

  it("passes a delta on before the next one has arrived", async () => {
    let goOn = () => {};
    server.handle(async (_, response) => {
      await sse(response, [chunk("a")], { end: false, done: false });
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
      for (const next of replyChunks(["b"])) response.write(sseEvent(next));
      response.end("data: [DONE]\n\n");
    });
    const texts: string[] = [];
    for await (const { text } of client.stream(REQUEST)) {
      texts.push(text);
      goOn();
    }
    assert.deepEqual(texts, ["a", "b"]);
  });

  it("keeps deltas for a loop that is slow or starts after the end", async () => {
    const texts = Array.from({ length: 500 }, (_, index) => `${index} `);
    server.handle(reply(...texts));
    const stream = client.stream(REQUEST);
    assert.equal((await stream.completion).message.content, texts.join(""));
    assert.equal((await deltasOf(stream)).map(({ text }) => text).join(""), texts.join(""));
    assert.deepEqual(await deltasOf(stream), [], "each is handed out once");
  });

  it("gives each delta to only one of several readers", async () => {
    server.handle(reply("a", "b", "c"));
    const stream = client.stream(REQUEST);
    const all = await Promise.all([deltasOf(stream), deltasOf(stream)]);
    assert.deepEqual(
      all
        .flat()
        .map(({ text }) => text)
        .sort(),
      ["a", "b", "c"],
    );
  });

  for (const [what, leave] of [
    ["a break", undefined],
    ["an error of the loop's own", new Error("enough")],
  ] as const) {
    it(`ends the request when the loop is left by ${what}`, async () => {
      endless();
      const stream = client.stream(REQUEST);
      const loop = async () => {
        for await (const { text } of stream) {
          assert.equal(text, "a");
          if (leave) throw leave;
          break;
        }
      };
      if (leave) await assert.rejects(loop(), leave);
      else await loop();
      await assertFree();
      await assert.rejects(stream.completion, (error: ChatError) => {
        assert.equal(error.completion?.message.content, "ab");
        return isCancelled(error);
      });
      assert.deepEqual(await deltasOf(stream), []);
    });
  }

  it("ends the request when another reader than a loop is stopped while it waits", async () => {
    endless();
    const readable = Readable.from(client.stream(REQUEST));
    readable.resume();
    await server.waitFor(1);
    await sleep(50);
    readable.destroy();
    await assertFree();
  });

  it("is ended by an abort while it runs, waits for a slot or has not begun", async () => {
    endless();
    const running = new AbortController();
    const waiting = new AbortController();
    const first = client.stream(REQUEST, { signal: running.signal });
    await server.waitFor(1);
    const second = client.stream(REQUEST, { signal: waiting.signal });
    const third = client.stream(REQUEST, { signal: AbortSignal.abort() });
    await assert.rejects(deltasOf(third), isCancelled);
    setTimeout(() => waiting.abort(), 20);
    await assert.rejects(deltasOf(second), isCancelled);
    setTimeout(() => running.abort(), 20);
    const texts: string[] = [];
    await assert.rejects(async () => {
      for await (const { text } of first) texts.push(text);
    }, isCancelled);
    assert.deepEqual(texts, ["a", "b"]);
    await assertFree();
    for (const { signal } of [running, waiting]) assert.equal(getEventListeners(signal, "abort").length, 0);
  });

  it("throws an error once, after the deltas that arrived before it", async () => {
    server.handle(async (_, response) => {
      await sse(response, [chunk("a")], { end: false, done: false });
      await sleep(20);
      response.destroy();
    });
    const stream = client.stream(REQUEST);
    const texts: string[] = [];
    let thrown: unknown;
    try {
      for await (const { text } of stream) texts.push(text);
    } catch (error) {
      thrown = error;
    }
    assert.deepEqual(texts, ["a"]);
    assert.equal((thrown as ChatError).code, "provider_unavailable");
    await assert.rejects(stream.completion, (error) => error === thrown);
    assert.deepEqual(await deltasOf(stream), []);
  });

  it("throws no error any more after a loop that was left early", async () => {
    server.handle(async (_, response) => {
      await sse(response, [chunk("a"), chunk("b")], { end: false, done: false });
      await sleep(20);
      response.destroy();
    });
    const stream = client.stream(REQUEST);
    await assert.rejects(stream.completion, { code: "provider_unavailable" });
    for await (const { text } of stream) {
      assert.equal(text, "a");
      break;
    }
    assert.deepEqual(await deltasOf(stream), []);
  });

  it("is retried as a completion is", async () => {
    server.handle((request, response, index) =>
      index === 0 ? json(response, 500, {}, { "retry-after-ms": "10" }) : reply("a")(request, response, index),
    );
    const stream = client.stream(REQUEST);
    assert.deepEqual(await deltasOf(stream), [{ type: "text", text: "a" }]);
    assert.equal((await stream.completion).attempts, 2);
  });

  it("leaves no unhandled rejection and nothing open if nobody awaits it", async () => {
    const before = await openResources();
    const unhandled: unknown[] = [];
    const onUnhandled = (error: unknown) => unhandled.push(error);
    // mocha's own listener would fail another test.
    const listeners = process.rawListeners("unhandledRejection") as ((error: unknown) => void)[];
    process.removeAllListeners("unhandledRejection").on("unhandledRejection", onUnhandled);
    try {
      server.handle((_, response) => json(response, 401, {}));
      client.stream(REQUEST);
      client.stream({ ...REQUEST, seed: 1n });
      await assert.rejects(deltasOf(client.stream(REQUEST)), ({ code }: ChatError) => code === "auth_error");
      await client.close();
      client.stream(REQUEST);
      await sleep(20);
    } finally {
      process.removeListener("unhandledRejection", onUnhandled);
      for (const listener of listeners) process.on("unhandledRejection", listener);
    }
    assert.deepEqual(unhandled, []);
    await server.close();
    await assertNothingLeft(before);
  });
});
