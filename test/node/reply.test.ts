import assert from "node:assert/strict";
import { catchInto, chatFlow, flowNode, getNodeRed, type Message, type NodeRed, sink } from "../support/node-red";
import {
  chunk,
  completion,
  inTurn,
  json,
  reply,
  replyChunks,
  sse,
  startServer,
  type TestServer,
  usageChunk,
} from "../support/server";
import { useNodeRed } from "../support/use-node-red";

describe("huggingface-chat, Reply", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its), reply("Hel", "lo"));

  it("is the received message with payload, messages and completion", async () => {
    await red.deploy(chatFlow(server.url));
    const sent: Message = { payload: "Hi", topic: "greeting" };
    red.send("chat", sent);
    const msg = await red.next("reply");
    assert.equal(msg, sent, "the message itself, not a copy");
    assert.equal(msg.payload, "Hello");
    assert.equal(msg.topic, "greeting");
    assert.deepEqual(msg.messages, [
      { role: "user", content: "Hi" },
      { role: "assistant", content: "Hello" },
    ]);
    const { timing, ...rest } = msg.completion;
    assert.deepEqual(rest, {
      id: "chatcmpl-test",
      created: 1_700_000_000,
      model: "test/model",
      finish_reason: "stop",
      message: { role: "assistant", content: "Hello" },
      usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
      attempts: 1,
      steps: [
        {
          finish_reason: "stop",
          usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
          tool_calls: [],
        },
      ],
    });
    for (const name of ["queued_ms", "first_ms", "total_ms"]) assert.equal(typeof timing[name], "number", name);
    assert.equal(red.completions("chat").length, 1);
    assert.equal((await red.next("complete")).payload, "Hello", "Complete nodes see the reply");
  });

  it("tells provider, request id, logprobs and fields that have no place of their own", async () => {
    server.handle((_, response) =>
      sse(
        response,
        [chunk("Hi", { citations: ["a"] }), chunk(undefined, { finish_reason: "length" }), usageChunk(1, 1)],
        {
          headers: { "x-inference-provider": "novita", "x-request-id": "r-1" },
        },
      ),
    );
    await red.deploy(chatFlow(server.url));
    red.send("chat", { payload: "Hi" });
    const { completion } = await red.next("reply");
    assert.equal(completion.provider, "novita");
    assert.equal(completion.request_id, "r-1");
    assert.equal(completion.finish_reason, "length");
    assert.deepEqual(completion.extra, { citations: ["a"] });
  });

  it("has no usage where the server never said", async () => {
    server.handle((_, response) => sse(response, replyChunks(["Hi"])));
    await red.deploy(chatFlow(server.url));
    red.send("chat", { payload: "Hi" });
    assert.equal("usage" in (await red.next("reply")).completion, false);
  });

  it("keeps reasoning out of the text, the conversation and the next request", async () => {
    server.handle((_, response) => sse(response, replyChunks(["<think>Hm", "…</think>\n\nHello"])));
    await red.deploy(chatFlow(server.url));
    red.send("chat", { payload: "Hi" });
    const msg = await red.next("reply");
    assert.equal(msg.payload, "Hello");
    assert.equal(msg.completion.message.reasoning, "Hm…");
    assert.doesNotMatch(JSON.stringify(msg.messages), /Hm/);
  });

  it("keeps reasoning without a beginning off the stream, once the model is known to write so", async () => {
    const thinking = ["The user", " greets.\n", "</think>\n\n", "Hel", "lo"];
    const stream = (model: string, content: string[]) => {
      server.handle((_, response) => sse(response, replyChunks(content)));
      return ask(model);
    };
    const ask = async (model: string) => {
      const before = red.captured("stream").length;
      red.send("chat", { payload: "Hi", huggingface: { model, stream: true } });
      const msg = await red.next("reply");
      const parts = red.captured("stream").slice(before);
      const said = (name: string) => parts.map((part) => (part as Message)[name] ?? "").join("");
      return [msg.payload, msg.completion.message.reasoning, said("payload"), said("reasoning")];
    };
    await red.deploy(chatFlow(server.url, { streamReasoning: true }));
    const first = ["Hello", "The user greets.", thinking.join(""), ""];
    const known = ["Hello", "The user greets.", "Hello", "The user greets."];
    assert.deepEqual(await stream("a/thinker", thinking), first);
    assert.deepEqual(await stream("a/thinker", thinking), known);
    assert.deepEqual(await stream("a/thinker", ["Just", " text"]), ["Just text", undefined, "Just text", ""]);
    assert.deepEqual(await stream("another/model", thinking), first, "each model for itself");
    await red.deploy(chatFlow(server.url, { streamReasoning: true }));
    assert.deepEqual(await stream("a/thinker", thinking), first, "a deploy forgets");
  });

  it("goes where the output field says", async () => {
    const places = [
      { output: "answer.text", outputType: "msg", read: (msg: { answer: { text: string } }) => msg.answer.text },
      { output: "answer", outputType: "flow", read: () => red.node("chat").context().flow.get("answer") },
      { output: "answer", outputType: "global", read: () => red.node("chat").context().global.get("answer") },
    ];
    for (const { read, ...place } of places) {
      await red.deploy(chatFlow(server.url, place));
      red.send("chat", { payload: "Hi" });
      const msg = await red.next("reply");
      assert.equal(read(msg as never), "Hello");
      assert.equal(msg.payload, "Hi");
    }
  });

  it("is not lost where it cannot be put", async () => {
    await red.deploy(chatFlow(server.url, { output: "payload.text" }));
    red.send("chat", { payload: "Hi" });
    const caught = await red.next("error");
    assert.equal(caught.error.code, "invalid_input");
    assert.equal(caught.completion.message.content, "Hello");
  });

  it("comes the same from a server that does not stream", async () => {
    await red.deploy(chatFlow(server.url, { stream: true }, { serverStreams: false }));
    red.send("chat", { payload: "Hi" });
    assert.equal((await red.next("reply")).payload, "Hello");
    assert.equal(server.last.body.stream, false);
    assert.equal("stream_options" in server.last.body, false);
    const [text, end] = await red.next("stream", 2);
    assert.equal(text?.payload, "Hello");
    assert.equal(end?.complete, true);
  });

  it("is asked for as a stream whether or not output 2 is used", async () => {
    await red.deploy(chatFlow(server.url));
    red.send("chat", { payload: "Hi" });
    await red.next("reply");
    assert.equal(server.last.body.stream, true);
    assert.deepEqual(server.last.body.stream_options, { include_usage: true });
    assert.equal(red.captured("stream").length, 0);
  });

  it("can be asked on: msg.messages is the next prompt", async () => {
    const flow = chatFlow(server.url, { prompt: "messages" });
    await red.deploy(flow);
    red.send("chat", { messages: [{ role: "human", content: "Hi" }] });
    const first = await red.next("reply");
    red.send("chat", { messages: [...first.messages, { role: "user", content: "And now?" }] });
    await red.next("reply");
    assert.deepEqual(server.last.body.messages, [
      { role: "user", content: "Hi" },
      { role: "assistant", content: "Hello" },
      { role: "user", content: "And now?" },
    ]);
  });

  it("leaves at output 3 when the model calls functions", async () => {
    server.handle((_, response) =>
      sse(response, [
        chunk(undefined, {
          delta: { tool_calls: [{ index: 0, id: "call_1", function: { name: "lamp", arguments: '{"on":' } }] },
        }),
        chunk(undefined, { delta: { tool_calls: [{ index: 0, function: { arguments: "true}" } }] } }),
        chunk(undefined, { finish_reason: "tool_calls" }),
      ]),
    );
    await red.deploy(chatFlow(server.url));
    const tools = [{ type: "function", function: { name: "lamp", parameters: { type: "object" } } }];
    red.send("chat", { payload: "Light!", huggingface: { tools } });
    const msg = await red.next("calls");
    assert.deepEqual(server.last.body.tools, tools);
    assert.deepEqual(msg.payload, [{ id: "call_1", name: "lamp", arguments: { on: true } }]);
    assert.equal(msg.messages.at(-1).tool_calls[0].function.arguments, '{"on":true}');
    assert.equal(msg.completion.finish_reason, "tool_calls");
    assert.equal(red.captured("reply").length, 0);
    assert.equal(red.completions("chat").length, 1);
  });

  it("works in a subflow and for two nodes with one configuration", async () => {
    const [tab, config, chat, ...others] = chatFlow(server.url);
    const subflow = {
      id: "sub",
      type: "subflow",
      name: "sub",
      in: [{ x: 1, y: 1, wires: [{ id: "inner" }] }],
      out: [{ x: 1, y: 1, wires: [{ id: "inner", port: 0 }] }],
    };
    await red.deploy([
      tab,
      config,
      chat,
      ...others,
      subflow,
      { id: "inner", type: "huggingface-chat", z: "sub", x: 1, y: 1, config: "config", wires: [[], [], []] },
      flowNode("instance", "subflow:sub", { wires: [["from-sub"]] }),
      sink("from-sub"),
    ] as never);
    red.send("instance", { payload: "Hi" });
    red.send("chat", { payload: "Hi" });
    assert.equal((await red.next("from-sub")).payload, "Hello");
    assert.equal((await red.next("reply")).payload, "Hello");
  });
});

describe("huggingface-chat, what is sent", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its), reply("ok"));

  async function bodyOf(chat: object, msg: object, config: object = {}) {
    await red.deploy([...chatFlow(server.url, chat as never, config as never), ...catchInto("all")]);
    red.forget();
    red.send("chat", msg as never);
    await red.completed("chat");
    const [error] = red.captured("error");
    assert.equal(error, undefined, error?.error.message);
    return server.last.body;
  }

  it("is the prompt from wherever the field says", async () => {
    process.env.TEST_PROMPT = "from env";
    const cases: [string, object, object][] = [
      ["from msg", { prompt: "question.text" }, { question: { text: "from msg" } }],
      ["from str", { prompt: "from str", promptType: "str" }, {}],
      ["from env", { prompt: "TEST_PROMPT", promptType: "env" }, {}],
      ["from jsonata 3", { prompt: '"from jsonata " & (1 + payload)', promptType: "jsonata" }, { payload: 2 }],
      ['a <b> & "c"', { prompt: 'a {{payload}} & "c"', promptType: "template" }, { payload: "<b>" }],
    ];
    for (const [expected, chat, msg] of cases) {
      const body = await bodyOf(chat, msg);
      assert.deepEqual(body.messages, [{ role: "user", content: expected }]);
    }
    delete process.env.TEST_PROMPT;
  });

  it("is the prompt from a context store that answers later", async () => {
    for (const type of ["flow", "global"]) {
      await red.deploy(chatFlow(server.url, { prompt: "#:(file)::q", promptType: type }));
      const context = red.node("chat").context()[type];
      await new Promise((resolve) => context.set("q", `from ${type}`, "file", resolve));
      red.send("chat", {});
      await red.next("reply");
      assert.deepEqual(server.last.body.messages, [{ role: "user", content: `from ${type}` }]);
    }
  });

  for (const type of ["msg", "flow", "global", "jsonata", "str", "template", "env"]) {
    it(`has neither system prompt, conversation nor images where they are left blank: ${type}`, async () => {
      const blank = {
        system: "",
        systemType: type,
        conversation: "",
        conversationType: type,
        images: "",
        imagesType: type,
      };
      const body = await bodyOf(blank, { payload: "Hi" });
      assert.deepEqual(body.messages, [{ role: "user", content: "Hi" }]);
    });
  }

  it("has neither of them where the message has nothing on the way to them", async () => {
    const paths = { system: "a.b.c", systemType: "msg", conversation: "user.id", conversationType: "msg" };
    const body = await bodyOf(
      { ...paths, images: "camera.still[0].jpeg", imagesType: "msg" },
      { payload: "Hi", a: null },
    );
    assert.deepEqual(body.messages, [{ role: "user", content: "Hi" }]);
  });

  it("says of a prompt that is not there that it is blank, and of JSONata what is wrong with it", async () => {
    for (const [prompt, promptType, says] of [
      ["a.b.c", "msg", /^Nothing to ask: msg\.a\.b\.c is empty/],
      ["payload[", "jsonata", /^Cannot read jsonata payload\[ \(field Prompt\): Expected .*end of expression/i],
      ["$error('boom')", "jsonata", /^Cannot read jsonata .*: boom/],
    ] as const) {
      await red.deploy(chatFlow(server.url, { prompt, promptType }));
      red.send("chat", { payload: "Hi" });
      const { error } = await red.next("error");
      assert.match(error.message, says);
      assert.doesNotMatch(error.message, /object Object/);
    }
  });

  it("is never a promise from a context, which may not come", async () => {
    await red.deploy(chatFlow(server.url, { prompt: "q", promptType: "flow" }));
    red
      .node("chat")
      .context()
      .flow.set("q", new Promise(() => {}));
    const before = server.requests.length;
    red.send("chat", {});
    const { error } = await red.next("error");
    assert.match(error.message, /^Promise in flow\.q \(field Prompt\), not a value/);
    assert.equal(server.requests.length, before);
  });

  it("is the system prompt first, unless the prompt brings one", async () => {
    const chat = { system: "You are {{role}}.", systemType: "template" };
    const own = await bodyOf(chat, { payload: "Hi", role: "kind" });
    assert.deepEqual(own.messages[0], { role: "system", content: "You are kind." });
    const system = { role: "system", content: "Mine." };
    const given = await bodyOf(chat, { payload: [system, { role: "user", content: "Hi" }] });
    assert.deepEqual(given.messages[0], system);
    assert.equal(given.messages.length, 2);
    const fromMessage = await bodyOf(chat, { payload: "Hi", huggingface: { system: "Be brief." } });
    assert.deepEqual(fromMessage.messages[0], { role: "system", content: "Be brief." });
    assert.equal("system" in fromMessage, false);
  });

  it("has what is set and nothing that is blank; 0 is set, fractions stay fractions, text is read as number", async () => {
    const body = await bodyOf(
      {
        temperature: "0",
        maxTokens: "100",
        topP: 0.95,
        stop: ["\n", ""],
        seed: 0,
        frequencyPenalty: "-0.5",
        presencePenalty: "",
        reasoningEffort: "low",
        extra: '{"top_k": 5, "chat_template_kwargs": {"a": null}}',
      },
      { payload: "Hi" },
    );
    const { messages: _, ...fields } = body;
    assert.deepEqual(fields, {
      model: "test/model",
      stream: true,
      stream_options: { include_usage: true },
      top_k: 5,
      chat_template_kwargs: { a: null },
      temperature: 0,
      max_tokens: 100,
      top_p: 0.95,
      stop: ["\n"],
      seed: 0,
      frequency_penalty: -0.5,
      reasoning_effort: "low",
    });
    const bare = await bodyOf({}, { payload: "Hi" });
    assert.deepEqual(Object.keys(bare), ["model", "messages", "stream", "stream_options"]);
  });

  it("is what msg.huggingface says before what the node says; unknown keys pass", async () => {
    const body = await bodyOf(
      { model: "node/model", temperature: 0.9, maxTokens: 5 },
      {
        payload: "Hi",
        huggingface: { model: "msg/model:novita", temperature: 0, max_tokens: null, min_p: 0.1, my: [1] },
      },
    );
    assert.equal(body.model, "msg/model:novita");
    assert.equal(body.temperature, 0);
    assert.equal("max_tokens" in body, false);
    assert.equal(body.min_p, 0.1);
    assert.deepEqual(body.my, [1]);
  });

  it("takes fields of a pasted request below the node's, and ignores what a stranger may not decide", async () => {
    const body = await bodyOf(
      { temperature: 0.1 },
      {
        payload: {
          messages: [{ role: "user", content: "Hi" }],
          temperature: 2,
          top_p: 0.3,
          stream: false,
          tools: [1],
          system: "x",
        },
      },
    );
    assert.equal(body.temperature, 0.1);
    assert.equal(body.top_p, 0.3);
    assert.equal(body.stream, true);
    assert.equal("tools" in body, false);
    assert.equal(body.messages.length, 1);
  });

  it("leaves the message as it was", async () => {
    const payload = [{ role: "human", content: "Hi" }];
    const huggingface = { temperature: "0.5", stop: "x" };
    await bodyOf({}, { payload, huggingface });
    assert.deepEqual(payload, [{ role: "human", content: "Hi" }]);
    assert.deepEqual(huggingface, { temperature: "0.5", stop: "x" });
  });

  it("takes ${ENV} in every field of node and configuration", async () => {
    Object.assign(process.env, { T_MODEL: "env/model", T_TEMP: "0.25", T_TIMEOUT: "5", T_HEADER: "h" });
    const body = await bodyOf(
      { temperature: "${T_TEMP}" },
      { payload: "Hi" },
      { model: "${T_MODEL}", timeout: "${T_TIMEOUT}", headers: { "x-test": "${T_HEADER}" } },
    );
    assert.equal(body.model, "env/model");
    assert.equal(body.temperature, 0.25);
    assert.equal(server.last.headers["x-test"], "h");
    for (const name of ["T_MODEL", "T_TEMP", "T_TIMEOUT", "T_HEADER"]) delete process.env[name];
  });

  it("takes ${ENV} in fields that are JSON text, too", async () => {
    process.env.T_USER = "me";
    const body = await bodyOf(
      { extra: '{"user":"${T_USER}","nested":{"list":["${T_USER}"]}}' },
      { payload: "Hi" },
      { headers: '{"x-test":"${T_USER}","x-flag":true}' },
    );
    assert.equal(body.user, "me");
    assert.deepEqual(body.nested, { list: ["me"] });
    assert.equal(server.last.headers["x-test"], "me");
    assert.equal(server.last.headers["x-flag"], "true");
    delete process.env.T_USER;
  });

  const refused: [string, object, object][] = [
    ["an empty prompt", {}, { payload: " " }],
    ["no prompt at all", {}, {}],
    ["a Buffer that is neither text nor an image", {}, { payload: Buffer.from([0xff, 0]) }],
    ["a role that is none", {}, { payload: [{ role: "robot", content: "Hi" }] }],
    ["a message without content", {}, { payload: [{ role: "user" }] }],
    ["one thing that is not a message among messages", {}, { payload: [{ role: "user", content: "Hi" }, 3] }],
    ["a tool result without its call", {}, { payload: { role: "tool", content: "3" } }],
    ["a token in msg.huggingface", {}, { payload: "Hi", huggingface: { token: "x" } }],
    ["headers in msg.huggingface", {}, { payload: "Hi", huggingface: { headers: {} } }],
    ["baseUrl in msg.huggingface", {}, { payload: "Hi", huggingface: { baseUrl: "x" } }],
    ["n above 1", {}, { payload: "Hi", huggingface: { n: 2 } }],
    ["n above 1 in the extra fields", { extra: { n: 2 } }, { payload: "Hi" }],
    ["msg.huggingface that is not an object", {}, { payload: "Hi", huggingface: "hot" }],
    ["a temperature that is not a number", { temperature: "hot" }, { payload: "Hi" }],
    ["extra fields that are not JSON", { extra: "{a}" }, { payload: "Hi" }],
    ["extra fields that are not an object", { extra: "[1]" }, { payload: "Hi" }],
    ["a variable that is not set", { temperature: "${NOT_SET_ANYWHERE}" }, { payload: "Hi" }],
    ["JSONata with a mistake", { prompt: "$x(", promptType: "jsonata" }, { payload: "Hi" }],
    ["a template with a mistake", { prompt: "{{#a}}", promptType: "template" }, { payload: "Hi" }],
    [
      "an object that cannot be written",
      {},
      {
        payload: (() => {
          const a: Record<string, unknown> = {};
          a.a = a;
          return a;
        })(),
      },
    ],
    ["a node without configuration", { config: "" }, { payload: "Hi" }],
    ["extra fields from a variable that is not set", { extra: "${NOT_SET_ANYWHERE}" }, { payload: "Hi" }],
  ];
  for (const [what, chat, msg] of refused) {
    it(`is refused before any request: ${what}`, async () => {
      const before = server.requests.length;
      await red.deploy(chatFlow(server.url, chat as never));
      red.send("chat", msg as never);
      const caught = await red.next("error");
      assert.equal(caught.error.code, "invalid_input", caught.error.message);
      assert.doesNotMatch(caught.error.message, /__|\berrors\./);
      assert.equal(caught.completion.attempts, 0);
      assert.equal(server.requests.length, before);
      assert.equal(red.completions("chat").length, 1);
    });
  }
});

describe("huggingface-config", () => {
  let red: NodeRed;
  before(async () => {
    red = await getNodeRed();
  });
  afterEach(() => red.reset());

  it("warns once of the retired host and uses the router instead", async () => {
    await red.deploy(chatFlow("https://api-inference.huggingface.co/models/gpt2"));
    const warnings = red.logOf("config", 30);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]?.text ?? "", /api-inference\.huggingface\.co.*router\.huggingface\.co/);
    assert.equal(red.node("config").open().client.endpoint.origin, "https://router.huggingface.co");
  });

  it("keeps the token out of the flow, the log and the messages", async () => {
    const server = await startServer(
      inTurn(
        (request, response) => json(response, 401, { error: `Bad token ${request.headers.authorization}` }),
        (request, response) => json(response, 200, completion(`You are ${request.headers.authorization}`)),
      ),
    );
    await red.deploy(chatFlow(server.url, {}, { retries: 0 }), { config: { token: "hf_verysecret" } });
    red.send("chat", { payload: "Hi" });
    const caught = await red.next("error");
    assert.equal(server.last.headers.authorization, "Bearer hf_verysecret");
    assert.equal(caught.error.code, "auth_error");
    red.send("chat", { payload: "Hi" });
    const msg = await red.next("reply");
    const everything = [red.logText, JSON.stringify([caught, msg, red.statuses("chat"), await red.flowFile()])];
    for (const text of everything) assert.doesNotMatch(text, /verysecret/);
    await server.close();
  });

  it("demands no token", async () => {
    const server = await startServer(reply("ok"));
    await red.deploy(chatFlow(server.url));
    red.send("chat", { payload: "Hi" });
    assert.equal((await red.next("reply")).payload, "ok");
    assert.equal(server.last.headers.authorization, undefined);
    await server.close();
  });
});
