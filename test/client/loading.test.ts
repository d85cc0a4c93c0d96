import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { type SinonFakeTimers, useFakeTimers } from "sinon";
import { ChatClient, type ChatError, type ClientOptions } from "../../src/client";
import { chunk, type Handler, type Response, replyChunks, sse, sseEvent, startServer } from "../support/server";

const REQUEST = { model: "m", messages: [{ role: "user", content: "Hi" }], stream: true };
const HEAD = { "content-type": "text/event-stream" };
/** In seconds. */
const LONGEST = 1000;

/** What a server sends, by the second after the request. */
type Script = Record<number, (response: Response) => unknown>;

const head = (response: Response) => response.writeHead(200, HEAD).flushHeaders();
const event = (data: unknown) => (response: Response) => response.write(sseEvent(data));
const progress = (processed: number) =>
  event({
    ...chunk(),
    prompt_progress: { total: 100, cache: 0, processed, time_ms: 1 },
  });
const end = (response: Response) => sse(response, replyChunks(["Hello"]));
const rest = (response: Response) => {
  response.end(`${replyChunks(["Hello"]).map(sseEvent).join("")}data: [DONE]\n\n`);
};

describe("a server at home that is silent", () => {
  let clock: SinonFakeTimers;
  beforeEach(() => {
    clock = useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  });
  afterEach(() => clock.restore());

  /** Asks a server that begins anew with each request. The seconds pass as fast as they can. */
  async function ask(script: Script, options: ClientOptions = {}) {
    const begin: Handler = (request, response) => {
      for (const [second, act] of Object.entries(script)) {
        setTimeout(() => request.open && act(response), Number(second) * 1000);
      }
    };
    const server = await startServer(begin);
    const client = new ChatClient({ baseUrl: server.url, ...options });
    const seen: { text?: string | null; error?: ChatError } = {};
    const asked = client.complete(REQUEST).then(
      ({ message }) => {
        seen.text = message.content;
      },
      (error) => {
        seen.error = error;
      },
    );
    const isSettled = () => "text" in seen || "error" in seen;
    let seconds = 0;
    try {
      while (server.requests.length === 0) await turn();
      for (; !isSettled() && seconds < LONGEST; seconds++) {
        // What was sent has to arrive.
        for (let turns = 0; turns < 10; turns++) await turn();
        if (!isSettled()) clock.tick(1000);
      }
      await asked;
      return { ...seen, seconds, requests: server.requests.length };
    } finally {
      await client.close();
      await server.close();
    }
  }

  it("loads its model for 60 s and answers the first question, with one request", async () => {
    const { text, requests, seconds } = await ask({ 60: end });
    assert.deepEqual({ text, requests }, { text: "Hello", requests: 1 });
    assert.ok(seconds >= 60 && seconds < 65, String(seconds));
  });

  it("may send the headers before it loads", async () => {
    assert.equal((await ask({ 1: head, 200: rest })).text, "Hello");
  });

  it("is given up after 300 s, with one request and an error that names the field", async () => {
    for (const script of [{}, { 1: head }]) {
      const { error, requests, seconds } = await ask(script);
      assert.equal(error?.code, "timeout");
      assert.match(error?.message ?? "", /^No reply within 300 s from 127\.0\.0\.1:\d+\. .*Timeout/);
      assert.equal(requests, 1);
      assert.ok(seconds >= 300 && seconds < 310, String(seconds));
    }
  });

  it("is given up after 30 s once a piece has come", async () => {
    for (const content of ["Hel", undefined]) {
      const { error, seconds } = await ask({ 1: head, 50: event(chunk(content)), 90: rest });
      assert.equal(error?.code, "timeout", String(content));
      assert.match(error?.message ?? "", /30 s.*Timeout/);
      assert.ok(seconds >= 80 && seconds < 90, String(seconds));
    }
  });

  it("is not saved by keep-alives", async () => {
    const pings = Object.fromEntries(
      Array.from({ length: 39 }, (_, count) => [count * 10 + 5, (response: Response) => response.write(":\n\n")]),
    );
    const { error, seconds } = await ask({ 1: head, ...pings });
    assert.equal(error?.code, "timeout");
    assert.ok(seconds >= 300 && seconds < 310, String(seconds));
  });

  it("gets its time anew with each word on how much of the prompt it has read", async () => {
    const reading = { 1: head, 2: progress(0), 250: progress(40), 500: progress(80), 700: progress(100) };
    assert.equal((await ask({ ...reading, 900: rest })).text, "Hello");
    const { error, seconds } = await ask({ ...reading, 1010: rest });
    assert.equal(error?.code, "timeout", String(seconds));
  });

  it("is given as long as the user has set, and no longer", async () => {
    const short = await ask({ 60: end }, { timeout: 20, retries: 0 });
    assert.equal(short.error?.code, "timeout");
    assert.ok(short.seconds >= 20 && short.seconds < 25, String(short.seconds));
    assert.equal((await ask({ 400: end }, { timeout: 500 })).text, "Hello");
    assert.equal((await ask({ 900: end }, { timeout: 0 })).text, "Hello");
  });
});
