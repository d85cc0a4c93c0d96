import assert from "node:assert/strict";
import { chatFlow, getNodeRed, type NodeDef, type NodeRed, proxyNode, tlsConfig } from "../support/node-red";
import { startProxy } from "../support/proxy";
import { certificate, reply, startServer, startTlsServer, type TestServer } from "../support/server";

describe("huggingface-config, the way to the server", () => {
  let red: NodeRed;
  let tls: TestServer;
  let plain: TestServer;
  before(async () => {
    red = await getNodeRed();
    plain = await startServer(reply("ok"));
    tls = await startTlsServer(reply("ok"));
  });
  afterEach(() => red.reset());
  after(async () => {
    await plain.close();
    await tls.close();
  });

  async function ask(flow: NodeDef[], credentials: Record<string, object> = {}) {
    await red.deploy(flow, credentials);
    red.send("chat", { payload: "Hi" });
    await red.completed("chat");
    await red.until(() => red.captured("reply").length + red.captured("error").length > 0, "an end");
    return { reply: red.captured("reply")[0], error: red.captured("error")[0]?.error };
  }

  it("refuses a self-signed certificate unless a tls-config vouches for it", async () => {
    const refused = await ask(chatFlow(tls.url, {}, { retries: 0 }));
    assert.equal(refused.error.code, "provider_unavailable");
    assert.match(refused.error.message, /^Certificate not accepted/);
    await red.reset();
    const trusted = await ask([...chatFlow(tls.url, {}, { tls: "tls" }), tlsConfig()], {
      tls: { cadata: certificate.cert },
    });
    assert.equal(trusted.reply?.payload, "ok");
    await red.reset();
    const unchecked = await ask([...chatFlow(tls.url, {}, { tls: "tls" }), tlsConfig({ verifyservercert: false })]);
    assert.equal(unchecked.reply?.payload, "ok");
  });

  it("goes through an http proxy node with its credentials, which show nowhere", async () => {
    const proxy = await startProxy("proxy-secret");
    const flow = [...chatFlow(plain.url, {}, { proxy: "proxy", retries: 0 }), proxyNode({ url: proxy.url })];
    const good = await ask(flow, { proxy: { username: "user", password: "proxy-secret" } });
    assert.equal(good.reply?.payload, "ok");
    assert.equal(proxy.seen.length, 1);
    await red.reset();
    const bad = await ask(flow, { proxy: { username: "user", password: "wrong-secret" } });
    assert.equal(bad.error.code, "provider_unavailable");
    assert.match(bad.error.message, /407/);
    assert.doesNotMatch(JSON.stringify(bad) + red.logText, /wrong-secret/);
    await proxy.close();
  });

  it("goes past the proxy for its exempt hosts", async () => {
    const proxy = await startProxy();
    const node = proxyNode({ url: proxy.url, noproxy: ["127.0.0.1"] });
    assert.equal((await ask([...chatFlow(plain.url, {}, { proxy: "proxy" }), node])).reply?.payload, "ok");
    assert.equal(proxy.seen.length, 0);
    await proxy.close();
  });

  it("says so when the chosen proxy or tls-config is gone", async () => {
    for (const property of ["proxy", "tls"]) {
      const { error } = await ask(chatFlow(plain.url, {}, { [property]: "gone" }));
      assert.equal(error.code, "invalid_input");
      await red.reset();
    }
  });
});
