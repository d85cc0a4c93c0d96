import assert from "node:assert/strict";
import {
  chatFlow,
  getNodeRed,
  level,
  type Message,
  type NodeRed,
  proxyNode,
  sink,
  tlsConfig,
} from "../support/node-red";
import { startProxy } from "../support/proxy";
import {
  chunk,
  type Handler,
  json,
  reply,
  replyChunks,
  type SeenRequest,
  sse,
  startServer,
  startTlsServer,
  type TestServer,
} from "../support/server";
import { valueTool } from "../support/tools";
import { useNodeRed } from "../support/use-node-red";

const TOKEN = "hf_abcDEFghiJKLmno";
const credentials = { config: { token: TOKEN } };
const escaped = (text: string) =>
  text.replace(/./g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
const sentToken = ({ headers }: SeenRequest) => headers.authorization?.replace("Bearer ", "") ?? "none";

describe("what the tests search for secrets", () => {
  let red: NodeRed;
  before(async () => {
    red = await getNodeRed();
  });

  const places: Record<string, [() => unknown, RegExp]> = {
    "a message, deep in it": [
      () => red.send("reply-sink", { a: [{ b: new Map([["c", `x ${TOKEN}`]]) }] }),
      /a message/,
    ],
    "the log": [() => red.node("chat").warn(`with ${TOKEN}`), /the log/],
    "a status": [() => red.node("chat").status({ text: TOKEN }), /a status/],
    "an error that hides it": [
      () => red.node("chat")._complete({}, Object.assign(new Error("no"), { hidden: { deep: TOKEN } })),
      /done/,
    ],
    "a context store": [() => red.node("chat").context().set("a", { b: TOKEN }), /a context store/],
    "the flow file": [() => red.deploy(chatFlow("http://127.0.0.1:1", { info: TOKEN })), /the flow file/],
    "a prototype": [() => Object.assign(Object.prototype, { polluted: true }), /polluted/],
  };
  for (const [what, [leak, says]] of Object.entries(places)) {
    it(`is ${what}`, async () => {
      await red.deploy(chatFlow("http://127.0.0.1:1"), credentials);
      await leak();
      const found = await red.reset().then(
        () => assert.fail("it was not found"),
        (error: Error) => error.message,
      );
      Reflect.deleteProperty(Object.prototype, "polluted");
      await red.reset();
      assert.match(found, says);
      assert.doesNotMatch(found, new RegExp(TOKEN));
    });
  }
});

describe("huggingface-chat, a server that echoes the token", () => {
  // After each test, every message, log line and status is searched for the token.
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its));

  /** The token as models' tokenizers split it. */
  const cut = (text: string) => text.match(/.{1,3}/gs) ?? [];
  const echoes: [what: string, handler: Handler, reply: string, streamed: string][] = [
    [
      "in a reply",
      (request, response) => sse(response, replyChunks([`You sent ${sentToken(request)}.`])),
      "You sent ***.",
      "You sent ***.",
    ],
    [
      "in a reply, in pieces",
      (request, response) => sse(response, replyChunks(cut(`You sent ${sentToken(request)}.`))),
      "You sent ***.",
      // Three letters are too few to hold a delta back.
      "You sent hf_***.",
    ],
    [
      "in a reply, letter by letter",
      (request, response) => sse(response, replyChunks([...`You sent ${sentToken(request)}.`])),
      "You sent ***.",
      "You sent hf_***.",
    ],
    [
      "in its header's form",
      (request, response) => sse(response, replyChunks(cut(`You sent ${request.headers.authorization}.`))),
      "You sent Bearer ***.",
      "You sent Bearer hf***.",
    ],
    [
      "with reasoning in between",
      (request, response) => {
        const token = sentToken(request);
        return sse(response, [
          chunk(`You sent ${token.slice(0, 9)}`),
          chunk(undefined, { delta: { reasoning: `Hm ${token.slice(0, 7)}` } }),
          chunk(`${token.slice(9)}.`),
          chunk(undefined, { delta: { reasoning: token.slice(7) } }),
          chunk(undefined, { finish_reason: "stop" }),
        ]);
      },
      "You sent ***.",
      "You sent ***.",
    ],
    [
      "with a call in between",
      (request, response) => {
        const token = sentToken(request);
        const call = { index: 0, id: "1", function: { name: "own", arguments: "{}" } };
        return sse(response, [
          chunk(token.slice(0, -1)),
          chunk(undefined, { delta: { tool_calls: [call] } }),
          chunk(token.slice(-1)),
          chunk(undefined, { finish_reason: "tool_calls" }),
        ]);
      },
      "***",
      "***",
    ],
  ];
  for (const [what, handler, text, streamed] of echoes) {
    it(`${what}: *** is in its place, on Reply and Stream`, async () => {
      server.handle(handler);
      await red.deploy(chatFlow(server.url, { stream: true, streamReasoning: true }), credentials);
      red.send("chat", { payload: "Hi" });
      const ended = () => [...red.captured("reply"), ...red.captured("calls")];
      await red.until(() => ended().length > 0, "an end");
      assert.equal(ended()[0]?.completion.message.content, text);
      const pieces = red.captured("stream").map(({ payload }) => payload);
      assert.equal(pieces.join(""), streamed);
    });
  }

  it("token by token in logprobs: they are left out", async () => {
    const entry = (token: string) => ({ token, logprob: -1, bytes: [...Buffer.from(token)] });
    const told = async (text: (token: string) => string[]) => {
      server.handle((request, response) => {
        const pieces = text(sentToken(request)).map((token) => {
          const [choice] = chunk(token).choices as object[];
          return { ...chunk(), choices: [{ ...choice, logprobs: { content: [entry(token)] } }] };
        });
        return sse(response, [...pieces, chunk(undefined, { finish_reason: "stop" })]);
      });
      red.send("chat", { payload: "Hi" });
      return (await red.next("reply")).completion;
    };
    await red.deploy(chatFlow(server.url), credentials);
    assert.equal("logprobs" in (await told((token) => cut(`You sent ${token}`))), false, "in pieces");
    assert.equal("logprobs" in (await told((token) => ["You sent ", token])), false, "as one, in bytes");
    assert.equal((await told(() => ["no ", "secret"])).logprobs.content.length, 2);
  });

  it("does not hold back what only begins like it", async () => {
    const text = "Bear with me: hf_abcDEF is the beginning, h";
    server.handle((_, response) => sse(response, replyChunks([...text])));
    await red.deploy(chatFlow(server.url, { stream: true }), credentials);
    red.send("chat", { payload: "Hi" });
    assert.equal((await red.next("reply")).payload, text);
    const streamed = red.captured("stream").map(({ payload }) => payload);
    assert.equal(streamed.join(""), text);
  });

  it("in its reasoning: neither in the completion nor on Stream", async () => {
    server.handle((request, response) =>
      sse(response, [
        ...cut(`Thinking of ${sentToken(request)}`).map((reasoning) => chunk(undefined, { delta: { reasoning } })),
        ...replyChunks(["Hello"]),
      ]),
    );
    await red.deploy(chatFlow(server.url, { stream: true, streamReasoning: true }), credentials);
    red.send("chat", { payload: "Hi" });
    assert.equal((await red.next("reply")).completion.message.reasoning, "Thinking of ***");
    const reasoning = red.captured("stream").map((msg) => msg.reasoning ?? "");
    assert.equal(reasoning.join(""), "Thinking of hf_***");
  });

  it("in the arguments of a call, in pieces: neither for the tool flow nor at output 3", async () => {
    const calls = (name: string): Handler => {
      return (request, response) =>
        sse(response, [
          chunk(undefined, {
            delta: { tool_calls: [{ index: 0, id: "1", function: { name, arguments: '{"key":"' } }] },
          }),
          ...cut(`${sentToken(request)}\\u0068f_\\u0061bcDEFghiJKLmno`).map((piece) =>
            chunk(undefined, { delta: { tool_calls: [{ index: 0, function: { arguments: piece } }] } }),
          ),
          chunk(undefined, { delta: { tool_calls: [{ index: 0, function: { arguments: '"}' } }] } }),
          chunk(undefined, { finish_reason: "tool_calls" }),
        ]);
    };
    let turn = 0;
    server.handle((request, response, index) => {
      const handlers = [calls("look"), calls("other"), reply("ok")];
      return handlers[turn++]?.(request, response, index);
    });
    const functions = [{ name: "other", description: "", parameters: "" }];
    const tool = [...valueTool("look", "seen"), sink("start")];
    for (const node of tool) if (node.id === "tool-look") node.wires = [["do-look", "start"]];
    await red.deploy([...chatFlow(server.url, { tools: ["tool-look"], functions }), ...tool], credentials);
    red.send("chat", { payload: "Hi" });
    const { payload } = await red.next("calls");
    assert.deepEqual(payload[0].arguments, { key: "******" });
    assert.deepEqual((await red.next("start")).payload, { key: "******" });
  });

  const errors: Record<string, Handler> = {
    "in an error": (request, response) => json(response, 400, { error: { message: `bad ${sentToken(request)}` } }),
    "in an error's code": (request, response) =>
      json(response, 400, { error: { message: "bad", code: sentToken(request) } }),
    "in escapes": (request, response) =>
      json(response, 400, { error: { message: `{"auth":"${escaped(sentToken(request))}"}` } }),
    "in escapes of what is not JSON": (request, response) =>
      json(response, 500, `upstream said: {"auth":"${escaped(sentToken(request))}"}`),
    "in escapes of a body that is cut": (request, response) =>
      json(response, 500, `{"error":{"message":"${escaped(sentToken(request))}"},"pad":"${"x".repeat(70_000)}"}`),
    "in a redirect": (request, response) =>
      json(response, 302, "", { location: `http://user:${sentToken(request)}@127.0.0.1/${sentToken(request)}` }),
    "in a page": (request, response) => json(response, 500, `<title>${sentToken(request)}</title>`),
    "in headers": (request, response) =>
      json(response, 429, "busy", {
        "x-request-id": sentToken(request),
        "x-inference-provider": sentToken(request),
        "x-error-message": sentToken(request),
      }),
    "in an error inside a stream": (request, response) =>
      sse(response, [chunk("Hel"), { error: { message: sentToken(request), code: sentToken(request) } }]),
    "in garbage": (request, response) => json(response, 200, `<<${sentToken(request)}`),
    "in a stream that breaks off": (request, response) =>
      sse(response, replyChunks(cut(sentToken(request))).slice(0, -1), { done: false }),
    "in the name of the model": (request, response) =>
      sse(
        response,
        replyChunks(["ok"]).map((piece) => ({ ...piece, model: sentToken(request), id: sentToken(request) })),
      ),
    "in fields that nobody knows": (request, response) =>
      sse(response, [
        { ...chunk("ok"), [sentToken(request)]: { deep: [sentToken(request)] } },
        chunk("", { finish_reason: "stop" }),
      ]),
  };
  for (const [what, handler] of Object.entries(errors)) {
    it(`${what}: it is nowhere`, async () => {
      server.handle(handler);
      await red.deploy(chatFlow(server.url, { stream: true }, { retries: 0 }), credentials);
      red.send("chat", { payload: "Hi" });
      const [completion] = await red.completed("chat");
      await red.until(() => red.captured("reply").length + red.captured("error").length > 0, "an end");
      assert.match(server.last.headers.authorization ?? "", new RegExp(TOKEN));
      const seen = JSON.stringify([completion?.error?.message, completion?.error, red.captured("reply")]);
      assert.match(seen, /\*\*\*/);
    });
  }
});

describe("huggingface-chat, a server that echoes secret headers", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its));

  const headers: [name: string, value: string, echo: string, shown: string][] = [
    ["Authorization", "Api-Key s3cretvalue", "sent s3cretvalue", "sent ***"],
    ["authorization", `Basic ${Buffer.from("bob:s3cretvalue").toString("base64")}`, "sent s3cretvalue", "sent ***"],
    ["Cookie", "theme=day; sid=abcdefghijklmnop", "sent abcdefghijklmnop, day", "sent ***, day"],
    ["xAccessToken", "s3cretvalue", "sent s3cretvalue", "sent ***"],
    ["x-portkey-provider", "anthropic", " anthropic", " anthropic"],
    ["X-Keycloak-Realm", "staging-eu", "staging-eu", "staging-eu"],
  ];
  for (const [name, value, echo, shown] of headers) {
    it(`hides what is secret in them, and nothing else: ${name}`, async () => {
      server.handle((request, response) =>
        request.text.includes("fail") ? json(response, 400, echo) : sse(response, replyChunks([echo])),
      );
      await red.deploy(chatFlow(server.url, {}, { headers: { [name]: value } }));
      red.send("chat", { payload: "Hi" });
      assert.equal((await red.next("reply")).payload, shown);
      red.send("chat", { payload: "fail" });
      assert.equal((await red.next("error")).error.cause.body, shown);
    });
  }
});

describe("huggingface-config, a token sent unencrypted", () => {
  let red: NodeRed;
  before(async () => {
    red = await getNodeRed();
  });
  afterEach(() => red.reset());

  const addresses: [baseUrl: string, token: string, isWarned: boolean][] = [
    ["http://models.example/v1", TOKEN, true],
    ["http://192.168.1.20:8080/v1", TOKEN, true],
    ["http://router.huggingface.co/v1", TOKEN, true],
    ["http://127.0.0.1.example/v1", TOKEN, true],
    ["http://localhost.example/v1", TOKEN, true],
    ["http://[fe80::1]:8080/v1", TOKEN, true],
    ["http://models.example/v1", "", false],
    ["https://models.example/v1", TOKEN, false],
    ["http://localhost:11434/v1", TOKEN, false],
    ["http://LOCALHOST./v1", TOKEN, false],
    ["http://ollama.localhost/v1", TOKEN, false],
    ["http://127.0.0.1:1/v1", TOKEN, false],
    ["http://127.1/v1", TOKEN, false],
    ["http://[::1]:1/v1", TOKEN, false],
    ["http://[::ffff:127.0.0.1]/v1", TOKEN, false],
    ["no address", TOKEN, false],
  ];
  for (const [baseUrl, token, isWarned] of addresses) {
    it(`${isWarned ? "is warned of once" : "is not warned of"}: ${baseUrl}${token ? "" : " without a token"}`, async () => {
      await red.deploy(chatFlow(baseUrl), { config: { token } });
      const warnings = red.logOf("config", level.warn).map(({ text }) => text);
      assert.equal(warnings.length, isWarned ? 1 : 0, warnings.join());
      if (isWarned) assert.match(warnings[0] ?? "", /token goes to .* over plain http/);
    });
  }

  it("is warned of again with the next deploy, and not with the next question", async () => {
    const server = await startServer(reply("ok"));
    const proxy = await startProxy(undefined, server.port);
    const flow = [...chatFlow("http://models.example/v1", {}, { proxy: "proxy" }), proxyNode({ url: proxy.url })];
    await red.deploy(flow, credentials);
    for (let turn = 0; turn < 2; turn++) {
      red.send("chat", { payload: "Hi" });
      assert.equal((await red.next("reply")).payload, "ok");
    }
    assert.equal(server.last.headers.authorization, `Bearer ${TOKEN}`, "it is the user's to decide");
    assert.equal(red.logOf("config", level.warn).length, 1);
    await red.deploy(flow);
    assert.equal(red.logOf("config", level.warn).length, 2);
    await proxy.close();
    await server.close();
  });
});

describe("huggingface-config, the token of the environment", () => {
  let red: NodeRed;
  let plain: TestServer;
  let tls: TestServer;
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

  const hosts: [baseUrl: string, isSent: boolean, config?: Message][] = [
    ["https://router.huggingface.co/v1", true],
    ["https://huggingface.co/api/v1", true],
    ["https://abc.us-east-1.aws.endpoints.huggingface.cloud/v1", true],
    ["http://router.huggingface.co/v1", false],
    ["http://huggingface.co/v1", false],
    ["https://huggingface.cloud/v1", false],
    ["https://endpoints.huggingface.cloud.evil.example/v1", false],
    ["https://huggingface.co.evil.example/v1", false],
    ["https://evilhuggingface.co/v1", false],
    ["https://xendpoints.huggingface.cloud/v1", false],
    ["https://models.example/huggingface.co/v1", false],
    ["https://models.example/v1?host=huggingface.co", false],
    ["https://abc.us-east-1.aws.endpoints.huggingface.cloud/v1", false, { endpointsUseEnvironment: false }],
    ["https://abc.us-east-1.aws.endpoints.huggingface.cloud/v1", true, { endpointsUseEnvironment: "" }],
    ["https://router.huggingface.co/v1", true, { endpointsUseEnvironment: "false" }],
    ["https://huggingface.co/api/v1", true, { endpointsUseEnvironment: false }],
  ];
  for (const [baseUrl, isSent, config = {}] of hosts) {
    for (const variable of ["HF_TOKEN", "HUGGINGFACE_API_KEY"]) {
      it(`${variable} ${isSent ? "goes" : "does not go"} to ${baseUrl} ${JSON.stringify(config)}`, async () => {
        const target = baseUrl.startsWith("https:") ? tls : plain;
        const proxy = await startProxy(undefined, target.port);
        process.env[variable] = TOKEN;
        try {
          const nodes = [proxyNode({ url: proxy.url }), tlsConfig({ verifyservercert: false })];
          await red.deploy([...chatFlow(baseUrl, {}, { proxy: "proxy", tls: "tls", ...config }), ...nodes]);
          red.send("chat", { payload: "Hi" });
          assert.equal((await red.next("reply")).payload, "ok");
          const { authorization, "user-agent": agent = "" } = target.last.headers;
          const versions = new RegExp(
            `^node-red-huggingface/\\S+ node-red/${red.version} node/${process.versions.node}$`,
          );
          assert.equal(versions.test(agent), /^https:\/\/(router\.)?huggingface\.co\//.test(baseUrl), agent);
          assert.equal(authorization, isSent ? `Bearer ${TOKEN}` : undefined);
          assert.equal(JSON.stringify(target.last).includes(TOKEN), isSent);
        } finally {
          delete process.env[variable];
          await proxy.close();
        }
      });
    }
  }
});
