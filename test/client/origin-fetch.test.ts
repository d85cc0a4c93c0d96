import assert from "node:assert/strict";
import { OriginFetch } from "../../src/client/internal";
import { startProxy } from "../support/proxy";
import { reply, startTlsServer, type TestServer } from "../support/server";

describe("the requests to an MCP server", () => {
  let tls: TestServer;
  before(async () => {
    tls = await startTlsServer(reply("ok"));
  });
  after(() => tls.close());

  for (const [url, isTold] of [
    ["https://huggingface.co/mcp", true],
    ["https://owner-name.hf.space/gradio_api/mcp/", false],
    ["https://huggingface.co.evil.example/mcp", false],
  ] as const) {
    it(`name the versions of Node-RED and Node.js ${isTold ? "at" : "not at"} ${url}`, async () => {
      const proxy = await startProxy(undefined, tls.port);
      const route = { proxy: { url: proxy.url }, tls: { rejectUnauthorized: false } };
      const product = "node-red/4.1.0 node/20.1.0";
      const origin = new OriginFetch({ url: new URL(url), product, ...route, connectLimitMs: 3000 });
      try {
        const limits = { silenceLimitMs: 3000, count: { bytes: 0 }, maxBytes: 100_000 };
        await (await origin.send({ method: "POST", headers: new Headers(), body: "{}", ...limits })).text();
        const agent = tls.last.headers["user-agent"] ?? "";
        assert.match(agent, /^node-red-huggingface\/\d/);
        assert.equal(agent.endsWith(" node-red/4.1.0 node/20.1.0"), isTold, agent);
      } finally {
        await origin.close();
        await proxy.close();
      }
    });
  }
});
