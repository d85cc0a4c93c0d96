import assert from "node:assert/strict";
import { chatFlow, level, type Message, type NodeRed } from "../support/node-red";
import { type Handler, reply, type TestServer } from "../support/server";
import { slowStore } from "../support/slow-store";
import { useNodeRed } from "../support/use-node-red";

type Operation = "get" | "set" | "keys";

/** Answers with the number of questions in the request. */
const counting: Handler = (request, response, index) => {
  const questions = request.body.messages.filter((message: Message) => message.role === "user");
  return reply(`${questions.at(-1).content}#${questions.length}`)(request, response, index);
};

const MEMORY = { conversation: "topic", conversationType: "msg", store: "slow" };
const PROMPT = { prompt: "#:(slow)::question", promptType: "flow" };
const KEY = { conversation: "#:(slow)::who", conversationType: "flow", store: "memory" };
const OUTPUT = { output: "#:(slow)::answer", outputType: "flow" };

describe("a context store", () => {
  let red: NodeRed;
  let server: TestServer;
  const original = { get: slowStore.get, set: slowStore.set, keys: slowStore.keys };
  let asked: string[] = [];
  useNodeRed((its) => ({ red, server } = its), counting);
  beforeEach(() => {
    asked = [];
  });
  afterEach(() => works());

  const works = () => {
    Object.assign(slowStore, original);
    slowStore.reset();
  };
  /** Makes an operation on matching keys never answer from now on. */
  const stall = (operation: Operation, about: RegExp) => {
    const operate = original[operation] as (...args: unknown[]) => void;
    Object.assign(slowStore, {
      [operation]: (...args: unknown[]) => {
        if (about.test(String(args[1]))) asked.push(operation);
        else operate(...args);
      },
    });
  };
  /** Makes the next calls of an operation fail. */
  const failFor = (times: number, operation: "get" | "set") => {
    const operate = original[operation] as (...args: unknown[]) => void;
    let left = times;
    Object.assign(slowStore, {
      [operation]: (...args: unknown[]) => {
        if (left-- <= 0) operate(...args);
        else (args.at(-1) as (error: Error) => void)(Object.assign(new Error("it is away"), { code: "ECONNREFUSED" }));
      },
    });
  };
  const deploy = async (chat: Message, config: Message = {}) => {
    await red.deploy(chatFlow(server.url, chat, { retries: 0, ...config }));
    for (const [key, value] of Object.entries({ question: "Hi", who: "a" })) {
      await new Promise((resolve) => red.node("chat").context().flow.set(key, value, "slow", resolve));
    }
  };
  const ask = async (payload: string, more: Message = {}): Promise<Message> => {
    red.send("chat", { payload, topic: "a", ...more });
    return red.next("reply");
  };
  const warnings = () => red.logOf("chat", level.warn).map(({ text }) => text);

  const reads: [what: string, chat: Message][] = [
    ["of conversations", MEMORY],
    ["with the prompt", PROMPT],
    ["that a template names", { prompt: "{{flow[slow].question}}", promptType: "template" }],
    ["with the key of the conversation", KEY],
  ];
  for (const [what, chat] of reads) {
    describe(`${what} that cannot be read`, () => {
      it("is a retryable error, before anything is asked", async () => {
        await deploy(chat);
        failFor(1, "get");
        red.send("chat", { payload: "Hi", topic: "a" });
        const { error, completion } = await red.next("error");
        assert.equal(error.code, "provider_unavailable");
        assert.equal(error.cause.retryable, true);
        assert.equal(error.cause.code, "ECONNREFUSED");
        assert.match(error.message, /^Context store failed: .*could not be read.*: it is away.* Nothing was asked/);
        assert.equal(completion.attempts, 0);
        assert.equal(server.requests.length, 0);
        await ask("again");
      });

      it("is read again as often as a connection is retried, and the status says so", async () => {
        await deploy(chat, { retries: 2 });
        failFor(2, "get");
        await ask("Hi");
        assert.equal(server.requests.length, 1);
        const texts = red.statuses("chat").map(({ text = "" }) => text);
        assert.ok(
          texts.some((text) => /^retry [12]\/2 in/.test(text)),
          texts.join(),
        );
        assert.equal(red.completions("chat").length, 1);
      });

      it("and waits for its next attempt ends with an abort", async () => {
        await deploy(chat, { retries: 9 });
        failFor(9, "get");
        red.send("chat", { payload: "Hi", topic: "a" });
        await red.until(() => red.statuses("chat").some(({ text = "" }) => /^retry/.test(text)), "a retry");
        works();
        red.send("chat", { abort: true, huggingface: { conversation: "" } });
        assert.equal((await red.next("reply")).completion.finish_reason, "aborted");
        await red.completed("chat", 2);
        assert.equal(server.requests.length, 0);
      });

      it("since it never answers ends with an abort, and holds up nobody else", async () => {
        await deploy(chat);
        stall("get", /^(hf_61|question|who)$/);
        red.send("chat", { payload: "Hi", topic: "a" });
        await red.until(() => asked.length > 0, "the store is asked");
        Object.assign(slowStore, original);
        red.send("chat", { abort: true, huggingface: { conversation: "" } });
        assert.equal((await red.next("reply")).completion.finish_reason, "aborted");
        await red.completed("chat", 2);
        assert.match((await ask("after")).payload, /#1$/);
      });
    });
  }

  const writes: [what: string, chat: Message, about: RegExp][] = [
    ["of conversations", MEMORY, /^hf_/],
    ["for the reply", OUTPUT, /^answer$/],
  ];
  for (const [what, chat, about] of writes) {
    describe(`${what} that cannot be written`, () => {
      it("is an error that keeps the reply, which was paid for, and is not retryable", async () => {
        await deploy(chat, { retries: 2 });
        failFor(1, "set");
        red.send("chat", { payload: "Hi", topic: "a" });
        const { error, completion } = await red.next("error");
        assert.equal(error.code, "provider_unavailable");
        assert.equal(error.cause.retryable, false);
        assert.match(error.message, /it is away.* in msg\.completion/);
        assert.equal(completion.message.content, "Hi#1");
        assert.equal(server.requests.length, 1);
        assert.equal(red.completions("chat").length, 1);
      });

      it("since it never answers ends with an abort: the reply goes on, and a warning says what is not known", async () => {
        await deploy(chat);
        stall("set", about);
        red.send("chat", { payload: "one", topic: "a" });
        await red.until(() => asked.length > 0, "the store is asked");
        Object.assign(slowStore, original);
        red.send("chat", { abort: true });
        const msg = await red.next("reply");
        assert.equal(msg.completion.message.content, "one#1");
        assert.equal(msg.completion.finish_reason, "stop");
        await red.completed("chat", 2);
        assert.match(warnings().join(), /had not answered/);
        await ask("two");
        await ask("three");
      });
    });
  }

  it("with both a reply and a conversation to write, of which one does not answer, still gets the other", async () => {
    await deploy({ ...MEMORY, ...OUTPUT });
    stall("set", /^answer$/);
    red.send("chat", { payload: "one", topic: "a" });
    await red.until(() => asked.length > 0, "the store is asked");
    red.send("chat", { abort: true });
    await red.next("reply");
    Object.assign(slowStore, original);
    assert.equal(
      (await ask("two", { huggingface: { conversation: "a" } })).completion.message.content,
      "two#2",
      "it is remembered",
    );
  });

  it("that never tells its keys holds up no question after the one that was aborted", async () => {
    await deploy(MEMORY);
    stall("keys", /.*/);
    red.send("chat", { payload: "one", topic: "a" });
    await red.until(() => asked.length > 0, "the store is asked");
    red.send("chat", { abort: true });
    await red.next("reply");
    Object.assign(slowStore, original);
    await ask("two");
    assert.equal((await ask("three")).payload, "three#2");
  });

  it("that never answers a reset holds up no question after an abort", async () => {
    await deploy(MEMORY);
    await ask("one");
    stall("set", /^hf_/);
    red.send("chat", { reset: true, topic: "a" });
    await red.until(() => asked.length > 0, "the store is asked");
    Object.assign(slowStore, original);
    red.send("chat", { payload: "two", topic: "a" });
    red.send("chat", { abort: true, topic: "b" });
    assert.equal((await red.next("reply")).payload, "two#2", "the store still has it");
    assert.match(warnings().join(), /had not answered/);
  });

  it("gets what its question was aborted with, and a reset that waits is done all the same", async () => {
    server.handle(async (request, response, index) => {
      if (index > 0) return counting(request, response, index);
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write('data: {"choices":[{"delta":{"content":"Hel"}}]}\n\n');
      return undefined;
    });
    await deploy({ ...MEMORY, stream: true });
    red.send("chat", { payload: "one", topic: "a" });
    await red.next("stream");
    red.send("chat", { abort: true, topic: "a" });
    await red.next("reply");
    assert.equal((await ask("two")).payload, "two#2");
    red.send("chat", { reset: true, topic: "a" });
    red.send("chat", { abort: true });
    await red.completed("chat", 5);
    assert.equal((await ask("three")).payload, "three#1");
  });

  const unreadable = new Proxy({}, { get: () => assert.fail("it cannot be read") });
  const odd: [
    operation: "get" | "set" | "keys",
    what: string,
    error: unknown,
    value: unknown,
    code: string | undefined,
  ][] = [
    ["get", "an entry that cannot be read", null, unreadable, "provider_unavailable"],
    ["get", "a promise that never ends", null, new Promise(() => {}), undefined],
    ["get", "an error that cannot be read", unreadable, undefined, "provider_unavailable"],
    ["set", "an error that cannot be read", unreadable, undefined, "provider_unavailable"],
    ["keys", "null for no keys", null, null, undefined],
    ["keys", "keys that are no texts", null, [1, null, "hf_61"], undefined],
    ["keys", "an error that cannot be read", unreadable, undefined, "provider_unavailable"],
  ];
  for (const [operation, what, error, value, code] of odd) {
    it(`that gives ${what} ends neither Node-RED nor holds up its question (${operation})`, async () => {
      await deploy(MEMORY);
      Object.assign(slowStore, {
        [operation]: (...args: unknown[]) => setImmediate(args.at(-1) as (...given: unknown[]) => void, error, value),
      });
      red.send("chat", { payload: "one", topic: "a" });
      const [completion] = await red.completed("chat");
      assert.equal((completion?.error as Message | undefined)?.code, code, String(completion?.error));
      Object.assign(slowStore, original);
      await ask("two");
    });
  }

  for (const [where, chat, operation] of [
    ["the prompt", PROMPT, "get"],
    ["the place of the reply", OUTPUT, "set"],
  ] as const) {
    it(`that fails for ${where} with an error that cannot be read is an error of the question`, async () => {
      await deploy(chat);
      Object.assign(slowStore, {
        [operation]: (...args: unknown[]) => setImmediate(args.at(-1) as (error: unknown) => void, unreadable),
      });
      red.send("chat", { payload: "Hi" });
      const { error } = await red.next("error");
      assert.equal(error.code, "provider_unavailable");
      assert.match(error.message, /^Context store failed/);
    });
  }

  it("is not blamed for a path that is not valid", async () => {
    await deploy({ prompt: "a[", promptType: "flow" });
    red.send("chat", {});
    const { error } = await red.next("error");
    assert.equal(error.code, "invalid_input");
    assert.equal(error.cause.retryable, false);
  });

  describe("with keys of conversations that are very long", () => {
    const long = "Once upon a time ".repeat(100_000);

    it("stores a hash of each, and keeps them separate", async () => {
      await deploy(MEMORY);
      const keys = [long, `${long}.`, `${long}\ud83d`, `${long}\ud83c`, "x".repeat(1024), "x".repeat(1025)];
      for (const turn of [1, 2]) {
        for (const topic of keys) assert.equal((await ask("q", { topic })).payload, `q#${turn}`);
      }
      const entries = Object.entries(slowStore.values("chat:tab"));
      assert.equal(entries.length, keys.length);
      for (const [name, value] of entries) {
        assert.ok(name.length + (value as Message).key.length < 4000, `${name.length}`);
      }
      const [{ key } = { key: "" }] = Object.values(slowStore.values("chat:tab")) as Message[];
      assert.equal((await ask("q", { topic: key })).payload, "q#1", "the hash is no key");
      red.send("chat", { reset: true, topic: long });
      await red.completed("chat", 2 * keys.length + 2);
      assert.equal((await ask("q", { topic: long })).payload, "q#1");
    });
  });
});
