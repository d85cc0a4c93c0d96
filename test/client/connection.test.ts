import assert from "node:assert/strict";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { ChatClient, ChatError, type ClientOptions } from "../../src/client";
import { startProxy } from "../support/proxy";
import { certificate, completion, reply, sse, startServer, startTlsServer, type TestServer } from "../support/server";

const REQUEST = { model: "test/model", messages: [{ role: "user", content: "Hi" }], stream: true };

async function ask(options: ClientOptions) {
  const client = new ChatClient({ retries: 0, timeout: 3, ...options });
  try {
    return { text: (await client.complete(REQUEST)).message.content, error: undefined };
  } catch (error) {
    assert.ok(error instanceof ChatError, String(error));
    return { text: undefined, error };
  } finally {
    await client.close();
  }
}

describe("TLS", () => {
  let server: TestServer;
  before(async () => {
    server = await startTlsServer(reply("Hello"));
  });
  after(() => server.close());

  it("refuses an untrusted certificate, and does not send the token", async () => {
    const { error } = await ask({ baseUrl: server.url, token: "hf_secret" });
    assert.equal(error?.code, "provider_unavailable");
    assert.equal(error?.key, "certificate");
    assert.equal(error?.cause.code, "DEPTH_ZERO_SELF_SIGNED_CERT");
    assert.equal(server.requests.length, 0);
  });

  it("accepts it with the certificate authority that signed it", async () => {
    assert.equal((await ask({ baseUrl: server.url, tls: { ca: certificate.cert } })).text, "Hello");
  });

  it("accepts it if the check is switched off", async () => {
    assert.equal((await ask({ baseUrl: server.url, tls: { rejectUnauthorized: false } })).text, "Hello");
  });

  it("refuses a name that is not the certificate's", async () => {
    const { error } = await ask({
      baseUrl: server.url,
      tls: { ca: certificate.cert, servername: "other.example" },
    });
    assert.equal(error?.key, "certificate");
  });
});

describe("a proxy", () => {
  let plain: TestServer;
  let tls: TestServer;
  before(async () => {
    plain = await startServer(reply("Hello"));
    tls = await startTlsServer(reply("Hello"));
  });
  after(async () => {
    await plain.close();
    await tls.close();
  });

  for (const scheme of ["http", "https"] as const) {
    it(`stands between us and an ${scheme} server`, async () => {
      const proxy = await startProxy();
      const target = scheme === "http" ? plain : tls;
      const { text } = await ask({ baseUrl: target.url, proxy: { url: proxy.url }, tls: { ca: certificate.cert } });
      assert.equal(text, "Hello");
      assert.deepEqual(proxy.seen, [{ target: `127.0.0.1:${target.port}`, authorization: undefined }]);
      await proxy.close();
    });
  }

  it("gets its user name and password", async () => {
    const proxy = await startProxy("secret");
    const { text } = await ask({
      baseUrl: plain.url,
      proxy: { url: proxy.url, username: "user", password: "secret" },
    });
    assert.equal(text, "Hello");
    await proxy.close();
  });

  it("that refuses is named, its password is not", async () => {
    const proxy = await startProxy("secret");
    const { error } = await ask({
      baseUrl: plain.url,
      proxy: { url: proxy.url.replace("//", "//user:wrong-password@") },
    });
    assert.equal(error?.key, "proxy_refused");
    assert.match(String(error), /127\.0\.0\.1.*407/);
    assert.doesNotMatch(JSON.stringify({ ...error, message: error?.message }), /wrong-password/);
    await proxy.close();
  });

  it("is bypassed for hosts that are exempt", async () => {
    const proxy = await startProxy();
    const { text } = await ask({ baseUrl: plain.url, proxy: { url: proxy.url, noProxy: ["127.0.0.1"] } });
    assert.equal(text, "Hello");
    assert.equal(proxy.seen.length, 0);
    await proxy.close();
  });

  it("comes from the environment by core's rules", async () => {
    const proxy = await startProxy();
    const direct = await ask({ baseUrl: plain.url, proxyRules: { env: { https_proxy: proxy.url } } });
    assert.equal(direct.text, "Hello");
    assert.equal(proxy.seen.length, 0, "https_proxy is not for http");
    const env = { all_proxy: proxy.url, no_proxy: "localhost" };
    assert.equal((await ask({ baseUrl: plain.url, proxyRules: { env } })).text, "Hello");
    assert.equal(proxy.seen.length, 1);
    await proxy.close();
  });
});

describe("what is sent", () => {
  let server: TestServer;
  before(async () => {
    server = await startServer(reply("Hello"));
  });
  after(() => server.close());

  it("has the token, the organisation and further headers", async () => {
    await ask({
      baseUrl: server.url,
      token: " hf_abc\n",
      billTo: "my-org",
      wakeUp: 90,
      product: "my-app/1.2",
      headers: { "X-Custom": "1" },
    });
    const { headers } = server.last;
    assert.equal(headers.authorization, "Bearer hf_abc");
    assert.equal(headers["x-hf-bill-to"], "my-org");
    assert.equal(headers["x-scale-up-timeout"], "90");
    assert.equal(headers["x-custom"], "1");
    assert.match(headers["user-agent"] ?? "", /^node-red-huggingface\/\d+\.\d+\.\d+$/);
  });

  it("has no token if none is set, and no other headers", async () => {
    await ask({ baseUrl: server.url });
    for (const name of ["authorization", "x-hf-bill-to", "x-scale-up-timeout"]) {
      assert.equal(server.last.headers[name], undefined);
    }
  });

  it("never has the environment's token for a host that is not Hugging Face's", async () => {
    process.env.HF_TOKEN = "hf_environment";
    try {
      await ask({ baseUrl: server.url });
    } finally {
      delete process.env.HF_TOKEN;
    }
    assert.doesNotMatch(JSON.stringify(server.last.headers), /hf_environment/);
  });

  const hosts: [baseUrl: string, token: string | undefined][] = [
    ["https://router.huggingface.co/v1", "Bearer hf_environment"],
    ["https://abc.eu-west-1.aws.endpoints.huggingface.cloud", "Bearer hf_environment"],
    ["https://huggingface.co.evil.example/v1", undefined],
    ["https://evilhuggingface.co/v1", undefined],
  ];
  for (const [baseUrl, expected] of hosts) {
    it(`has ${expected ? "the" : "no"} token of the environment for ${baseUrl}`, async () => {
      const tls = await startTlsServer(reply("Hello"));
      // Leads all hosts to this machine, with https all the way as in real use.
      const proxy = await startProxy(undefined, tls.port);
      process.env.HF_TOKEN = "hf_environment";
      try {
        const options = {
          baseUrl,
          proxy: { url: proxy.url },
          tls: { rejectUnauthorized: false },
          product: "my-app/1.2",
        };
        const { text } = await ask(options);
        assert.equal(text, "Hello");
        assert.equal(tls.last.headers.authorization, expected);
        // On a dedicated endpoint runs what its owner chose.
        const isTold = baseUrl.includes("router.huggingface.co");
        assert.equal(tls.last.headers["user-agent"]?.endsWith(" my-app/1.2"), isTold);
      } finally {
        delete process.env.HF_TOKEN;
        await proxy.close();
        await tls.close();
      }
    });
  }

  for (const [what, options] of Object.entries({
    "a header with a line break": { headers: { "x-a": "a\r\nb: c" } },
    "a header that the connection sets": { headers: { "Content-Length": "3" } },
    "a token that cannot be sent": { token: "hf_\u4e2d" },
    "an address without a scheme": { baseUrl: "router.huggingface.co/v1" },
    "a password in the address": { baseUrl: "https://a:b@example.com" },
  })) {
    it(`is refused before any request: ${what}`, () => {
      assert.throws(() => new ChatClient(options), { code: "invalid_input" });
    });
  }
});

describe("what a server echoes", () => {
  const secrets = { token: "hf_topsecret", headers: { "x-api-key": "key-topsecret" } };
  it("never shows a secret: not in an error", async () => {
    const server = await startServer((request, response) => {
      response.writeHead(401, { "content-type": "text/plain", "x-request-id": request.headers.authorization });
      response.end(JSON.stringify(request.headers));
    });
    const { error } = await ask({ baseUrl: server.url, ...secrets });
    const all = JSON.stringify({ ...error, message: error?.message, stack: error?.stack });
    assert.doesNotMatch(all, /topsecret/);
    assert.match(all, /\*\*\*/);
    await server.close();
  });

  it("not in an error that quotes the beginning of what came", async () => {
    const server = await startServer((request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end(`data: ${"x".repeat(70)} ${request.headers.authorization}\n\n`);
    });
    const { error } = await ask({ baseUrl: server.url, ...secrets });
    assert.doesNotMatch(String(error), /hf_t/);
    await server.close();
  });

  it("not where JSON writes its characters in a roundabout way", async () => {
    const token = "se/cret-tok/en123";
    const escaped = "se\\/cr\\u0065t-tok\\/en123";
    const failing = await startServer((_, response) => {
      response.writeHead(400, { "content-type": "application/json" });
      response.end(`{"error":{"message":"bad key ${escaped}"}}`);
    });
    const { error } = await ask({ baseUrl: failing.url, token });
    assert.match(String(error), /bad key \*\*\*/);
    assert.doesNotMatch(JSON.stringify(error?.cause), /cret-tok/);
    failing.handle((_, response) => sse(response, [`data: {"choices":[{"delta":{"content":"${escaped}"}}]}\n\n`]));
    assert.equal((await ask({ baseUrl: failing.url, token })).text, "***");
    await failing.close();
  });

  it("nor in a text that comes in pieces", async () => {
    const server = await startServer(reply("You sent hf_top", "secret to me"));
    assert.equal((await ask({ baseUrl: server.url, ...secrets })).text, "You sent *** to me");
    await server.close();
  });

  it("nor in a reply", async () => {
    const server = await startServer((request, response) =>
      reply(`You sent ${request.headers.authorization}`)(request, response, 0),
    );
    assert.equal((await ask({ baseUrl: server.url, ...secrets })).text, "You sent Bearer ***");
    await server.close();
  });
});

describe("a compressed response that was not requested", () => {
  for (const [encoding, pack] of Object.entries({ gzip: gzipSync, br: brotliCompressSync })) {
    it(`is decompressed: ${encoding}`, async () => {
      const server = await startServer((request, response) => {
        assert.equal(request.headers["accept-encoding"], "identity");
        response.writeHead(200, { "content-type": "application/json", "content-encoding": encoding });
        response.end(pack(JSON.stringify(completion("Hello"))));
      });
      assert.equal((await ask({ baseUrl: server.url })).text, "Hello");
      await server.close();
    });
  }

  it("that cannot be decompressed is an error that names its encoding, without a retry", async () => {
    const server = await startServer((_, response) => {
      response.writeHead(200, { "content-type": "application/json", "content-encoding": "compress" });
      response.end(Buffer.from([0x1f, 0x9d, 0x90, 1, 2, 3]));
    });
    const { error } = await ask({ baseUrl: server.url, retries: 2 });
    assert.equal(error?.key, "encoding_unknown");
    assert.match(String(error), /\(compress\)/);
    assert.equal(server.requests.length, 1);
    await server.close();
  });

  it("that cannot be decompressed keeps the status of its error", async () => {
    for (const encoding of ["compress", "gzip"]) {
      const server = await startServer((_, response) => {
        response.writeHead(429, { "content-encoding": encoding });
        response.end(Buffer.from([0x1f, 0x8b, 0x90, 1, 2, 3]));
      });
      assert.equal((await ask({ baseUrl: server.url })).error?.code, "rate_limit");
      await server.close();
    }
  });

  it("is read as it is if it is not compressed at all", async () => {
    const server = await startServer((_, response) => {
      response.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" });
      response.end(JSON.stringify(completion("Hello")));
    });
    assert.equal((await ask({ baseUrl: server.url })).text, "Hello");
    await server.close();
  });
});
