import assert from "node:assert/strict";
import { ChatClient, type ClientOptions } from "../../src/client";
import type { PromptProgress } from "../../src/client/types";
import { chunk, type Handler, json, replyChunks, sseEvent, startServer, type TestServer } from "../support/server";

const REQUEST = { model: "m", messages: [{ role: "user", content: "Hi" }], stream: true };
const HEAD = { "content-type": "text/event-stream", server: "llama.cpp" };

const reading = (processed: unknown, total: unknown = 200) =>
  sseEvent({ ...chunk(), prompt_progress: { total, cache: 0, processed, time_ms: 9 } });
const rest = `${replyChunks(["Hel", "lo"]).map(sseEvent).join("")}data: [DONE]\n\n`;

describe("a server that can tell how much of the prompt it has read", () => {
  let server: TestServer;
  let client: ChatClient;

  /** Starts a server that is known from an earlier reply. */
  async function start(handler: Handler, options: ClientOptions = {}) {
    server = await startServer((_, response) => response.writeHead(200, HEAD).end(rest));
    client = new ChatClient({ baseUrl: server.url, retries: 1, ...options });
    await client.complete(REQUEST);
    assert.equal(server.last.body.return_progress, undefined);
    server.handle(handler);
  }
  afterEach(async () => {
    await client.close();
    await server.close();
  });

  async function ask(request: object = REQUEST) {
    const heard: PromptProgress[] = [];
    const completion = await client.complete(
      { ...REQUEST, ...request },
      { listener: { onPromptProgress: (p) => heard.push(p) } },
    );
    return { heard, completion };
  }

  it("is asked to, and what it tells is handed on and leaves no trace in the reply", async () => {
    await start((_, response) => response.writeHead(200, HEAD).end(reading(0) + reading(90) + reading(200) + rest));
    const { heard, completion } = await ask();
    assert.equal(server.last.body.return_progress, true);
    assert.deepEqual(
      heard.map(({ processed, total }) => [processed, total]),
      [0, 90, 200].map((processed) => [processed, 200]),
    );
    assert.equal(completion.message.content, "Hello");
    assert.equal(completion.extra, undefined);
    assert.doesNotMatch(JSON.stringify(completion), /progress/);
  });

  it("also where secrets are looked for", async () => {
    await start((_, response) => response.writeHead(200, HEAD).end(reading(90) + rest), { token: "hf_ofNobodyAtAll" });
    assert.deepEqual((await ask()).heard, [{ processed: 90, total: 200 }]);
  });

  it("may tell nonsense", async () => {
    const events = reading("a") + reading(1, null) + sseEvent({ ...chunk(), prompt_progress: 7 });
    await start((_, response) => response.writeHead(200, HEAD).end(events + rest));
    const { heard, completion } = await ask();
    assert.deepEqual(heard, []);
    assert.equal(completion.message.content, "Hello");
  });

  it("is not asked without a stream, and not where the request says otherwise", async () => {
    await start((_, response) => response.writeHead(200, HEAD).end(rest));
    await ask({ return_progress: false });
    assert.equal(server.last.body.return_progress, false);
    await ask({ stream: false }).catch(() => {});
    assert.equal("return_progress" in server.last.body, false);
  });

  it("is asked again if it breaks off while it reads", async () => {
    await start((_, response, index) => {
      response.writeHead(200, HEAD).write(reading(90));
      if (index === 1) setTimeout(() => response.destroy(), 50);
      else response.end(rest);
    });
    const { completion, heard } = await ask();
    assert.equal(completion.message.content, "Hello");
    assert.equal(completion.attempts, 2);
    assert.equal(heard.length, 2);
  });

  it("and refuses to is asked once more without, and not again, which costs no retry", async () => {
    const handler: Handler = ({ body }, response) => {
      if (body.return_progress) json(response, 400, { error: { message: "Unknown field: return_progress" } });
      else response.writeHead(200, HEAD).end(rest);
    };
    await start(handler, { retries: 0 });
    assert.equal((await ask()).completion.message.content, "Hello");
    assert.equal(server.requests.length, 3);
    await ask();
    assert.equal(server.requests.length, 4);
    assert.equal("return_progress" in server.last.body, false);
  });

  it("is known to all clients of the process, by its list of models too", async () => {
    await start((_, response) => response.writeHead(200, HEAD).end(rest));
    const other = new ChatClient({ baseUrl: server.url });
    try {
      await other.complete(REQUEST);
      assert.equal(server.last.body.return_progress, true);
    } finally {
      await other.close();
    }
  });

  it("is told from all others", async () => {
    server = await startServer((_, response) => response.writeHead(200, { ...HEAD, server: "uvicorn" }).end(rest));
    client = new ChatClient({ baseUrl: server.url });
    for (let count = 0; count < 2; count++) {
      await client.complete(REQUEST);
      assert.equal("return_progress" in server.last.body, false);
    }
  });
});
