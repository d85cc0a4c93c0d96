import assert from "node:assert/strict";
import { pipeline } from "node:stream/promises";
import { ChatClient, ChatError, type ClientOptions } from "../../src/client";
import {
  chunk,
  type Handler,
  inTurn,
  json,
  type Response,
  reply,
  replyChunks,
  sse,
  startRawServer,
  startServer,
} from "../support/server";

const REQUEST = { model: "test/model", messages: [{ role: "user", content: "Hi" }], stream: true };

/** Asks a question that `handler` answers, and returns the outcome and the number of requests. */
async function askServer(handler: Handler, options: ClientOptions = {}) {
  const server = await startServer(handler);
  const client = new ChatClient({ baseUrl: server.url, timeout: 2, ...options });
  const waits: number[] = [];
  try {
    const completion = await client.complete(REQUEST, { listener: { onRetry: (_, __, wait) => waits.push(wait) } });
    return { completion, error: undefined, requests: server.requests, waits };
  } catch (error) {
    assert.ok(error instanceof ChatError, String(error));
    return { completion: undefined, error, requests: server.requests, waits };
  } finally {
    await client.close();
    await server.close();
  }
}

const status =
  (code: number, headers = {}): Handler =>
  (_, response) =>
    json(response, code, { error: { message: `status ${code}` } }, { "retry-after": "0", ...headers });

/** Writes until the client closes the connection. */
async function writeForEver(response: Response, text: string): Promise<void> {
  const endless = (function* () {
    for (;;) yield text;
  })();
  await pipeline(endless, response).catch(() => {});
}

describe("a temporary error", () => {
  for (const code of [408, 409, 425, 429, 500, 502, 503, 504, 520, 529]) {
    it(`is asked for again: ${code}`, async () => {
      const { completion, requests } = await askServer(inTurn(status(code), status(code), reply("Hello")));
      assert.equal(completion?.message.content, "Hello");
      assert.equal(completion?.attempts, 3);
      assert.equal(requests.length, 3);
    });
  }

  it("is retried no more often than the retries allow", async () => {
    const { error, requests } = await askServer(status(503), { retries: 3 });
    assert.equal(requests.length, 4);
    assert.equal(error?.code, "provider_unavailable");
    assert.equal(error?.cause.attempts, 4);
    assert.equal(error?.cause.retryable, true);
  });

  it("ends at once with retries 0", async () => {
    const { requests } = await askServer(status(500), { retries: 0 });
    assert.equal(requests.length, 1);
  });

  it("waits as long as the server asks, but at least a tenth of a second", async () => {
    const { waits } = await askServer(inTurn(status(429, { "retry-after-ms": "230" }), status(503), reply("Hello")));
    assert.deepEqual(waits, [0.23, 0.1]);
  });

  it("is not waited for longer than a minute; the error says when", async () => {
    const { error, requests } = await askServer(status(429, { "retry-after": "61" }));
    assert.equal(requests.length, 1);
    assert.equal(error?.code, "rate_limit");
    assert.equal(error?.cause.retry_after, 61);
    assert.match(String(error), /61 s/);
  });

  it("is retried with a backoff if the server asks for no wait", async () => {
    const { waits } = await askServer(
      inTurn((_, response) => json(response, 500, {}), reply("Hello")),
      { retries: 1 },
    );
    assert.equal(waits.length, 1);
    assert.ok((waits[0] ?? 0) >= 0.375 && (waits[0] ?? 1) <= 0.5, String(waits));
  });

  it("is retried as x-should-retry says", async () => {
    const no = await askServer(status(500, { "x-should-retry": "false" }));
    assert.equal(no.requests.length, 1);
    const yes = await askServer(inTurn(status(400, { "x-should-retry": "true" }), reply("Hello")));
    assert.equal(yes.completion?.message.content, "Hello");
  });

  it("is judged in a stream by the status that it names", async () => {
    const overloaded: Handler = (_, response) => sse(response, [{ error: { message: "busy", http_status_code: 503 } }]);
    const { completion } = await askServer(inTurn(overloaded, reply("Hello")));
    assert.equal(completion?.message.content, "Hello");
  });
});

describe("a permanent error", () => {
  for (const code of [400, 401, 402, 403, 404, 410, 413, 422, 501]) {
    it(`is not asked for again: ${code}`, async () => {
      const { error, requests } = await askServer(status(code));
      assert.equal(requests.length, 1);
      assert.equal(error?.cause.retryable, false);
    });
  }

  it("is an exhausted quota, whatever its status", async () => {
    const { error, requests } = await askServer((_, response) =>
      json(response, 429, { error: { message: "You exceeded your current quota", code: "insufficient_quota" } }),
    );
    assert.equal(requests.length, 1);
    assert.equal(error?.code, "budget_exhausted");
  });
});

describe("a reply that has begun", () => {
  for (const [what, event] of Object.entries({
    text: chunk("Hel"),
    reasoning: chunk(undefined, { delta: { reasoning: "Hm" } }),
    "a call": chunk(undefined, {
      delta: { tool_calls: [{ index: 0, id: "a", function: { name: "f", arguments: "" } }] },
    }),
  })) {
    it(`is not asked for again after ${what}`, async () => {
      const { error, requests } = await askServer(async (_, response) => {
        await sse(response, [event], { done: false, end: false });
        // Gives the delta time to leave: a destroyed socket sends nothing more.
        setTimeout(() => response.destroy(), 50);
      });
      assert.equal(requests.length, 1);
      assert.equal(error?.code, "provider_unavailable");
    });
  }

  it("keeps what has arrived when it breaks off", async () => {
    const { error } = await askServer((_, response) => sse(response, [chunk("Hel"), chunk("lo")], { done: false }));
    assert.equal(error?.code, "provider_unavailable");
    assert.equal(error?.completion?.message.content, "Hello");
  });

  it("may end without [DONE] if it has a finish reason", async () => {
    const { completion } = await askServer((_, response) => sse(response, replyChunks(["Hello"]), { done: false }));
    assert.equal(completion?.finish_reason, "stop");
  });

  it("ignores retry-after on a 200", async () => {
    const { completion, requests } = await askServer((_, response) =>
      sse(response, replyChunks(["Hello"]), { headers: { "retry-after": "30" } }),
    );
    assert.equal(completion?.message.content, "Hello");
    assert.equal(requests.length, 1);
  });
});

describe("a connection that fails", () => {
  it("is tried again", async () => {
    const server = await startServer(inTurn((_, response) => response.destroy(), reply("Hello")));
    const client = new ChatClient({ baseUrl: server.url });
    const completion = await client.complete(REQUEST);
    assert.equal(completion.message.content, "Hello");
    assert.equal(completion.attempts, 2);
    await client.close();
    await server.close();
  });

  it("is reported with the system's code", async () => {
    const server = await startServer();
    await server.close();
    const client = new ChatClient({ baseUrl: server.url, retries: 0 });
    await assert.rejects(client.complete(REQUEST), (error: ChatError) => {
      assert.equal(error.code, "provider_unavailable");
      assert.equal(error.cause.code, "ECONNREFUSED");
      assert.match(error.message, /127\.0\.0\.1/);
      return true;
    });
    await client.close();
  });

  it("is reported for a host that does not exist", async () => {
    const client = new ChatClient({ baseUrl: "http://no-such-host.invalid", retries: 0 });
    await assert.rejects(client.complete(REQUEST), (error: ChatError) => {
      assert.equal(error.code, "provider_unavailable");
      assert.match(error.message, /no-such-host\.invalid/);
      return true;
    });
    await client.close();
  });
});

describe("silence", () => {
  const cases: Record<string, (response: Response) => void> = {
    "before the headers": () => {},
    "after the headers": (response) => {
      response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
    },
    "between the pieces": (response) => {
      sse(response, [chunk("Hel")], { done: false, end: false });
    },
    "with nothing but keep-alives": (response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      const timer = setInterval(() => response.write(":\n\n"), 50);
      response.on("close", () => clearInterval(timer));
    },
  };
  for (const [when, answer] of Object.entries(cases)) {
    it(`${when} ends the question`, async () => {
      const { error, requests } = await askServer((_, response) => answer(response), { timeout: 0.3 });
      assert.equal(error?.code, "timeout");
      assert.match(String(error), /0\.3 s/);
      assert.equal(requests.length, 1);
      await requests[0]?.closed;
    });
  }

  it("does not limit a long reply that keeps arriving", async () => {
    const { completion } = await askServer(
      (_, response) => sse(response, replyChunks(["a", "b", "c", "d", "e", "f"]), { delayMs: 120 }),
      { timeout: 0.4 },
    );
    assert.equal(completion?.message.content, "abcdef");
  });

  it("is allowed for longer while an endpoint wakes up, and its 503 use up no retries", async () => {
    const busy = status(503);
    const slow: Handler = (request, response, index) => setTimeout(() => reply("Hello")(request, response, index), 500);
    const { completion, requests } = await askServer(inTurn(busy, busy, busy, busy, slow), {
      timeout: 0.2,
      wakeUp: 5,
      retries: 0,
    });
    assert.equal(completion?.message.content, "Hello");
    assert.equal(requests[0]?.headers["x-scale-up-timeout"], "5");
  });
});

describe("an endpoint that wakes up", () => {
  const scaling: Handler = (_, response) => json(response, 503, { error: "loading" }, { "retry-after": "0" });

  it("is asked at most once a second, whatever it says", async () => {
    const { waits } = await askServer(inTurn(scaling, status(502), reply("Hello")), { wakeUp: 60, retries: 0 });
    assert.deepEqual(waits, [1, 1]);
  });

  it("is asked as long as it may take, although there is a fallback model", async () => {
    const server = await startServer(inTurn(scaling, reply("Hello")));
    const client = new ChatClient({ baseUrl: server.url, wakeUp: 60, retries: 0 });
    const completion = await client.complete(REQUEST, { hasFallback: true });
    assert.equal(completion.message.content, "Hello");
    await client.close();
    await server.close();
  });

  it("leaves the question to a fallback model if the time is over or the error is another one", async () => {
    for (const [handler, wakeUp] of [
      [scaling, 0],
      [status(404), 60],
    ] as const) {
      const server = await startServer(handler);
      const client = new ChatClient({ baseUrl: server.url, wakeUp });
      await assert.rejects(client.complete(REQUEST, { hasFallback: true }));
      assert.equal(server.requests.length, 1);
      await client.close();
      await server.close();
    }
  });
});

describe("invalid responses", () => {
  const bodies: Record<string, Handler> = {
    "an HTML page": (_, response) =>
      response.writeHead(200, { "content-type": "text/html" }).end("<html><title>Hi</title></html>"),
    "an empty body": (_, response) => response.writeHead(200, { "content-type": "application/json" }).end(),
    "text that is not JSON": (_, response) =>
      response.writeHead(200, { "content-type": "application/json" }).end("nonsense"),
    "JSON without choices": (_, response) => json(response, 200, { hello: "world" }),
    "a stream of garbage": (_, response) => sse(response, ["data: {nonsense\n\n"]),
    "a stream without choices": (_, response) => sse(response, [{ hello: "world" }]),
  };
  for (const [what, handler] of Object.entries(bodies)) {
    it(`${what} is provider_unavailable and not asked for again`, async () => {
      const { error, requests } = await askServer(handler);
      assert.equal(error?.code, "provider_unavailable");
      assert.equal(requests.length, 1);
    });
  }

  it("an HTML error page is reported with its title", async () => {
    const { error } = await askServer(
      (_, response) =>
        response
          .writeHead(502, { "content-type": "text/html" })
          .end("<html><title>502 Bad Gateway</title><p>x</p></html>"),
      { retries: 0 },
    );
    assert.match(String(error), /502 Bad Gateway/);
    assert.doesNotMatch(String(error), /</);
  });

  it("a redirect is not followed", async () => {
    const { error, requests } = await askServer((_, response) =>
      response.writeHead(307, { location: "http://127.0.0.1:9/elsewhere" }).end(),
    );
    assert.equal(error?.code, "provider_unavailable");
    assert.match(String(error), /elsewhere/);
    assert.equal(requests.length, 1);
  });

  it("an endless reply is ended by the limit on its size", async () => {
    const { error, requests } = await askServer(
      async (_, response) => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        const event = `data: ${JSON.stringify(chunk("x".repeat(1000)))}\n\n`;
        await writeForEver(response, event);
      },
      { maxReplyLength: 100_000 },
    );
    assert.equal(error?.key, "reply_too_long");
    await requests[0]?.closed;
  });

  it("an endless line is ended by the limit too", async () => {
    const { error } = await askServer(
      async (_, response) => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write("data: ");
        await writeForEver(response, "x".repeat(10_000));
      },
      { maxReplyLength: 100_000 },
    );
    assert.equal(error?.key, "reply_too_long");
  });

  it("JSON is read if a stream was requested, and a stream if JSON was", async () => {
    const plain = await askServer((_, response) =>
      json(response, 200, { choices: [{ message: { content: "Hello" }, finish_reason: "stop" }] }),
    );
    assert.equal(plain.completion?.message.content, "Hello");
    const server = await startServer((_, response) => sse(response, replyChunks(["Hello"])));
    const client = new ChatClient({ baseUrl: server.url });
    assert.equal((await client.complete({ ...REQUEST, stream: false })).message.content, "Hello");
    await client.close();
    await server.close();
  });

  it("interim responses (1xx) and HTTP/1.0 are understood", async () => {
    const body = `data: ${JSON.stringify(chunk("Hello", { finish_reason: "stop" }))}\n\n`;
    const server = await startRawServer((socket) => {
      socket.end(
        `HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\n${body}`,
      );
    });
    const client = new ChatClient({ baseUrl: server.url });
    assert.equal((await client.complete(REQUEST)).message.content, "Hello");
    await client.close();
    await server.close();
  });
});

describe("a reply and its failure", () => {
  it("take no wait from the retry-after of a 200 that breaks off before its first delta", async () => {
    const broken: Handler = async (_, response) => {
      await sse(response, [chunk("", { delta: { role: "assistant" } })], {
        done: false,
        end: false,
        headers: { "retry-after": "50" },
      });
      setTimeout(() => response.destroy(), 50);
    };
    const { completion, waits } = await askServer(inTurn(broken, reply("Hello")));
    assert.equal(completion?.message.content, "Hello");
    assert.ok((waits[0] ?? 9) <= 0.5, String(waits));
  });

  it("allow no retry after text that was held back", async () => {
    const pieces: string[] = [];
    const server = await startServer(
      inTurn((_, response) => sse(response, [chunk("<th"), { error: { message: "busy", code: 503 } }]), reply("Hello")),
    );
    const client = new ChatClient({ baseUrl: server.url });
    const asked = client.complete(REQUEST, { listener: { onText: (piece) => pieces.push(piece) } });
    await assert.rejects(asked, { code: "provider_unavailable" });
    assert.deepEqual(pieces, ["<th"]);
    await client.close();
    await server.close();
  });

  it("time out if only white space arrives, which is not a delta", async () => {
    for (const [type, blank] of [
      ["text/event-stream", "\n"],
      ["application/json", " "],
    ]) {
      const { error } = await askServer(
        (_, response) => {
          response.writeHead(200, { "content-type": type });
          const timer = setInterval(() => response.write(blank), 50);
          response.on("close", () => clearInterval(timer));
        },
        { timeout: 0.3 },
      );
      assert.equal(error?.code, "timeout", type);
    }
  });

  it("leave out a call without a name", async () => {
    const { completion } = await askServer((_, response) =>
      sse(response, [chunk("answer", { delta: { content: "answer", tool_calls: [{}] } }), ...replyChunks([]).slice(1)]),
    );
    assert.deepEqual(completion?.message, { role: "assistant", content: "answer" });
  });

  it("depend on the finish reason alone", async () => {
    const { error } = await askServer((_, response) => sse(response, replyChunks(["Hel"], "error")));
    assert.equal(error?.code, "provider_unavailable");
    assert.equal(error?.completion?.message.content, "Hel");
  });
});
