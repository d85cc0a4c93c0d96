import assert from "node:assert/strict";
import dns from "node:dns";
import { restore, stub } from "sinon";
import { howSlow, wasSoon } from "../support/cpu";
import { chatFlow, level, type Message, type NodeDef, type NodeRed } from "../support/node-red";
import {
  chunk,
  completion,
  type Handler,
  json,
  reply,
  sse,
  startServer,
  status,
  type TestServer,
} from "../support/server";
import { slowStore } from "../support/slow-store";
import { callRound, valueTool } from "../support/tools";
import { useNodeRed } from "../support/use-node-red";

describe("the stand-in of a configuration", () => {
  let red: NodeRed;
  let server: TestServer;
  let other: TestServer;
  /** How much later it is than the clock says, in ms. */
  let later: number;
  useNodeRed((its) => ({ red, server } = its));
  beforeEach(async () => {
    later = 0;
    const now = performance.now.bind(performance);
    stub(performance, "now").callsFake(() => now() + later);
    other = await startServer(reply("by the other"));
  });
  afterEach(async () => {
    restore();
    slowStore.reset();
    await other.close();
  });

  const otherConfig = (more: Message = {}): NodeDef => ({
    id: "other",
    type: "huggingface-config",
    name: "Cloud",
    model: "other/model",
    baseUrl: other.url,
    retries: 0,
    ...more,
  });
  const deploy = (chat: Message = {}, config: Message = {}, more: NodeDef[] = [], second: Message = {}) =>
    red.deploy([
      ...chatFlow(server.url, chat, { name: "Home", otherwise: "other", retries: 0, ...config }),
      otherConfig(second),
      ...more,
    ]);
  const ask = (message?: Message) => red.ask(message);
  const askInVain = (message?: Message) => red.ask(message, "error");

  const moving: [what: string, handler: Handler, code: string][] = [
    ["500", status(500), "provider_unavailable"],
    ["501", status(501), "provider_unavailable"],
    ["503", status(503), "provider_unavailable"],
    ["402", status(402), "budget_exhausted"],
    ["504", status(504), "timeout"],
    ["a web page", (_, response) => response.end("<html><title>Login</title></html>"), "provider_unavailable"],
    ["a connection that breaks", (_, response) => response.destroy(), "provider_unavailable"],
    ["silence", () => {}, "timeout"],
    [
      "an error inside a stream",
      (_, response) => sse(response, [{ error: { message: "no" } }]),
      "provider_unavailable",
    ],
  ];
  for (const [what, handler, code] of moving) {
    it(`is asked after ${what}, and reply and status name both`, async () => {
      server.handle(handler);
      await deploy({}, { timeout: what === "silence" ? 1 : "" });
      const msg = await ask({ huggingface: { model: "own/model" } });
      assert.equal(msg.payload, "by the other");
      assert.equal(other.last.body.model, "other/model", "only its own configuration knows its models");
      const [failed, ...rest] = msg.completion.fallbacks;
      assert.deepEqual([failed.model, failed.code, failed.from, failed.to], ["own/model", code, "Home", "Cloud"]);
      assert.deepEqual(rest, []);
      assert.equal(msg.completion.attempts, what.includes("breaks") ? msg.completion.attempts : 2);
      await red.until(() => red.statuses("chat").at(-1)?.fill === "yellow", "a yellow status");
      assert.equal(red.statuses("chat").at(-1)?.text, "Cloud in place of Home");
      await ask();
      const warnings = red.logOf("chat", level.warn);
      assert.equal(warnings.length, 1, "one warning");
      assert.match(warnings[0]?.text ?? "", /Cloud was asked in place of Home/);
    });
  }

  const staying: [what: string, handler: Handler, code: string][] = [
    ["400", status(400), "invalid_input"],
    ["401", status(401), "auth_error"],
    ["403", status(403), "auth_error"],
    ["404", status(404), "not_found"],
    ["429", status(429), "rate_limit"],
    [
      "a reply that breaks off",
      (_, response) => sse(response, [chunk("Hel")], { done: false }),
      "provider_unavailable",
    ],
    [
      "an error behind the first piece",
      (_, response) => sse(response, [chunk("Hel"), { error: { code: 503 } }]),
      "provider_unavailable",
    ],
  ];
  for (const [what, handler, code] of staying) {
    it(`is not asked after ${what}`, async () => {
      server.handle(handler);
      await deploy();
      assert.equal((await askInVain()).error.code, code);
      assert.equal(other.requests.length, 0);
    });
  }

  it("comes after the retries and the fallback models, but a time-out is not retried", async () => {
    server.handle(status(503));
    await deploy({}, { retries: 1, fallback: ["second"] });
    const { attempts, fallbacks } = (await ask()).completion;
    assert.deepEqual(
      server.requests.map(({ body }) => body.model),
      ["test/model", "second", "second"],
    );
    assert.deepEqual(
      fallbacks.map(({ model, to }: Message) => [model, to]),
      [
        ["test/model", undefined],
        ["second", "Cloud"],
      ],
    );
    assert.equal(attempts, 4);
    server.handle(() => {});
    await deploy({}, { retries: 2, timeout: 1 });
    const before = performance.now();
    await ask();
    wasSoon(performance.now() - before, 3000);
    assert.equal(server.requests.length, 4);
  });

  it("has its own fallback models, streaming and way to ask for JSON", async () => {
    server.handle(status(503));
    other.handle((request, response, index) =>
      request.body.model === "third"
        ? reply('{"a":1}')(request, response, index)
        : status(429)(request, response, index),
    );
    const schema = '{"type":"object","properties":{"a":{"type":"number"}}}';
    const own = { serverStreams: false, grammar: "tgi", fallback: ["third"] };
    await deploy({ format: "json_schema", schema }, {}, [], own);
    const msg = await ask();
    assert.deepEqual(msg.payload, { a: 1 });
    assert.equal(server.last.body.stream, true);
    assert.equal(server.last.body.response_format.type, "json_schema");
    assert.equal(other.last.body.stream, false);
    assert.equal(other.last.body.response_format.type, "json_object");
    assert.deepEqual(
      msg.completion.fallbacks.map(({ model }: Message) => model),
      ["test/model", "other/model"],
    );
  });

  it("counts the question, and is held up by its own limit of questions", async () => {
    server.handle(status(503));
    const limits = [{ amount: 2, unit: "questions", per: "day" }];
    other.handle((...args) =>
      (other.requests.length % 2 === 1 ? callRound({ id: "b", name: "weather" }) : reply("7 degrees"))(...args),
    );
    await deploy({ tools: ["tool-weather"] }, {}, valueTool("weather", "7"), { limits });
    for (const used of [1, 2])
      assert.equal((await ask()).completion.limits[0].used, used, "rounds of a tool count once");
    const { error } = await askInVain();
    assert.equal(error.code, "budget_exhausted");
    assert.deepEqual([error.cause.limit.used, error.cause.limit.unit], [2, "questions"]);
    assert.equal(other.requests.length, 4);
  });

  it("takes what waits when the first is gone, which is counted only where it was sent", async () => {
    server.handle((_, response) => setTimeout(() => response.destroy(), 20));
    const limits = [{ amount: 5, unit: "questions", per: "day" }];
    await deploy({}, { limits, maxConcurrent: 1 });
    for (let index = 0; index < 8; index++) red.send("chat", { payload: `${index}` });
    await red.next("reply", 8);
    assert.equal(other.requests.length, 8);
    assert.deepEqual(red.captured("error"), []);
    const shown = (await (await fetch(`${red.url}/huggingface/limits/config`)).json()) as Message;
    const sent = new Set(server.requests.map(({ text }) => text)).size;
    assert.equal(shown.limits[0].used, sent);
    assert.ok(sent < 5, `${sent}`);
  });

  it("streams as one round", async () => {
    server.handle(status(503));
    await deploy({ stream: true });
    await ask();
    assert.deepEqual(
      red.captured("stream").map(({ payload, step, finish_reason }) => [payload, step, finish_reason]),
      [
        ["by the other", 1, undefined],
        ["", 1, "stop"],
      ],
    );
  });

  it("is one hop, whatever stands behind it", async () => {
    const third = await startServer(reply("by the third"));
    server.handle(status(503));
    other.handle(status(500));
    await deploy({}, {}, [{ ...otherConfig({ baseUrl: third.url }), id: "third" }], { otherwise: "third" });
    const caught = await askInVain();
    assert.equal(caught.error.cause.status, 500);
    assert.equal(caught.completion.fallbacks.length, 1);
    assert.equal(third.requests.length, 0);
    await third.close();
  });

  for (const [what, id, more] of [
    ["is missing", "nowhere", {}],
    ["is the demo", "other", { baseUrl: "demo:" }],
    ["has no model", "other", { model: "" }],
    ["is another node", "reply-sink", {}],
  ] as [string, string, Message][]) {
    it(`leaves the error as it is where it ${what}, with one warning`, async () => {
      server.handle(status(503));
      await deploy({}, { otherwise: id }, [], more);
      assert.equal((await askInVain()).error.cause.status, 503);
      await askInVain();
      assert.equal(red.logOf("chat", level.warn).filter(({ text }) => /could not be asked/.test(text)).length, 1);
    });
  }

  it("goes on in the middle of a tool loop, with a history that it takes, and memory stays whole", async () => {
    const thinking: Handler = (_, response) =>
      sse(response, [
        chunk(undefined, { delta: { reasoning_content: "hm" } }),
        chunk(undefined, {
          delta: {
            tool_calls: [
              { index: 0, id: "call_long_id_1", type: "function", function: { name: "weather", arguments: "{}" } },
            ],
          },
        }),
        chunk(undefined, { finish_reason: "tool_calls" }),
      ]);
    let round = 0;
    server.handle((...args) => (round++ === 0 ? thinking : status(503))(...args));
    let asked = 0;
    other.handle((...args) => (asked++ === 0 ? callRound({ id: "b", name: "weather" }) : reply("7 degrees"))(...args));
    const chat = { tools: ["tool-weather"], conversation: "talk", store: "slow" };
    await deploy(chat, {}, valueTool("weather", "7"));
    const msg = await ask();
    assert.equal(msg.payload, "7 degrees");
    assert.equal(server.requests.length, 2, "it stays with the question");
    const [, calling, result] = other.requests[0]?.body.messages ?? [];
    assert.match(calling.tool_calls[0].id, /^[A-Za-z0-9]{9}$/);
    assert.equal(result.tool_call_id, calling.tool_calls[0].id);
    assert.equal("reasoning_content" in calling, false);
    const host = other.url.replace("http://", "");
    const entry = Object.values(slowStore.values("chat:tab"))[0] as Message;
    const away = `other/model@${host}`;
    assert.deepEqual(entry.by, [null, "test/model", null, away, null, away]);

    server.handle(reply("back"));
    assert.equal((await ask()).payload, "back");
    const sent = server.last.body.messages;
    assert.equal(sent[1].reasoning_content, "hm", "the first server gets back what its model wrote");
    assert.equal(sent[1].tool_calls[0].id, "call_long_id_1");
    assert.match(sent[3].tool_calls[0].id, /^[A-Za-z0-9]{9}$/);
  });

  it("is asked at once for 30 s after a connection that failed; then one question tries the first again", async () => {
    const { port } = server;
    await server.close();
    await deploy();
    const first = await ask();
    assert.equal(first.completion.attempts, 2);
    later = 29_000;
    assert.equal((await ask()).completion.attempts, 1);
    assert.match((await ask()).completion.fallbacks[0].message, /ECONNREFUSED/);
    later = 31_000;
    const tried = await Promise.all([1, 2, 3].map(() => ask()));
    assert.deepEqual(tried.map(({ completion }) => completion.attempts).sort(), [1, 1, 2]);
    const again = await startServer(reply("by the first"), port);
    later = 62_000;
    assert.equal((await ask()).payload, "by the first");
    const { payload, completion } = await ask();
    assert.equal(payload, "by the first");
    assert.equal("fallbacks" in completion, false);
    await again.close();
  });

  it("is not asked for the next question after a reply of the first that breaks off, though the connection did", async () => {
    server.handle((_, response) => {
      sse(response, [chunk("Hel")], { done: false, end: false });
      setTimeout(() => response.destroy(), 50);
    });
    await deploy();
    await askInVain();
    server.handle(reply("by the first"));
    assert.equal((await ask()).payload, "by the first");
    assert.equal(other.requests.length, 0);
  });

  it("is asked after the time-out of each question where the first is silent: only a connection failure spares that", async () => {
    server.handle(() => {});
    await deploy({}, { timeout: 1 });
    const attempts = [];
    for (let question = 0; question < 2; question++) attempts.push((await ask()).completion.attempts);
    assert.deepEqual(attempts, [2, 2]);
    server.handle(reply("by the first"));
    assert.equal((await ask()).payload, "by the first");
  });

  describe("when the network is cut in the middle of 100 questions", function () {
    this.timeout(20_000);
    const cuts: [what: string, timeout: number, cut: (names: Map<string, string>) => Promise<void>][] = [
      ["and the connection is refused", 0, () => server.close()],
      [
        "and no name is found",
        0,
        async (names) => {
          names.set("first.test", "gone");
          await server.close();
        },
      ],
      ["and packets are swallowed", 1, async () => {}],
      [
        "and packets are swallowed, new connections, too",
        1,
        async (names) => {
          names.set("first.test", "swallowed");
          await server.close();
        },
      ],
    ];
    for (const [what, timeout, cut] of cuts) {
      it(`${what}: 100 replies, soon, and back again`, async () => {
        const names = new Map<string, string>();
        const { lookup } = dns;
        stub(dns, "lookup").callsFake(((name: string, options: object, done: (...result: unknown[]) => void) => {
          if (names.get(name) === "swallowed") return;
          if (names.get(name) === "gone") {
            done(Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" }));
          } else lookup(name === "first.test" ? "127.0.0.1" : name, options, done as never);
        }) as never);
        let cutAt = 0;
        const { port } = server;
        server.handle((request, response, index) => {
          if (index < 50) return reply("by the first")(request, response, index);
          if (cutAt > 0) return;
          cutAt = performance.now();
          return cut(names);
        });
        const config = { baseUrl: `http://first.test:${port}`, retries: 1, timeout: timeout || "", maxConcurrent: 20 };
        await deploy({}, config);
        const slowness = howSlow();
        for (let question = 0; question < 100; question++) red.send("chat", { payload: `Question ${question}` });
        const replies = await red.next("reply", 100, 15_000);
        const count = (text: string) => replies.filter(({ payload }) => payload === text).length;
        // What was on its way when the network was cut is asked again.
        assert.equal(count("by the first") + count("by the other"), 100);
        assert.ok(count("by the first") > 0 && count("by the other") >= 50, String(count("by the other")));
        const at = red.times("reply")[replies.findIndex(({ payload }) => payload === "by the other")] ?? 0;
        // Two seconds on a machine that has nothing else to do.
        assert.ok(at - cutAt < timeout * 1000 + 2000 * slowness, `${Math.round(at - cutAt)} ms, ${slowness} x slower`);
        assert.equal(red.captured("error").length, 0);

        names.clear();
        const again = cut.length === 0 && timeout ? undefined : await startServer(reply("back"), port);
        server.handle(reply("back"));
        later = 31_000;
        assert.equal((await ask()).payload, "back");
        await again?.close();
      });
    }
  });

  it("warns at deploy where questions of a server at home may leave the network", async () => {
    await deploy({}, {}, [], { baseUrl: "https://router.huggingface.co/v1" });
    const warnings = () => red.logOf("config", level.warn).map(({ text }) => text);
    assert.equal(warnings().length, 1);
    assert.match(warnings()[0] ?? "", /leave this network.*router\.huggingface\.co/s);
    red.forget();
    await deploy();
    await deploy({}, { baseUrl: "https://router.huggingface.co/v1" });
    assert.deepEqual(warnings(), []);
  });

  it("is left alone while the first server answers, also with an answer that waits", async () => {
    server.handle((_, response) => setTimeout(() => json(response, 200, completion("in time")), 200));
    await deploy({}, { timeout: 1 });
    const { payload, completion: told } = await ask();
    assert.equal(payload, "in time");
    assert.equal("fallbacks" in told, false);
    assert.equal(other.requests.length, 0);
  });

  it("ends with the question that is aborted", async () => {
    server.handle(status(503));
    other.handle(() => {});
    await deploy();
    red.send("chat", { payload: "Hi" });
    await other.waitFor(1);
    red.send("chat", { abort: true });
    const msg = await red.next("reply");
    assert.equal(msg.completion.finish_reason, "aborted");
    assert.equal(msg.completion.fallbacks[0].to, "Cloud");
  });
});
