import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { constants, gzipSync } from "node:zlib";
import { ChatClient, ChatError } from "../../src/client";
import { chunked, STREAM_HEAD } from "../support/raw";
import { chunk, sseEvent, startRawServer, startServer } from "../support/server";

const REQUEST = { model: "test/model", messages: [{ role: "user", content: "Hi" }], stream: true };
const COUNT = 1500;
const TEXTS = Array.from({ length: COUNT }, (_, index) => `${index} `);
const TEXT = TEXTS.join("");
const EVENTS = TEXTS.map((text) => sseEvent(chunk(text, { id: "x".repeat(100) })));
const END = `${sseEvent(chunk(undefined, { finish_reason: "stop" }))}data: [DONE]\n\n`;
const HEAD = `${STREAM_HEAD}transfer-encoding: chunked\r\n`;

/** A reply of some hundred KB that arrives at once, as a server or proxy sends it that has collected it. */
const WHOLE = `${HEAD}\r\n${[...EVENTS, END].map(chunked).join("")}0\r\n\r\n`;

/**
 * Asks a question; the server answers with `bytes` in one write.
 *
 * @param onText - called for every delta
 * @param isClosed - the server closes the connection afterwards
 */
async function ask(
  bytes: string | Buffer,
  onText: (piece: string, abort: AbortController) => void = () => {},
  isClosed = false,
) {
  const server = await startRawServer((socket) => (isClosed ? socket.end(bytes) : socket.write(bytes)));
  const client = new ChatClient({ baseUrl: server.url, retries: 0, timeout: 5 });
  const abort = new AbortController();
  try {
    const listener = { onText: (piece: string) => onText(piece, abort) };
    return { completion: await client.complete(REQUEST, { signal: abort.signal, listener }), error: undefined };
  } catch (error) {
    assert.ok(error instanceof ChatError, String(error));
    return { completion: undefined, error };
  } finally {
    await client.close();
    await server.close();
  }
}

describe("a long reply that arrives at once", () => {
  it("is passed on in turns, so that other work runs in between", async () => {
    let inTurn = 0;
    let most = 0;
    let count = 0;
    const { completion } = await ask(WHOLE, () => {
      if (inTurn++ === 0) {
        setImmediate(() => {
          inTurn = 0;
        });
      }
      count++;
      most = Math.max(most, inTurn);
    });
    assert.equal(completion?.message.content, TEXT);
    assert.equal(count, COUNT);
    assert.ok(most < COUNT / 4, `${most} of ${COUNT} in one turn`);
  });

  it("is complete when it is compressed, too", async () => {
    const packed = gzipSync([...EVENTS, END].join(""));
    const head = `${STREAM_HEAD}content-encoding: gzip\r\ncontent-length: ${packed.length}\r\n\r\n`;
    const { completion } = await ask(Buffer.concat([Buffer.from(head), packed]));
    assert.equal(completion?.message.content, TEXT);
  });

  it("is kept as far as it arrived when it breaks off", async () => {
    const { error } = await ask(`${HEAD}\r\n${EVENTS.map(chunked).join("")}`, undefined, true);
    assert.equal(error?.code, "provider_unavailable");
    assert.equal(error?.completion?.message.content, TEXT);
  });

  it("is kept as far as it can be decompressed", async () => {
    const begin = gzipSync(EVENTS.join(""), { finishFlush: constants.Z_SYNC_FLUSH });
    const packed = Buffer.concat([begin, Buffer.alloc(100, 0xff)]);
    const head = `${STREAM_HEAD}content-encoding: gzip\r\ncontent-length: ${packed.length}\r\n\r\n`;
    const { error } = await ask(Buffer.concat([Buffer.from(head), packed]));
    assert.equal(error?.key, "reply_damaged");
    assert.equal(error?.completion?.message.content, TEXT);
  });

  it("is kept as far as it arrived when it breaks off compressed", async () => {
    const packed = gzipSync(EVENTS.join(""), { finishFlush: constants.Z_SYNC_FLUSH });
    const head = `${STREAM_HEAD}content-encoding: gzip\r\ncontent-length: ${packed.length + 1}\r\n\r\n`;
    const { error } = await ask(Buffer.concat([Buffer.from(head), packed]), undefined, true);
    assert.equal(error?.code, "provider_unavailable");
    assert.equal(error?.completion?.message.content, TEXT);
  });

  it("ends when it is aborted: nothing that waits is passed on", async () => {
    let count = 0;
    const { error } = await ask(WHOLE, (_, abort) => {
      if (++count === 500) abort.abort();
    });
    assert.equal(error?.code, "cancelled");
    assert.equal(count, 500);
    assert.equal(error?.completion?.message.content, TEXTS.slice(0, 500).join(""));
  });

  it("is invalid because of an invalid event in the middle, not because of its end", async () => {
    const events = [...EVENTS.slice(0, -1), "data: nonsense\n\n", END];
    const { error } = await ask(`${HEAD}\r\n${events.map(chunked).join("")}0\r\n\r\n`);
    assert.equal(error?.key, "reply_damaged");
    assert.match(error?.message ?? "", /nonsense/);
  });

  it("is read after much white space, which servers send to keep a connection alive", async () => {
    const { completion } = await ask(
      `${HEAD}\r\n${["\n".repeat(1500), ...EVENTS, END].map(chunked).join("")}0\r\n\r\n`,
    );
    assert.equal(completion?.message.content, TEXT);
    const together = `${"\n".repeat(1500)}${EVENTS.join("")}${END}`;
    const whole = await ask(`${STREAM_HEAD}content-length: ${together.length}\r\n\r\n${together}`);
    assert.equal(whole.completion?.message.content, TEXT);
  });

  it("frees its connection for the next question", async () => {
    const server = await startServer((_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end([...EVENTS, END].join(""));
    });
    const client = new ChatClient({ baseUrl: server.url });
    for (let turn = 0; turn < 3; turn++) {
      assert.equal((await client.complete(REQUEST)).message.content, TEXT);
      // undici needs a turn of the event loop to notice that a connection is free.
      await sleep(10);
    }
    assert.equal(server.connections, 1);
    await client.close();
    await server.close();
  });
});
