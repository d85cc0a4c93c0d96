import assert from "node:assert/strict";
import net, { type Socket } from "node:net";
import { assertNothingLeft, openResources } from "../support/leaks";
import {
  chatFlow,
  getNodeRed,
  type Message,
  type NodeDef,
  type NodeRed,
  proxyNode,
  tlsConfig,
} from "../support/node-red";
import { startProxy } from "../support/proxy";
import {
  certificate,
  freePort,
  type RawServer,
  reply,
  startRawServer,
  startServer,
  startTlsServer,
  type TestServer,
} from "../support/server";

const TOKEN = "hf_onlyForTheServerItIsMeantFor";

/** A connection to the server that fails, and what the error says. */
interface Barred {
  flow: NodeDef[];
  credentials?: Record<string, object>;
  code?: string;
  says: RegExp;
  /** The system's code in `cause`. */
  cause?: RegExp;
}

describe("huggingface-config, connections that fail", () => {
  let red: NodeRed;
  let plain: TestServer;
  let tls: TestServer;
  let silent: RawServer;
  let resetting: RawServer;
  before(async () => {
    red = await getNodeRed();
    plain = await startServer(reply("ok"));
    tls = await startTlsServer(reply("ok"));
    silent = await startRawServer(() => {});
    resetting = await startRawServer(
      () => {},
      (socket) => socket.resetAndDestroy(),
    );
  });
  afterEach(() => red.reset());
  after(() => Promise.all([plain, tls, silent, resetting].map((server) => server.close())));

  const flow = (baseUrl: string, config: Message = {}, ...nodes: NodeDef[]) => [
    ...chatFlow(baseUrl, {}, { retries: 0, timeout: 0.3, ...config }),
    ...nodes,
  ];
  const https = (server: { port: number }, host = "127.0.0.1") => `https://${host}:${server.port}`;

  const barred: Record<string, () => Barred | Promise<Barred>> = {
    "nobody there": async () => ({
      flow: flow(`http://127.0.0.1:${await freePort()}`),
      says: /Nothing answers at 127\.0\.0\.1:\d+ \(ECONNREFUSED\)/,
      cause: /^ECONNREFUSED$/,
    }),
    "a name that nobody knows": () => ({
      flow: flow("http://no-such-host.invalid/v1", { timeout: 10 }),
      says: /^Host not found: no-such-host\.invalid \((ENOTFOUND|EAI_AGAIN)\)/,
      cause: /^(ENOTFOUND|EAI_AGAIN)$/,
    }),
    "the retired host is not asked, but the router": () => ({
      flow: flow("https://api-inference.huggingface.co", { proxy: "proxy" }, proxyNode({ url: resetting.url })),
      says: /router\.huggingface\.co/,
    }),
    "a certificate that nobody vouches for": () => ({
      flow: flow(tls.url),
      says: /^Certificate not accepted: .*DEPTH_ZERO_SELF_SIGNED_CERT.*TLS configuration/,
      cause: /^DEPTH_ZERO_SELF_SIGNED_CERT$/,
    }),
    "a certificate of another name": () => ({
      flow: flow(tls.url, { tls: "tls" }, tlsConfig({ servername: "other.example" })),
      credentials: { tls: { cadata: certificate.cert } },
      says: /^Certificate not accepted: .*ERR_TLS_CERT_ALTNAME_INVALID/,
    }),
    "a certificate by another authority": () => ({
      flow: flow(https(tls, "localhost")),
      says: /^Certificate not accepted: that of localhost:\d+/,
    }),
    "https where there is none": () => ({
      flow: flow(https(plain)),
      says: /^No https at this port of .*http:\/\//,
    }),
    "silence in the TLS handshake": () => ({
      flow: flow(https(silent)),
      code: "timeout",
      says: /^No reply within 0.3 s/,
    }),
    "a reset in the TLS handshake": () => ({ flow: flow(https(resetting)), says: /^Connection (closed|failed)/ }),
    "a proxy that is not there": async () => ({
      flow: flow(plain.url, { proxy: "proxy" }, proxyNode({ url: `http://127.0.0.1:${await freePort()}` })),
      says: /^Proxy not reachable: 127\.0\.0\.1:\d+ \(ECONNREFUSED\)/,
    }),
    "a proxy that resets": () => ({
      flow: flow(plain.url, { proxy: "proxy" }, proxyNode({ url: resetting.url })),
      says: /^Proxy not reachable: 127\.0\.0\.1:\d+ \(ECONNRESET\)/,
    }),
    "a proxy that is silent": () => ({
      flow: flow(plain.url, { proxy: "proxy" }, proxyNode({ url: silent.url })),
      code: "timeout",
      says: /^No reply within/,
    }),
    "a proxy whose name nobody knows": () => ({
      flow: flow(plain.url, { proxy: "proxy", timeout: 10 }, proxyNode({ url: "http://no-such-proxy.invalid:1" })),
      says: /^Proxy not reachable: no-such-proxy\.invalid/,
    }),
  };
  for (const [what, make] of Object.entries(barred)) {
    it(`${what}: one error that says so, no token sent, nothing left over`, async () => {
      const before = await openResources();
      const { flow, credentials = {}, code = "provider_unavailable", says, cause } = await make();
      const seen = [...plain.requests, ...tls.requests].length;
      await red.deploy(flow, { config: { token: TOKEN }, ...credentials });
      red.send("chat", { payload: "Hi" });
      const { error } = await red.next("error", 1, 12_000).then(([caught]) => caught as Message);
      assert.equal(error.code, code, error.message);
      assert.match(error.message, says);
      assert.doesNotMatch(error.message, /[\r\n]|__|undefined|Error:/);
      if (cause) assert.match(error.cause.code, cause);
      assert.equal(red.completions("chat").length, 1);
      assert.equal([...plain.requests, ...tls.requests].length, seen);
      for (const text of [...silent.received, ...resetting.received]) assert.doesNotMatch(text, /hf_/);
      await red.reset();
      await assertNothingLeft(before);
    });
  }

  const proxyAnswers: [status: string, says: RegExp][] = [
    ["403 Forbidden", /^Proxy refused the request: .*\(403\)/],
    ["407 Proxy Authentication Required", /^Proxy refused the request: .*\(407\).*password/],
    ["502 Bad Gateway", /^Proxy cannot reach the server: .* \(502\)/],
    [
      "302 Found\r\nlocation: http://127.0.0.1:1/",
      /^Proxy does not fit: .* does not pass on connections to .* \(302\)/,
    ],
  ];
  for (const [status, says] of proxyAnswers) {
    it(`a proxy that answers ${status.split("\r")[0]}: one error, without its password, and the next question goes through`, async () => {
      const before = await openResources();
      let isBarred = true;
      const open = await startProxy();
      const proxy = await startRawServer((socket, request) => {
        if (isBarred) socket.end(`HTTP/1.1 ${status}\r\ncontent-length: 0\r\n\r\n`);
        else relay(socket, request, Number(new URL(open.url).port));
      });
      const nodes = flow(plain.url, { proxy: "proxy" }, proxyNode({ url: proxy.url }));
      await red.deploy(nodes, { proxy: { username: "user", password: "proxy-secret" }, config: { token: TOKEN } });
      red.send("chat", { payload: "Hi" });
      const { error } = await red.next("error");
      assert.equal(error.code, "provider_unavailable");
      assert.match(error.message, says);
      assert.doesNotMatch(JSON.stringify(error) + red.logText, /proxy-secret|dXNlcjpwcm94eS1zZWNyZXQ/);
      assert.doesNotMatch(proxy.received.join(), /hf_/, "the token is for the server alone");
      isBarred = false;
      red.send("chat", { payload: "Hi" });
      assert.equal((await red.next("reply")).payload, "ok");
      assert.equal(red.completions("chat").length, 2);
      await red.reset();
      await proxy.close();
      await open.close();
      await assertNothingLeft(before);
    });
  }
});

/** Passes a connection on to another proxy, with what it has sent already. */
function relay(socket: Socket, request: string, port: number): void {
  const upstream = net.connect(port, "127.0.0.1", () => upstream.write(request, "latin1"));
  upstream.on("error", () => socket.destroy());
  socket.on("close", () => upstream.destroy());
  socket.pipe(upstream).pipe(socket);
}

describe("huggingface-config, redirects", () => {
  let red: NodeRed;
  let server: TestServer;
  let elsewhere: TestServer;
  before(async () => {
    red = await getNodeRed();
    server = await startServer();
    elsewhere = await startServer(reply("stolen"));
  });
  afterEach(() => red.reset());
  after(async () => {
    await server.close();
    await elsewhere.close();
  });

  for (const status of [300, 301, 302, 303, 304, 305, 307, 308]) {
    for (const where of ["another host", "the same host"]) {
      it(`${status} to ${where} are not followed: the error says where to`, async () => {
        const location = `${where === "another host" ? elsewhere.url : server.url}/v2/chat/completions?moved=1`;
        server.handle((_, response) => response.writeHead(status, { location }).end());
        const before = server.requests.length;
        await red.deploy(chatFlow(server.url), { config: { token: TOKEN } });
        red.send("chat", { payload: "Hi" });
        const { error } = await red.next("error");
        assert.equal(error.code, "provider_unavailable");
        assert.ok(error.message.includes(location), error.message);
        assert.match(error.message, /never sent on/);
        assert.equal(server.requests.length, before + 1, "and nothing is tried again");
        assert.equal(elsewhere.requests.length, 0);
        assert.equal(red.completions("chat").length, 1);
      });
    }
  }

  it("that hold the token show it as ***", async () => {
    server.handle((request, response) =>
      response.writeHead(302, { location: `${elsewhere.url}/?got=${request.headers.authorization?.slice(7)}` }).end(),
    );
    await red.deploy(chatFlow(server.url), { config: { token: TOKEN } });
    red.send("chat", { payload: "Hi" });
    const { error } = await red.next("error");
    assert.match(error.message, /got=\*\*\*/);
    assert.equal(elsewhere.requests.length, 0);
  });
});
