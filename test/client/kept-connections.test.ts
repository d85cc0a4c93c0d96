import assert from "node:assert/strict";
import { once } from "node:events";
import net, { type AddressInfo, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import tls from "node:tls";
import { ChatClient, ChatError, type ClientOptions } from "../../src/client";
import { startProxy } from "../support/proxy";
import { replyEvents, STREAM_HEAD } from "../support/raw";
import { certificate } from "../support/server";

const REQUEST = { model: "test/model", messages: [{ role: "user", content: "Hi" }], stream: true };

/** Answers the request `index` (from 0) of the connection `connection` (from 0). */
type Answer = (socket: Socket, index: number, connection: number) => void;

const REPLY = (() => {
  const body = replyEvents("Hello");
  return `${STREAM_HEAD}content-length: ${body.length}\r\n\r\n${body}`;
})();
const reply = (socket: Socket) => socket.write(REPLY);

const toClose: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of toClose.splice(0)) await close();
});

/** Starts a server that keeps its connections and answers each request by its number on its connection. */
async function startKeeper(answer: Answer, isTls = false) {
  const sockets: Socket[] = [];
  let requests = 0;
  const onConnection = (socket: Socket) => {
    const connection = sockets.push(socket) - 1;
    let index = 0;
    socket.on("error", () => {});
    socket.on("data", (data) => {
      // A request may come in two pieces: head and body.
      if (!data.includes("HTTP/1.1")) return;
      requests++;
      answer(socket, index++, connection);
    });
  };
  const server = isTls
    ? tls.createServer({ cert: certificate.cert, key: certificate.key }, onConnection)
    : net.createServer(onConnection);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  toClose.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return {
    url: `${isTls ? "https" : "http"}://127.0.0.1:${port}`,
    sockets,
    get requests() {
      return requests;
    },
  };
}

/** Waits until a connection can serve again: a turn of the event loop after the end of a reply. */
const free = () => sleep(20);

function startClient(options: ClientOptions): ChatClient {
  const client = new ChatClient({ retries: 0, timeout: 3, tls: { ca: certificate.cert }, ...options });
  toClose.unshift(() => client.close());
  return client;
}

/** Asks questions one after the other, and returns a text or an error for each. */
async function askInTurn(count: number, options: ClientOptions) {
  const client = startClient(options);
  const ends: (string | ChatError)[] = [];
  let retries = 0;
  let attempts = 0;
  for (let i = 0; i < count; i++) {
    await free();
    try {
      const completion = await client.complete(REQUEST, { listener: { onRetry: () => retries++ } });
      attempts += completion.attempts;
      ends.push(completion.message.content ?? "");
    } catch (error) {
      assert.ok(error instanceof ChatError, String(error));
      ends.push(error);
    }
  }
  return { ends, retries, attempts };
}

const ways: [name: string, isTls: boolean, end: (socket: Socket) => void][] = [
  ["ends", false, (socket) => socket.end()],
  ["resets", false, (socket) => socket.resetAndDestroy()],
  ["ends under TLS", true, (socket) => socket.end()],
  ["cuts under TLS", true, (socket) => socket.destroy()],
];

describe("a kept connection", () => {
  it("that is replaced costs a question neither its turn nor its slot, however many wait", async () => {
    const asked: string[] = [];
    let end = () => {};
    const server = await startKeeper((socket, index, connection) => {
      if (connection === 0 && index === 1) end = () => socket.end();
      else reply(socket);
    });
    const client = startClient({ baseUrl: server.url, maxConcurrent: 1, maxQueued: 1 });
    const ask = (name: string, priority: "new" | "admitted" = "new") =>
      client.complete(REQUEST, { priority, listener: { onText: () => asked.push(name) } });
    await ask("first");
    await free();
    const second = ask("second");
    while (server.requests < 2) await sleep(5);
    const release = client.reserve();
    const third = ask("third", "admitted");
    const fourth = ask("fourth", "admitted");
    end();
    await Promise.all([second, third, fourth]);
    release();
    assert.equal(asked.indexOf("second") < asked.indexOf("fourth"), true, asked.join());
  });

  for (const [name, isTls, end] of ways) {
    it(`that the server ${name} at the moment of the request is replaced, and no retry is used up`, async () => {
      const server = await startKeeper((socket, index) => (index === 0 ? reply(socket) : end(socket)), isTls);
      const { ends, retries, attempts } = await askInTurn(3, { baseUrl: server.url });
      assert.deepEqual(ends, ["Hello", "Hello", "Hello"]);
      assert.deepEqual({ retries, attempts }, { retries: 0, attempts: 3 });
      // Each later question closes the connection of the one before.
      assert.equal(server.requests, 5);
    });
  }

  it("is replaced behind a proxy, too", async () => {
    const server = await startKeeper((socket, index) => (index === 0 ? reply(socket) : socket.end()), true);
    const proxy = await startProxy();
    toClose.push(() => proxy.close());
    const { ends } = await askInTurn(3, { baseUrl: server.url, proxy: { url: proxy.url } });
    assert.deepEqual(ends, ["Hello", "Hello", "Hello"]);
    assert.equal(server.requests, 5);
  });

  it("is replaced by a new one, not by another kept one", async () => {
    const waiting: Socket[] = [];
    const server = await startKeeper((socket, index, connection) => {
      if (index > 0) return socket.end();
      if (connection > 3) return reply(socket);
      // The first questions run at the same time, so each has its own connection.
      waiting.push(socket);
      if (waiting.length === 4) for (const each of waiting) reply(each);
    });
    const client = startClient({ baseUrl: server.url });
    const askFour = () => Promise.all(Array.from({ length: 4 }, () => client.complete(REQUEST)));
    await askFour();
    await free();
    const replies = await askFour();
    assert.deepEqual(
      replies.map(({ message }) => message.content),
      Array(4).fill("Hello"),
    );
  });

  it("is replaced once a request: the new one's failure counts", async () => {
    const server = await startKeeper((socket, index, connection) =>
      index === 0 && connection === 0 ? reply(socket) : socket.end(),
    );
    const { ends } = await askInTurn(2, { baseUrl: server.url });
    assert.equal((ends[1] as ChatError).code, "provider_unavailable");
    assert.equal((ends[1] as ChatError).cause.attempts, 1);
    assert.equal(server.requests, 3);
  });

  it("is not replaced after the first byte of a response", async () => {
    const server = await startKeeper((socket, index) => (index === 0 ? reply(socket) : socket.end("HTTP/1.1 2")));
    const { ends } = await askInTurn(2, { baseUrl: server.url });
    assert.ok(ends[1] instanceof ChatError);
    assert.equal(server.requests, 2);
  });

  it("differs from a new one, whose end is a failure", async () => {
    const server = await startKeeper((socket) => socket.end());
    const { ends } = await askInTurn(1, { baseUrl: server.url });
    assert.ok(ends[0] instanceof ChatError);
    assert.equal(server.requests, 1);
  });

  it("that failed is replaced when a list of models is requested", async () => {
    const list = JSON.stringify({ data: [{ id: "one" }] });
    const answer = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${list.length}\r\n\r\n${list}`;
    const server = await startKeeper((socket, index) => (index === 0 ? socket.write(answer) : socket.end()));
    const client = startClient({ baseUrl: server.url });
    for (let i = 0; i < 3; i++) {
      assert.deepEqual(await client.models(), [{ id: "one" }]);
      await free();
    }
    assert.equal(server.requests, 5);
  });

  it("is given up by us before a server does so that says nothing of it and waits for the usual 5 s", async () => {
    const server = await startKeeper(reply);
    const client = startClient({ baseUrl: server.url });
    await client.complete(REQUEST);
    const [socket] = server.sockets;
    assert.ok(socket);
    socket.setTimeout(5000);
    const first = await Promise.race([
      once(socket, "close").then(() => "we"),
      once(socket, "timeout").then(() => "the server"),
    ]);
    assert.equal(first, "we");
  });
});
