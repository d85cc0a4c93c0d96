import assert from "node:assert/strict";
import { chatFlow, type Message, type NodeRed } from "../support/node-red";
import { chunk, completion, type Handler, inTurn, json, reply, sse, type TestServer } from "../support/server";
import { slowStore } from "../support/slow-store";
import { callRound, valueTool } from "../support/tools";
import { useNodeRed } from "../support/use-node-red";

/** Answers with the number of the question in its conversation, after a moment. */
const counting: Handler = async (request, response, index) => {
  await new Promise((resolve) => setTimeout(resolve, 2));
  const questions = request.body.messages.filter((message: Message) => message.role === "user");
  return reply(`${questions.at(-1).content}#${questions.length}`)(request, response, index);
};

const BY_TOPIC = { conversation: "topic", conversationType: "msg" };

describe("conversations that are remembered", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its), counting);
  afterEach(() => slowStore.reset());

  const deploy = (chat: Message = {}, config: Message = {}) =>
    red.deploy(chatFlow(server.url, { ...BY_TOPIC, ...chat }, config));
  const ask = async (payload: unknown, topic: unknown = "a", more: Message = {}): Promise<Message> => {
    red.send("chat", { payload, topic, ...more });
    return red.next("reply");
  };
  const askInVain = async (payload: unknown, topic: unknown = "a", more: Message = {}): Promise<Message> => {
    red.send("chat", { payload, topic, ...more });
    return red.next("error");
  };
  const sent = (): Message[] => server.last.body.messages;
  const roles = (messages: Message[] = sent()) => messages.map(({ role }) => role);
  const texts = (messages: Message[] = sent()) => messages.map(({ content }) => content);

  for (const store of ["", "memory", "file", "slow"]) {
    it(`go on with what was said before, in the store "${store}"`, async () => {
      await deploy({ store, system: "Be brief." });
      assert.equal((await ask("one")).payload, "one#1");
      const msg = await ask("two");
      assert.equal(msg.payload, "two#2");
      assert.deepEqual(texts(), ["Be brief.", "one", "one#1", "two"]);
      assert.deepEqual(texts(msg.messages), ["Be brief.", "one", "one#1", "two", "two#2"]);
      // A flow changes the messages that it received.
      msg.messages[1].content = "changed";
      msg.messages.length = 2;
      await ask("three");
      assert.deepEqual(texts(), ["Be brief.", "one", "one#1", "two", "two#2", "three"]);
    });
  }

  it("stand in the store as the contract says: one entry under the key in hex, without the form's system prompt", async () => {
    await deploy({ store: "slow", system: "Be brief." });
    await ask("one", "user@example.com");
    const entries = slowStore.values("chat:tab");
    const key = `hf_${Buffer.from("user@example.com").toString("hex")}`;
    assert.deepEqual(Object.keys(entries), [key]);
    const { used, ...entry } = entries[key] as Message;
    assert.ok(Math.abs(used - Date.now()) < 60_000);
    assert.deepEqual(entry, {
      key: "user@example.com",
      messages: [
        { role: "user", content: "one" },
        { role: "assistant", content: "one#1" },
      ],
      by: [null, "test/model"],
      providers: {},
    });
  });

  it("stay apart, whatever their keys", async () => {
    const keys = [
      "user@example.com",
      "+49 170",
      "$parent.x",
      "#:(file)::x",
      "👋",
      "x".repeat(10_000),
      "a.b",
      "a[0]",
      "__proto__",
      5,
      "A",
      "a",
    ];
    for (const store of ["", "file", "slow"]) {
      await deploy({ store });
      for (let turn = 1; turn <= 2; turn++) {
        for (const key of keys) assert.equal((await ask("q", key)).payload, `q#${turn}`, String(key).slice(0, 20));
      }
      // The file store keeps them until they are reset.
      red.send("chat", { reset: true });
      await red.completed("chat");
      assert.equal((await ask("q", "a")).payload, "q#1");
      red.forget();
    }
  });

  it("are not kept for messages without a key", async () => {
    await deploy();
    await ask("one", "");
    await ask("two", undefined);
    assert.equal((await ask("three", null)).payload, "three#1");
    assert.deepEqual(texts(), ["three"]);
  });

  it("may be named by the message", async () => {
    await deploy({ conversation: "", conversationType: "str" });
    for (const turn of [1, 2]) {
      assert.equal((await ask("q", "", { huggingface: { conversation: "c" } })).payload, `q#${turn}`);
    }
  });

  it("take their questions one after the other, each with what came of the one before", async () => {
    await deploy({ store: "slow" });
    for (let index = 1; index <= 5; index++) red.send("chat", { payload: `q${index}`, topic: "a" });
    const replies = await red.next("reply", 5);
    assert.deepEqual(
      replies.map(({ payload }) => payload),
      ["q1#1", "q2#2", "q3#3", "q4#4", "q5#5"],
    );
    assert.equal(red.completions("chat").length, 5);
  });

  it("run side by side, 100 at once", async () => {
    await deploy({ store: "slow" }, { maxConcurrent: 50 });
    for (let turn = 1; turn <= 3; turn++) {
      for (let index = 0; index < 100; index++) red.send("chat", { payload: `q${turn}`, topic: `c${index}` });
    }
    const replies = await red.next("reply", 300, 15_000);
    for (let index = 0; index < 100; index++) {
      const own = replies.filter(({ topic }) => topic === `c${index}`).map(({ payload }) => payload);
      assert.deepEqual(own, ["q1#1", "q2#2", "q3#3"]);
    }
    assert.ok(Math.max(...server.requests.map(({ open }) => Number(open))) <= 1);
  });

  it("count their waiting questions as those that wait for a slot", async () => {
    server.handle((_, response) => sse(response, [chunk("Hel")], { end: false, done: false }));
    await deploy({}, { maxQueued: 2 });
    for (let index = 0; index < 4; index++) red.send("chat", { payload: "Hi", topic: "a" });
    const caught = await red.next("error");
    assert.equal(caught.error.code, "rate_limit");
    assert.match(caught.error.message, /^Queue full: 2 questions/);
    // Another conversation does not wait.
    red.send("chat", { payload: "Hi", topic: "b" });
    await server.waitFor(2);
    red.send("chat", { abort: true });
    await red.next("reply", 4);
  });

  it("keep tool calls and their results", async () => {
    server.handle(inTurn(callRound({ id: "a", name: "weather" }), counting));
    await red.deploy([...chatFlow(server.url, { ...BY_TOPIC, tools: ["tool-weather"] }), ...valueTool("weather", "7")]);
    await ask("one");
    await ask("two");
    assert.deepEqual(roles(), ["user", "assistant", "tool", "assistant", "user"]);
    assert.equal(sent()[2]?.content, "7");
  });

  it("go on after output 3 with the results alone", async () => {
    server.handle(inTurn(callRound({ id: "a", name: "lamp" }, { id: "b", name: "lamp" }), counting));
    await deploy({ functions: [{ name: "lamp" }], toolChoice: "required" });
    red.send("chat", { payload: "Light!", topic: "a" });
    const { payload } = await red.next("calls");
    await ask(payload.map(({ id }: Message) => ({ role: "tool", tool_call_id: id, content: "on" })));
    assert.deepEqual(roles(), ["user", "assistant", "tool", "tool"]);
    assert.equal("tool_choice" in server.last.body, false);
  });

  it("answer calls that were left open before the next question", async () => {
    server.handle(inTurn(callRound({ id: "a", name: "lamp" }), counting));
    await deploy({ functions: [{ name: "lamp" }] });
    red.send("chat", { payload: "Light!", topic: "a" });
    await red.next("calls");
    await ask("Never mind.");
    assert.deepEqual(roles(), ["user", "assistant", "tool", "assistant", "user"]);
    assert.match(sent()[2]?.content, /not carried out/);
    assert.equal(sent()[3]?.content, "(no answer)");
  });

  it("are replaced by a whole conversation", async () => {
    await deploy();
    await ask("one");
    await ask([
      { role: "user", content: "x" },
      { role: "assistant", content: "y" },
      { role: "user", content: "z" },
    ]);
    assert.deepEqual(texts(), ["x", "y", "z"]);
    await ask("last");
    assert.deepEqual(texts(), ["x", "y", "z", "z#2", "last"]);
  });

  it("keep nothing of a question that failed", async () => {
    server.handle(inTurn(counting, (_, response) => json(response, 400, { error: "no" }), counting));
    await deploy();
    await ask("one");
    await askInVain("two");
    await ask("three");
    assert.deepEqual(texts(), ["one", "one#1", "three"]);
  });

  it("keep the question and the text so far of one that was aborted", async () => {
    server.handle(inTurn((_, response) => sse(response, [chunk("Hel")], { end: false, done: false }), counting));
    await deploy({ stream: true });
    red.send("chat", { payload: "one", topic: "a" });
    await red.next("stream");
    red.send("chat", { abort: true, topic: "a" });
    await red.next("reply");
    await ask("two");
    assert.deepEqual(texts(), ["one", "Hel", "two"]);
  });

  it("let a waiting question be aborted, and go on without it", async () => {
    server.handle(inTurn((_, response) => sse(response, [chunk("Hel")], { end: false, done: false }), counting));
    await deploy({ stream: true });
    red.send("chat", { payload: "one", topic: "a" });
    await red.next("stream");
    red.send("chat", { payload: "two", topic: "a" });
    red.send("chat", { abort: true, topic: "a" });
    const replies = await red.next("reply", 2);
    for (const { completion } of replies) assert.equal(completion.finish_reason, "aborted");
    await ask("three");
    assert.deepEqual(texts(), ["one", "Hel", "three"]);
    assert.equal(red.completions("chat").length, 4);
  });

  it("keep no failed repairs", async () => {
    server.handle(inTurn(reply("no"), reply('{"a":1}'), reply('{"a":2}')));
    await deploy({ format: "json_object" });
    await ask("one");
    await ask("two");
    assert.deepEqual(texts(), ["one", '{"a":1}', "two"]);
  });

  describe("are forgotten", () => {
    it("one by its key, or all of the node", async () => {
      await deploy({ store: "slow" });
      for (const topic of ["a", "b", "c"]) await ask("q", topic);
      red.send("chat", { reset: true, topic: "a" });
      assert.equal((await ask("q", "a")).payload, "q#1");
      assert.equal((await ask("q", "b")).payload, "q#2");
      // As another Node-RED does that shares the store.
      const nameOf = (key: string) => `hf_${Buffer.from(key).toString("hex")}`;
      slowStore.set("chat:tab", nameOf("d"), { ...(slowStore.values("chat:tab")[nameOf("b")] as Message), key: "d" });
      red.send("chat", { reset: true });
      assert.equal((await ask("q", "d")).payload, "q#1");
      for (const topic of ["a", "b", "c"]) assert.equal((await ask("q", topic)).payload, "q#1");
    });

    it("in order: after the running question, before the next one; the message is done at once", async () => {
      let finish = (): void => {};
      const running = new Promise<void>((resolve) => {
        finish = resolve;
      });
      server.handle(
        inTurn(async (request, response, index) => {
          await running;
          return counting(request, response, index);
        }, counting),
      );
      await deploy();
      red.send("chat", { payload: "one", topic: "a" });
      await server.waitFor(1);
      red.send("chat", { reset: true, topic: "a" });
      red.send("chat", { payload: "two", topic: "a" });
      await red.completed("chat", 1);
      finish();
      const replies = await red.next("reply", 2);
      assert.deepEqual(
        replies.map(({ payload }) => payload),
        ["one#1", "two#1"],
      );
    });

    it("all of them, without holding up those that nobody asks in", async () => {
      server.handle((request, response, index) => {
        if (request.body.messages.at(-1).content !== "slow") counting(request, response, index);
      });
      await deploy({ store: "slow" });
      await ask("q", "b");
      red.send("chat", { payload: "slow", topic: "a" });
      await server.waitFor(2);
      red.send("chat", { reset: true });
      assert.equal((await ask("q", "b")).payload, "q#1");
      assert.equal((await ask("q", "c")).payload, "q#1");
      red.send("chat", { abort: true });
      await red.next("reply");
      assert.equal((await ask("q", "a")).payload, "q#1", "what was aborted is forgotten too");
      assert.equal((await ask("q", "b")).payload, "q#2");
    });

    it("by no redeploy of the node where a store is set up", async () => {
      for (const store of ["file", "slow"]) {
        await deploy({ store });
        await ask("one", "kept");
        await deploy({ store, system: "Changed." });
        assert.equal((await ask("two", "kept")).payload, "two#2");
      }
    });
  });

  it("are no more than 1,000 for a node: the longest unused go", async function () {
    this.timeout(30_000);
    await deploy({ store: "slow" }, { maxConcurrent: 100, maxQueued: 5000 });
    for (let index = 0; index < 1000; index++) red.send("chat", { payload: "q", topic: `c${index}` });
    await red.next("reply", 1000, 20_000);
    await ask("q", "c0");
    await ask("q", "new");
    assert.equal(Object.keys(slowStore.values("chat:tab")).length, 1000);
    assert.equal((await ask("q", "c0")).payload, "q#3");
    // As another Node-RED does that shares the store.
    const name = `hf_${Buffer.from("c2").toString("hex")}`;
    const entry = slowStore.values("chat:tab")[name] as Message;
    slowStore.set("chat:tab", name, { ...entry, used: Date.now() });
    assert.equal((await ask("q", "c1")).payload, "q#1", "it was the longest unused");
    assert.equal((await ask("q", "c3")).payload, "q#1", "it went in place of one that is in use elsewhere");
    assert.equal((await ask("q", "c2")).payload, "q#2");
  });

  it("are trimmed to a number of messages, or of tokens", async () => {
    await deploy({ maxMessages: "4" });
    for (let turn = 1; turn <= 5; turn++) await ask(`q${turn}`);
    assert.deepEqual(texts(), ["q3", "q3#3", "q4", "q4#3", "q5"]);
    // Each question has some 130 tokens by our estimate, and twice as many by the server's count.
    const usage = (messages: Message[]) => {
      const questions = messages.filter(({ role }) => role === "user").length;
      return { prompt_tokens: questions * 260, completion_tokens: 1 };
    };
    server.handle(({ body }, response) => json(response, 200, completion("ok", { usage: usage(body.messages) })));
    await deploy({ maxHistoryTokens: 400 });
    for (let turn = 1; turn <= 5; turn++) await ask("long ".repeat(100), "b");
    assert.deepEqual(roles(), ["user", "assistant", "user"]);
  });

  describe("in a store that fails", () => {
    it("are a clear error before anything is asked", async () => {
      slowStore.failing = ["get"];
      await deploy({ store: "slow" }, { retries: 0 });
      const caught = await askInVain("one");
      assert.equal(caught.error.code, "provider_unavailable");
      assert.match(caught.error.message, /^Context store failed: .*could not be read from slow: the store is away/);
      assert.equal(server.requests.length, 0);
      slowStore.failing = [];
      assert.equal((await ask("one")).payload, "one#1", "the next one works");
    });

    it("are a clear error that keeps the reply", async () => {
      slowStore.failing = ["set"];
      await deploy({ store: "slow" });
      const caught = await askInVain("one");
      assert.match(caught.error.message, /could not be written .* slow: the store is away/);
      assert.equal(caught.completion.message.content, "one#1");
      assert.equal(red.completions("chat").length, 1);
      slowStore.failing = [];
      assert.equal((await ask("two")).payload, "two#1");
    });

    it("are an error of the message that would have them forgotten", async () => {
      await deploy({ store: "slow" });
      await ask("one");
      slowStore.failing = ["set"];
      red.send("chat", { reset: true, topic: "a" });
      assert.match((await red.next("error")).error.message, /the store is away/);
    });
  });

  const LABELS: Record<string, string> = { maxMessages: "Messages kept", maxHistoryTokens: "Tokens kept" };
  for (const [name, value] of Object.entries({ maxMessages: 0, maxHistoryTokens: "some" })) {
    it(`are refused with ${name} = ${value}`, async () => {
      await deploy({ [name]: value });
      const caught = await askInVain("one");
      assert.equal(caught.error.code, "invalid_input");
      assert.match(caught.error.message, new RegExp(`^${LABELS[name]} is`));
    });
  }
});
