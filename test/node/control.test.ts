import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { wasSoon } from "../support/cpu";
import { chatFlow, flowNode, type Message, type NodeDef, type NodeRed } from "../support/node-red";
import { chunk, inTurn, json, reply, sse, type TestServer } from "../support/server";
import { useNodeRed } from "../support/use-node-red";

describe("huggingface-chat, cancelling", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed(
    (its) => ({ red, server } = its),
    (_, response) => sse(response, [chunk("Hel")], { done: false, end: false }),
  );

  it("msg.abort ends a reply: what has arrived is the Reply, and the connection is closed at once", async () => {
    await red.deploy(chatFlow(server.url, { stream: true }));
    red.send("chat", { payload: "Hi" });
    await red.next("stream");
    const abortedAt = performance.now();
    red.send("chat", { abort: true });
    const msg = await red.next("reply");
    assert.equal(msg.payload, "Hel");
    assert.equal(msg.completion.finish_reason, "aborted");
    assert.deepEqual(msg.messages.at(-1), { role: "assistant", content: "Hel" });
    const closing = await red.next("stream");
    assert.equal(closing.complete, true);
    assert.equal(closing.finish_reason, "aborted");
    await server.last.closed;
    assert.ok((server.last.abortedAt ?? Number.POSITIVE_INFINITY) - abortedAt < 2000);
    assert.equal(red.captured("error").length, 0);
    await red.completed("chat", 2);
    assert.equal(red.completions("chat").length, 2, "the question and the control message, once each");
    assert.equal(red.captured("reply").length, 1, "the control message sends nothing");
  });

  it("msg.abort ends what waits for a slot or a retry too", async () => {
    server.handle((_, response, index) =>
      index === 0
        ? json(response, 500, {}, { "retry-after": "20" })
        : sse(response, [chunk("Hel")], { done: false, end: false }),
    );
    await red.deploy(chatFlow(server.url, {}, { maxConcurrent: 1 }));
    for (const topic of ["retry", "running", "waiting"]) red.send("chat", { payload: "Hi", topic });
    await server.waitFor(2);
    red.send("chat", { abort: true });
    const replies = await red.next("reply", 3);
    assert.deepEqual(replies.map((msg) => msg.topic).sort(), ["retry", "running", "waiting"]);
    for (const msg of replies) assert.equal(msg.completion.finish_reason, "aborted");
    assert.equal(server.requests.length, 2);
    // Both end in the moment when the waiting question gets the slot of the running one.
    const told = Object.fromEntries(replies.map(({ topic, completion }) => [topic, completion]));
    assert.deepEqual([told.running.attempts, told.waiting.attempts], [1, 0]);
    assert.deepEqual(told.waiting.steps, []);
    assert.ok(
      told.waiting.timing.queued_ms >= told.waiting.timing.total_ms - 1000,
      JSON.stringify(told.waiting.timing),
    );
  });

  it("msg.abort with a conversation ends that one alone", async () => {
    await red.deploy(chatFlow(server.url, { conversation: "topic", conversationType: "msg" }));
    red.send("chat", { payload: "Hi", topic: "a" });
    red.send("chat", { payload: "Hi", topic: "b" });
    red.send("chat", { payload: "Hi", huggingface: { conversation: "c" } });
    await server.waitFor(3);
    red.send("chat", { abort: true, topic: "b" });
    assert.equal((await red.next("reply")).topic, "b");
    red.send("chat", { abort: true, huggingface: { conversation: "c" } });
    assert.equal((await red.next("reply")).huggingface.conversation, "c");
    await sleep(50);
    assert.equal(red.captured("reply").length, 2);
    red.send("chat", { abort: true });
    assert.equal((await red.next("reply")).topic, "a");
  });

  it("control messages are done at once and ask nothing", async () => {
    await red.deploy(chatFlow(server.url));
    red.send("chat", { abort: true, payload: "Hi" });
    red.send("chat", { reset: true, payload: "Hi" });
    await red.completed("chat", 2);
    assert.equal(server.requests.length, 0);
    assert.equal(red.captured("reply").length + red.captured("error").length, 0);
  });

  for (const value of [true, "true", 1]) {
    for (const name of ["abort", "reset"]) {
      it(`msg.${name} controls where it is ${JSON.stringify(value)}`, async () => {
        await red.deploy(chatFlow(server.url));
        red.send("chat", { payload: "Hi", [name]: value });
        const [{ error } = {}] = await red.completed("chat");
        assert.equal(error, undefined);
        assert.equal(server.requests.length, 0);
        assert.equal(red.captured("reply").length, 0);
      });
    }
  }

  for (const value of [false, "false", 0, "", null]) {
    it(`a message asks where msg.abort and msg.reset are ${JSON.stringify(value)}`, async () => {
      server.handle(reply("ok"));
      await red.deploy(chatFlow(server.url));
      red.send("chat", { payload: "Hi", abort: value, reset: value });
      assert.equal((await red.next("reply")).payload, "ok");
    });
  }

  for (const [name, value] of [
    ["abort", "no"],
    ["abort", {}],
    ["reset", 2],
    ["reset", "forget"],
    ["reset", []],
  ] as const) {
    it(`msg.${name} that is ${JSON.stringify(value)} is refused before anything is asked`, async () => {
      await red.deploy(chatFlow(server.url));
      red.send("chat", { payload: "Hi", [name]: value });
      const { error } = await red.next("error");
      assert.equal(error.code, "invalid_input");
      assert.ok(error.message.includes(`msg.${name}`), error.message);
      assert.equal(server.requests.length, 0);
    });
  }

  it("msg.abort leaves every question of a conversation the messages from before, also those that wait", async () => {
    server.handle((request, response, index) => {
      if (request.body.messages.at(-1).content === "One") reply("first")(request, response, index);
    });
    const images = { images: "#:(slow)::images", imagesType: "flow" };
    for (const [what, chat, count] of [
      ["in line", {}, 3],
      ["for a store", images, 1],
    ] as const) {
      await red.deploy(chatFlow(server.url, { conversation: "talk", ...chat }));
      red.send("chat", { payload: "One" });
      const { messages } = await red.next("reply");
      for (let question = 0; question < count; question++) red.send("chat", { payload: "Two" });
      if (what === "in line") await red.until(() => red.statuses("chat").some(({ text }) => text?.includes("2")), what);
      red.send("chat", { abort: true });
      for (const reply of await red.next("reply", count)) {
        assert.equal(reply.completion.finish_reason, "aborted");
        assert.deepEqual(reply.messages, messages, what);
      }
      await red.deploy([]);
    }
  });

  it("msg.abort that is forget ends a question as if it had never been asked", async () => {
    server.handle(reply("first"));
    await red.deploy(chatFlow(server.url, { conversation: "topic", conversationType: "msg", stream: true }));
    red.send("chat", { payload: "One", topic: "a" });
    await red.next("reply");
    const before = [
      { role: "user", content: "One" },
      { role: "assistant", content: "first" },
    ];
    server.handle((_, response) => sse(response, [chunk("Hel")], { done: false, end: false }));
    red.send("chat", { payload: "Two", topic: "a" });
    await red.until(() => red.captured("stream").at(-1)?.payload === "Hel", "a piece");
    red.send("chat", { abort: "forget", topic: "a" });
    const msg = await red.next("reply");
    assert.equal(msg.completion.finish_reason, "aborted");
    assert.deepEqual(msg.messages, before);
    server.handle(reply("third"));
    red.send("chat", { payload: "Three", topic: "a" });
    await red.next("reply");
    assert.deepEqual(server.last.body.messages, [...before, { role: "user", content: "Three" }]);
  });
});

describe("huggingface-chat, redeploy and shutdown", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed(
    (its) => ({ red, server } = its),
    (_, response) => sse(response, [chunk("Hel")], { done: false, end: false }),
  );

  it("end questions quietly and at once, whatever they wait for", async () => {
    server.handle((_, response, index) => {
      if (index === 0) json(response, 500, {}, { "retry-after": "20" });
      else if (index === 1) sse(response, [chunk("Hel")], { done: false, end: false });
    });
    const flow = chatFlow(server.url, { stream: true }, { maxConcurrent: 2 });
    await red.deploy(flow);
    for (let index = 0; index < 5; index++) red.send("chat", { payload: "Hi" });
    await server.waitFor(3);
    await red.next("stream");
    const startedAt = performance.now();
    await red.deploy(flow);
    // The retry would come after 20 s.
    wasSoon(performance.now() - startedAt, 5000);
    await Promise.all(server.requests.map((request) => request.closed));
    await sleep(50);
    assert.equal(red.captured("reply").length, 0);
    assert.equal(red.captured("error").length, 0);
    assert.equal(red.captured("stream").length, 1);
    assert.equal(red.completions("chat").length, 0);
    assert.deepEqual(red.logOf("chat", 30), []);
  });

  it("of the chat node alone leave the configuration's limits in force", async () => {
    const flow = chatFlow(server.url, {}, { maxConcurrent: 1 });
    await red.deploy(flow);
    red.send("chat", { payload: "Hi" });
    await server.waitFor(1);
    const changed: NodeDef[] = flow.map((node) => (node.id === "chat" ? { ...node, temperature: 1 } : node));
    await red.deploy(changed, undefined, "nodes");
    await server.last.closed;
    server.handle(reply("ok"));
    red.send("chat", { payload: "Hi" });
    assert.equal((await red.next("reply")).payload, "ok");
  });
});

describe("huggingface-chat, status", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its));

  const texts = () => red.statuses("chat").map((status) => status.text);

  it("changes from asking to writing to tokens and seconds", async () => {
    server.handle((_, response) =>
      sse(
        response,
        [
          ...Array.from({ length: 8 }, () => chunk("x")),
          chunk(undefined, { finish_reason: "stop", usage: { completion_tokens: 8 } }),
        ],
        { delayMs: 80 },
      ),
    );
    await red.deploy(chatFlow(server.url));
    red.send("chat", { payload: "Hi" });
    await red.next("reply");
    await red.until(
      () => texts().some((text) => /^8 tokens, \d+\.\d s$/.test(text ?? "")),
      () => `the result, got ${texts()}`,
    );
    assert.equal(texts()[0], "asking");
    assert.match(texts()[1] ?? "", /^writing \d+$/);
  });

  it("shows how many run and how many wait", async () => {
    server.handle((request, response, index) => setTimeout(() => reply("ok")(request, response, index), 400));
    await red.deploy(chatFlow(server.url, {}, { maxConcurrent: 1 }));
    for (let index = 0; index < 4; index++) red.send("chat", { payload: "Hi" });
    await red.until(
      () => texts().includes("1 running, 3 waiting"),
      () => `1 running, 3 waiting, got ${texts()}`,
    );
  });

  it("shows how many wait where those of another node run", async () => {
    server.handle((_, response) => sse(response, [chunk("Hel")], { done: false, end: false }));
    const other = { ...flowNode("other", "huggingface-chat", { config: "config" }) };
    await red.deploy([...chatFlow(server.url, {}, { maxConcurrent: 1 }), other]);
    red.send("other", { payload: "Hi" });
    await server.waitFor(1);
    for (let index = 0; index < 3; index++) red.send("chat", { payload: "Hi" });
    await red.until(
      () => texts().includes("waiting (3)"),
      () => `waiting (3), got ${texts()}`,
    );
  });

  it("tells the seconds of a question without those in the queue", async () => {
    server.handle((request, response, index) => setTimeout(() => reply("ok")(request, response, index), 600));
    await red.deploy(chatFlow(server.url, {}, { maxConcurrent: 1 }));
    for (let index = 0; index < 3; index++) red.send("chat", { payload: "Hi" });
    await red.next("reply", 3);
    await red.until(() => / s$/.test(texts().at(-1) ?? ""), "the result");
    const seconds = Number(/(\d+\.\d) s$/.exec(texts().at(-1) ?? "")?.[1]);
    assert.ok(seconds >= 0.5 && seconds < 1.1, `${texts().at(-1)}`);
  });

  it("is that of the failure where one of many fails and others end well behind it", async () => {
    server.handle((request, response, index) => {
      if (request.body.messages.at(-1).content === "bad") json(response, 400, { error: "said" });
      else setTimeout(() => reply("ok")(request, response, index), 300);
    });
    await red.deploy(chatFlow(server.url));
    for (const payload of ["good", "bad", "good"]) red.send("chat", { payload });
    await red.completed("chat", 3);
    await red.until(
      () => red.statuses("chat").at(-1)?.text === "request rejected (400)",
      () => `the failure, got ${texts()}`,
    );
    red.send("chat", { payload: "good" });
    await red.completed("chat", 4);
    await red.until(() => red.statuses("chat").at(-1)?.fill === "green", "success, when none runs any more");
  });

  it("shows a retry and when it comes", async () => {
    server.handle(inTurn((_, response) => json(response, 503, {}, { "retry-after-ms": "700" }), reply("ok")));
    await red.deploy(chatFlow(server.url));
    red.send("chat", { payload: "Hi" });
    await red.until(
      () => texts().includes("retry 1/2 in 1 s"),
      () => `the retry, got ${texts()}`,
    );
  });

  it("is sent at most four times a second", async () => {
    server.handle((_, response) =>
      sse(response, [...Array.from({ length: 100 }, () => chunk("x")), chunk("", { finish_reason: "stop" })], {
        delayMs: 5,
      }),
    );
    await red.deploy(chatFlow(server.url));
    const startedAt = performance.now();
    for (let index = 0; index < 5; index++) red.send("chat", { payload: "Hi" });
    await red.next("reply", 5);
    const seconds = (performance.now() - startedAt) / 1000;
    assert.ok(texts().length <= Math.ceil(seconds * 4) + 1, `${texts().length} in ${seconds} s`);
  });
});

describe("huggingface-chat, messages that are odd", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its), reply("ok"));

  const throwing = (name: string, fields: object = {}) =>
    Object.defineProperty({ payload: "Hi", ...fields }, name, {
      enumerable: true,
      get() {
        throw new Error("mistake in a getter");
      },
    });
  const locked = (name: string) =>
    Object.defineProperty({ payload: "Hi" }, name, { value: "Hi", enumerable: true, writable: false });

  const odd: [string, () => object][] = [
    ["one whose messages are read-only", () => locked("messages")],
    ["one whose payload is read-only", () => locked("payload")],
    ["one that can take nothing new", () => Object.preventExtensions({ payload: "Hi", _msgid: "1" })],
    [
      "one whose completion has a setter that throws",
      () =>
        Object.defineProperty({ payload: "Hi" }, "completion", {
          get: () => 1,
          set() {
            throw new Error("mistake in a setter");
          },
        }),
    ],
    ["one that refuses to be written", () => new Proxy({ payload: "Hi" }, { set: () => false })],
    ["one whose abort throws when it is read", () => throwing("abort")],
    ["one whose reset throws when it is read", () => throwing("reset", { abort: false })],
    ["one whose huggingface throws when it is read", () => throwing("huggingface")],
    ["one whose prompt throws when it is read", () => throwing("payload")],
    ["one whose images throw when they are read", () => throwing("images")],
    ["a frozen one", () => Object.freeze({ payload: "Hi", _msgid: "1" })],
    [
      "one whose completion is read-only",
      () => Object.defineProperty({ payload: "Hi", _msgid: "1" }, "completion", { value: 1, writable: false }),
    ],
    [
      "one whose settings throw when they are read",
      () => ({
        payload: "Hi",
        huggingface: Object.defineProperty({}, "temperature", {
          enumerable: true,
          get() {
            throw new Error("mistake in a getter");
          },
        }),
      }),
    ],
  ];
  /** Deploys without Catch and Complete nodes: they copy messages, which fails for these. */
  const alone = (chat: Message = {}) =>
    chatFlow(server.url, chat).filter((node) => !["catch", "complete"].includes(node.type));

  for (const [what, make] of odd) {
    it(`end in one error before anything is asked: ${what}`, async () => {
      await red.deploy(alone());
      red.send("chat", make());
      const [completion] = await red.completed("chat");
      const error = completion?.error as (Error & { code: string }) | undefined;
      assert.equal(error?.code, "invalid_input", error?.message);
      assert.equal(server.requests.length, 0);
      red.send("chat", { payload: "Hi" });
      await red.next("reply");
      assert.equal(red.completions("chat").length, 2);
    });
  }

  for (const [output, make] of [
    ["result.text", () => ({ payload: "Hi", result: Object.freeze({}) })],
    ["result[0]", () => ({ payload: "Hi", result: Object.freeze([]) })],
    ["a..b", () => ({ payload: "Hi" })],
    ["result.text", () => throwing("result")],
  ] as const) {
    it(`end before anything is asked where ${output} cannot take the reply`, async () => {
      await red.deploy(alone({ output }));
      red.send("chat", make());
      const [completion] = await red.completed("chat");
      assert.match(String(completion?.error), new RegExp(`msg\\.${output.replace(/[.[\]]/g, "\\$&")}`));
      assert.equal(server.requests.length, 0);
    });
  }

  it("end before anything is asked where the output is no path in a context", async () => {
    await red.deploy(alone({ output: "a[", outputType: "flow" }));
    red.send("chat", { payload: "Hi" });
    const [completion] = await red.completed("chat");
    assert.match(String(completion?.error), /flow\.a\[/);
    assert.equal(server.requests.length, 0);
  });

  it("can take a reply where nothing is yet, and are otherwise as they were", async () => {
    await red.deploy(chatFlow(server.url, { output: "result.list[0].text" }));
    red.send("chat", { payload: "Hi", result: {} });
    const msg = await red.next("reply");
    assert.deepEqual(msg.result, { list: [{ text: "ok" }] });
    assert.equal(msg.payload, "Hi");
  });

  it("whose payload is read-only can have their reply elsewhere", async () => {
    await red.deploy(alone({ output: "result" }));
    red.send("chat", locked("payload"));
    assert.equal((await red.next("reply")).result, "ok");
  });

  it("that steer and throw when they are read are an error, and done", async () => {
    await red.deploy(alone({ conversation: "topic", conversationType: "msg" }));
    red.send("chat", throwing("huggingface", { abort: true }));
    red.send("chat", throwing("topic", { reset: true }));
    const completions = await red.completed("chat", 2);
    for (const { error } of completions) assert.match(String(error), /mistake in a getter/);
  });

  it("abort what they mean to, whatever else they hold", async () => {
    server.handle((_, response) => sse(response, [chunk("Hel")], { done: false, end: false }));
    await red.deploy(chatFlow(server.url, { conversation: "#:(file)::key", conversationType: "flow" }));
    const context = red.node("chat").context().flow;
    await new Promise((resolve) => context.set("key", "a", "file", resolve));
    // The key of the question comes from a store that answers after the abort.
    red.send("chat", { payload: "Hi" });
    red.send("chat", { abort: true, huggingface: { conversation: "a", temperature: "hot" } });
    assert.equal((await red.next("reply")).completion.finish_reason, "aborted");
    server.handle(reply("ok"));
  });

  for (const [what, chat] of [
    ["a conversation of the message", { conversation: "topic", conversationType: "msg" }],
    ["a key that a store gives later", { conversation: "#:(slow)::key", conversationType: "flow" }],
    ["no conversation", {}],
  ] as const) {
    it(`abort what came before them, and not the question behind: ${what}`, async () => {
      server.handle((request, response, index) =>
        request.body.messages.at(-1).content === "old"
          ? sse(response, [chunk("Hel")], { done: false, end: false })
          : reply("new")(request, response, index),
      );
      await red.deploy(chatFlow(server.url, chat));
      const context = red.node("chat").context().flow;
      await new Promise((resolve) => context.set("key", "a", "slow", resolve));
      red.send("chat", { payload: "old", topic: "a" });
      await red.until(
        () => server.requests.some(({ body }) => body.messages.at(-1).content === "old"),
        "the old question",
      );
      red.send("chat", { abort: true, topic: "a" });
      red.send("chat", { payload: "new", topic: "a" });
      const replies = await red.next("reply", 2);
      assert.deepEqual(
        replies.map(({ completion }) => completion.finish_reason),
        ["aborted", "stop"],
      );
      server.handle(reply("ok"));
    });
  }

  it("clear the status when the node goes away in the middle", async () => {
    server.handle((_, response) => sse(response, [chunk("Hel")], { done: false, end: false }));
    const flow = chatFlow(server.url);
    await red.deploy(flow);
    red.send("chat", { payload: "Hi" });
    await red.until(() => red.statuses("chat").length > 0, "a status");
    await red.deploy(flow);
    assert.deepEqual(red.statuses("chat").at(-1), {});
    server.handle(reply("ok"));
  });
});
