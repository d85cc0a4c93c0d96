import assert from "node:assert/strict";
import { chatFlow, level, type Message, type NodeRed } from "../support/node-red";
import { chunk, type Handler, json, reply, sse, status, type TestServer } from "../support/server";
import { callRound, valueTool } from "../support/tools";
import { useNodeRed } from "../support/use-node-red";

/** Answers depending on the requested model. */
const byModel =
  (handlers: Record<string, Handler>): Handler =>
  (request, response, index) =>
    (handlers[request.body.model] ?? reply(`by ${request.body.model}`))(request, response, index);

describe("fallback models", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its));

  const deploy = (chat: Message = {}, config: Message = {}) =>
    red.deploy(chatFlow(server.url, chat, { model: "first", fallback: ["second", "third"], retries: 0, ...config }));
  const ask = (message?: Message) => red.ask(message);
  const askInVain = (message?: Message) => red.ask(message, "error");
  const asked = () => server.requests.map(({ body }) => body.model);

  const moving: [what: string, handler: Handler, code: string][] = [
    ["429", status(429), "rate_limit"],
    ["404", status(404), "not_found"],
    ["400 model_not_supported", status(400, { error: { message: "no", code: "model_not_supported" } }), "not_found"],
    ["500", status(500), "provider_unavailable"],
    ["501", status(501), "provider_unavailable"],
    ["409", status(409), "provider_unavailable"],
    ["424", status(424), "provider_unavailable"],
    ["425", status(425), "provider_unavailable"],
    ["503", status(503), "provider_unavailable"],
    [
      "503 inside a stream",
      (_, response) => sse(response, [{ error: { message: "no", code: 503 } }]),
      "provider_unavailable",
    ],
  ];
  for (const [what, handler, code] of moving) {
    it(`are asked at once after ${what}, and the reply says which answered and why the others did not`, async () => {
      server.handle(byModel({ first: handler, second: handler }));
      await deploy({}, { retries: 2 });
      const msg = await ask();
      assert.equal(msg.payload, "by third");
      assert.deepEqual(asked(), ["first", "second", "third"]);
      const { attempts, fallbacks } = msg.completion;
      assert.equal(attempts, 3);
      assert.deepEqual(
        fallbacks.map((entry: Message) => [entry.model, entry.code]),
        [
          ["first", code],
          ["second", code],
        ],
      );
      for (const { message } of fallbacks) assert.match(message, /no\./);
    });
  }

  const staying: [what: string, handler: Handler, code: string][] = [
    ["400", status(400), "invalid_input"],
    ["401", status(401), "auth_error"],
    ["402", status(402), "budget_exhausted"],
    ["408", status(408), "timeout"],
    ["504", status(504), "timeout"],
    ["a connection that breaks", (_, response) => response.destroy(), "provider_unavailable"],
    [
      "a reply that breaks off",
      (_, response) => sse(response, [chunk("Hel")], { done: false }),
      "provider_unavailable",
    ],
    [
      "an error in the middle of a reply",
      (_, response) => sse(response, [chunk("Hel"), { error: { code: 503 } }]),
      "provider_unavailable",
    ],
  ];
  for (const [what, handler, code] of staying) {
    it(`are not asked after ${what}`, async () => {
      server.handle(byModel({ first: handler }));
      await deploy();
      const caught = await askInVain();
      assert.equal(caught.error.code, code);
      assert.deepEqual(asked(), ["first"]);
      assert.equal("fallbacks" in caught.completion, false);
    });
  }

  it("leave the retries to the last of them; a connection that breaks is retried with each", async () => {
    let broken = false;
    const first: Handler = (request, response, index) => {
      if (broken) return status(429)(request, response, index);
      broken = true;
      response.destroy();
    };
    server.handle(byModel({ first, second: status(503), third: status(503) }));
    await deploy({}, { retries: 1 });
    const caught = await askInVain();
    assert.deepEqual(asked(), ["first", "first", "second", "third", "third"]);
    assert.equal(caught.error.code, "provider_unavailable");
    assert.equal(caught.error.cause.attempts, 5);
    assert.deepEqual(
      caught.completion.fallbacks.map(({ model }: Message) => model),
      ["first", "second"],
    );
  });

  it("stay for the whole question, and the next one begins with the first", async () => {
    let calls = 0;
    const second: Handler = (request, response, index) =>
      (calls++ === 0 ? callRound({ id: "a", name: "weather" }) : reply("ok"))(request, response, index);
    server.handle(byModel({ first: status(429), second }));
    const chat = { tools: ["tool-weather"] };
    const config = { model: "first", fallback: ["second"], retries: 0 };
    await red.deploy([...chatFlow(server.url, chat, config), ...valueTool("weather", "7")]);
    await ask();
    assert.deepEqual(asked(), ["first", "second", "second"]);
    await ask();
    assert.deepEqual(asked().slice(3), ["first", "second"]);
  });

  it("come after the model of node or message, each once", async () => {
    server.handle(byModel({ own: status(429), second: status(429) }));
    await deploy({ model: "own" }, { fallback: ["second", "own", "second", " third ", ""] });
    assert.equal((await ask()).payload, "by third");
    assert.deepEqual(asked(), ["own", "second", "third"]);
    await ask({ huggingface: { model: "second" } });
    assert.deepEqual(asked().slice(3), ["second", "own", "third"]);
  });

  it("stream as one round", async () => {
    server.handle(byModel({ first: status(429) }));
    await deploy({ stream: true });
    await ask();
    assert.deepEqual(
      red.captured("stream").map(({ payload, step, finish_reason }) => [payload, step, finish_reason]),
      [
        ["by second", 1, undefined],
        ["", 1, "stop"],
      ],
    );
  });

  it("have their own unsupported parameters", async () => {
    const second: Handler = (request, response, index) =>
      request.body.response_format
        ? json(response, 400, { error: "no response_format" })
        : reply('{"a":1}')(request, response, index);
    server.handle(byModel({ first: status(429), second }));
    await deploy({ format: "json_object" });
    assert.deepEqual((await ask()).payload, { a: 1 });
    assert.deepEqual(asked(), ["first", "second", "second"]);
    await ask();
    assert.deepEqual(asked().slice(3), ["first", "second"]);
    assert.ok(server.requests[3]?.body.response_format);
    assert.match(red.logOf("chat", level.warn)[0]?.text ?? "", /for second/);
  });

  it("are not waited for when the question is aborted", async () => {
    server.handle(byModel({ first: status(429), second: () => {} }));
    await deploy();
    red.send("chat", { payload: "Hi" });
    await server.waitFor(2);
    red.send("chat", { abort: true });
    const msg = await red.next("reply");
    assert.equal(msg.completion.finish_reason, "aborted");
    assert.equal(msg.completion.fallbacks.length, 1);
  });
});
