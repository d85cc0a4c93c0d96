import assert from "node:assert/strict";
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
import { completion, type Handler, json, reply, startServer, startTlsServer, type TestServer } from "../support/server";
import { callRound, valueTool } from "../support/tools";

const ROUTER = "https://router.huggingface.co/v1";
const MODELS = {
  data: [
    { id: "only/id" },
    { id: "odd/entry", providers: [null, { provider: "x", pricing: null }, { pricing: { input: 1, output: 1 } }] },
    {
      id: "test/model",
      providers: [
        { provider: "cheap", pricing: { input: 0.1, output: 0.3 } },
        { provider: "dear", pricing: { input: 2, output: 6 } },
        { provider: "unpriced" },
      ],
    },
  ],
};

describe("what a reply has cost", () => {
  let red: NodeRed;
  let server: TestServer;
  let proxy: Awaited<ReturnType<typeof startProxy>>;
  let models: Handler;
  let chat: Handler;
  before(async () => {
    red = await getNodeRed();
  });
  beforeEach(async () => {
    models = (_, response) => json(response, 200, MODELS);
    chat = by("cheap", 1000, 500);
    server = await startTlsServer((request, response, index) =>
      (request.url === "/v1/models" ? models : chat)(request, response, index),
    );
    // The router's name leads to a server on this machine.
    proxy = await startProxy(undefined, server.port);
  });
  afterEach(async () => {
    await red.reset();
    await server.close();
    await proxy.close();
  });

  const by =
    (provider: string, prompt_tokens: number, completion_tokens: number): Handler =>
    (_, response) =>
      json(response, 200, completion("ok", { usage: { prompt_tokens, completion_tokens } }), {
        "x-inference-provider": provider,
      });

  const deploy = (baseUrl = ROUTER, more: NodeDef[] = [], node: Message = {}) =>
    red.deploy(
      [
        ...chatFlow(baseUrl, node, { proxy: "proxy", tls: "tls", retries: 0 }),
        proxyNode({ url: proxy.url }),
        tlsConfig({ verifyservercert: false }),
        ...more,
      ],
      { config: { token: "hf_secret" } },
    );
  const ask = async (message: Message = {}): Promise<Message> => {
    red.send("chat", { payload: "Hi", ...message });
    return red.next("reply");
  };
  /** The first question begins to fetch the list; this is once it is there. */
  const priced = async () => {
    await red.until(() => server.requests.some(({ url }) => url === "/v1/models"), "the list of models");
    await new Promise((resolve) => setTimeout(resolve, 100));
  };

  /** The list may take its time: the questions do not wait for it. */
  const untilPriced = async (): Promise<void> => {
    while (!("cost" in (await ask()).completion)) await new Promise((resolve) => setTimeout(resolve, 20));
  };

  it("is told by the provider's prices", async () => {
    await deploy();
    await untilPriced();
    assert.equal((await ask()).completion.cost, 0.00025);
    chat = by("dear", 1000, 500);
    assert.equal((await ask()).completion.cost, 0.005);
    assert.equal((await ask({ huggingface: { model: "test/model:dear" } })).completion.cost, 0.005);
    const lists = server.requests.filter(({ url }) => url === "/v1/models");
    assert.equal(lists.length, 1, "the list is fetched once");
    assert.equal(lists[0]?.headers.authorization, undefined, "it needs no token");
  });

  it("is the sum of all rounds, or not told", async () => {
    const inRounds = (first: Handler): Handler => {
      let round = 0;
      return (...args) => (round++ % 2 === 0 ? first : by("cheap", 10, 10))(...args);
    };
    const call: Handler = (_, response) => {
      const tool_calls = [{ id: "a", type: "function", function: { name: "weather", arguments: "{}" } }];
      const choices = [
        { index: 0, message: { role: "assistant", content: null, tool_calls }, finish_reason: "tool_calls" },
      ];
      const usage = { prompt_tokens: 10, completion_tokens: 10 };
      json(response, 200, completion("", { choices, usage }), { "x-inference-provider": "dear" });
    };
    await deploy(ROUTER, valueTool("weather", "7"), { tools: ["tool-weather"] });
    await untilPriced();
    chat = inRounds(call);
    assert.equal((await ask()).completion.cost, 0.000084);
    chat = inRounds(callRound({ id: "a", name: "weather" }));
    assert.equal("cost" in (await ask()).completion, false, "the provider of one round is not known");
  });

  for (const [what, handler] of [
    ["a provider without a price", (...args) => by("unpriced", 1, 1)(...args)],
    ["a provider that is not listed", (...args) => by("new", 1, 1)(...args)],
    ["no provider", (...args) => reply("ok")(...args)],
    [
      "no usage",
      (_, response) => json(response, 200, completion("ok", { usage: null }), { "x-inference-provider": "cheap" }),
    ],
  ] as [string, Handler][]) {
    it(`is not told for ${what}`, async () => {
      chat = handler;
      await deploy();
      await ask();
      await priced();
      assert.equal("cost" in (await ask()).completion, false);
    });
  }

  for (const [what, handler] of [
    ["does not come", () => {}],
    ["is none", (_, response) => json(response, 200, "[]")],
    ["is refused", (_, response) => json(response, 500, {})],
    ["breaks off", (_, response) => response.destroy()],
  ] as [string, Handler][]) {
    it(`delays no reply where the list ${what}`, async () => {
      models = handler;
      await deploy();
      await ask();
      await priced();
      const msg = await ask();
      assert.equal(msg.payload, "ok");
      assert.equal("cost" in msg.completion, false);
      assert.equal(red.captured("error").length, 0);
    });
  }

  it("is not looked up at other servers", async () => {
    const plain = await startServer(reply("ok"));
    await red.deploy(chatFlow(plain.url));
    await ask();
    await ask();
    assert.deepEqual(
      plain.requests.map(({ url }) => url),
      ["/v1/chat/completions", "/v1/chat/completions"],
    );
    await plain.close();
  });
});
