import assert from "node:assert/strict";
import { tracingChannel } from "node:diagnostics_channel";
import { context, propagation, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-node";
import { chatFlow, flowNode, type Message, type NodeRed } from "../support/node-red";
import { chunk, inTurn, json, reply, sse, startServer, type TestServer } from "../support/server";
import { callRound, valueTool } from "../support/tools";
import { useNodeRed } from "../support/use-node-red";

const TOKEN = "hf_tracedtracedtraced";
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";
const PROMPT = "a prompt that nobody else may read";
const REPLY = "a reply that nobody else may read";

const exporter = new InMemorySpanExporter();

function register(): void {
  new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
}

/** Only the tracer, as where neither a context manager nor a propagator was registered. */
function registerTracer(): void {
  trace.setGlobalTracerProvider(new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
}

function unregister(): void {
  trace.disable();
  context.disable();
  propagation.disable();
  exporter.reset();
}

const named = (name: string): ReadableSpan[] => exporter.getFinishedSpans().filter((span) => span.name === name);
function spanOf(name: string): ReadableSpan {
  const [span] = named(name);
  assert.ok(
    span,
    exporter
      .getFinishedSpans()
      .map((one) => one.name)
      .join(", "),
  );
  return span;
}
const parentOf = (span: ReadableSpan) => span.parentSpanContext?.spanId;
const idOf = (span: Pick<ReadableSpan, "spanContext">) => span.spanContext().spanId;

/** All that the spans hold, as one text. */
const everything = (): string =>
  JSON.stringify(
    exporter
      .getFinishedSpans()
      .map(({ name, attributes, events, status, links }) => ({ name, attributes, events, status, links })),
  );

describe("traces", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its));
  afterEach(unregister);

  const deploy = (chat: Message = {}, config: Message = {}, more: Message[] = []) =>
    red.deploy([...chatFlow(server.url, { name: "Ada", ...chat }, config), ...(more as never[])], {
      config: { token: TOKEN },
    });
  const ask = async (message: Message = {}, output = "reply"): Promise<Message> => {
    red.send("chat", { payload: PROMPT, ...message });
    const msg = await red.next(output);
    await red.completed("chat");
    return msg;
  };
  const withTools = (chat: Message = {}, config: Message = {}) =>
    deploy({ tools: ["tool-one", "tool-two"], ...chat }, config, [
      ...valueTool("one", REPLY),
      ...valueTool("two", "2"),
    ]);

  it("have a span for the question and one for its request, with the attributes of the conventions", async () => {
    register();
    server.handle(reply("Hel", "lo"));
    await deploy({ temperature: "0.5", maxTokens: 7 });
    await ask();
    const question = spanOf("invoke_agent Ada");
    const chat = spanOf("chat test/model");
    assert.equal(exporter.getFinishedSpans().length, 2);
    assert.equal(parentOf(question), undefined);
    assert.equal(parentOf(chat), idOf(question));
    assert.deepEqual([question.kind, chat.kind], [SpanKind.INTERNAL, SpanKind.CLIENT]);
    const { "gen_ai.response.time_to_first_chunk": first, ...attributes } = chat.attributes;
    assert.ok(Number(first) >= 0 && Number(first) < 5, String(first));
    assert.deepEqual(attributes, {
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "127.0.0.1",
      "server.address": "127.0.0.1",
      "server.port": server.port,
      "gen_ai.request.model": "test/model",
      "gen_ai.request.stream": true,
      "gen_ai.request.temperature": 0.5,
      "gen_ai.request.max_tokens": 7,
      "gen_ai.output.type": "text",
      "gen_ai.response.id": "chatcmpl-test",
      "gen_ai.response.model": "test/model",
      "gen_ai.response.finish_reasons": ["stop"],
      "gen_ai.usage.input_tokens": 3,
      "gen_ai.usage.output_tokens": 2,
      "huggingface.attempts": 1,
    });
    const { attributes: whole } = question;
    assert.equal(whole["gen_ai.agent.id"], "chat");
    assert.equal(whole["gen_ai.agent.name"], "Ada");
    assert.equal(whole["gen_ai.provider.name"], "127.0.0.1");
    assert.equal(whole["gen_ai.request.model"], "test/model");
    assert.equal(whole["gen_ai.usage.output_tokens"], 2);
    assert.equal(question.status.code, SpanStatusCode.UNSET);
  });

  const ways: [what: string, register: () => void][] = [
    ["a registered propagator", register],
    ["a tracer alone", registerTracer],
  ];
  const headers: [what: string, headers: unknown, isChild: boolean][] = [
    ["traceparent", { traceparent: `00-${TRACE}-${SPAN}-01` }, true],
    ["traceparent in another case", { Traceparent: `00-${TRACE}-${SPAN}-01` }, true],
    ["one without ids", { traceparent: `00-${"0".repeat(32)}-${SPAN}-01` }, false],
    ["one that is none", { traceparent: "yes" }, false],
    ["one that is a number", { traceparent: 1 }, false],
    ["headers that are a text", "traceparent", false],
    ["null", null, false],
  ];
  for (const [how, registerThem] of ways) {
    for (const [what, given, isChild] of headers) {
      it(`with ${how}, ${isChild ? "are children of" : "begin anew with"} ${what} in msg.headers`, async () => {
        registerThem();
        server.handle(reply("Hello"));
        await deploy();
        const msg = await ask({ headers: given });
        assert.deepEqual(msg["headers"], given);
        const question = spanOf("invoke_agent Ada");
        assert.equal(parentOf(question), isChild ? SPAN : undefined);
        assert.equal(question.spanContext().traceId === TRACE, isChild);
        assert.equal(parentOf(spanOf("chat test/model")), idOf(question));
      });
    }
  }

  it("are children of the active span where the message names none", async () => {
    register();
    server.handle(reply("Hello"));
    await deploy();
    const outer = trace.getTracer("test").startSpan("outer");
    await context.with(trace.setSpan(context.active(), outer), () => ask());
    outer.end();
    assert.equal(parentOf(spanOf("invoke_agent Ada")), idOf(outer));
  });

  it("have one span over all retries, with an event for each", async () => {
    register();
    server.handle(
      inTurn(
        (_, response) => json(response, 500, {}, { "retry-after": "0" }),
        (_, response) => json(response, 503, {}, { "retry-after": "0" }),
        reply("Hello"),
      ),
    );
    await deploy();
    await ask();
    const chat = spanOf("chat test/model");
    assert.equal(named("chat test/model").length, 1);
    assert.deepEqual(
      chat.events.map(({ name, attributes }) => [name, attributes?.["huggingface.retry.attempt"]]),
      [
        ["retry", 1],
        ["retry", 2],
      ],
    );
    assert.equal(chat.attributes["huggingface.attempts"], 3);
    assert.equal(chat.status.code, SpanStatusCode.UNSET);
  });

  it("have a span for each model that was asked", async () => {
    register();
    server.handle(inTurn((_, response) => json(response, 404, { error: "no" }), reply("Hello")));
    await deploy({}, { fallback: ["test/second"] });
    await ask();
    assert.equal(spanOf("chat test/model").attributes["error.type"], "not_found");
    assert.equal(spanOf("chat test/model").attributes["http.response.status_code"], 404);
    assert.equal(spanOf("chat test/second").attributes["error.type"], undefined);
    assert.equal(spanOf("invoke_agent Ada").status.code, SpanStatusCode.UNSET);
  });

  for (const [how, registerThem] of ways) {
    it(`have spans of tools beside each other, between those of the rounds, with ${how}`, async () => {
      registerThem();
      server.handle(
        inTurn(callRound({ id: "a", name: "one" }, { id: "b", name: "two" }, { id: "c", name: "gone" }), reply("Done")),
      );
      await withTools();
      await ask();
      const question = spanOf("invoke_agent Ada");
      const tools = ["one", "two", "gone"].map((name) => spanOf(`execute_tool ${name}`));
      for (const span of [...tools, ...named("chat test/model")]) assert.equal(parentOf(span), idOf(question));
      assert.equal(named("chat test/model").length, 2);
      const [one, two, gone] = tools;
      assert.deepEqual(one?.attributes, {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "one",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": "a",
      });
      assert.equal(two?.status.code, SpanStatusCode.UNSET);
      assert.equal(gone?.status.code, SpanStatusCode.ERROR);
      assert.equal(gone?.attributes["error.type"], "tool_failed");
    });
  }

  it("have a chat node that is a tool of another one below the call", async () => {
    register();
    server.handle((request, response, index) =>
      index === 0
        ? callRound({ id: "a", name: "expert" })(request, response, index)
        : reply("Done")(request, response, index),
    );
    await deploy({ tools: ["tool"] }, {}, [
      flowNode("tool", "huggingface-tool", { name: "expert", wires: [["ask"]] }),
      flowNode("ask", "change", {
        rules: [{ t: "set", p: "payload", pt: "msg", to: "Hi", tot: "str" }],
        wires: [["second"]],
      }),
      flowNode("second", "huggingface-chat", { name: "Bob", config: "config", wires: [["back"], [], []] }),
      flowNode("back", "link out", { mode: "return", links: [] }),
    ]);
    await ask({ headers: { traceparent: `00-${TRACE}-${SPAN}-01` } });
    assert.equal(parentOf(spanOf("invoke_agent Bob")), idOf(spanOf("execute_tool expert")));
    assert.equal(parentOf(spanOf("invoke_agent Ada")), SPAN);
  });

  const failures: [what: string, status: number, code: string][] = [
    ["a refused token", 401, "auth_error"],
    ["a wrong request", 400, "invalid_input"],
    ["no credits", 402, "budget_exhausted"],
  ];
  for (const [what, status, code] of failures) {
    it(`tell of ${what} by our code, without the server's words`, async () => {
      register();
      server.handle((_, response) => json(response, status, { error: { message: `${PROMPT} and ${TOKEN}` } }));
      await deploy();
      await ask({}, "error");
      for (const name of ["invoke_agent Ada", "chat test/model"]) {
        const { attributes, status: shown } = spanOf(name);
        assert.equal(attributes["error.type"], code);
        assert.deepEqual(shown, { code: SpanStatusCode.ERROR });
      }
      assert.ok(!everything().includes(PROMPT));
    });
  }

  it("tell of what is refused before any request", async () => {
    register();
    await deploy();
    await ask({ huggingface: { n: 2 } }, "error");
    assert.equal(exporter.getFinishedSpans().length, 1);
    assert.equal(spanOf("invoke_agent Ada").attributes["error.type"], "invalid_input");
  });

  it("say of an abort that it is one, and of no error", async () => {
    register();
    server.handle((_, response) => sse(response, [chunk("Hel")], { done: false, end: false }));
    await deploy({ stream: true });
    red.send("chat", { payload: PROMPT });
    await red.next("stream");
    red.send("chat", { abort: true });
    await red.next("reply");
    await red.completed("chat", 2);
    for (const name of ["invoke_agent Ada", "chat test/model"]) {
      const { attributes, status } = spanOf(name);
      assert.deepEqual(attributes["gen_ai.response.finish_reasons"], ["aborted"]);
      assert.equal(attributes["error.type"], undefined);
      assert.equal(status.code, SpanStatusCode.UNSET);
    }
  });

  it("end when a deploy ends the question", async () => {
    register();
    server.handle((_, response) => sse(response, [chunk("Hel")], { done: false, end: false }));
    await deploy({ stream: true });
    red.send("chat", { payload: PROMPT });
    await red.next("stream");
    await red.deploy([]);
    assert.equal(exporter.getFinishedSpans().length, 2);
  });

  it("hold no texts unless the configuration says so, and then no secret either", async () => {
    register();
    const picture = `data:image/png;base64,${Buffer.from([137, 80, 78, 71, 13, 10, 26, 10, ...Array(300).fill(7)]).toString("base64")}`;
    const question = { images: picture, huggingface: { system: "Be brief." } };
    for (const traceContent of [false, true]) {
      exporter.reset();
      server.handle(inTurn(callRound({ id: "a", name: "one", args: `{"q":"${PROMPT}"}` }), reply(`${REPLY} ${TOKEN}`)));
      await withTools({}, { traceContent });
      await ask(question);
      assert.equal(exporter.getFinishedSpans().length, 4);
      const all = everything();
      assert.equal(all.includes(PROMPT), traceContent, all);
      assert.equal(all.includes(REPLY), traceContent);
      assert.equal(all.includes(TOKEN), false);
      assert.equal(all.includes(picture.slice(30)), false);
    }
    const [, second] = named("chat test/model");
    const input = JSON.parse(String(second?.attributes["gen_ai.input.messages"]));
    assert.deepEqual(
      input.map(({ role, parts }: Message) => [role, ...parts.map(({ type }: Message) => type)]),
      [
        ["system", "text"],
        ["user", "text", "blob"],
        ["assistant", "tool_call"],
        ["tool", "tool_call_response"],
      ],
    );
    const output = JSON.parse(String(second?.attributes["gen_ai.output.messages"]));
    assert.deepEqual(output, [
      { role: "assistant", parts: [{ type: "text", content: `${REPLY} ***` }], finish_reason: "stop" },
    ]);
    const tool = spanOf("execute_tool one").attributes;
    assert.equal(tool["gen_ai.tool.call.arguments"], `{"q":"${PROMPT}"}`);
    assert.equal(tool["gen_ai.tool.call.result"], REPLY);
  });

  for (const own of [true, false]) {
    for (const others of [true, false]) {
      it(`${own && others ? "hold" : "do not hold"} the texts of a stand-in that says ${others}, where the first server says ${own}`, async () => {
        register();
        const other = await startServer();
        try {
          other.handle(reply(REPLY));
          server.handle((_, response) => json(response, 500, { error: "broken" }));
          const standIn = { id: "other", type: "huggingface-config", name: "", model: "m", baseUrl: other.url };
          const config = { traceContent: own, otherwise: "other", retries: 0 };
          await deploy({}, config, [{ ...standIn, traceContent: others }]);
          await ask();
          const [, moved] = exporter.getFinishedSpans().filter(({ name }) => name.startsWith("chat "));
          assert.equal(moved?.attributes["server.port"], other.port);
          const text = JSON.stringify(moved?.attributes);
          assert.equal(text.includes(PROMPT), own && others, text);
          assert.equal(text.includes(REPLY), own && others);
        } finally {
          await other.close();
        }
      });
    }
  }

  it("of somebody who throws at everything cost no question its reply", async () => {
    const no = () => {
      throw new Error("broken");
    };
    const broken: object[] = [
      { getTracer: no },
      { getTracer: () => ({ startSpan: no }) },
      { getTracer: () => ({ startSpan: () => new Proxy({}, { get: () => no }) }) },
      {},
    ];
    const key = Symbol.for("opentelemetry.js.api.1");
    server.handle(reply("Hello"));
    await deploy();
    for (const provider of broken) {
      for (const others of [{}, { context: { active: no, with: no }, propagation: { extract: no } }]) {
        Reflect.set(globalThis, key, { trace: provider, ...others });
        try {
          red.send("chat", { payload: "Hi", headers: {} });
          assert.equal((await red.next("reply")).payload, "Hello");
        } finally {
          Reflect.deleteProperty(globalThis, key);
        }
      }
    }
    assert.equal(server.requests.length, 8);
  });

  describe("on the channel huggingface:chat", () => {
    const channel = tracingChannel("huggingface:chat");
    let seen: [step: string, event: Message][];
    const note = (step: string) => (event: unknown) => void seen.push([step, event as Message]);
    const subscribers = {
      start: note("start"),
      end: note("end"),
      asyncStart: note("asyncStart"),
      asyncEnd: note("asyncEnd"),
      error: note("error"),
    };
    beforeEach(() => {
      seen = [];
      channel.subscribe(subscribers);
    });
    afterEach(() => channel.unsubscribe(subscribers));

    it("come the same operations, without OpenTelemetry and without texts", async () => {
      server.handle(inTurn(callRound({ id: "a", name: "one" }), reply(REPLY)));
      await withTools();
      await ask();
      const steps = seen.map(([step, { operation }]) => `${operation} ${step}`);
      const whole = (operation: string) =>
        ["start", "end", "asyncStart", "asyncEnd"].map((step) => `${operation} ${step}`);
      const [start, end, ...last] = whole("invoke_agent");
      // The question goes on by itself once it has begun.
      assert.deepEqual(
        steps.filter((step) => step.startsWith("invoke_agent")),
        [start, end, ...last],
      );
      assert.deepEqual(
        steps.filter((step) => !step.startsWith("invoke_agent")),
        [...whole("chat"), ...whole("execute_tool"), ...whole("chat")],
      );
      const events = [...new Set(seen.map(([, event]) => event))];
      assert.equal(events.length, 4);
      for (const event of events.slice(1)) assert.equal(event["parent"], events[0]);
      assert.equal(events[0]?.["attributes"]["gen_ai.usage.input_tokens"], 13);
      const text = JSON.stringify(events);
      for (const secret of [PROMPT, REPLY, TOKEN]) assert.ok(!text.includes(secret), text);
    });

    it("come errors by their code", async () => {
      server.handle((_, response) => json(response, 401, { error: "no" }));
      await deploy();
      await ask({}, "error");
      const errors = seen.filter(([step]) => step === "error").map(([, { operation, error }]) => [operation, error]);
      assert.deepEqual(errors, [
        ["chat", { code: "auth_error" }],
        ["invoke_agent", { code: "auth_error" }],
      ]);
    });
  });

  it("are loaded by nobody who does not listen", async () => {
    for (const file of Object.keys(require.cache)) if (file.includes("question-trace")) delete require.cache[file];
    server.handle(reply("Hello"));
    await deploy();
    await ask();
    const loaded = () => Object.keys(require.cache).some((file) => file.includes("question-trace"));
    assert.equal(loaded(), false);
    register();
    await ask();
    assert.equal(loaded(), true);
  });
});
