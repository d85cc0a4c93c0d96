import assert from "node:assert/strict";
import http from "node:http";
import http2 from "node:http2";
import net, { type AddressInfo } from "node:net";
import tls from "node:tls";
import { ChatClient, ChatError, type ClientOptions } from "../../src/client";
import { startProxy } from "../support/proxy";
import { STREAM_HEAD } from "../support/raw";
import { certificate, freePort, reply, startServer, startTlsServer } from "../support/server";

const REQUEST = { model: "test/model", messages: [{ role: "user", content: "Hi" }], stream: true };
const trusted = { cert: certificate.cert, key: certificate.key };

const toClose: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of toClose.splice(0)) await close();
});

/** Starts any server on 127.0.0.1, and returns its port. */
async function listen(server: net.Server): Promise<number> {
  const sockets = new Set<net.Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  toClose.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

/** Makes a server that runs `answer` on each connection after its first bytes. */
const raw = (answer: (socket: net.Socket) => void) =>
  net.createServer((socket) => {
    socket.once("data", () => answer(socket));
  });

/** Makes a proxy that answers CONNECT with a status. */
const refusing = (status: number) =>
  http.createServer().on("connect", (_, socket) => {
    socket.on("error", () => {});
    socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`);
  });

/** Asks a question that must fail, and returns its error. */
async function failure(options: ClientOptions): Promise<ChatError> {
  const client = new ChatClient({ retries: 0, timeout: 3, tls: { ca: certificate.cert }, ...options });
  try {
    const { message } = await client.complete(REQUEST);
    return assert.fail(`a reply came: ${message.content}`);
  } catch (error) {
    assert.ok(error instanceof ChatError, String(error));
    assert.doesNotMatch(String(error), /UND_ERR|HPE_/);
    assert.equal(error.code, "provider_unavailable");
    return error;
  } finally {
    await client.close();
  }
}

describe("a failed connection is reported with its cause:", () => {
  const plain = () => http.createServer((_, response) => response.end("hi"));
  const cases: [what: string, scheme: string, server: () => net.Server, key: string, retryable: boolean][] = [
    ["https to a port that speaks http", "https", plain, "tls_missing", false],
    ["https to a port that greets", "https", () => net.createServer((s) => s.end("SSH-2.0\r\n")), "tls_missing", false],
    [
      "http to a port that answers with an alert of TLS",
      "http",
      () => raw((s) => s.end("\x15\x03\x01\0\x02\x02\x46")),
      "tls_expected",
      false,
    ],
    ["https to a server of HTTP/2 alone", "https", () => http2.createSecureServer(trusted), "http2_only", false],
    ["http to a server of HTTP/2 alone", "http", () => http2.createServer(), "http2_only", false],
    [
      "a server of older TLS versions alone",
      "https",
      () => tls.createServer({ ...trusted, minVersion: "TLSv1.1", maxVersion: "TLSv1.1" }),
      "tls_failed",
      false,
    ],
    ["a server that closes the connection", "http", () => raw((s) => s.end()), "connection_closed", true],
    ["a server that resets the connection", "http", () => raw((s) => s.resetAndDestroy()), "connection_closed", true],
    ["a server that closes in the midst of TLS", "https", () => raw((s) => s.end()), "connection_closed", true],
    [
      "a server that breaks off its reply",
      "http",
      () => raw((s) => s.end(`${STREAM_HEAD}content-length: 99\r\n\r\ndata: {`)),
      "connection_cut",
      true,
    ],
    ["a server that speaks something else", "http", () => raw((s) => s.end("SSH-2.0\r\n")), "reply_senseless", false],
  ];
  for (const [what, scheme, server, key, retryable] of cases) {
    it(what, async () => {
      const error = await failure({ baseUrl: `${scheme}://127.0.0.1:${await listen(server())}` });
      assert.equal(error.key, key, String(error));
      assert.equal(error.cause.retryable, retryable);
    });
  }

  it("a certificate that is not valid now, with a hint at the clock", async () => {
    const server = await startTlsServer(reply("Hello"));
    toClose.push(() => server.close());
    const { validTo } = new (await import("node:crypto")).X509Certificate(certificate.cert);
    const now = Date.now;
    assert.ok(Date.parse(validTo) > now());
    // OpenSSL reads the clock itself, so the certificate check is replaced instead.
    const checkServerIdentity = () => Object.assign(new Error("too early"), { code: "CERT_NOT_YET_VALID" });
    const error = await failure({ baseUrl: server.url, tls: { ca: certificate.cert, checkServerIdentity } });
    assert.equal(error.key, "certificate_date");
    assert.match(String(error), /clock/);
  });
});

describe("a failed connection through a proxy is reported with its cause:", () => {
  const statuses: [status: number, key: string, retryable: boolean][] = [
    [401, "proxy_refused", false],
    [403, "proxy_refused", false],
    [407, "proxy_refused", false],
    [400, "proxy_unfit", false],
    [404, "proxy_unfit", false],
    [405, "proxy_unfit", false],
    [501, "proxy_unfit", false],
    [429, "proxy_failed", true],
    [500, "proxy_failed", true],
    [502, "proxy_failed", true],
    [503, "proxy_failed", true],
    [504, "proxy_failed", true],
  ];
  for (const [status, key, retryable] of statuses) {
    it(`the status ${status} to CONNECT`, async () => {
      const proxy = `127.0.0.1:${await listen(refusing(status))}`;
      const error = await failure({ baseUrl: "https://server.example", proxy: { url: `http://${proxy}` } });
      assert.equal(error.key, key, String(error));
      assert.equal(error.cause.retryable, retryable);
      assert.ok(String(error).includes(proxy) && String(error).includes(String(status)), String(error));
    });
  }

  const proxies: [what: string, url: () => Promise<string> | string, retryable: boolean][] = [
    ["a proxy that is down", async () => `http://127.0.0.1:${await freePort()}`, true],
    ["a proxy whose name nobody knows", () => "nonsense.invalid", true],
    ["a proxy that closes the connection", async () => `http://127.0.0.1:${await listen(raw((s) => s.end()))}`, true],
    [
      "a proxy that resets the connection",
      async () => `http://127.0.0.1:${await listen(raw((s) => s.resetAndDestroy()))}`,
      true,
    ],
    ["a proxy over https that speaks http", async () => `https://127.0.0.1:${await listen(refusing(503))}`, false],
    [
      "a proxy over https with a certificate that nobody vouches for",
      async () => `https://127.0.0.1:${await listen(tls.createServer(trusted))}`,
      false,
    ],
  ];
  for (const [what, url, retryable] of proxies) {
    it(what, async () => {
      const address = await url();
      const env = { http_proxy: address };
      const error = await failure({ baseUrl: "http://server.example", proxyRules: { env } });
      assert.equal(error.key, "proxy_unreachable", String(error));
      assert.equal(error.cause.retryable, retryable);
      assert.ok(String(error).includes(address.replace(/^.*\/\//, "")), String(error));
      assert.doesNotMatch(String(error), /base URL/i);
    });
  }

  it("a proxy that closes the connection is not asked again and again", async () => {
    let connections = 0;
    const port = await listen(
      raw((socket) => socket.end()).on("connection", () => {
        connections++;
      }),
    );
    await failure({ baseUrl: "http://server.example", proxy: { url: `http://127.0.0.1:${port}` } });
    assert.equal(connections, 1);
  });

  it("one that answers with a page and opens no tunnel is no proxy, and not asked again and again", async () => {
    let connections = 0;
    const port = await listen(
      raw((socket) => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nHi\r\n")).on("connection", () => {
        connections++;
      }),
    );
    const error = await failure({ baseUrl: "http://server.example", proxy: { url: `http://127.0.0.1:${port}` } });
    assert.equal(error.key, "proxy_unfit", String(error));
    assert.equal(connections, 1);
  });

  it("a server behind it that does not speak https", async () => {
    const proxy = await startProxy();
    toClose.push(() => proxy.close());
    const port = await listen(http.createServer());
    const error = await failure({ baseUrl: `https://127.0.0.1:${port}`, proxy: { url: proxy.url } });
    assert.equal(error.key, "tls_missing");
  });

  it("a target that is down for a moment is asked again", async () => {
    const server = await startServer(reply("Hello"));
    const proxy = await startProxy();
    toClose.push(
      () => proxy.close(),
      () => server.close(),
    );
    let isDown = true;
    const gate = http.createServer().on("connect", (request, socket, head) => {
      socket.on("error", () => {});
      if (isDown) {
        isDown = false;
        socket.end("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n");
        return;
      }
      const upstream = net.connect(Number(request.url?.split(":")[1]), "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n");
        upstream.write(head);
        upstream.pipe(socket).pipe(upstream);
      });
      upstream.on("error", () => socket.destroy());
    });
    const client = new ChatClient({
      baseUrl: server.url,
      timeout: 3,
      proxy: { url: `http://127.0.0.1:${await listen(gate)}` },
    });
    toClose.unshift(() => client.close());
    assert.equal((await client.complete(REQUEST)).message.content, "Hello");
  });
});
