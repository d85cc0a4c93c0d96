import assert from "node:assert/strict";
import { type McpBehaviour, McpTestServer } from "../support/mcp-server";
import { chatFlow, level, type Message, type NodeDef, type NodeRed, proxyNode, tlsConfig } from "../support/node-red";
import { startProxy } from "../support/proxy";
import { certificate, reply, startServer, startTlsServer, type TestServer } from "../support/server";
import { callRound } from "../support/tools";
import { useNodeRed } from "../support/use-node-red";

/** The ways to an MCP server are those to a model. */
describe("an MCP server behind", () => {
  let red: NodeRed;
  let model: TestServer;
  let server: TestServer;
  useNodeRed((its) => ({ red, server: model } = its));
  afterEach(() => server.close());

  const serve = (http: TestServer, behaviour?: McpBehaviour): string => {
    server = http;
    return new McpTestServer(http, behaviour).url;
  };
  /** Asks a question whose model calls the tool; returns what the tool gave, and the warnings. */
  const ask = async (node: Message, others: NodeDef[] = [], credentials?: Record<string, object>) => {
    const mcpTools = [{ use: "all", names: [], ask: "never", seen: {} }];
    const flow = chatFlow(model.url, { mcp: ["mcp"], mcpTools });
    await red.deploy([...flow, { id: "mcp", type: "huggingface-mcp", name: "s", ...node }, ...others], credentials);
    const call = callRound({ id: "c", name: "s_echo", args: '{"text":"here"}' });
    model.handle((request, response, index) => {
      const { tools, messages } = request.body;
      return (tools && messages.length === 1 ? call : reply("fine"))(request, response, index);
    });
    red.send("chat", { payload: "Hi" });
    const msg = await red.next("reply");
    const [ran] = msg.completion.steps?.[0]?.tool_calls ?? [];
    return { result: ran?.result, warnings: red.logOf("chat", level.warn).map(({ text }) => text) };
  };

  it("an authority of its own is trusted by a tls-config node, and by nothing else", async () => {
    const url = serve(await startTlsServer());
    const untrusted = await ask({ url });
    assert.equal(untrusted.result, undefined);
    assert.match(untrusted.warnings.join(), /MCP server s failed: MCP server not reached: .*certificate/);
    const trusted = await ask({ url, tls: "tls" }, [tlsConfig()], { tls: { cadata: certificate.cert } });
    assert.equal(trusted.result, "here");
  });

  it("a proxy of a node goes through it, with its password, which shows nowhere", async () => {
    const proxy = await startProxy("proxy-secret");
    try {
      const url = serve(await startServer());
      const node = proxyNode({ url: proxy.url });
      const good = await ask({ url, proxy: "proxy" }, [node], {
        proxy: { username: "user", password: "proxy-secret" },
      });
      assert.equal(good.result, "here");
      assert.deepEqual(new Set(proxy.seen.map(({ target }) => target)), new Set([`127.0.0.1:${server.port}`]));
      const bad = await ask({ url, proxy: "proxy" }, [node], { proxy: { username: "user", password: "wrong-secret" } });
      assert.match(bad.warnings.at(-1) ?? "", /MCP server s failed: .*proxy/i);
      assert.doesNotMatch(red.logText, /proxy-secret|wrong-secret/);
    } finally {
      await proxy.close();
    }
  });

  for (const [variables, isProxied] of [
    [["http_proxy"], true],
    [["HTTP_PROXY"], true],
    [["https_proxy"], false],
    [["http_proxy", "no_proxy"], false],
  ] as const) {
    it(`a proxy of the environment (${variables.join(", ")}) ${isProxied ? "goes" : "does not go"} through it`, async () => {
      const proxy = await startProxy();
      const url = serve(await startServer());
      const before = { ...process.env };
      for (const name of variables) process.env[name] = name === "no_proxy" ? "127.0.0.1" : proxy.url;
      try {
        assert.equal((await ask({ url })).result, "here");
        assert.equal(proxy.seen.filter(({ target }) => target.endsWith(`:${server.port}`)).length > 0, isProxied);
      } finally {
        for (const name of variables) {
          if (before[name] === undefined) delete process.env[name];
          else process.env[name] = before[name];
        }
        await proxy.close();
      }
    });
  }

  it("a proxy of the environment goes through it over TLS, too", async () => {
    const url = serve(await startTlsServer());
    const proxy = await startProxy();
    process.env["HTTPS_PROXY"] = proxy.url;
    try {
      const { result } = await ask({ url, tls: "tls" }, [tlsConfig()], { tls: { cadata: certificate.cert } });
      assert.equal(result, "here");
      assert.deepEqual(new Set(proxy.seen.map(({ target }) => target)), new Set([`127.0.0.1:${server.port}`]));
    } finally {
      delete process.env["HTTPS_PROXY"];
      await proxy.close();
    }
  });
});
