import assert from "node:assert/strict";
import { chatFlow, flowNode, type Message, type NodeRed, sink } from "../support/node-red";
import { chunk, json, reply, replyChunks, sse, type TestServer } from "../support/server";
import { useNodeRed } from "../support/use-node-red";

describe("huggingface-chat, Stream", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its), reply("One. ", "Two, ", "still two. ", "Three"));

  /** Asks, and gives the messages of output 2 once the question is over. */
  async function stream(chat: Message = {}, msg: Message = { payload: "Hi" }): Promise<Message[]> {
    await red.deploy(chatFlow(server.url, { stream: true, ...chat }));
    red.forget();
    red.send("chat", msg);
    await red.completed("chat");
    await red.until(() => red.captured("stream").some((part) => part.complete), "the closing message");
    return red.captured("stream");
  }

  const payloads = (messages: Message[]) => messages.map((msg) => msg.payload);

  it("is the text as it comes, then a closing message, then the Reply", async () => {
    const messages = await stream({}, { payload: "Hi", topic: "t" });
    assert.deepEqual(payloads(messages), ["One. ", "Two, ", "still two. ", "Three", ""]);
    const [first] = messages;
    assert.deepEqual(
      messages.map((msg) => msg.parts),
      messages.map((_, index) => ({
        id: first?.parts.id,
        type: "string",
        ch: "",
        index,
        ...(index === 4 && { count: 5 }),
      })),
    );
    for (const msg of messages) {
      assert.equal(msg.topic, "t");
      assert.equal(msg.step, 1);
    }
    assert.equal(messages.at(-1)?.complete, true);
    assert.equal(messages.at(-1)?.finish_reason, "stop");
    await red.next("reply");
    const replied = red.times("reply")[0] ?? 0;
    assert.ok(replied >= (red.times("stream").at(-1) ?? Number.POSITIVE_INFINITY));
    assert.equal(red.captured("reply")[0]?.payload, "One. Two, still two. Three");
  });

  const modes: [string, Message, string[]][] = [
    ["sentence", { chunk: "sentence" }, ["One. ", "Two, still two. ", "Three", ""]],
    ["line", { chunk: "line" }, ["One. Two, still two. Three", ""]],
    ["interval", { chunk: "interval", chunkInterval: "5000" }, ["One. ", "Two, still two. Three", ""]],
  ];
  for (const [mode, chat, expected] of modes) {
    it(`can be cut by ${mode}`, async () => {
      assert.deepEqual(payloads(await stream(chat)), expected);
    });
  }

  describe("of a piece with very many chunks", () => {
    const COUNT = 20_000;
    const floods: [string, string, boolean][] = [
      ["line", "\n", true],
      ["line", "A line.\n", false],
      ["sentence", "A. ", true],
    ];

    /** The most messages that the node has sent and Node-RED has not delivered yet. */
    function watch(): () => number {
      interface Step {
        destination: { id: string };
      }
      let waiting = 0;
      let most = 0;
      const isStream = ({ destination }: Step) => destination.id === "stream-sink";
      red.red.hooks.add<Step[]>("onSend.flood", (events) => {
        waiting += events.filter(isStream).length;
        most = Math.max(most, waiting);
      });
      red.red.hooks.add<Step>("onReceive.flood", (event) => {
        if (isStream(event)) waiting--;
      });
      return () => most;
    }
    afterEach(() => red.red.hooks.remove("*.flood"));

    for (const [chunkBy, unit, serverStreams] of floods) {
      it(`is sent in turns, so that few messages wait: ${JSON.stringify(unit)} by ${chunkBy}${serverStreams ? "" : ", not streamed"}`, async () => {
        const text = unit.repeat(COUNT);
        server.handle(reply(text));
        await red.deploy(chatFlow(server.url, { stream: true, chunk: chunkBy }, { serverStreams }));
        const most = watch();
        red.send("chat", { payload: "Hi" });
        await red.next("reply", 1, 15_000);
        const messages = red.captured("stream");
        assert.equal(messages.length, COUNT + 1);
        assert.ok(most() <= 200, `${most()} waited`);
        assert.equal(payloads(messages).join(""), text);
        assert.equal(messages.at(-1)?.parts.count, COUNT + 1);
        assert.ok(messages.every(({ parts }, index) => parts.index === index));
        assert.ok((red.times("reply")[0] ?? 0) >= (red.times("stream").at(-1) ?? 0), "the Reply comes last");
      });
    }

    it("is sent in turns, too, where it comes in pieces at once", async () => {
      const pieces = Array.from({ length: 400 }, () => "\n".repeat(50));
      server.handle(reply(...pieces));
      await red.deploy(chatFlow(server.url, { stream: true, chunk: "line" }));
      const most = watch();
      red.send("chat", { payload: "Hi" });
      await red.next("reply", 1, 15_000);
      assert.equal(red.captured("stream").length, COUNT + 1);
      assert.ok(most() <= 200, `${most()} waited`);
    });

    for (const chunkBy of ["line", "interval"]) {
      it(`ends its question in an error where it cannot be sent, and not Node-RED: by ${chunkBy}`, async () => {
        await red.deploy(chatFlow(server.url, { stream: true, chunk: chunkBy, chunkInterval: 1 }));
        server.handle(reply("\n".repeat(500), "\n".repeat(500)));
        const chat = red.node("chat");
        let left = 150;
        let sent = 0;
        const send = chat.send.bind(chat);
        chat.send = (messages: Message[]) => {
          if (messages[1] && (++sent === left || chunkBy === "interval")) throw new Error("no memory left");
          send(messages);
        };
        left = chunkBy === "line" ? 150 : 1;
        red.send("chat", { payload: "Hi" });
        const { error, completion } = await red.next("error");
        assert.match(error.message, /no memory left/);
        assert.equal(completion.message.content.length, 1000);
        assert.equal(red.completions("chat").length, 1);
      });
    }

    it("keeps text, reasoning and rounds in their order", async () => {
      const lines = "x\n".repeat(500);
      const events = [
        chunk(undefined, { delta: { reasoning: lines } }),
        chunk("One.\nTwo."),
        chunk(undefined, { delta: { reasoning: "Hm." } }),
        chunk("Three."),
        chunk(undefined, { finish_reason: "stop" }),
      ];
      server.handle((_, response) => sse(response, events));
      await red.deploy(
        chatFlow(server.url, { stream: true, chunk: "line", streamReasoning: true, format: "json_object", repairs: 1 }),
      );
      red.send("chat", { payload: "Hi" });
      await red.next("error");
      for (const step of [1, 2]) {
        const round = red.captured("stream").filter((msg) => msg.step === step);
        assert.equal(
          round.map(({ reasoning = "", payload }) => reasoning + payload).join("|"),
          [...Array(500).fill("x\n"), ...["One.\n", "Two.", "Hm.", "Three.", ""]].join("|"),
        );
        assert.equal(round.at(-1)?.finish_reason, step === 1 ? "invalid_output" : "error");
      }
      assert.deepEqual(
        red.captured("stream").map(({ step }) => step),
        [...Array(505).fill(1), ...Array(505).fill(2)],
      );
    });

    it("is sent at once where it is aborted, the rest as one", async () => {
      const text = "\n".repeat(1_000_000);
      server.handle(reply(text));
      await red.deploy(chatFlow(server.url, { stream: true, chunk: "line" }));
      red.send("chat", { payload: "Hi" });
      await red.until(() => red.captured("stream").length > 1000, "the first messages");
      red.send("chat", { abort: true });
      const { payload } = await red.next("reply");
      assert.equal(payload, text);
      const messages = red.captured("stream");
      assert.equal(payloads(messages).join(""), text);
      assert.ok(messages.length < 100_000, String(messages.length));
      assert.equal(messages.at(-1)?.complete, true);
    });

    it("is given up without a word where the node is deployed anew", async () => {
      server.handle(reply("\n".repeat(1_000_000)));
      const flow = chatFlow(server.url, { stream: true, chunk: "line" });
      await red.deploy(flow);
      red.send("chat", { payload: "Hi" });
      await red.until(() => red.captured("stream").length > 1000, "the first messages");
      await red.deploy(flow);
      const count = red.captured("stream").length;
      assert.ok(count < 1_000_000);
      assert.equal(
        red.captured("stream").some(({ complete }) => complete),
        false,
      );
      assert.equal(red.completions("chat").length, 0);
    });
  });

  it("is switched by msg.huggingface.stream", async () => {
    await red.deploy(chatFlow(server.url, { stream: false }));
    red.send("chat", { payload: "Hi", huggingface: { stream: true } });
    assert.equal((await red.next("stream")).payload, "One. ");
    await red.deploy(chatFlow(server.url, { stream: true }));
    red.forget();
    red.send("chat", { payload: "Hi", huggingface: { stream: "false" } });
    await red.next("reply");
    assert.equal(red.captured("stream").length, 0);
  });

  it("has messages that share nothing with each other or the input", async () => {
    const input = { payload: "Hi", deep: { list: [1] }, parts: { id: "outer", index: 3 } };
    const [first, second] = await stream({}, input);
    assert.deepEqual(first?.deep, { list: [1] });
    assert.notEqual(first?.deep, second?.deep);
    assert.notEqual(first?.deep.list, input.deep.list);
    assert.deepEqual(first?.parts.parts, { id: "outer", index: 3 });
    assert.notEqual(first?.parts.parts, second?.parts.parts);
    assert.deepEqual(input.parts, { id: "outer", index: 3 });
  });

  it("leaves out what ends or steers something, and what held the prompt", async () => {
    const [first] = await stream(
      { prompt: "question" },
      {
        payload: "old",
        question: "Hi",
        complete: true,
        error: { message: "old" },
        huggingface: { temperature: 0 },
        messages: [],
        completion: {},
        reasoning: "old",
        finish_reason: "kept",
      },
    );
    for (const name of ["complete", "error", "huggingface", "messages", "completion", "reasoning", "question"]) {
      assert.equal(name in (first ?? {}), false, name);
    }
  });

  it("keeps request and response of an http node, and does not copy them", async () => {
    const req = { body: { text: "Hi" } };
    const res = { _res: {} };
    const [first] = await stream({ prompt: "req.body.text" }, { req, res });
    assert.equal(first?.req, req);
    assert.equal(first?.res, res);
    assert.equal(req.body.text, "Hi");
  });

  it("is put together again by a core join node in automatic mode", async () => {
    const flow = chatFlow(server.url, { stream: true, streamReasoning: true, wires: [[], ["join"], []] });
    const join = flowNode("join", "join", { mode: "auto", build: "string", wires: [["joined"]] });
    await red.deploy([...flow, join, sink("joined")]);
    server.handle((_, response) =>
      sse(response, [chunk(undefined, { delta: { reasoning: "Hm" } }), ...replyChunks(["a", "b", "c"])]),
    );
    red.send("chat", { payload: "Hi", topic: "t" });
    red.send("chat", { payload: "Hi", topic: "u" });
    const joined = await red.next("joined", 2);
    assert.deepEqual(joined.map((msg) => [msg.payload, msg.topic]).sort(), [
      ["abc", "t"],
      ["abc", "u"],
    ]);
  });

  it("has reasoning only when it is wanted, apart from the text", async () => {
    server.handle((_, response) =>
      sse(response, [
        chunk(undefined, { delta: { reasoning_content: "Hm" } }),
        chunk(undefined, { delta: { reasoning_content: "…" } }),
        ...replyChunks(["Hello"]),
      ]),
    );
    assert.deepEqual(payloads(await stream()), ["Hello", ""]);
    const messages = await stream({ streamReasoning: true });
    assert.deepEqual(
      messages.map((msg) => [msg.payload, msg.reasoning]),
      [
        ["", "Hm"],
        ["", "…"],
        ["Hello", undefined],
        ["", undefined],
      ],
    );
    assert.deepEqual(
      messages.map((msg) => msg.parts.index),
      [0, 1, 2, 3],
    );
  });

  it("closes when the reply fails", async () => {
    server.handle((_, response) => sse(response, [chunk("Hel"), { error: { message: "Out of memory" } }]));
    const messages = await stream();
    assert.deepEqual(payloads(messages), ["Hel", ""]);
    assert.equal(messages.at(-1)?.finish_reason, "error");
    assert.equal(messages.at(-1)?.parts.count, 2);
    const caught = await red.next("error");
    assert.equal(caught.completion.message.content, "Hel");
    assert.equal(caught.error.code, "provider_unavailable");
    assert.match(caught.error.message, /Out of memory/);
  });

  it("closes when the question cannot be written", async () => {
    const [closing] = await stream({}, { payload: "Hi", huggingface: { metadata: 5n } });
    assert.equal(closing?.finish_reason, "error");
    assert.equal((await red.next("error")).error.code, "invalid_input");
  });

  it("takes blank fields for the defaults", async () => {
    const blank = { chunk: "", chunkInterval: "", streamReasoning: "", output: "", outputType: "", system: "" };
    assert.equal((await stream(blank)).length, 5);
    assert.equal((await stream({ ...blank, chunk: "interval" })).at(-1)?.complete, true);
  });

  it("closes when the server refuses", async () => {
    server.handle((_, response) => json(response, 400, { error: "no" }));
    const messages = await stream();
    assert.deepEqual(payloads(messages), [""]);
    assert.equal(messages[0]?.finish_reason, "error");
  });

  it("keeps its order and its messages apart when many run at once", async () => {
    const texts = Array.from({ length: 50 }, (_, index) => `${index} `);
    server.handle((_, response) => sse(response, replyChunks(texts), { delayMs: 0 }));
    await red.deploy(chatFlow(server.url, { stream: true }));
    for (let topic = 0; topic < 20; topic++) red.send("chat", { payload: "Hi", topic });
    await red.completed("chat", 20);
    await red.until(() => red.captured("reply").length === 20, "20 replies");
    for (let topic = 0; topic < 20; topic++) {
      const own = red.captured("stream").filter((msg) => msg.topic === topic);
      assert.deepEqual(payloads(own), [...texts, ""]);
      assert.equal(new Set(own.map((msg) => msg.parts.id)).size, 1);
    }
  });
});
