import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { brotliCompressSync, constants, deflateSync, gzipSync } from "node:zlib";
import { ChatClient, ChatError, type ClientOptions } from "../../src/client";
import { chunk, type Handler, type Response, sseEvent, startServer } from "../support/server";

const REQUEST = { model: "test/model", messages: [{ role: "user", content: "Hi" }], stream: true };
const DONE = "data: [DONE]\n\n";
const PIECE = sseEvent(chunk("Hello"));
const FINISH = sseEvent(chunk(undefined, { finish_reason: "stop" }));

/** Asks a question, and returns in a word how it ended, with its text. */
async function ask(handler: Handler, options: ClientOptions = {}) {
  const server = await startServer(handler);
  const client = new ChatClient({ baseUrl: server.url, timeout: 5, retries: 0, ...options });
  try {
    const leftOut: string[] = [];
    const completion = await client.complete(REQUEST, { listener: { onLeftOut: (field) => leftOut.push(field) } });
    return { end: "ok", completion, text: completion.message.content, leftOut };
  } catch (error) {
    assert.ok(error instanceof ChatError, String(error));
    const text = error.completion?.message.content;
    return { end: error.key as string, completion: error.completion, text, leftOut: [] };
  } finally {
    await client.close();
    await server.close();
  }
}

/** Makes a handler that answers with these writes, one after the other. */
function writes(parts: (string | Buffer)[], headers = {}): Handler {
  return async (_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream", ...headers });
    for (const part of parts) {
      response.write(part);
      await sleep(5);
    }
    response.end();
  };
}

describe("a reply with something unreadable in it or after it", () => {
  const pack = {
    gzip: (text: string) => gzipSync(text, { finishFlush: constants.Z_SYNC_FLUSH }),
    deflate: (text: string) => deflateSync(text, { finishFlush: constants.Z_SYNC_FLUSH }),
  };
  const garbage = Buffer.alloc(36, 0xff);
  const stages: [stage: string, text: string, packed: string, plain: string, kept: string][] = [
    ["nothing has come", "", "reply_senseless", "reply_senseless", ""],
    ["a piece has come", PIECE, "reply_damaged", "reply_incomplete", "Hello"],
    ["a finish reason has come", PIECE + FINISH, "ok", "ok", "Hello"],
    ["the end mark has come", PIECE + FINISH + DONE, "ok", "ok", "Hello"],
    ["the end mark has come without a finish reason", PIECE + DONE, "ok", "ok", "Hello"],
  ];
  for (const [stage, text, packedEnd, plainEnd, kept] of stages) {
    for (const [encoding, packer] of Object.entries(pack)) {
      const packed = packer(text);
      for (const [how, parts] of Object.entries({
        "one write": [Buffer.concat([packed, garbage])],
        "two writes": [packed, garbage],
      })) {
        it(`is ${packedEnd} if ${stage}: ${encoding}, ${how}`, async () => {
          const asked = await ask(writes(parts, { "content-encoding": encoding }));
          assert.equal(asked.end, packedEnd);
          assert.equal(asked.text ?? "", kept);
        });
      }
    }
    it(`is ${plainEnd} if ${stage}: plain`, async () => {
      const asked = await ask(writes([text, garbage], text ? {} : { "content-type": "application/json" }));
      assert.equal(asked.end, plainEnd);
      assert.equal(asked.text ?? "", kept);
    });
  }

  for (const [what, encode] of Object.entries({
    plain: (text: string) => Buffer.from(text),
    gzip: (text: string) => gzipSync(text),
    br: (text: string) => brotliCompressSync(text),
  })) {
    const headers = what === "plain" ? {} : { "content-encoding": what };
    it(`keeps what follows an invalid event after the finish reason: ${what}`, async () => {
      const usage = sseEvent({ choices: [], usage: { total_tokens: 7 } });
      const { completion, end } = await ask(
        writes([encode(`${PIECE}${FINISH}data: {nonsense\n\n${usage}${DONE}`)], headers),
      );
      assert.equal(end, "ok");
      assert.deepEqual(completion?.usage, { total_tokens: 7 });
    });

    it(`is damaged if the invalid event is in the middle: ${what}`, async () => {
      const { end, text } = await ask(writes([encode(`${PIECE}data: {nonsense\n\n${PIECE}${FINISH}${DONE}`)], headers));
      assert.equal(end, "reply_damaged");
      assert.equal(text, "Hello");
    });
  }

  it("is an error if its choice is empty and has no finish reason", async () => {
    const empty = sseEvent(chunk(undefined, { delta: { role: "assistant", content: "" } }));
    assert.equal((await ask(writes([empty, DONE]))).end, "reply_incomplete");
    assert.equal((await ask(writes([empty, FINISH, DONE]))).end, "ok");
  });
});

describe("a server that goes on after the finish reason", () => {
  /** Writes one text repeatedly until the client disconnects. */
  function goOn(response: Response, text: () => string | undefined, everyMs: number): void {
    const timer = setInterval(() => {
      const next = text();
      if (next !== undefined) response.write(next);
    }, everyMs);
    response.on("close", () => clearInterval(timer));
  }

  for (const [what, text] of Object.entries({
    "events that bring nothing": `data: {"choices":[]}\n\n`,
    "the finish reason again": FINISH,
    "a usage again": sseEvent({ choices: [], usage: { total_tokens: 7 } }),
    "keep-alives": ": x\n\n",
  })) {
    it(`does not delay the reply with ${what}`, async () => {
      const { end, text: came } = await ask(
        (_, response) => {
          response.writeHead(200, { "content-type": "text/event-stream" });
          response.write(PIECE + FINISH);
          goOn(response, () => text, 20);
        },
        { timeout: 0.3 },
      );
      assert.equal(end, "ok");
      assert.equal(came, "Hello");
    });
  }

  it("is read while it writes more of the reply", async () => {
    let left = 8;
    const { end, text } = await ask(
      (_, response) => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write(FINISH);
        goOn(response, () => (left-- > 0 ? sseEvent(chunk("a", { finish_reason: "stop" })) : DONE), 100);
      },
      { timeout: 0.4 },
    );
    assert.equal(end, "ok");
    assert.equal(text, "aaaaaaaa");
  });

  it("may write more than is allowed: the reply is complete", async () => {
    const { end, text } = await ask(
      (_, response) => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write(`${PIECE}${FINISH}data: ${"x".repeat(200_000)}`);
      },
      { maxReplyLength: 100_000 },
    );
    assert.equal(end, "ok");
    assert.equal(text, "Hello");
  });
});

describe("a busy process of ours", () => {
  function block(ms: number): void {
    const until = performance.now() + ms;
    while (performance.now() < until);
  }

  for (const encoding of ["identity", "gzip"]) {
    it(`does not mistake a server for silent that has answered meanwhile: ${encoding}`, async () => {
      const rest = Array(20).fill(PIECE).join("") + FINISH + DONE;
      const encode = (text: string) =>
        encoding === "gzip" ? gzipSync(text, { finishFlush: constants.Z_SYNC_FLUSH }) : Buffer.from(text);
      const { end, text } = await ask(
        async (_, response) => {
          const headers = encoding === "gzip" ? { "content-encoding": "gzip" } : {};
          response.writeHead(200, { "content-type": "text/event-stream", ...headers });
          if (encoding === "identity") response.write(PIECE);
          else response.flushHeaders();
          await sleep(60);
          response.end(encode(rest));
          // The bytes are sent, but are not read before the idle timeout is due.
          block(400);
        },
        { timeout: 0.2 },
      );
      assert.equal(end, "ok");
      assert.equal(text?.length, encoding === "gzip" ? 100 : 105);
    });
  }

  it("restarts the idle timeout, which the server had no chance to use", async () => {
    const handler: Handler = async (_, response) => {
      await sleep(100);
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end(PIECE + FINISH + DONE);
    };
    const asked = ask(handler, { timeout: 0.3 });
    setImmediate(() => block(600));
    assert.equal((await asked).end, "ok");
  });

  it("does not keep a question waiting forever", async () => {
    const asked = ask(() => {}, { timeout: 0.2 });
    setImmediate(() => block(500));
    assert.equal((await asked).end, "silent_at_home");
  });
});

describe("a deeply nested value in a reply", () => {
  const DEEP = "[".repeat(200_000) + "]".repeat(200_000);
  const call = `{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":{"a":${DEEP}}}}]}`;
  const events = `data: {"choices":[{"index":0,"delta":${call}}]}\n\n${FINISH}${DONE}`;
  const bodies: Record<string, Handler> = {
    "a stream": writes([events]),
    "a packed stream": writes([gzipSync(events)], { "content-encoding": "gzip" }),
    "a stream behind 70 KB": writes([": x\n".repeat(20_000) + events]),
    "a document": writes([`{"choices":[{"message":${call},"finish_reason":"tool_calls"}]}`], {
      "content-type": "application/json",
    }),
  };
  for (const [what, handler] of Object.entries(bodies)) {
    it(`is kept as the arguments of a call, which are text: ${what}`, async () => {
      const { completion, end } = await ask(handler);
      assert.equal(end, "ok");
      assert.equal(completion?.message.tool_calls?.[0]?.function.arguments, `{"a":${DEEP}}`);
    });
  }

  it("is left out elsewhere, which is reported", async () => {
    const { completion, end, leftOut } = await ask(
      writes([`data: {"choices":[{"delta":{"content":"Hi"}}],"usage":{"a":${DEEP}},"b":${DEEP}}\n\n${FINISH}${DONE}`]),
    );
    assert.equal(end, "ok");
    assert.deepEqual(leftOut, ["usage", "b"]);
    assert.equal(completion?.usage, undefined);
    assert.equal(completion?.message.content, "Hi");
  });
});

describe("a reply with little text and much else", () => {
  const BIG = "x".repeat(50_000);
  const kinds: Record<string, (index: number) => object> = {
    "log probabilities": (index) => ({
      choices: [{ delta: { content: "a" }, logprobs: { content: [{ token: BIG + index }] } }],
    }),
    "new fields": (index) => ({ [`k${index}`]: BIG, choices: [{ delta: { content: "a" } }] }),
    "ids of calls": (index) => ({
      choices: [{ delta: { tool_calls: [{ index, id: BIG + index, function: { name: "f", arguments: "{}" } }] } }],
    }),
    "details of reasoning": () => ({ choices: [{ delta: { reasoning_details: [{ data: BIG }] } }] }),
  };
  for (const [what, make] of Object.entries(kinds)) {
    it(`is too long: ${what}`, async () => {
      const events = Array.from({ length: 10 }, (_, index) => sseEvent(make(index))).join("");
      const { end } = await ask(writes([events + FINISH + DONE]), { maxReplyLength: 300_000 });
      assert.equal(end, "reply_too_long");
      const fits = await ask(writes([events + FINISH + DONE]), { maxReplyLength: 700_000 });
      assert.equal(fits.end, "ok");
    });
  }
});
