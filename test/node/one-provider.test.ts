import assert from "node:assert/strict";
import { wasSoon } from "../support/cpu";
import { chatFlow, getNodeRed, level, type Message, type NodeRed } from "../support/node-red";
import { startRouter, type TestRouter } from "../support/router";
import {
  chunk,
  completion,
  type Handler,
  json,
  type Response,
  type SeenRequest,
  sse,
  startServer,
  status,
  type TestServer,
  usage,
} from "../support/server";
import { slowStore } from "../support/slow-store";
import { valueTool } from "../support/tools";

/** Answers like a router whose choice of a provider changes with every question that leaves it open. */
class Providers {
  readonly names = ["alpha", "beta", "gamma"];
  /** What a provider does instead of answering. */
  readonly failing = new Map<string, Handler>();
  #turn = 0;

  /** Whom the router chooses next. */
  next(name: string): void {
    this.#turn = this.names.indexOf(name);
  }

  handler =
    (answer: (request: SeenRequest, response: Response, provider: string) => unknown): Handler =>
    (request, response, index) => {
      const [, pinned] = String(request.body.model).split(":");
      const provider = pinned ?? this.names[this.#turn++ % this.names.length] ?? "";
      const failing = this.failing.get(provider);
      return failing ? failing(request, response, index) : answer(request, response, provider);
    };
}

const said = (response: Response, provider: string, text = "ok", fields: Message = {}) =>
  json(response, 200, completion(text, fields), { "x-inference-provider": provider });

describe("the provider of a conversation", () => {
  let red: NodeRed;
  let router: TestRouter;
  let providers: Providers;
  before(async () => {
    red = await getNodeRed();
  });
  beforeEach(async () => {
    router = await startRouter();
    providers = new Providers();
    router.handle(providers.handler((_, response, provider) => said(response, provider)));
  });
  afterEach(async () => {
    await red.reset();
    await router.close();
    slowStore.reset();
  });

  const remembering = { conversation: "topic", conversationType: "msg", store: "slow" };
  const deploy = (chat: Message = {}, config: Message = {}, more: Parameters<TestRouter["deploy"]>[3] = []) =>
    router.deploy(red, { ...remembering, ...chat }, { retries: 0, ...config }, more);
  const ask = async (payload = "Hi", message: Message = {}): Promise<Message> => {
    red.send("chat", { payload, topic: "talk", ...message });
    return red.next("reply");
  };
  const asked = () => router.asked.map(({ body }) => body.model);

  it("is asked again, from the second question on", async () => {
    await deploy();
    for (const payload of ["one", "two", "three"]) await ask(payload);
    assert.deepEqual(asked(), ["test/model", "test/model:alpha", "test/model:alpha"]);
    const other = await ask("one", { topic: "other talk" });
    assert.equal(other.completion.provider, "beta");
    const entry = Object.values(slowStore.values("chat:tab"))[0] as Message;
    assert.deepEqual(entry.providers, { "test/model": "alpha" });
    assert.deepEqual([...new Set(entry.by)], [null, "test/model:alpha"]);
  });

  it("serves all rounds of a question, tool calls and repairs, also without memory", async () => {
    let round = 0;
    const call = { id: "a", type: "function", function: { name: "weather", arguments: "{}" } };
    router.handle(
      providers.handler((_, response, provider) => {
        const message = { role: "assistant", content: null, tool_calls: [call] };
        const calls = { choices: [{ index: 0, message, finish_reason: "tool_calls" }] };
        return round++ === 0 ? said(response, provider, "", calls) : said(response, provider, round < 3 ? "no" : "{}");
      }),
    );
    await deploy({ conversation: "", format: "json_object", tools: ["tool-weather"] }, {}, valueTool("weather", "7"));
    await ask();
    assert.deepEqual(asked(), ["test/model", "test/model:alpha", "test/model:alpha"]);
  });

  it("is kept by the name of the model, which alone is told", async () => {
    router.handle(
      providers.handler((request, response, provider) =>
        // A router may repeat what it was asked for.
        said(response, provider, "ok", { model: request.body.model }),
      ),
    );
    await deploy({}, { fallback: ["test/other"] });
    await ask("one");
    const msg = await ask("two");
    assert.equal(msg.completion.model, "test/model");
    assert.equal(JSON.stringify(msg.messages).includes("alpha"), false);
    await ask("three", { huggingface: { model: "test/other" } });
    await ask("four", { huggingface: { model: "test/other" } });
    await ask("five");
    assert.deepEqual(asked().slice(2), ["test/other", "test/other:beta", "test/model:alpha"]);
  });

  for (const model of ["test/model:gamma", "test/model:fastest", "test/model:preferred"]) {
    it(`is not touched where the model is ${model}`, async () => {
      await deploy({}, { model });
      await ask("one");
      await ask("two");
      assert.deepEqual(asked(), [model, model]);
    });
  }

  it("may change where the configuration says so, in text, too", async () => {
    await deploy({}, { stickyProvider: "false" });
    await ask("one");
    await ask("two");
    assert.deepEqual(asked(), ["test/model", "test/model"]);
  });

  const dropping: [what: string, failure: Handler][] = [
    ["404", status(404)],
    ["429", status(429)],
    ["429 with a wait", status(429, { error: { message: "later" } }, { "retry-after": "30" })],
    ["500", status(500)],
    ["503", status(503)],
    ["504", status(504)],
    ["400 that names the provider", status(400, { error: { message: "alpha does not want this" } })],
    ["400 that names the model", status(400, { error: { message: "no such thing", code: "model_not_supported" } })],
    ["422 that names something as not supported", status(422, { error: { message: "temperature is not supported" } })],
    ["503 inside a stream", (_, response) => sse(response, [{ error: { message: "no", code: 503 } }])],
    ["a connection that breaks", (_, response) => response.destroy()],
    ["a stream that breaks before the first piece", (_, response) => sse(response, [chunk("")], { done: false })],
    ["silence", () => {}],
  ];
  for (const [what, failure] of dropping) {
    it(`is asked without after ${what}, at once, and without a retry`, async () => {
      await deploy({}, what === "silence" ? { timeout: 1 } : {});
      await ask("one");
      providers.failing.set("alpha", failure);
      const before = performance.now();
      const msg = await ask("two");
      assert.equal(msg.completion.provider, "beta");
      wasSoon(performance.now() - before, 3000);
      // A kept connection that broke is replaced first.
      assert.deepEqual([...new Set(asked().slice(1))], ["test/model:alpha", "test/model"]);
      assert.equal("fallbacks" in msg.completion, false);
      assert.deepEqual(red.logOf("chat", level.warn), []);
      await ask("three");
      assert.equal(asked().at(-1), "test/model:beta");
    });
  }

  for (const [what, failure, code] of [
    ["400", status(400, { error: { message: "temperature must be at most 2" } }), "invalid_input"],
    ["401", status(401), "auth_error"],
    ["402", status(402), "budget_exhausted"],
    ["an error behind the first piece", (_, response) => sse(response, [chunk("Hel")], { done: false }), ""],
  ] as [string, Handler, string][]) {
    it(`is not asked without after ${what}`, async () => {
      await deploy();
      await ask("one");
      providers.failing.set("alpha", failure);
      red.send("chat", { payload: "two", topic: "talk" });
      const { error } = await red.next("error");
      if (code) assert.equal(error.code, code);
      assert.deepEqual(asked(), ["test/model", "test/model:alpha"]);
    });
  }

  it("is asked without only once: what fails then is retried, and goes on to the fallback model", async () => {
    await deploy({}, { retries: 1, fallback: ["test/other"] });
    await ask("one");
    for (const name of providers.names) providers.failing.set(name, status(503));
    red.send("chat", { payload: "two", topic: "talk" });
    await red.next("error");
    const others = ["test/other", "test/other"];
    assert.deepEqual(asked().slice(1), ["test/model:alpha", "test/model", ...others]);
  });

  describe("where there is another server, too", () => {
    let other: TestServer;
    beforeEach(async () => {
      other = await startServer((_, response) => json(response, 200, completion("by the other")));
    });
    afterEach(() => other.close());

    const otherConfig = () => ({ id: "other", type: "huggingface-config", model: "other/model", baseUrl: other.url });

    it("goes there after its silence within the time-out that applies, and is dropped for the next question", async () => {
      await deploy({}, { timeout: 1, retries: 2, otherwise: "other" }, [otherConfig()]);
      await ask("one");
      providers.failing.set("alpha", () => {});
      const before = performance.now();
      assert.equal((await ask("two")).payload, "by the other");
      wasSoon(performance.now() - before, 3000);
      assert.deepEqual(asked(), ["test/model", "test/model:alpha"]);
      assert.equal((await ask("three")).completion.provider, "beta");
      assert.deepEqual(asked().slice(2), ["test/model"]);
    });

    it("is asked without first where the router says that it is too slow", async () => {
      await deploy({}, { otherwise: "other" }, [otherConfig()]);
      await ask("one");
      providers.failing.set("alpha", status(504));
      assert.equal((await ask("two")).completion.provider, "beta");
      assert.deepEqual(asked().slice(1), ["test/model:alpha", "test/model"]);
      for (const name of providers.names) providers.failing.set(name, status(504));
      assert.equal((await ask("three")).payload, "by the other");
      assert.deepEqual(asked().slice(3), ["test/model:beta", "test/model"]);
    });

    it("is asked without first after a connection that breaks", async () => {
      await deploy({}, { otherwise: "other" }, [otherConfig()]);
      await ask("one");
      providers.failing.set("alpha", (_, response) => response.destroy());
      assert.equal((await ask("two")).completion.provider, "beta");
      assert.equal(other.requests.length, 0);
    });
  });

  it("is not named at other servers, whatever their header says", async () => {
    const plain = await startServer((_, response) => said(response, "alpha"));
    await red.deploy(chatFlow(plain.url, remembering));
    await ask("one");
    await ask("two");
    assert.deepEqual(
      plain.requests.map(({ body }) => body.model),
      ["test/model", "test/model"],
    );
    await plain.close();
  });

  it("has at least 80 % of 60 turns in its cache, trimmed in blocks", async function () {
    this.timeout(20_000);
    /** By provider: the prompts that it has read. */
    const caches = new Map<string, string[]>();
    let all = 0;
    let cached = 0;
    const textOf = (message: Message) => `${message["role"]}: ${message["content"]}\n`;
    router.handle(
      providers.handler(({ body }, response, provider) => {
        const prompt: string = body.messages.map(textOf).join("");
        const known = Math.max(0, ...(caches.get(provider) ?? []).map((before) => commonLength(before, prompt)));
        const reply = `Reply ${all} ${"word ".repeat(40)}`;
        caches.set(provider, [...(caches.get(provider) ?? []), prompt + textOf({ role: "assistant", content: reply })]);
        all += prompt.length;
        cached += known;
        return said(response, provider, reply, { usage: usage(Math.ceil(prompt.length / 4), 50) });
      }),
    );
    await deploy({ system: "Be brief. ".repeat(20), store: "" });
    for (let turn = 0; turn < 60; turn++) await ask(`Question ${turn} ${"word ".repeat(20)}`);
    const share = cached / all;
    assert.ok(share >= 0.8, `${Math.round(share * 100)} %`);
    assert.ok((router.asked.at(-1)?.body.messages.length ?? 0) <= 51, "it was trimmed");
  });
});

function commonLength(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  return at;
}
