import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { useFakeTimers } from "sinon";
import type { ChatError } from "../../src/node-red/errors";
import { McpConnection, type McpOptions } from "../../src/node-red/mcp/mcp-connection";
import type { McpResult } from "../../src/node-red/mcp/types";
import { wasSoon } from "../support/cpu";
import { type McpBehaviour, McpTestServer, send, TEXT_TOOL, textResult } from "../support/mcp-server";
import { type Response, startServer } from "../support/server";

const TOKEN = "hf_secretOfTheServer";
const never = new AbortController().signal;
const readOnly = { ...TEXT_TOOL, annotations: { readOnlyHint: true } };

/** A connection to a server of a test. */
describe("an MCP server's connection", () => {
  let server: McpTestServer;
  let connection: McpConnection;

  const start = async (behaviour: McpBehaviour = {}, options: Partial<McpOptions> = {}) => {
    server = new McpTestServer(await startServer(), behaviour);
    connection = connect(options);
  };
  const connect = (options: Partial<McpOptions> = {}) =>
    new McpConnection({ id: "m", name: "docs", believes: false, timeout: 5, url: new URL(server.url), ...options });
  const echo = (text = "hi", signal = never) => connection.call("echo", { text }, signal);
  afterEach(async () => {
    await connection.close();
    await server.http.close();
  });

  for (const style of ["2025", "2026"] as const) {
    for (const streams of [false, true]) {
      it(`lists tools and calls them, as of ${style}, ${streams ? "in an event stream" : "as JSON"}`, async () => {
        await start({ style, streams }, { token: TOKEN, headers: { "x-team": "blue" } });
        assert.deepEqual(await connection.tools(never), [TEXT_TOOL]);
        assert.deepEqual(await echo("hello"), { content: [{ type: "text", text: "hello" }], isError: false });
        assert.deepEqual(server.calls, [{ name: "echo", args: { text: "hello" } }]);
        for (const { headers } of server.http.requests) {
          assert.equal(headers.authorization, `Bearer ${TOKEN}`);
          assert.equal(headers["x-team"], "blue");
        }
      });
    }

    it(`sends marked parameters as headers, and ${style === "2025" ? "does not know what marks are" : "leaves out tools whose marks are wrong"}`, async () => {
      const tool = (name: string, header: string) => ({
        name,
        inputSchema: { type: "object", properties: { text: { type: "string", "x-mcp-header": header } } },
      });
      await start({ style, list: () => ({ tools: [tool("echo", "Text"), tool("bad", "Two words")] }) });
      const names = (await connection.tools(never)).map(({ name }) => name);
      assert.deepEqual(names, style === "2025" ? ["echo", "bad"] : ["echo"]);
      await echo("hello");
      const { headers } = server.http.requests.at(-1) ?? assert.fail("nothing was asked");
      assert.equal(headers["mcp-param-text"], style === "2025" ? undefined : "hello");
    });

    it(`shares one connection among hundreds of questions, as of ${style}`, async () => {
      await start({ style, listChanged: true }, { timeout: 60 });
      const questions = Array.from({ length: 300 }, async (_, index) => {
        const { signal } = new AbortController();
        await connection.tools(signal);
        return echo(`${index}`, signal);
      });
      const results = await Promise.all(questions);
      assert.deepEqual(
        results.map(textOf),
        results.map((_, index) => `${index}`),
      );
      assert.equal(server.lists, 1);
      assert.equal(server.asked("initialize").length, style === "2025" ? 1 : 0);
      // What tells of changes is one stream.
      assert.equal(server.streams.size, 1);
      assert.ok(server.http.connections <= 40, `${server.http.connections} sockets`);
    });

    it(`has at most 16 calls at a server at once; the time-out of the others begins later, as of ${style}`, async () => {
      let running = 0;
      let most = 0;
      const call: McpBehaviour["call"] = async () => {
        most = Math.max(most, ++running);
        await sleep(400);
        running--;
        return textResult("ok");
      };
      // All of them together take at least 1200 ms.
      await start({ style, call }, { timeout: 1.15 });
      await connection.tools(never);
      const results = await Promise.all(Array.from({ length: 48 }, () => echo("hi", new AbortController().signal)));
      assert.equal(results.filter((result) => textOf(result) === "ok").length, 48);
      assert.equal(most, 16);
    });

    it(`forgets a call that waits for others at an abort, as of ${style}`, async () => {
      await start({ style, call: () => new Promise(() => {}) });
      await connection.tools(never);
      const others = Array.from({ length: 16 }, () => echo("hi", new AbortController().signal).catch(() => {}));
      await until(() => server.calls.length === 16);
      const abort = new AbortController();
      const waiting = assert.rejects(echo("late", abort.signal), { code: "cancelled" });
      abort.abort();
      await waiting;
      await connection.close();
      await Promise.all(others);
      assert.equal(server.calls.length, 16);
    });

    it(`reads the list anew when the server says that it has changed, as of ${style}`, async () => {
      let tools = [TEXT_TOOL];
      await start({ style, listChanged: true, tools: () => tools, list: () => ({ ttlMs: 1_000_000 }) });
      await connection.tools(never);
      await until(() => server.streams.size === 1);
      tools = [TEXT_TOOL, { ...TEXT_TOOL, name: "second" }];
      assert.equal((await connection.tools(never)).length, 1);
      server.notify("notifications/tools/list_changed");
      await until(async () => (await connection.tools(never)).length === 2);
      assert.equal(server.lists, 2);
    });

    it(`ends a call at an abort, and tells the server, as of ${style}`, async () => {
      await start({ style, call: () => new Promise(() => {}) });
      const abort = new AbortController();
      const call = echo("hi", abort.signal);
      await until(() => server.calls.length === 1);
      abort.abort();
      await assert.rejects(call, { code: "cancelled" });
      const request = server.asked("tools/call")[0];
      await request?.closed;
      assert.ok(request?.abortedAt !== undefined);
      if (style === "2025") await until(() => server.cancelled.length === 1);
    });
  }

  it("keeps a list for as long as the server says", async () => {
    await start({ style: "2026", list: () => ({ ttlMs: 0 }) });
    await connection.tools(never);
    await connection.tools(never);
    assert.equal(server.lists, 2);
    server.behaviour.list = () => ({ ttlMs: 60_000 });
    await connection.tools(never);
    await connection.tools(never);
    assert.equal(server.lists, 3);
  });

  it("connects anew where the server has forgotten the session, whatever the call does", async () => {
    await start();
    await echo("one");
    server.restart();
    assert.equal(textOf(await echo("two")), "two");
    assert.equal(server.asked("initialize").length, 2);
    assert.deepEqual(
      server.calls.map(({ args }) => args.text),
      ["one", "two"],
    );
  });

  for (const [from, to, status, message] of [
    ["2025", "2026", 400, "Unsupported protocol version"],
    ["2026", "2025", 400, "Bad Request: Server not initialized"],
    ["2026", "2025", 400, "Bad Request: Mcp-Session-Id header is required"],
    ["2026", "2025", 404, "Session not found"],
  ] as const) {
    it(`connects anew where an update makes a server of ${from} one of ${to}, which says ${status}: ${message}`, async () => {
      await start({ style: from });
      await echo("one");
      server.restart();
      server.behaviour.style = to;
      server.behaviour.before = ({ headers, body, method }, response) => {
        const isModern = headers["mcp-protocol-version"] === "2026-07-28";
        const isKnown = to === "2026" ? isModern : body?.method === "initialize" || headers["mcp-session-id"];
        if (method !== "POST" || isKnown) return false;
        send(response, status, { jsonrpc: "2.0", id: null, error: { code: -32000, message } });
        return true;
      };
      assert.equal(textOf(await echo("two")), "two");
      assert.equal((await connection.tools(never)).length, 1);
      assert.deepEqual(
        server.calls.map(({ args }) => args.text),
        ["one", "two"],
      );
    });
  }

  it("connects anew once only", async () => {
    await start();
    await echo();
    const { asked } = { asked: () => server.asked("tools/call").length };
    server.behaviour.before = ({ body }, response) => {
      if (body?.method !== "tools/call") return false;
      send(response, 404, {});
      return true;
    };
    await assert.rejects(echo(), { key: "mcp_not_found" });
    assert.equal(asked(), 3);
  });

  for (const [what, tool, believes, times] of [
    ["is read-only, and the server is believed", readOnly, true, 2],
    ["is idempotent, and the server is believed", { ...TEXT_TOOL, annotations: { idempotentHint: true } }, true, 2],
    ["is read-only, and the server is not believed", readOnly, false, 1],
    ["may change something", TEXT_TOOL, true, 1],
  ] as const) {
    it(`${times === 2 ? "repeats" : "does not repeat"} a call whose answer was lost, where it ${what}`, async () => {
      let isLost = true;
      const call: McpBehaviour["call"] = (_, __, ___, response) => {
        if (!isLost) return textResult("ok");
        isLost = false;
        response.destroy();
        return undefined;
      };
      await start({ tools: () => [tool], call }, { believes });
      await connection.tools(never);
      if (times === 2) assert.equal(textOf(await echo()), "ok");
      else await assert.rejects(echo(), { key: "mcp_interrupted", code: "tool_failed" });
      assert.equal(server.calls.length, times);
      // The next question finds a connection that works.
      assert.equal(textOf(await echo()), "ok");
    });
  }

  it("knows one tool of a name, the first: what a second one is marked as does not count", async () => {
    const call: McpBehaviour["call"] = (_, __, ___, response) => {
      response.destroy();
      return undefined;
    };
    await start({ tools: () => [TEXT_TOOL, readOnly], call }, { believes: true });
    assert.deepEqual(await connection.tools(never), [TEXT_TOOL]);
    await assert.rejects(echo(), { key: "mcp_interrupted" });
    assert.equal(server.calls.length, 1);
  });

  for (const style of ["2025", "2026"] as const) {
    for (const [what, answer] of [
      ["has forgotten the session", (response: Response) => send(response, 404, {})],
      ["cannot continue it", (response: Response) => response.writeHead(405).end()],
      ["is out of order", (response: Response) => response.writeHead(502).end()],
      ["hangs up", (response: Response) => response.destroy()],
    ] as const) {
      it(`gives a call up soon whose stream ends before its answer, where the server ${what}, as of ${style}`, async () => {
        const call: McpBehaviour["call"] = (_, __, ___, response) => {
          response.writeHead(200, { "content-type": "text/event-stream" });
          response.end("id: 1\nretry: 10\ndata: \n\n");
          return undefined;
        };
        await start({ style, call }, { timeout: 20 });
        await connection.tools(never);
        server.behaviour.before = ({ method }, response) => {
          if (method !== "GET") return false;
          answer(response);
          return true;
        };
        const startedAt = performance.now();
        await assert.rejects(echo(), { key: "mcp_interrupted", code: "tool_failed" });
        wasSoon(performance.now() - startedAt, 5000);
        server.behaviour = { style };
        assert.equal(textOf(await echo()), "hi");
      });
    }
  }

  it("ends the session when it is closed, and all calls", async () => {
    await start({ call: () => new Promise(() => {}) });
    const ended = assert.rejects(echo(), { code: "cancelled" });
    await until(() => server.calls.length === 1);
    await connection.close();
    await ended;
    assert.equal(server.sessions.size, 0);
    await assert.rejects(echo(), { code: "cancelled" });
  });

  it("ends a session that is being opened when it is closed", async () => {
    await start({ before: ({ body }) => body?.method === "notifications/initialized" });
    const ended = assert.rejects(echo(), { code: "cancelled" });
    await until(() => server.asked("notifications/initialized").length === 1);
    await connection.close();
    await ended;
    assert.equal(server.sessions.size, 0);
  });

  it("leaves no session behind where opening it fails", async () => {
    await start({
      before: ({ body }, response) => {
        if (body?.method !== "notifications/initialized") return false;
        send(response, 500, {});
        return true;
      },
    });
    await assert.rejects(echo(), { key: "mcp_status" });
    assert.equal(server.sessions.size, 0);
  });

  it("opens no stream where the server tells of no changes, and none again and again", async () => {
    await start();
    await echo();
    assert.equal(server.http.requests.filter(({ method }) => method === "GET").length, 0);
    server.behaviour.listChanged = true;
    server.restart();
    await echo();
    await until(() => server.streams.size === 1);
    // It ends at once, as behind some proxies, and the library wants it again after a second.
    for (const stream of server.streams) stream.end("retry: 0\n\n");
    await sleep(1300);
    assert.equal(server.http.requests.filter(({ method }) => method === "GET").length, 1);
  });

  it("waits no longer than its time-out", async () => {
    await start({ call: () => new Promise(() => {}) }, { timeout: 0.3 });
    await assert.rejects(echo(), { key: "mcp_silent", code: "timeout", params: { host: host(), seconds: 0.3 } });
    await until(() => server.cancelled.length === 1);
    await server.asked("tools/call")[0]?.closed;
  });

  it("is left alone for a while where it gave no list in time, so that only one question waits for it", async () => {
    let isSilent = true;
    const before: McpBehaviour["before"] = ({ body }) => isSilent && body?.method === "tools/list";
    const lists = () => server.asked("tools/list").length;
    const silent = { key: "mcp_silent", code: "timeout" };
    const tools = () => connection.tools(never);
    const clock = useFakeTimers({ toFake: ["performance"] });
    try {
      await start({ before }, { timeout: 0.3 });
      await assert.rejects(tools(), silent);
      await assert.rejects(tools(), silent);
      assert.equal(lists(), 1);
      clock.tick(31_000);
      const asksAgain = assert.rejects(tools(), silent);
      await assert.rejects(tools(), silent);
      await until(() => lists() === 2);
      await asksAgain;
      await assert.rejects(tools(), silent);
      assert.equal(lists(), 2);
      isSilent = false;
      clock.tick(31_000);
      assert.deepEqual(await tools(), [TEXT_TOOL]);
      assert.deepEqual(await tools(), [TEXT_TOOL]);
      assert.equal(lists(), 3);
    } finally {
      clock.restore();
    }
  });

  it("gives one that reports progress more time", async () => {
    const call: McpBehaviour["call"] = async (_, __, { params }, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      for (let progress = 1; progress <= 5; progress++) {
        await sleep(200);
        const message = { progressToken: params._meta.progressToken, progress };
        response.write(
          `data: ${JSON.stringify({ jsonrpc: "2.0", method: "notifications/progress", params: message })}\n\n`,
        );
      }
      response.end(
        `data: ${JSON.stringify({ jsonrpc: "2.0", id: server.asked("tools/call")[0]?.body.id, result: textResult("late") })}\n\n`,
      );
      return undefined;
    };
    await start({ call }, { timeout: 0.6 });
    assert.equal(textOf(await echo()), "late");
  });

  describe("fails in words that help", () => {
    for (const [what, answer, key, code] of [
      [
        "asks for a login",
        [401, { "www-authenticate": 'Bearer resource_metadata="http://evil.example/"' }],
        "mcp_login",
        "auth_error",
      ],
      ["forbids it", [403, {}], "mcp_forbidden", "auth_error"],
      ["has nothing at the address", [404, {}], "mcp_not_found", "not_found"],
      ["limits the rate", [429, {}], "mcp_rate_limited", "rate_limit"],
      ["is out of order", [503, {}], "mcp_status", "provider_unavailable"],
      ["sends elsewhere", [307, { location: "http://127.0.0.1:1/x" }], "mcp_redirected", "provider_unavailable"],
      ["is a web page", [200, { "content-type": "text/html" }], "mcp_senseless", "provider_unavailable"],
      [
        "answers what is no JSON",
        [200, { "content-type": "application/json" }],
        "mcp_senseless",
        "provider_unavailable",
      ],
    ] as const) {
      it(`where the server ${what}`, async () => {
        await start({
          before: (_, response) => {
            response.writeHead(answer[0], answer[1]).end("<b>no</b>");
            return true;
          },
        });
        await assert.rejects(connection.tools(never), (error: ChatError) => {
          assert.equal(error.key, key, String(error));
          assert.equal(error.code, code);
          return true;
        });
        // Nothing is asked elsewhere: no redirect, no address that a login names.
        for (const { url } of server.http.requests) assert.equal(url, "/mcp");
      });
    }

    for (const [status, body, key, said] of [
      [403, { error: "insufficient_scope", error_description: "It needs files:write" }, "mcp_forbidden", ""],
      [
        400,
        { jsonrpc: "2.0", id: 1, error: { code: -32602, message: "The city is missing" } },
        "mcp_status",
        "The city is missing",
      ],
      [422, { detail: "No such tool here" }, "mcp_status", "No such tool here"],
      [429, { error: { message: "Slow down" } }, "mcp_rate_limited", "Slow down"],
      [502, "<html><head><title>Bad gateway</title></head><body>nginx</body></html>", "mcp_status", "Bad gateway"],
    ] as const) {
      it(`where a call is answered by ${status}: ${JSON.stringify(body)}`, async () => {
        await start();
        await echo();
        server.behaviour.before = ({ body: asked }, response) => {
          if (asked?.method !== "tools/call") return false;
          const headers = { "www-authenticate": 'Bearer error="insufficient_scope", scope="files:write"' };
          response.writeHead(status, headers).end(typeof body === "string" ? body : JSON.stringify(body));
          return true;
        };
        await assert.rejects(echo(), (error: ChatError) => {
          assert.equal(error.key, key, error.message);
          assert.ok(error.message.includes(said), error.message);
          assert.doesNotMatch(error.message, /[{}<>]/);
          return true;
        });
      });
    }

    it("where the token is refused, without the token", async () => {
      await start(
        {
          before: ({ headers }, response) => {
            send(response, 401, { error: `not ${headers.authorization}` });
            return true;
          },
        },
        { token: TOKEN },
      );
      await assert.rejects(connection.tools(never), (error: ChatError) => {
        assert.equal(error.key, "mcp_token_refused");
        assert.doesNotMatch(JSON.stringify([error.message, error.params, error.cause]), /secretOfTheServer/);
        return true;
      });
    });

    it("where nothing is there, and works once there is", async () => {
      await start();
      const { port } = server.http;
      await server.http.close();
      await assert.rejects(connection.tools(never), { key: "mcp_unreachable", code: "provider_unavailable" });
      assert.match(server.url, new RegExp(`:${port}/`));
    });
  });

  it("tells the model what the server says of a call", async () => {
    await start({
      call: (name) => {
        if (name === "echo") throw new Error("text must be short");
        return textResult("it broke", { isError: true });
      },
    });
    const refused = await echo();
    assert.equal(refused.isError, true);
    assert.match(textOf(refused), /text must be short/);
    assert.deepEqual(await connection.call("other", {}, never), {
      content: [{ type: "text", text: "it broke" }],
      isError: true,
    });
  });

  const host = () => new URL(server.url).host;
});

function textOf({ content }: McpResult): string {
  return content.map((part) => (part.type === "text" ? part.text : "")).join("\n");
}

async function until(check: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 500; turn++) {
    if (await check()) return;
    await sleep(10);
  }
  assert.fail("it did not happen");
}
