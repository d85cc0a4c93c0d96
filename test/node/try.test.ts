import assert from "node:assert/strict";
import { chatFlow, type Message, type NodeDef, type NodeRed, tabId } from "../support/node-red";
import {
  chunk,
  inTurn,
  json,
  reply,
  replyChunks,
  sse,
  startServer,
  type TestServer,
  usageChunk,
} from "../support/server";
import { callRound, valueTool } from "../support/tools";
import { useNodeRed } from "../support/use-node-red";

const TOKEN = "hf_the_stored_token";
const PIXEL =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
/** Only its first bytes are checked. */
const WAV = Buffer.from("RIFF\x24\x00\x00\x00WAVEfmt ", "latin1").toString("base64");

describe("the route behind the try-it box", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its), reply("Hel", "lo"));
  beforeEach(() => red.deploy(chatFlow(server.url), { config: { token: TOKEN } }));

  const post = (body: unknown, signal?: AbortSignal): Promise<Response> =>
    fetch(`${red.url}/huggingface/try`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      ...(signal && { signal }),
    });
  const form = (chat: Message = {}, more: Message = {}) => ({
    prompt: "Hi",
    chat,
    tools: [],
    config: { id: "config", def: { model: "org/a", baseUrl: server.url }, token: "__PWRD__" },
    ...more,
  });
  const lines = async (body: unknown): Promise<Message[]> =>
    (await (await post(body)).text())
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));

  it("streams the reply, and then what is known of it", async () => {
    server.handle((_, response) =>
      sse(response, [
        chunk(undefined, { delta: { reasoning: "Hm" } }),
        ...replyChunks(["Hel", "lo"]),
        usageChunk(3, 2),
      ]),
    );
    const answer = await lines(form({ temperature: "0.5", system: "Be brief.", systemType: "str" }));
    const { done } = answer.pop() as Message;
    assert.deepEqual(answer, [{ reasoning: "Hm" }, { text: "Hel" }, { text: "lo" }]);
    assert.equal(done.finish_reason, "stop");
    assert.deepEqual(done.usage, { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 });
    assert.equal(typeof done.timing.first_ms, "number");
    const { messages, temperature, model } = server.last.body;
    assert.deepEqual(messages, [
      { role: "system", content: "Be brief." },
      { role: "user", content: "Hi" },
    ]);
    assert.deepEqual([temperature, model], [0.5, "org/a"]);
    assert.equal(server.last.headers.authorization, `Bearer ${TOKEN}`);
    assert.equal(
      red.completions("chat").length + red.statuses("chat").length,
      0,
      "the node itself has nothing to do with it",
    );
  });

  it("shows calls of tools and functions, and runs none", async () => {
    server.handle(callRound({ id: "a", name: "weather", args: '{"city":"Paris"}' }));
    const tools = [{ name: "weather", description: "tells", parameters: '{"type":"object"}', strict: false }];
    const { done } = (await lines(form({ functions: [{ name: "lamp" }] }, { tools }))).at(-1) as Message;
    assert.deepEqual(done.calls, [{ id: "a", name: "weather", arguments: { city: "Paris" } }]);
    assert.deepEqual(
      server.last.body.tools.map((tool: Message) => tool.function.name),
      ["weather", "lamp"],
    );
    assert.equal(server.requests.length, 1);
  });

  it("gives the value of a reply in JSON, after a repair if need be", async () => {
    server.handle((request, response, index) => reply(index === 0 ? "no" : '{"a":1}')(request, response, index));
    const { done } = (await lines(form({ format: "json_object" }))).at(-1) as Message;
    assert.deepEqual(done.reply, { a: 1 });
  });

  it("makes a template of the system prompt, and leaves out one that only a message has", async () => {
    await lines(form({ system: "Say {{payload}}.", systemType: "template" }));
    assert.equal(server.last.body.messages[0].content, "Say Hi.");
    await lines(form({ system: "prompt", systemType: "msg" }));
    assert.equal(server.last.body.messages.length, 1);
  });

  const failures: [what: string, body: () => unknown, code: string][] = [
    ["no prompt", () => form({}, { prompt: " " }), "invalid_input"],
    ["no configuration", () => form({}, { config: undefined }), "invalid_input"],
    ["a field that cannot be", () => form({ temperature: "warm" }), "invalid_input"],
    ["a server that refuses", () => form(), "auth_error"],
    ["nothing at all", () => ({}), "invalid_input"],
  ];
  for (const [what, body, code] of failures) {
    it(`ends with the node's own error for ${what}`, async () => {
      server.handle((_, response) => json(response, 401, { error: `no ${TOKEN}` }));
      const answer = await lines(body());
      assert.equal(answer.length, 1);
      assert.equal(answer[0]?.error.code, code);
      assert.doesNotMatch(JSON.stringify(answer), new RegExp(TOKEN));
    });
  }

  it("ends when the browser goes", async () => {
    server.handle((_, response) => sse(response, [chunk("Hel")], { end: false, done: false }));
    const leave = new AbortController();
    const response = await post(form(), leave.signal);
    await response.body?.getReader().read();
    leave.abort();
    await server.last.closed;
  });

  it("shows no value of a variable that the model writes, nor one in what it calls", async () => {
    Object.assign(process.env, { SOME_SECRET: "aws/Very+Secret==" });
    try {
      const secret = "aws/Very+Secret==";
      const call = { index: 0, id: "1", function: { name: "lamp", arguments: JSON.stringify({ a: [secret] }) } };
      server.handle((_, response) =>
        sse(response, [
          ...["You said ", "aws/V", "ery+Sec", "ret==", ", aws/"].map((text) => chunk(text)),
          chunk(undefined, { delta: { reasoning: `it is ${secret}` } }),
          chunk(undefined, { delta: { tool_calls: [call] } }),
          chunk(undefined, {
            finish_reason: "tool_calls",
            model: secret,
            usage: { prompt_tokens: 1, [secret]: secret },
          }),
        ]),
      );
      const answer = await lines(form({ system: "${SOME_SECRET}", functions: [{ name: "lamp" }] }));
      assert.equal(server.last.body.messages[0].content, secret);
      assert.equal(answer.map(({ text = "" }) => text).join(""), "You said ${SOME_SECRET}, aws/");
      assert.equal(answer.map(({ reasoning = "" }) => reasoning).join(""), "it is ${SOME_SECRET}");
      const { done } = answer.at(-1) as Message;
      assert.deepEqual(done.calls[0].arguments, { a: ["${SOME_SECRET}"] });
      assert.deepEqual(done.usage, { prompt_tokens: 1 });
      assert.doesNotMatch(JSON.stringify(answer), /Secret==/);
    } finally {
      delete process.env.SOME_SECRET;
    }
  });

  it("shows no value of a variable in an error of a field", async () => {
    Object.assign(process.env, { SOME_SECRET: "aws/Very+Secret==" });
    try {
      for (const field of ["temperature", "maxTokens", "strict", "format", "repairs", "extra", "schema", "stop"]) {
        const chat = { format: "json_schema", schema: "{}", [field]: "${SOME_SECRET}" };
        const text = JSON.stringify(await lines(form(chat)));
        assert.doesNotMatch(text, /Very|Secret==/, field);
      }
    } finally {
      delete process.env.SOME_SECRET;
    }
  });

  it("sends the stored token nowhere else", async () => {
    const other = await startServer(reply("ok"));
    const config = { id: "config", def: { model: "org/a", baseUrl: other.url }, token: "__PWRD__" };
    const { done } = (await lines(form({}, { config }))).at(-1) as Message;
    assert.equal(done.isTokenWithheld, true);
    assert.equal(other.last.headers.authorization, undefined);
    other.handle((_, response) => json(response, 401, { error: "Who are you?" }));
    const refused = (await lines(form({}, { config }))).at(-1) as Message;
    assert.equal(refused.error.code, "auth_error");
    assert.equal(refused.isTokenWithheld, true, "the error says why there was no token");
    await other.close();
  });
});

describe("what the try-it box takes of a message", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its), reply("ok"));

  const deploy = (chat: Message = {}, more: NodeDef[] = [], headers: Message = {}) =>
    red.deploy([...chatFlow(server.url, chat, headers), ...more], {
      config: { token: TOKEN, secretHeaders: JSON.stringify({ "X-Marked": "marked-value-1" }) },
    });
  const lines = async (body: Message): Promise<Message[]> => {
    const config = { id: "config", def: { model: "org/a", baseUrl: server.url }, token: "__PWRD__" };
    const response = await fetch(`${red.url}/huggingface/try`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ prompt: "Hi", tools: [], config, ...body, chat: { id: "chat", z: tabId, ...body.chat } }),
    });
    return (await response.text())
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
  };
  const sent = () => server.last.body.messages;
  const setTone = () => red.red.nodes.getNode("chat")?.["context"]().global.set("tone", "kind");
  const user = (content: unknown) => [{ role: "user", content }];
  const image = { type: "image_url", image_url: { url: PIXEL } };

  const sound = { type: "input_audio", input_audio: { data: WAV, format: "wav" } };

  const samples: [what: string, body: Message, messages: unknown][] = [
    ["a text as msg.payload", { chat: { prompt: "Say {{payload}}!", promptType: "template" } }, user("Say Hi!")],
    ["a text as the property that the node reads", { chat: { prompt: "question" } }, user("Hi")],
    [
      "a prompt of the form, which reads nothing",
      { prompt: "", chat: { prompt: "Go!", promptType: "str" } },
      user("Go!"),
    ],
    [
      "a whole message",
      {
        message: '{"a":{"b":"Yo"},"lang":"de","huggingface":{"temperature":0}}',
        chat: { prompt: "a.b", system: "In {{lang}}.", systemType: "template" },
      },
      [{ role: "system", content: "In de." }, ...user("Yo")],
    ],
    ["an expression", { message: '{"a":[1,2]}', chat: { prompt: "$sum(a)", promptType: "jsonata" } }, user("3")],
    [
      "images of the message",
      { message: JSON.stringify({ payload: "See", images: PIXEL }) },
      user([{ type: "text", text: "See" }, image]),
    ],
    ["images beside the text", { images: [PIXEL] }, user([{ type: "text", text: "Hi" }, image])],
    ["sound beside the text", { audio: [`data:audio/wav;base64,${WAV}`] }, user([{ type: "text", text: "Hi" }, sound])],
    [
      "sound where the node reads it, and more beside it",
      {
        message: JSON.stringify({ payload: "Hear", clip: WAV }),
        chat: { audio: "clip", audioType: "msg" },
        audio: [`data:audio/x-wav;base64,${WAV}`],
      },
      user([{ type: "text", text: "Hear" }, sound, sound]),
    ],
    ["a context", { chat: { prompt: "#:(memory)::tone", promptType: "global" } }, user("kind")],
  ];
  for (const [what, body, messages] of samples) {
    it(`is ${what}`, async () => {
      await deploy();
      setTone();
      const answer = await lines(body);
      assert.equal(answer.at(-1)?.done?.finish_reason, "stop", JSON.stringify(answer));
      assert.deepEqual(sent(), messages);
      if (body.message?.includes("temperature")) assert.equal(server.last.body.temperature, 0);
    });
  }

  const wrong: [what: string, body: Message][] = [
    ["a message that is no JSON", { message: "{" }],
    ["a message that is a list", { message: "[1]" }],
    ["images that are none", { images: ["data:image/png;base64,AAAA"] }],
    ["sound that is neither WAV nor MP3", { audio: ["data:audio/ogg;base64,T2dnUw=="] }],
    ["a template with a mistake", { chat: { prompt: "{{#a}}", promptType: "template" } }],
  ];
  for (const [what, body] of wrong) {
    it(`is invalid for ${what}`, async () => {
      await deploy();
      const [answer] = await lines(body);
      assert.equal(answer?.error?.code, "invalid_input");
      assert.equal(server.requests.length, 0);
    });
  }

  it("says what a question would say of a property that is no path", async () => {
    await deploy();
    const [answer] = await lines({ chat: { prompt: "a.b[", promptType: "msg" } });
    assert.match(answer?.error?.message, /^Cannot read msg\.a\.b\[ \(field Prompt\)/);
  });

  it("tells what a question would warn of", async () => {
    await deploy();
    const { done } = (await lines({ chat: { prompt: "Hi {{nobody}}", promptType: "template" } })).at(-1) as Message;
    assert.match(done.warnings[0], /nobody/);
    assert.equal(red.statuses("chat").length, 0);
  });

  it("reads what is remembered under the key, and remembers nothing", async () => {
    const key = { conversation: "topic", conversationType: "msg" };
    await deploy(key);
    red.send("chat", { payload: "I am Ada", topic: "a" });
    await red.next("reply");
    for (const _ of [1, 2]) {
      const { done } = (await lines({ message: '{"payload":"Who?","topic":"a"}', chat: key })).at(-1) as Message;
      assert.deepEqual(done.conversation, { key: "a", messages: 2 });
      assert.deepEqual(
        sent().map(({ content }: Message) => content),
        ["I am Ada", "ok", "Who?"],
      );
    }
  });

  it("runs tools only if the box says so, by their flows", async () => {
    const tools = [{ id: "tool-weather", name: "weather", description: "", parameters: "", strict: false }];
    await deploy({ tools: ["tool-weather"] }, valueTool("weather", "7"));
    server.handle(inTurn(callRound({ id: "a", name: "weather", args: "{}" }), reply("7 degrees")));
    const { done } = (await lines({ tools, runTools: true })).at(-1) as Message;
    assert.deepEqual({ ...done.ran[0], ms: 0 }, { name: "weather", arguments: {}, result: "7", ms: 0 });
    assert.deepEqual([done.calls, server.requests.length], [[], 2]);
    server.handle(callRound({ id: "a", name: "weather", args: "{}" }));
    const shown = (await lines({ tools })).at(-1) as Message;
    assert.deepEqual([shown.done.calls.length, shown.done.ran], [1, undefined]);
  });

  it("gives the request as it was sent, without a secret", async () => {
    Object.assign(process.env, { SOME_SECRET: "aws/Very+Secret==" });
    try {
      await deploy({}, [], { headers: { "X-Plain": "plain", "X-Api-Key": "key-of-mine-7" } });
      const headers = { "X-Plain": "plain", "X-Api-Key": "key-of-mine-7", "X-Var": "${SOME_SECRET}" };
      const config = { id: "config", def: { model: "org/a", baseUrl: server.url, headers }, token: "__PWRD__" };
      const chat = { prompt: "It is {{env.SOME_SECRET}}: {{payload}}", promptType: "template", temperature: 1 };
      const answer = await lines({ chat, config, wantsRequest: true });
      const { request } = answer[0] as Message;
      assert.equal(sent()[0].content, "It is aws/Very+Secret==: Hi");
      assert.equal(request.url, `${server.url}/v1/chat/completions`);
      assert.deepEqual(request.body, {
        ...server.last.body,
        messages: [{ role: "user", content: "It is ${SOME_SECRET}: Hi" }],
      });
      const { authorization, "x-plain": plain, "x-api-key": key, "x-marked": marked, "x-var": held } = request.headers;
      assert.deepEqual(
        [authorization, plain, key, marked, held],
        ["Bearer ***", "plain", "***", "***", "${SOME_SECRET}"],
      );
      assert.equal(server.last.headers["x-marked"], "marked-value-1");
      assert.doesNotMatch(JSON.stringify(answer), /Secret==|hf_the|key-of-mine|marked-value/);
      assert.equal((await lines({}))[0]?.request, undefined, "only if it is wanted");
    } finally {
      delete process.env.SOME_SECRET;
    }
  });

  const withheld: [what: string, chat: Message][] = [
    ["a variable as prompt", { prompt: "SOME_SECRET", promptType: "env" }],
    ["a variable in a template", { prompt: "{{env.SOME_SECRET}}", promptType: "template" }],
    ["a variable in an expression", { prompt: '$env("SOME_SECRET")', promptType: "jsonata" }],
    ["a variable in one that is made", { prompt: '$eval("$" & "env(\'SOME_SECRET\')")', promptType: "jsonata" }],
    ["a context as images", { images: "tone", imagesType: "global" }],
    ["a context as sound", { audio: "tone", audioType: "flow" }],
    ["a context in a template", { system: "{{global.tone}}", systemType: "template" }],
    ["a context in an expression", { prompt: '$globalContext("tone")', promptType: "jsonata" }],
  ];
  for (const [what, chat] of withheld) {
    it(`sends ${what} nowhere else than where it was deployed`, async () => {
      Object.assign(process.env, { SOME_SECRET: "aws/Very+Secret==" });
      const other = await startServer(reply("ok"));
      try {
        await deploy();
        setTone();
        const config = { id: "config", def: { model: "org/a", baseUrl: other.url }, token: "" };
        const [answer] = await lines({ chat, config });
        assert.equal(answer?.error?.code, "invalid_input", JSON.stringify(answer));
        assert.doesNotMatch(JSON.stringify(answer), /Secret==/);
        assert.equal(other.requests.length, 0);
      } finally {
        delete process.env.SOME_SECRET;
        await other.close();
      }
    });
  }

  it("sends what is remembered nowhere else", async () => {
    const key = { conversation: "a", conversationType: "str" };
    await deploy(key);
    red.send("chat", { payload: "I am Ada" });
    await red.next("reply");
    const other = await startServer(reply("ok"));
    const config = { id: "config", def: { model: "org/a", baseUrl: other.url }, token: "" };
    await lines({ chat: key, config });
    assert.deepEqual(other.last.body.messages, user("Hi"));
    await other.close();
  });
});
