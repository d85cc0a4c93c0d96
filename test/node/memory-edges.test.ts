import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { chatFlow, flowNode, getNodeRed, type Message, type NodeRed } from "../support/node-red";
import {
  chunk,
  completion,
  type Handler,
  inTurn,
  json,
  reply,
  sse,
  startServer,
  type TestServer,
} from "../support/server";
import { slowStore } from "../support/slow-store";
import { callRound, valueTool } from "../support/tools";

const counting: Handler = async (request, response, index) => {
  await sleep(2);
  const questions = request.body.messages.filter((message: Message) => message.role === "user");
  return reply(`${questions.at(-1).content}#${questions.length}`)(request, response, index);
};
const BY_TOPIC = { conversation: "topic", conversationType: "msg" };
const PNG = Buffer.from("89504e470d0a1a0a0000000d49484452", "hex");

/** As the chat templates of Mistral and Gemma: after the system message, user and assistant alternate, the user first. */
const strict: Handler = (request, response, index) => {
  const said = request.body.messages.filter(({ role }: Message) => role !== "system" && role !== "tool");
  const good = said.every(({ role }: Message, at: number) => role === (at % 2 === 0 ? "user" : "assistant"));
  if (good) return reply("fine")(request, response, index);
  return json(response, 400, {
    error: { message: "Conversation roles must alternate user/assistant/user/assistant/..." },
  });
};

describe("conversations at their edges", () => {
  let red: NodeRed;
  let server: TestServer;
  const stalled: (() => void)[] = [];
  const original = { get: slowStore.get, set: slowStore.set, keys: slowStore.keys };
  before(async () => {
    red = await getNodeRed();
  });
  beforeEach(async () => {
    server = await startServer(counting);
  });
  afterEach(async () => {
    for (const go of stalled.splice(0)) go();
    Object.assign(slowStore, original);
    await red.reset();
    slowStore.reset();
    await server.close();
  });

  const deploy = (chat: Message = {}, config: Message = {}) =>
    red.deploy(chatFlow(server.url, { ...BY_TOPIC, ...chat }, { retries: 0, ...config }));
  const ask = async (payload: unknown, topic: unknown = "a", more: Message = {}): Promise<Message> => {
    red.send("chat", { payload, topic, ...more });
    return red.next("reply");
  };
  const sent = (): Message[] => server.last.body.messages;
  const roles = (messages: Message[] = sent()) => messages.map(({ role }) => role);
  const texts = (messages: Message[] = sent()) => messages.map(({ content }) => content);
  /** Makes operations wait until the end of the test, or until `stalled` is called. */
  const stall = (operation: "get" | "set" | "keys") => {
    const operate = original[operation] as (...args: unknown[]) => void;
    Object.assign(slowStore, {
      [operation]: (...args: unknown[]) => {
        stalled.push(() => operate(...args));
      },
    });
  };

  it("a question that waits for its turn keeps the prompt that it came with", async () => {
    const open: (() => void)[] = [];
    server.handle(async (request, response, index) => {
      await new Promise<void>((resolve) => open.push(resolve));
      return counting(request, response, index);
    });
    const rules = [{ t: "set", p: "question", pt: "flow", to: "payload", tot: "msg" }];
    await red.deploy([
      ...chatFlow(server.url, { ...BY_TOPIC, prompt: "question", promptType: "flow" }),
      flowNode("set", "change", { rules, wires: [["chat"]] }),
    ]);
    for (const payload of ["one", "two", "three"]) {
      red.send("set", { payload, topic: "a" });
      await sleep(20);
    }
    for (let index = 0; index < 3; index++) {
      await red.until(() => open.length > index, "request");
      open[index]?.();
    }
    await red.next("reply", 3);
    const asked = server.requests.map(({ body }) => body.messages.at(-1).content);
    assert.deepEqual(asked, ["one", "two", "three"]);
  });

  it("what another conversation costs trims nothing of this one", async () => {
    // As a server with a chat template counts: 36 tokens for the template, and what the messages have.
    server.handle(({ body }, response) => {
      const own = body.messages.reduce((sum: number, { content }: Message) => sum + content.length / 4 + 5, 0);
      json(response, 200, completion("ok", { usage: { prompt_tokens: Math.round(own) + 36, completion_tokens: 1 } }));
    });
    await deploy({ maxHistoryTokens: 2000 });
    for (let turn = 0; turn < 4; turn++) await ask("word ".repeat(160), "b");
    await ask("Hi", "a");
    await ask("last", "b");
    // 4 questions of 200 tokens are far below 2,000.
    assert.equal(roles().filter((role) => role === "user").length, 5);
  });

  for (const [what, chat, question] of [
    ["one reply is longer than maxHistoryTokens", { maxHistoryTokens: 100 }, "Hi"],
    ["maxMessages is 1", { maxMessages: 1 }, "Hi"],
  ] as const) {
    it(`a conversation goes on at a strict server where ${what}`, async () => {
      server.handle(inTurn(reply("long ".repeat(200)), strict));
      await deploy(chat);
      await ask(question);
      red.send("chat", { payload: "next", topic: "a" });
      await red.completed("chat", 2);
      assert.equal(red.completions("chat")[1]?.error?.message, undefined, JSON.stringify(roles()));
    });
  }

  it("where the pictures of a question are bigger than a conversation may be", async () => {
    server.handle(inTurn(reply("Two cats."), strict));
    await deploy();
    const photo = Buffer.concat([PNG, Buffer.alloc(7_000_000)]);
    await ask("What is it?", "a", { images: [photo, photo] });
    red.send("chat", { payload: "next", topic: "a" });
    await red.completed("chat", 2);
    assert.equal(red.completions("chat")[1]?.error?.message, undefined, JSON.stringify(roles()));
  });

  it("where a tool loop has more messages than are remembered, the user's question stays", async () => {
    server.handle(inTurn(callRound({ id: "a", name: "w" }), callRound({ id: "b", name: "w" }), reply("done"), strict));
    await red.deploy([
      ...chatFlow(server.url, { ...BY_TOPIC, maxMessages: 4, tools: ["tool-w"] }, { retries: 0 }),
      ...valueTool("w", "7"),
    ]);
    await ask("one");
    red.send("chat", { payload: "two", topic: "a" });
    await red.completed("chat", 2);
    assert.equal(roles()[0], "user", JSON.stringify(roles()));
  });

  it("a redeploy while the reply is being remembered sends nothing", async () => {
    await deploy({ store: "slow" });
    stall("set");
    red.send("chat", { payload: "one", topic: "a" });
    await red.until(() => stalled.length > 0, "the store is asked");
    const flow = chatFlow(server.url, { ...BY_TOPIC, store: "slow", system: "Changed." }, { retries: 0 });
    // Only the chat node is new, as with "Modified nodes" in the editor.
    const places = await red.flowFile();
    const same = flow.map((node) => ({
      ...node,
      ...("x" in node && { x: places.find(({ id }) => id === node.id)?.x }),
    }));
    await red.deploy(same, undefined, "nodes");
    Object.assign(slowStore, original);
    for (const go of stalled.splice(0)) go();
    await sleep(200);
    assert.equal(red.captured("reply").length, 0, "a reply came from the node that was closed");
  });

  it("a redeploy while the reply is put into flow context remembers and sends nothing", async () => {
    await deploy({ store: "memory", output: "#:(slow)::answer", outputType: "flow" });
    stall("set");
    red.send("chat", { payload: "one", topic: "a" });
    await red.until(() => stalled.length > 0, "the store is asked");
    const flow = chatFlow(server.url, { ...BY_TOPIC, store: "slow", system: "Changed." }, { retries: 0 });
    // Only the chat node is new, as with "Modified nodes" in the editor.
    const places = await red.flowFile();
    const same = flow.map((node) => ({
      ...node,
      ...("x" in node && { x: places.find(({ id }) => id === node.id)?.x }),
    }));
    await red.deploy(same, undefined, "nodes");
    Object.assign(slowStore, original);
    for (const go of stalled.splice(0)) go();
    await sleep(200);
    assert.equal(red.captured("reply").length, 0);
  });

  it("an abort ends a question whose store never answers the read", async () => {
    await deploy({ store: "slow" });
    stall("get");
    red.send("chat", { payload: "one", topic: "a" });
    await red.until(() => stalled.length > 0, "the store is asked");
    red.send("chat", { abort: true });
    await red.completed("chat", 2, 1500);
  });

  it("the way on from output 3 that the reference tells stores no system prompt of the form", async () => {
    server.handle(inTurn(callRound({ id: "a", name: "lamp" }), reply("on"), reply("ok")));
    await deploy({ store: "slow", functions: [{ name: "lamp" }], system: "It is Monday.", systemType: "str" });
    red.send("chat", { payload: "Light!", topic: "a" });
    const msg = await red.next("calls");
    await ask([...msg.messages, { role: "tool", tool_call_id: "a", content: "on" }]);
    await deploy({ store: "slow", functions: [{ name: "lamp" }], system: "It is Tuesday.", systemType: "str" });
    await ask("And now?");
    assert.equal(sent()[0]?.content, "It is Tuesday.");
  });

  it("msg.huggingface.system wins over what is remembered", async () => {
    await deploy({ system: "Form." });
    const msg = await ask("one");
    await ask([...msg.messages, { role: "user", content: "two" }]);
    await ask("three", "a", { huggingface: { system: "Message." } });
    assert.equal(sent()[0]?.content, "Message.");
  });

  it("pictures are not doubled on the way on from output 3 with the same message", async () => {
    server.handle(inTurn(callRound({ id: "a", name: "lamp" }), reply("on")));
    await deploy({ conversation: "", conversationType: "str", functions: [{ name: "lamp" }] });
    red.send("chat", { payload: "What is it?", images: PNG });
    const msg = await red.next("calls");
    msg.payload = [...msg.messages, { role: "tool", tool_call_id: "a", content: "on" }];
    red.send("chat", msg);
    await red.next("reply");
    const images = sent()
      .flatMap(({ content }) => (Array.isArray(content) ? content : []))
      .filter(({ type }) => type === "image_url");
    assert.equal(images.length, 1);
  });

  it("nor with a conversation key and the results alone", async () => {
    server.handle(inTurn(callRound({ id: "a", name: "lamp" }), reply("on")));
    await deploy({ functions: [{ name: "lamp" }], toolChoice: "required" });
    red.send("chat", { payload: "What is it?", images: PNG, topic: "a" });
    const msg = await red.next("calls");
    msg.payload = [{ role: "tool", tool_call_id: "a", content: "on" }];
    red.send("chat", msg);
    await red.next("reply");
    assert.deepEqual(roles(), ["user", "assistant", "tool"]);
    assert.equal("tool_choice" in server.last.body, false);
  });

  for (const [what, value] of Object.entries({
    "a null among messages": { key: "a", used: 1, messages: [null] },
    "a number among messages": { key: "a", used: 1, messages: [5] },
    "a message without role": { key: "a", used: 1, messages: [{}] },
    "calls that are not valid": {
      key: "a",
      used: 1,
      messages: [
        { role: "user", content: "q" },
        { role: "assistant", content: null, tool_calls: [null, 5] },
      ],
    },
    "text for messages": { key: "a", used: 1, messages: "x" },
    text: "x",
  })) {
    it(`a foreign value under our key, ${what}, is a clear error or is ignored, and the question after it works`, async () => {
      await deploy({ store: "slow" });
      slowStore.set("chat:tab", "hf_61", value, () => {});
      red.send("chat", { payload: "one", topic: "a" });
      await red.completed("chat", 1);
      const error = red.completions("chat")[0]?.error as (Error & { code?: string; key?: string }) | undefined;
      if (error) assert.notEqual(error.key, "internal", error.message);
    });
  }

  it("a question that waited for its turn tells so in queued_ms", async () => {
    server.handle(async (request, response, index) => {
      await sleep(300);
      return counting(request, response, index);
    });
    await deploy();
    red.send("chat", { payload: "one", topic: "a" });
    red.send("chat", { payload: "two", topic: "a" });
    const [, second] = await red.next("reply", 2);
    assert.ok(second?.completion.timing.queued_ms > 200, JSON.stringify(second?.completion.timing));
  });

  it("tokens per second do not count the wait for a slot", async () => {
    server.handle(async (_, response) => {
      await sleep(300);
      json(response, 200, completion("ok", { usage: { prompt_tokens: 1, completion_tokens: 30 } }));
    });
    await deploy({ conversation: "", conversationType: "str" }, { maxConcurrent: 1, serverStreams: false });
    for (let index = 0; index < 4; index++) red.send("chat", { payload: "Hi" });
    const rates = (await red.next("reply", 4)).map(({ completion }) => completion.timing.tokens_per_second);
    // Each is about 100 ms; with the wait of the last one it would be a quarter of that.
    assert.ok(Math.min(...rates) > 30, JSON.stringify(rates));
  });

  it("the total counts the time of tool flows", async () => {
    server.handle(inTurn(callRound({ id: "a", name: "w" }), reply("done")));
    await red.deploy([
      ...chatFlow(server.url, { tools: ["tool-w"] }),
      flowNode("tool-w", "huggingface-tool", { name: "w", wires: [["wait"]] }),
      flowNode("wait", "delay", {
        pauseType: "delay",
        timeout: "400",
        timeoutUnits: "milliseconds",
        wires: [["back"]],
      }),
      flowNode("back", "link out", { mode: "return", links: [] }),
    ]);
    red.send("chat", { payload: "Hi" });
    const { completion } = await red.next("reply");
    assert.ok(completion.timing.total_ms > 350, JSON.stringify(completion.timing));
  });

  it("questions of one conversation keep their order where the key comes from an asynchronous store", async () => {
    let calls = 0;
    const first = original.get;
    Object.assign(slowStore, {
      get: (scope: string, key: string | string[], done: never) => {
        const delay = String(key).includes("who") && calls++ === 0 ? 60 : 0;
        setTimeout(() => first(scope, key, done), delay);
      },
    });
    await deploy({ conversation: "#:(slow)::who", conversationType: "flow" });
    slowStore.set("tab", "who", "k", () => {});
    red.send("chat", { payload: "one" });
    red.send("chat", { payload: "two" });
    await red.next("reply", 2);
    const asked = server.requests.map(({ body }) => body.messages.at(-1).content);
    assert.deepEqual(asked, ["one", "two"]);
  });

  it("a reset sent after a question runs after it, even if keys arrive later", async () => {
    await deploy({ conversation: "#:(slow)::who", conversationType: "flow", store: "slow" });
    slowStore.set("tab", "who", "k", () => {});
    red.send("chat", { payload: "one" });
    red.send("chat", { reset: true, huggingface: { conversation: "k" } });
    await red.next("reply");
    await sleep(100);
    assert.equal((await ask("two")).payload, "two#1");
  });

  it("a store that fails at its keys does not make a reply fail that is remembered", async () => {
    slowStore.failing = ["keys"];
    await deploy({ store: "slow" });
    red.send("chat", { payload: "one", topic: "a" });
    await red.completed("chat", 1);
    const failed = red.completions("chat")[0]?.error !== undefined;
    const kept = Object.keys(slowStore.values("chat:tab")).length > 0;
    assert.notEqual(failed, kept, `failed: ${failed}, kept: ${kept}`);
  });

  it("keys of lone surrogates stay apart", async () => {
    await deploy();
    await ask("q", "x\ud83d");
    await ask("q", "x\ud83c");
    assert.equal((await ask("q", "x\ud83d")).payload, "q#2");
  });

  it("a late result of a call does not end the conversation", async () => {
    server.handle(
      inTurn(callRound({ id: "a", name: "lamp" }), counting, (request, response, index) => {
        const { messages } = request.body;
        const at = messages.findLastIndex(({ role }: Message) => role !== "tool");
        const orphan = messages.at(-1).role === "tool" && !messages[at].tool_calls;
        return orphan
          ? json(response, 400, { error: "tool message without call" })
          : counting(request, response, index);
      }),
    );
    await deploy({ functions: [{ name: "lamp" }] });
    red.send("chat", { payload: "Light!", topic: "a" });
    await red.next("calls");
    await ask("Never mind.");
    red.send("chat", { payload: [{ role: "tool", tool_call_id: "a", content: "on" }], topic: "a" });
    await red.completed("chat", 3);
    await ask("Go on.");
    assert.deepEqual(roles(), ["user", "assistant", "tool", "assistant", "user", "assistant", "user"]);
  });

  it("what a node that was redeployed still has to remember does not take the place of what was said since", async () => {
    const set = original.set;
    Object.assign(slowStore, {
      set: (...args: Parameters<typeof set>) => {
        if (args[0] === "tab" && stalled.length === 0) stalled.push(() => set(...args));
        else set(...args);
      },
    });
    const chat = { ...BY_TOPIC, store: "slow", output: "#:(slow)::answer", outputType: "flow" };
    await red.deploy(chatFlow(server.url, chat, { retries: 0 }));
    red.send("chat", { payload: "one", topic: "a" });
    await red.until(() => stalled.length > 0, "the store is asked");
    const places = await red.flowFile();
    const flow = chatFlow(server.url, { ...chat, system: "Changed." }, { retries: 0 });
    await red.deploy(
      flow.map((node) => ({ ...node, ...("x" in node && { x: places.find(({ id }) => id === node.id)?.x }) })),
      undefined,
      "nodes",
    );
    red.send("chat", { payload: "two", topic: "a" });
    await red.until(() => Object.keys(slowStore.values("chat:tab")).length > 0, "it is remembered");
    await sleep(50);
    for (const go of stalled) go();
    await sleep(100);
    const [entry] = Object.values(slowStore.values("chat:tab")) as Message[];
    assert.ok(texts(entry?.messages).includes("two"), JSON.stringify(texts(entry?.messages)));
  });

  it("tokens per second of a stream that came as one piece are those of the whole time", async () => {
    server.handle(async (_, response) => {
      await sleep(300);
      const usage = {
        ...chunk(undefined, { finish_reason: "stop" }),
        usage: { prompt_tokens: 1, completion_tokens: 30 },
      };
      sse(response, [chunk("a"), chunk("b"), usage], { end: false });
    });
    await deploy({ conversation: "", conversationType: "str" });
    const { completion } = await ask("Hi");
    assert.ok(completion.timing.tokens_per_second < 150, JSON.stringify(completion.timing));
  });

  it("a reset of all takes its turn too where the key of a question before is not known yet", async () => {
    await deploy({ conversation: "#:(slow)::key", conversationType: "flow" });
    await new Promise((resolve) => red.node("chat").context().flow.set("key", "k", "slow", resolve));
    red.send("chat", { payload: "old" });
    red.send("chat", { reset: true });
    red.send("chat", { payload: "new" });
    await red.next("reply", 2);
    assert.deepEqual(
      server.last.body.messages.map(({ content }: Message) => content),
      ["new"],
    );
  });

  it("images that contain themselves are invalid_input", async () => {
    await deploy();
    const images: Message = {};
    images.image_url = images;
    red.send("chat", { payload: "x", images, topic: "a" });
    const { error } = await red.next("error");
    assert.equal(error.code, "invalid_input", error.message);
  });

  it("instances of a subflow remember each for itself, also over a redeploy", async () => {
    const subflow = (system: string) => {
      const inner = chatFlow(server.url, { ...BY_TOPIC, store: "file", system }).find(
        ({ id }) => id === "chat",
      ) as Message;
      return [
        ...chatFlow(server.url).filter(({ id }) => id !== "chat"),
        {
          id: "sub",
          type: "subflow",
          name: "sub",
          info: "",
          category: "",
          in: [{ x: 1, y: 1, wires: [{ id: "inner" }] }],
          out: [{ x: 9, y: 1, wires: [{ id: "inner", port: 0 }] }],
          env: [],
        },
        { ...inner, id: "inner", type: "huggingface-chat", z: "sub", wires: [[], [], []] },
        flowNode("s1", "subflow:sub", { name: "", env: [], wires: [["reply-sink"]] }),
        flowNode("s2", "subflow:sub", { name: "", env: [], wires: [["reply-sink"]] }),
      ];
    };
    await red.deploy(subflow(""));
    const say = async (id: string) => {
      red.send(id, { payload: "q", topic: "a" });
      return (await red.next("reply")).payload;
    };
    assert.deepEqual([await say("s1"), await say("s1"), await say("s2")], ["q#1", "q#2", "q#1"]);
    await red.deploy(subflow("Changed."));
    assert.deepEqual([await say("s1"), await say("s2")], ["q#3", "q#2"]);
  });

  it("a long schema does not shorten the history (correction by a factor)", async () => {
    const schema = JSON.stringify({
      type: "object",
      properties: Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`field_${n}`, { type: "string" }])),
    });
    // The server counts exactly as the estimate does, and the schema in the same way.
    server.handle(({ body }, response) => {
      const length = JSON.stringify(body.messages).length + JSON.stringify(body.response_format ?? "").length;
      json(
        response,
        200,
        completion('{"a":1}', { usage: { prompt_tokens: Math.round(length / 4), completion_tokens: 1 } }),
      );
    });
    await deploy({ maxHistoryTokens: 400, format: "json_schema", schema });
    for (let turn = 0; turn < 5; turn++) await ask("word ".repeat(20));
    // Each exchange has some 40 tokens: all of them fit.
    assert.equal(roles().filter((role) => role === "user").length, 5, JSON.stringify(roles()));
  });

  it("a circular prompt is invalid_input", async () => {
    await deploy();
    const circular: Message = { role: "user", content: "x" };
    circular.self = circular;
    for (const payload of [[circular]]) {
      red.send("chat", { payload, topic: "a" });
      const { error } = await red.next("error");
      assert.equal(error.code, "invalid_input", error.message);
    }
  });
});
