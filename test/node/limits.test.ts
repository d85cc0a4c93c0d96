import assert from "node:assert/strict";
import { type SinonFakeTimers, useFakeTimers } from "sinon";
import { chatFlow, level, type Message, type NodeDef, type NodeRed, proxyNode, tlsConfig } from "../support/node-red";
import { startProxy } from "../support/proxy";
import { startRouter, type TestRouter } from "../support/router";
import {
  completion,
  type Handler,
  inTurn,
  json,
  reply,
  startTlsServer,
  type TestServer,
  usage,
} from "../support/server";
import { callRound, valueTool } from "../support/tools";
import { useNodeRed } from "../support/use-node-red";

const { setTimeout: realTimeout } = globalThis;

type Row = [amount: number | string, unit: string, per: string];
const limits = (...rows: Row[]): Message => ({
  retries: 0,
  limits: rows.map(([amount, unit, per]) => ({ amount, unit, per })),
});
/** Answers with so many tokens. */
const costing =
  (prompt: number, written: number): Handler =>
  (_, response) =>
    json(response, 200, completion("ok", { usage: usage(prompt, written) }));
/** Answers when `open` is called, in their order. */
function gate(handler: Handler): { handler: Handler; open(): void; waiting(): number } {
  const waiting: (() => void)[] = [];
  return {
    handler: async (...args) => {
      await new Promise<void>((resolve) => waiting.push(resolve));
      return handler(...args);
    },
    open: () => waiting.shift()?.(),
    waiting: () => waiting.length,
  };
}

describe("limits", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its), reply("ok"));

  const ask = async (payload: unknown = "Hi", more: Message = {}): Promise<Message> => {
    red.send("chat", { payload, ...more });
    return red.next("reply");
  };
  const refused = async (payload: unknown = "Hi"): Promise<Message> => {
    red.send("chat", { payload });
    return red.next("error");
  };
  const warnings = (node = "chat") => red.logOf(node, level.warn).map(({ text }) => text);
  const used = (msg: Message) => msg.completion.limits.map(({ used }: Message) => used);

  it("refuse a question without a request and without a fallback model, and say what is used until when", async () => {
    await red.deploy(chatFlow(server.url, {}, { ...limits([2, "questions", "day"]), fallback: ["org/other"] }));
    const [{ resets_at, ...limit }] = (await ask()).completion.limits;
    assert.deepEqual(limit, { amount: 2, unit: "questions", per: "day", used: 1 });
    assert.ok(Date.parse(resets_at) > Date.now() && Date.parse(resets_at) <= Date.now() + 25 * 3600 * 1000);
    await ask();
    const { error, completion } = await refused();
    assert.equal(error.code, "budget_exhausted");
    assert.match(error.message, /^Limit reached: 2 of 2 questions\. It resets at 20\d\d-\d\d-\d\d 00:00\./);
    assert.deepEqual(error.cause.limit, { ...limit, used: 2, resets_at });
    assert.equal(error.cause.retryable, true);
    assert.equal(completion.attempts, 0);
    assert.equal(server.requests.length, 2);
    await red.until(() => red.statuses("chat").at(-1)?.text === "limit: 2 questions", "the status");
  });

  it("cost nothing while there are none: the completion has no word of them", async () => {
    await red.deploy(chatFlow(server.url));
    assert.equal("limits" in (await ask()).completion, false);
  });

  it("count a question once, with all its tool rounds, retries and fallback models", async () => {
    const busy: Handler = (_, response) => json(response, 503, { error: { message: "busy" } }, { "retry-after": "0" });
    server.handle(
      inTurn(busy, busy, callRound({ id: "a", name: "weather" }), callRound({ id: "b", name: "weather" }), reply("7")),
    );
    const config = { ...limits([1, "questions", "day"]), fallback: ["org/other"] };
    const chat = { tools: ["tool-weather"] };
    await red.deploy([...chatFlow(server.url, chat, { ...config, retries: 2 }), ...valueTool("weather", "7")]);
    assert.deepEqual(used(await ask()), [1]);
    assert.ok(server.requests.length >= 4);
    await refused();
  });

  it("end a tool loop that runs away, with what it has come to", async () => {
    server.handle((request, response, index) =>
      callRound({ name: "weather", id: `c${index}` })(request, response, index),
    );
    const chat = { tools: ["tool-weather"], maxSteps: 1000 };
    await red.deploy([
      ...chatFlow(server.url, chat, limits([500, "tokens", "hour"])),
      ...valueTool("weather", "It is warm. ".repeat(20)),
    ]);
    const { error, completion } = await refused();
    assert.equal(error.code, "budget_exhausted");
    assert.ok(server.requests.length > 1 && server.requests.length < 100, `${server.requests.length}`);
    assert.equal(completion.steps.length, server.requests.length);
    assert.ok(error.cause.limit.used >= 500);
  });

  it("count tokens as the server tells, and estimate them where it does not", async () => {
    server.handle(
      inTurn(costing(100, 20), (_, response) => json(response, 200, completion("x ".repeat(100), { usage: null }))),
    );
    await red.deploy(chatFlow(server.url, {}, limits([1000, "tokens", "day"])));
    assert.deepEqual(used(await ask()), [120]);
    const [estimated] = used(await ask("Hello there. ".repeat(50)));
    assert.ok(estimated > 220 && estimated < 500, `${estimated}`);
  });

  it("count what had come of a reply that was aborted", async () => {
    server.handle(async (_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(`data: {"choices":[{"delta":{"content":"${"word ".repeat(200)}"}}]}\n\n`);
    });
    await red.deploy(chatFlow(server.url, { stream: true }, limits([100, "tokens", "day"])));
    red.send("chat", { payload: "Hi" });
    await red.next("stream");
    red.send("chat", { abort: true });
    const msg = await red.next("reply");
    assert.ok(used(msg)[0] > 100);
    await refused();
  });

  it("do not count what a server has refused", async () => {
    server.handle((_, response) => json(response, 400, { error: { message: "no" } }));
    await red.deploy(chatFlow(server.url, {}, limits([100, "tokens", "day"])));
    assert.deepEqual(used(await refused()), [0]);
  });

  it("count a reply that cannot be used, where the server says what it took", async () => {
    const choices = [{ index: 0, message: { role: "assistant", content: "" }, finish_reason: "tool_calls" }];
    server.handle((_, response) => json(response, 200, completion("", { choices, usage: usage(90, 10) })));
    await red.deploy(chatFlow(server.url, {}, limits([150, "tokens", "day"])));
    const { error, completion: partial } = await refused();
    assert.equal(error.code, "provider_unavailable");
    assert.equal(partial.limits[0].used, 100);
    await refused();
    assert.equal((await refused()).error.code, "budget_exhausted");
    assert.equal(server.requests.length, 2);
  });

  for (const [code, words] of [
    ["json_validate_failed", 200],
    ["json_validate_failed", 3000],
    ["tool_use_failed", 200],
    ["tool_use_failed", 3000],
  ] as const) {
    it(`count by estimate what a model has written where the server makes an error of it: ${code}, ${words} words`, async () => {
      const error = { message: "No.", code, failed_generation: "word ".repeat(words) };
      server.handle((_, response) => json(response, 400, { error }));
      const more = { format: "json_object", repairs: 0, maxSteps: 1, tools: ["tool-f"] };
      await red.deploy([...chatFlow(server.url, more, limits([1000, "tokens", "day"])), ...valueTool("f", "1")]);
      const [counted] = used(await refused());
      assert.ok(counted > 200, `${counted}`);
      for (let asked = 0; asked < 5; asked++) await refused();
      assert.equal((await refused()).error.code, "budget_exhausted");
      assert.ok(server.requests.length <= 5, `${server.requests.length}`);
    });
  }

  it("refuse those that wait for a slot at once, and let what is in flight end", async () => {
    const { handler, open, waiting } = gate(costing(100, 0));
    server.handle(handler);
    await red.deploy(chatFlow(server.url, {}, { ...limits([100, "tokens", "day"]), maxConcurrent: 2 }));
    for (let index = 0; index < 10; index++) red.send("chat", { payload: `${index}` });
    await red.until(() => waiting() === 2, "two are in flight");
    open();
    const errors = await red.next("error", 8);
    assert.ok(errors.every(({ error }) => error.code === "budget_exhausted"));
    assert.equal(server.requests.length, 2);
    open();
    await red.next("reply", 2);
  });

  it("let exactly as many questions through, of two nodes and many at the same time", async () => {
    const flow = chatFlow(server.url, {}, { ...limits([7, "questions", "month"]), maxConcurrent: 3 });
    const second = { ...flow.find(({ id }) => id === "chat"), id: "second" } as NodeDef;
    const catching = flow.map((node) => (node.type === "catch" ? { ...node, scope: null } : node));
    await red.deploy([...catching, second]);
    for (let index = 0; index < 30; index++) red.send(index % 2 ? "chat" : "second", { payload: `${index}` });
    await red.next("reply", 7);
    await red.next("error", 23);
    assert.equal(server.requests.length, 7);
  });

  it("are told of no request where none was sent, also to a question that had its slot", async () => {
    await red.deploy(chatFlow(server.url, {}, limits([1, "questions", "day"])));
    for (let index = 0; index < 5; index++) red.send("chat", { payload: `${index}` });
    await red.next("reply");
    for (const { error, completion: partial } of (await red.next("error", 4)) as Message[]) {
      assert.deepEqual([error.cause.attempts, partial.attempts, partial.steps], [0, 0, []]);
    }
  });

  it("are told of the requests that were sent to a question that waits for a retry", async () => {
    server.handle((request, response) =>
      request.body.messages.at(-1).content === "first"
        ? json(response, 503, { error: "busy" }, { "retry-after": "0.3" })
        : costing(90, 10)(request, response, 0),
    );
    await red.deploy(chatFlow(server.url, {}, { ...limits([100, "tokens", "day"]), retries: 2 }));
    red.send("chat", { payload: "first" });
    await server.waitFor(1);
    await ask("second");
    const { error, completion: partial } = await red.next("error");
    assert.equal(error.code, "budget_exhausted");
    assert.deepEqual([error.cause.attempts, partial.attempts], [1, 1]);
    assert.equal(server.requests.length, 2);
  });

  it("are passed by what is in flight at most, by two nodes with tool loops", async () => {
    const loop: Handler = (request, response, index) => {
      const { messages } = request.body;
      const handler = messages.length < 6 ? callRound({ name: "weather", id: `c${index}` }) : reply("7");
      return handler(request, response, index);
    };
    server.handle(loop);
    const chat = { tools: ["tool-weather"] };
    const flow = chatFlow(server.url, chat, { ...limits([400, "tokens", "day"]), maxConcurrent: 4 });
    const second = { ...flow.find(({ id }) => id === "chat"), id: "second" } as NodeDef;
    const catching = flow.map((node) => (node.type === "catch" ? { ...node, scope: null } : node));
    await red.deploy([...catching, second, ...valueTool("weather", "7")]);
    for (let index = 0; index < 40; index++) red.send(index % 2 ? "chat" : "second", { payload: "How warm?" });
    const ended = () => red.captured("reply").length + red.captured("error").length;
    await red.until(
      () => ended() === 40,
      () => `all to end, ${ended()} have`,
    );
    const { used, amount } = red.captured("error").at(-1)?.error.cause.limit ?? {};
    const each = Math.max(...server.requests.map(({ text }) => text.length)) / 2;
    assert.ok(used >= amount && used < amount + 4 * each, `${used} of ${amount}`);
  });

  it("warn and turn yellow when four fifths are used, once a day", async () => {
    await red.deploy(chatFlow(server.url, {}, limits([5, "questions", "day"])));
    for (let index = 0; index < 3; index++) await ask();
    await red.completed("chat", 3);
    assert.equal(red.statuses("chat").at(-1)?.fill, "green");
    for (const percent of [80, 100]) {
      await ask();
      await red.until(() => red.statuses("chat").at(-1)?.text === `${percent} % of 5 questions`, `${percent} %`);
      assert.equal(red.statuses("chat").at(-1)?.fill, "yellow");
    }
    assert.equal(warnings().filter((text) => text.includes("Limit almost reached: 80 % of 5 questions")).length, 1);
  });

  it("limit a model without a price by tokens, and warn of it once", async () => {
    server.handle(costing(600_000, 0));
    await red.deploy(chatFlow(server.url, {}, limits([1, "usd", "day"])));
    await ask();
    const msg = await ask();
    assert.deepEqual(used(msg), [0]);
    const { error } = await refused();
    assert.equal(error.cause.limit.unit, "tokens");
    assert.equal(error.cause.limit.amount, 1_000_000);
    const told = warnings().filter((text) => text.includes("No price known for test/model"));
    assert.equal(told.length, 1);
    assert.match(String(told), /1000000 tokens/);
  });

  const wrong: [what: string, value: unknown, says: RegExp][] = [
    ["an amount that is no number", [{ amount: "much", unit: "usd", per: "day" }], /limits\[0\]\.amount is "much"/],
    ["an amount below zero", [{ amount: -1, unit: "usd", per: "day" }], /limits\[0\]\.amount/],
    [
      "a unit that nobody knows",
      [{ amount: 1, unit: "euro", per: "day" }],
      /limits\[0\]\.unit.*questions, usd, tokens/,
    ],
    [
      "a period that nobody knows",
      [{ amount: 1, unit: "usd", per: "year" }],
      /limits\[0\]\.per.*minute, hour, day, month/,
    ],
    ["no list", "five", /Limits is not valid JSON/],
    ["a text in the list", ["five"], /limits\[0\] must be an object/],
  ];
  for (const [what, value, says] of wrong) {
    it(`are an error of the first question where they hold ${what}`, async () => {
      await red.deploy(chatFlow(server.url, {}, { limits: value }));
      const { error } = await refused();
      assert.equal(error.code, "invalid_input");
      assert.match(error.message, says);
      assert.equal(server.requests.length, 0);
    });
  }

  const harmless: [what: string, value: unknown][] = [
    ["no amount", [{ amount: "", unit: "usd", per: "day" }]],
    ["nothing", ""],
    ["null", null],
  ];
  for (const [what, value] of harmless) {
    it(`are none where they hold ${what}`, async () => {
      await red.deploy(chatFlow(server.url, {}, { limits: value }));
      await ask();
    });
  }

  it("may stand as text, alone, or in the environment", async () => {
    process.env.TEST_LIMIT = "1";
    await red.deploy(chatFlow(server.url, {}, { limits: { amount: "${TEST_LIMIT}", unit: "questions", per: "day" } }));
    await ask();
    await refused();
    delete process.env.TEST_LIMIT;
  });

  describe("at the router", () => {
    const ROUTER = "https://router.huggingface.co/v1";
    const MODELS = {
      data: [{ id: "test/model", providers: [{ provider: "cheap", pricing: { input: 1, output: 1 } }] }],
    };
    it("of USD wait for the prices before the first question, and count what replies cost", async () => {
      let isListed = false;
      const router = await startTlsServer(async (request, response) => {
        if (request.url !== "/v1/models") {
          assert.ok(isListed, "the list came first");
          return json(response, 200, completion("ok", { usage: usage(400_000, 100_000) }), {
            "x-inference-provider": "cheap",
          });
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
        isListed = true;
        return json(response, 200, MODELS);
      });
      const proxy = await startProxy(undefined, router.port);
      const config = { ...limits([1, "usd", "day"]), tls: "tls", proxy: "proxy" };
      await red.deploy([
        ...chatFlow(ROUTER, {}, config),
        tlsConfig({ verifyservercert: false }),
        proxyNode({ url: proxy.url }),
      ]);
      assert.deepEqual(used(await ask()), [0.5]);
      assert.deepEqual(used(await ask()), [1]);
      assert.equal((await refused()).error.cause.limit.unit, "usd");
      assert.equal(
        warnings().some((text) => text.includes("No price")),
        false,
      );
      await proxy.close();
      await router.close();
    });

    describe("whose list of prices", () => {
      const LONGEST_WAIT_MS = 5000;
      const noPrice = () => warnings().filter((text) => text.includes("No price known for test/model"));
      let router: TestRouter;
      let list: Handler;
      let clock: SinonFakeTimers;
      beforeEach(async () => {
        router = await startRouter((...args) => list(...args));
        router.handle((_, response) =>
          json(response, 200, completion("ok", { usage: usage(400_000, 100_000) }), {
            "x-inference-provider": "cheap",
          }),
        );
        await router.deploy(red, {}, limits([10, "usd", "day"]));
        clock = useFakeTimers({ toFake: ["setTimeout", "clearTimeout"], shouldClearNativeTimers: true });
      });
      afterEach(async () => {
        clock.restore();
        await router.close();
      });
      /** Sends a question, and waits until the list was asked for. */
      const begin = async (payload = "Hi") => {
        red.send("chat", { payload });
        await red.until(() => router.server.requests.length > 0, "the request for the list");
      };
      /** Lets requests arrive that are on their way. */
      const settle = () => new Promise((resolve) => realTimeout(resolve, 100));

      it("comes late holds up the first questions until then, and prices them", async () => {
        let send = () => {};
        list = (_, response) => {
          send = () => json(response, 200, MODELS);
        };
        await begin();
        red.send("chat", { payload: "Me, too" });
        await clock.tickAsync(LONGEST_WAIT_MS - 1);
        await settle();
        assert.deepEqual(router.asked, []);
        send();
        const replies = await red.next("reply", 2);
        assert.deepEqual(replies.flatMap(used).sort(), [0.5, 1]);
        assert.deepEqual(noPrice(), []);
        assert.equal(router.server.requests.length - router.asked.length, 1, "one list");
      });

      it("never comes holds up the first question for five seconds, no other one, and then tokens count, which is said", async () => {
        list = () => {};
        await begin();
        await clock.tickAsync(LONGEST_WAIT_MS - 1);
        await settle();
        assert.deepEqual(router.asked, []);
        assert.deepEqual(noPrice(), []);
        assert.equal(red.statuses("chat").at(-1)?.text, "waiting (1)");
        await clock.tickAsync(1);
        const msg = await red.next("reply");
        assert.equal("cost" in msg.completion, false);
        assert.deepEqual(used(msg), [0]);
        assert.equal(noPrice().length, 1);
        assert.match(String(noPrice()), /A limit of 10000000 tokens takes its place/);
        await ask();
        assert.equal(noPrice().length, 1, "said once");
        assert.deepEqual(red.captured("error"), []);
      });

      it("comes after five seconds prices the questions after that", async () => {
        let send = () => {};
        list = (_, response) => {
          send = () => json(response, 200, MODELS);
        };
        await begin();
        await clock.tickAsync(LONGEST_WAIT_MS);
        assert.deepEqual(used(await red.next("reply")), [0]);
        send();
        let counted = 0;
        while (counted === 0) [counted] = used(await ask());
        assert.equal(counted, 0.5);
      });

      const failures: [what: string, handler: Handler][] = [
        ["is refused", (_, response) => json(response, 503, { error: "busy" })],
        ["breaks off", (_, response) => response.destroy()],
        ["is no list", (_, response) => json(response, 200, "[]")],
      ];
      for (const [what, handler] of failures) {
        it(`${what} holds up nothing, and tokens count, which is said`, async () => {
          list = handler;
          await begin();
          assert.deepEqual(used(await red.next("reply")), [0]);
          assert.equal(noPrice().length, 1);
          await ask();
          assert.equal(noPrice().length, 1, "said once");
        });
      }

      it("does not come is not waited for any longer by a question that is aborted", async () => {
        list = () => {};
        await begin();
        red.send("chat", { abort: true });
        assert.equal((await red.next("reply")).completion.finish_reason, "aborted");
        assert.deepEqual(router.asked, []);
      });

      it("does not come holds up no deploy", async () => {
        list = () => {};
        await begin();
        await red.deploy(chatFlow(server.url));
        assert.deepEqual([router.asked, red.captured("error"), red.captured("reply")], [[], [], []]);
      });
    });
  });

  describe("over a deploy", () => {
    it("go on counting, whether the node or the configuration changes", async () => {
      const config = limits([3, "questions", "day"]);
      await red.deploy(chatFlow(server.url, {}, config));
      await ask();
      await red.deploy(chatFlow(server.url, { temperature: 0 }, config), undefined, "nodes");
      assert.deepEqual(used(await ask()), [2]);
      await red.deploy(chatFlow(server.url, {}, { ...config, retries: 1 }), undefined, "nodes");
      assert.deepEqual(used(await ask()), [3]);
      await red.deploy(chatFlow(server.url, {}, config));
      await refused();
    });
  });

  describe("in the form", () => {
    const shown = async (id = "config") =>
      (await (await fetch(`${red.url}/huggingface/limits/${id}`)).json()) as Message;

    it("are shown with what is used, as numbers alone", async () => {
      await red.deploy(chatFlow(server.url, {}, limits([3, "questions", "day"])));
      assert.deepEqual(
        (await shown()).limits.map(({ used }: Message) => used),
        [0],
      );
      const msg = await ask();
      assert.deepEqual(await shown(), { limits: msg.completion.limits });
      for (const id of ["chat", "nobody", "__proto__"]) assert.deepEqual(await shown(id), { limits: [] });
    });

    it("count what is tried there, and not the test of the connection", async () => {
      await red.deploy(chatFlow(server.url, {}, limits([1, "questions", "day"])));
      const def = { model: "test/model", baseUrl: server.url };
      const post = async (route: string, body: object) => {
        const headers = { "content-type": "application/json" };
        return (
          await fetch(`${red.url}/huggingface/${route}`, { method: "POST", headers, body: JSON.stringify(body) })
        ).text();
      };
      const config = { id: "config", def, token: "" };
      assert.match(await post("test", config), /"host"/);
      assert.deepEqual((await shown()).limits[0].used, 0);
      assert.match(await post("try", { prompt: "Hi", chat: {}, config }), /"done"/);
      assert.deepEqual((await shown()).limits[0].used, 1);
      assert.match(await post("try", { prompt: "Hi", chat: {}, config }), /"code":"budget_exhausted"/);
    });
  });
});
