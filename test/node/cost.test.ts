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
import {
  completion,
  type Handler,
  inTurn,
  json,
  reply,
  startServer,
  startTlsServer,
  type TestServer,
} from "../support/server";
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
        { provider: "paying", pricing: { input: -1, output: 2 } },
        { provider: "absurd", pricing: { input: 1e308, output: 1e308 } },
        { provider: "caching", pricing: { input: 1, output: 2, cache_read_tokens: 0.1 } },
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
  const ask = (message?: Message) => red.ask(message);
  /** Waits until the list is there, which the first question starts to fetch. */
  const priced = async () => {
    await red.until(() => server.requests.some(({ url }) => url === "/v1/models"), "the list of models");
    await new Promise((resolve) => setTimeout(resolve, 100));
  };

  /** Asks until a reply has a cost, since questions do not wait for the list. */
  const untilPriced = async (): Promise<void> => {
    while (!("cost" in (await ask()).completion)) await new Promise((resolve) => setTimeout(resolve, 20));
  };

  it("is computed from the provider's prices", async () => {
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

  it("is the sum of all rounds, or absent", async () => {
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
    ["a price below zero", (...args) => by("paying", 1, 1)(...args)],
    ["a cost without end", (...args) => by("absurd", 1e6, 1e6)(...args)],
    ["tokens below zero", (...args) => by("cheap", -1000, 5)(...args)],
    ["a provider that is not listed", (...args) => by("new", 1, 1)(...args)],
    ["no provider", (...args) => reply("ok")(...args)],
    [
      "no usage",
      (_, response) => json(response, 200, completion("ok", { usage: null }), { "x-inference-provider": "cheap" }),
    ],
  ] as [string, Handler][]) {
    it(`is absent for ${what}`, async () => {
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

  const charged: [what: string, usage: object, cost: number | undefined][] = [
    ["usage.cost", { cost: 0.25 }, 0.25],
    ["usage.estimated_cost", { estimated_cost: 0.000021 }, 0.000021],
    ["nothing", { cost: 0 }, 0],
    ["an estimate beside it", { estimated_cost: 3, cost: 2 }, 2],
    ["a text", { cost: "0.1" }, 0.002],
    ["less than nothing", { cost: -1 }, 0.002],
  ];
  it("is what the server itself says, before the price list", async () => {
    await deploy();
    await untilPriced();
    for (const [what, usage, cost] of charged) {
      const counts = { prompt_tokens: 1000, completion_tokens: 500 };
      chat = (_, response) =>
        json(response, 200, completion("ok", { usage: { ...counts, ...usage } }), {
          "x-inference-provider": "caching",
        });
      assert.equal((await ask()).completion.cost, cost, what);
    }
  });

  const caches: [what: string, usage: object, cost: number][] = [
    ["OpenAI", { prompt_tokens_details: { cached_tokens: 900 } }, 0.00119],
    ["Moonshot", { cached_tokens: 900 }, 0.00119],
    ["DeepSeek", { prompt_cache_hit_tokens: 900 }, 0.00119],
    ["one that counts more than there are", { cached_tokens: 5000 }, 0.0011],
    ["one without a cache", { prompt_tokens_details: null }, 0.002],
  ];
  it("counts cached tokens at their price", async () => {
    await deploy();
    await untilPriced();
    for (const [what, usage, cost] of caches) {
      const counts = { prompt_tokens: 1000, completion_tokens: 500 };
      const answer = completion("ok", { usage: { ...counts, ...usage } });
      chat = (_, response) => json(response, 200, answer, { "x-inference-provider": "caching" });
      assert.equal((await ask()).completion.cost, cost, what);
      chat = (_, response) => json(response, 200, answer, { "x-inference-provider": "cheap" });
      assert.equal((await ask()).completion.cost, 0.00025, `${what}, without a price for it`);
    }
  });

  it("is shown as status where the node says so and it is known, summed over the rounds", async () => {
    const round = (text: string, cost: object): Handler => {
      return (_, response) =>
        json(response, 200, completion(text, { usage: { prompt_tokens: 5, completion_tokens: 7, ...cost } }));
    };
    const plain = await startServer(inTurn(round("no", { cost: 0.00001234 }), round("{}", { cost: 0.001 })));
    const shown = async () => {
      await red.until(() => red.statuses("chat").at(-1)?.fill === "green", "a status");
      return red.statuses("chat").at(-1)?.text ?? "";
    };
    await red.deploy(chatFlow(plain.url, { statusShows: "cost", format: "json_object" }));
    assert.equal((await ask()).completion.cost, 0.00101234);
    assert.match(await shown(), /^0\.00101 USD, \d+\.\d s$/);
    plain.handle(round("{}", {}));
    await ask();
    await red.until(() => /^7 tokens/.test(red.statuses("chat").at(-1)?.text ?? ""), "tokens where no cost is known");
    plain.handle(round("{}", { cost: 1 }));
    await red.deploy(chatFlow(plain.url, { format: "json_object" }));
    await ask();
    assert.match(await shown(), /^7 tokens/, "tokens unless the node says otherwise");
    await plain.close();
  });

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
