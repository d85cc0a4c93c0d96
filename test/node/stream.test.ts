import assert from "node:assert/strict";
import { chatFlow, flowNode, type Message, type NodeRed, sink } from "../support/node-red";
import { chunk, type Handler, json, reply, replyChunks, sse, type TestServer } from "../support/server";
import { useNodeRed } from "../support/use-node-red";

describe("huggingface-chat, Stream", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its), reply("One. ", "Two, ", "still two. ", "Three"));

  /** Asks a question, and returns the messages of output 2 once it has ended. */
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
    ["sentence", { chunk: "sentence" }, ["One. Two, still two. ", "Three", ""]],
    ["line", { chunk: "line" }, ["One. Two, still two. Three", ""]],
    ["interval", { chunk: "interval", chunkInterval: "5000" }, ["One. ", "Two, still two. Three", ""]],
  ];
  for (const [mode, chat, expected] of modes) {
    it(`can be split by ${mode}`, async () => {
      assert.deepEqual(payloads(await stream(chat)), expected);
    });
  }

  describe("by sentence", () => {
    const TEXT = "Er kommt am 3. Oktober. Danach geht er.";
    const cases: [chunkLanguage: string, pieces: string[]][] = [
      ["de", ["Er kommt am 3. Oktober. ", "Danach geht er.", ""]],
      ["de-AT", ["Er kommt am 3. Oktober. ", "Danach geht er.", ""]],
      ["en", ["Er kommt am 3. ", "Oktober. Danach geht er.", ""]],
    ];
    beforeEach(() => server.handle(reply(...TEXT)));
    for (const [chunkLanguage, pieces] of cases) {
      it(`goes by the language of the form: ${chunkLanguage}`, async () => {
        const sent = payloads(await stream({ chunk: "sentence", chunkLanguage }));
        assert.equal(sent.join(""), TEXT);
        assert.equal(sent[0], pieces[0]);
      });
    }
  });

  describe("as snapshots", () => {
    const chat = { chunk: "snapshot", chunkInterval: 40 };
    const words = Array.from({ length: 30 }, (_, index) => `word${index} `);
    const paced: Handler = (_, response) => sse(response, replyChunks(words), { delayMs: 10 });

    it("is the whole text so far in each message, at most one an interval, and in the closing one", async () => {
      server.handle(paced);
      const messages = await stream(chat, { payload: "Hi", topic: "t", parts: { id: "x", index: 0, count: 2 } });
      const whole = words.join("");
      const open = messages.slice(0, -1);
      assert.ok(open.length >= 3 && open.length < 20, `${open.length} messages`);
      for (const [index, { payload, step, topic, parts, complete }] of messages.entries()) {
        assert.ok(
          whole.startsWith(payload) && payload.length > (messages[index - 1]?.payload.length ?? 0) - 1,
          payload,
        );
        assert.deepEqual({ step, topic, parts }, { step: 1, topic: "t", parts: undefined });
        assert.equal(complete, index === messages.length - 1 || undefined);
      }
      assert.deepEqual(payloads(open), [...new Set(payloads(open))], "each has more than the one before");
      assert.equal(messages.at(-1)?.payload, whole);
      assert.equal(messages.at(-1)?.finish_reason, "stop");
      const times = red.times("stream").slice(0, -1);
      for (let at = 1; at < times.length; at++) assert.ok((times[at] ?? 0) - (times[at - 1] ?? 0) >= 30, String(times));
    });

    it("is one text, then the closing message with the same, where all comes at once", async () => {
      assert.deepEqual(payloads(await stream({ ...chat, chunkInterval: 5000 })), [
        "One. ",
        "One. Two, still two. Three",
      ]);
    });

    it("has the reasoning so far beside the text so far", async () => {
      const delta = (more: Message) => chunk(undefined, { delta: more });
      server.handle((_, response) =>
        sse(
          response,
          [delta({ reasoning: "Hm, " }), delta({ reasoning: "well." }), ...replyChunks(["Yes", ", sure."])],
          {
            delayMs: 30,
          },
        ),
      );
      const messages = await stream({ ...chat, chunkInterval: 1, streamReasoning: true });
      assert.deepEqual(
        messages
          .filter(({ reasoning }) => reasoning !== undefined)
          .map(({ payload, reasoning }) => [payload, reasoning]),
        [
          ["", "Hm, "],
          ["", "Hm, well."],
        ],
      );
      assert.equal(messages.at(-1)?.payload, "Yes, sure.");
    });

    it("ends with what had come where the question is aborted", async () => {
      server.handle(paced);
      await red.deploy(chatFlow(server.url, { stream: true, ...chat }));
      red.send("chat", { payload: "Hi" });
      await red.next("stream", 2);
      red.send("chat", { abort: true });
      const { payload } = await red.next("reply");
      const last = red.captured("stream").at(-1);
      assert.deepEqual([last?.payload, last?.finish_reason, last?.complete], [payload, "aborted", true]);
    });
  });

  describe("of a piece with very many chunks", () => {
    const COUNT = 20_000;
    const floods: [string, string, boolean][] = [
      ["line", "\n", true],
      ["line", "A line.\n", false],
      ["sentence", "A sentence. ", true],
    ];

    /** Returns the largest number of messages sent but not yet delivered. */
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

    it("stops silently when the node is redeployed", async () => {
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

  it("is joined by a core join node in automatic mode", async () => {
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

  it("has reasoning only if it is enabled, separate from the text", async () => {
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

  it("keeps its order and its messages separate when many run at once", async () => {
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
