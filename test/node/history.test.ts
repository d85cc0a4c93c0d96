import assert from "node:assert/strict";
import {
  chatFlow,
  flowNode,
  type Message,
  type NodeDef,
  type NodeRed,
  proxyNode,
  tlsConfig,
} from "../support/node-red";
import { startProxy } from "../support/proxy";
import { chunk, type Handler, inTurn, json, reply, sse, startTlsServer, type TestServer } from "../support/server";
import { slowStore } from "../support/slow-store";
import { type Check, gemma, llama, mistral, openai } from "../support/templates";
import { type Call, callRound, valueTool } from "../support/tools";
import { useNodeRed } from "../support/use-node-red";

const MEMORY = { conversation: "topic", conversationType: "msg" };
const JPEG = Buffer.from("ffd8ffe000104a46494600010100", "hex");

/** A tool node `tool-<name>` whose flow does what a function node says. */
function functionTool(name: string, func: string): NodeDef[] {
  return [
    flowNode(`tool-${name}`, "huggingface-tool", { name, wires: [[`do-${name}`]] }),
    flowNode(`do-${name}`, "function", {
      func,
      outputs: 1,
      libs: [],
      initialize: "",
      finalize: "",
      wires: [[`back-${name}`]],
    }),
    flowNode(`back-${name}`, "link out", { mode: "return", links: [] }),
  ];
}

/** A round in which the model thinks before it calls. */
function thinkingRound(...calls: Call[]): Handler {
  return (request, response, index) => {
    const thought = chunk(undefined, { delta: { reasoning_content: "I need it." } });
    const write = response.write.bind(response);
    // In front of the first event of the round.
    response.write = ((data: string) => {
      response.write = write;
      return write(`data: ${JSON.stringify(thought)}\n\n${data}`);
    }) as typeof response.write;
    return callRound(...calls)(request, response, index);
  };
}

/** Answers as a server whose template refuses histories, and else as the handler does. */
const strict =
  (checks: Check[], handler: Handler): Handler =>
  (request, response, index) => {
    const problem = checks.map((check) => check(request.body.messages)).find((found) => found !== undefined);
    if (problem) return json(response, 400, { object: "error", message: problem, code: "3230" });
    return handler(request, response, index);
  };

describe("what servers get of a conversation", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its));
  afterEach(() => slowStore.reset());

  const sent = (): Message[] => server.last.body.messages;
  const roles = (messages: Message[] = sent()) => messages.map(({ role }) => role);
  const ask = async (payload: unknown, more: Message = {}): Promise<Message> => {
    red.send("chat", { payload, topic: "a", ...more });
    return red.next("reply");
  };
  const hanging =
    (...deltas: Message[]): Handler =>
    (_, response) =>
      sse(response, [...deltas.map((delta) => chunk(undefined, { delta }))], { done: false, end: false });
  const call = { index: 0, id: "abcdefghi", function: { name: "weather", arguments: "{}" } };
  const cutCall = { index: 1, id: "bbbbbbbbb", function: { name: "weather", arguments: '{"a' } };

  const aborts: [what: string, first: Handler[], untilRequest: number, kept: string[]][] = [
    ["before the first word", [hanging({ role: "assistant", content: "" })], 1, []],
    ["while the model thinks", [hanging({ reasoning_content: "Hm." })], 1, []],
    ["in a text", [hanging({ content: "Hel" })], 1, ["user", "assistant"]],
    ["in its first call", [hanging({ tool_calls: [{ ...cutCall, index: 0 }] })], 1, []],
    ["behind a call", [hanging({ tool_calls: [call, cutCall] })], 1, ["user", "assistant", "tool", "assistant"]],
    [
      "behind a tool",
      [callRound({ id: "abcdefghi", name: "weather" }), hanging({ role: "assistant" })],
      2,
      ["user", "assistant", "tool", "assistant"],
    ],
  ];
  for (const [what, handlers, untilRequest, kept] of aborts) {
    it(`is what every server takes after an abort ${what}`, async () => {
      const [first = reply("fine"), ...others] = handlers;
      server.handle(strict([mistral, gemma, llama, openai], inTurn(first, ...others, reply("fine"))));
      await red.deploy([...chatFlow(server.url, { ...MEMORY, tools: ["tool-weather"] }), ...valueTool("weather", "7")]);
      red.send("chat", { payload: "one", topic: "a" });
      await server.waitFor(untilRequest);
      await new Promise((resolve) => setTimeout(resolve, 50));
      red.send("chat", { abort: true, topic: "a" });
      const aborted = await red.next("reply");
      assert.deepEqual(roles(aborted.messages), kept);
      assert.doesNotMatch(JSON.stringify([aborted.payload, aborted.completion.message]), /stopped/);
      assert.equal((await ask("two")).payload, "fine");
      assert.deepEqual(roles(), [...kept, "user"]);
      if (kept.length > 2) assert.equal(sent().at(-2)?.content, "(stopped)");
    });
  }

  for (const [what, deltas] of Object.entries({ nothing: [], "thoughts alone": [{ reasoning_content: "Hm." }] })) {
    it(`says that there was no answer where a reply had ${what}`, async () => {
      const empty: Handler = (_, response) =>
        sse(response, [
          chunk("", { delta: { role: "assistant" } }),
          ...deltas.map((delta) => chunk(undefined, { delta })),
          chunk(undefined, { finish_reason: "stop" }),
        ]);
      server.handle(strict([mistral, gemma, llama, openai], inTurn(empty, reply("fine"))));
      await red.deploy(chatFlow(server.url, MEMORY));
      const msg = await ask("one");
      assert.equal(msg.payload, "");
      assert.equal(msg.completion.message.content, "");
      assert.equal(msg.messages.at(-1).content, "(no answer)");
      assert.equal((await ask("two")).payload, "fine");
    });
  }

  it("repairs an empty reply as one that said so", async () => {
    const empty: Handler = (_, response) => sse(response, [chunk(""), chunk(undefined, { finish_reason: "stop" })]);
    server.handle(strict([mistral, gemma, llama, openai], inTurn(empty, reply('{"a":1}'))));
    await red.deploy(chatFlow(server.url, { format: "json_object", repairs: 1 }));
    const msg = await ask("one");
    assert.deepEqual(msg.payload, { a: 1 });
    assert.deepEqual(roles(), ["user", "assistant", "user"]);
    assert.deepEqual(roles(msg.messages), ["user", "assistant"]);
  });

  describe("of its thoughts", () => {
    const functions = [{ name: "lamp" }];
    const thoughtOf = (messages: Message[]) => messages.find(({ tool_calls }) => tool_calls)?.reasoning_content;

    it("are in what leaves at output 3, and with the answer sent back", async () => {
      server.handle(inTurn(thinkingRound({ id: "a", name: "lamp" }), reply("on")));
      await red.deploy(chatFlow(server.url, { functions }));
      red.send("chat", { payload: "Light!" });
      const { messages } = await red.next("calls");
      assert.equal(thoughtOf(messages), "I need it.");
      await ask([...messages, { role: "tool", tool_call_id: "a", content: "ok" }]);
      assert.equal(thoughtOf(sent()), "I need it.");
    });

    it("are remembered for the model that had them, and no other gets them, nor its ids", async () => {
      server.handle(inTurn(thinkingRound({ id: "lamp:0", name: "lamp" }), reply("on")));
      await red.deploy(chatFlow(server.url, { ...MEMORY, functions }));
      red.send("chat", { payload: "Light!", topic: "a" });
      const { payload } = await red.next("calls");
      await ask([{ role: "tool", tool_call_id: payload[0].id, content: "ok" }]);
      assert.equal(thoughtOf(sent()), "I need it.");
      assert.equal(sent()[2]?.tool_call_id, "lamp:0");
      server.handle(strict([mistral, gemma, llama, openai], reply("fine")));
      assert.equal((await ask("And now?", { huggingface: { model: "org/other" } })).payload, "fine");
      assert.equal(thoughtOf(sent()), undefined);
      server.handle(reply("fine"));
      await ask("And now?");
      assert.equal(thoughtOf(sent()), "I need it.");
      assert.equal(sent()[2]?.tool_call_id, "lamp:0");
    });

    it("go to no fallback model between two rounds", async () => {
      const busy: Handler = (_, response) => json(response, 429, { error: { message: "busy" } });
      const first = inTurn(thinkingRound({ id: "call_49c89af0", name: "weather" }), busy);
      server.handle((request, response, index) =>
        (request.body.model === "second" ? strict([mistral, gemma, llama, openai], reply("fine")) : first)(
          request,
          response,
          index,
        ),
      );
      const config = { model: "first", fallback: ["second"], retries: 0 };
      const chat = { ...MEMORY, store: "slow", tools: ["tool-weather"] };
      await red.deploy([...chatFlow(server.url, chat, config), ...valueTool("weather", "7")]);
      const msg = await ask("Go");
      assert.equal(msg.payload, "fine");
      assert.equal(thoughtOf(msg.messages), "I need it.", "what is kept is what the model wrote");
      assert.equal(msg.messages[2].tool_call_id, "call_49c89af0");
      const [entry] = Object.values(slowStore.values("chat:tab")) as Message[];
      assert.deepEqual(entry?.by, [null, "first", null, "second"]);
    });
  });

  describe("where a tool gives an image", () => {
    const camera = functionTool("camera", `msg.payload = Buffer.from("${JPEG.toString("hex")}", "hex"); return msg;`);
    const image = { type: "image_url", image_url: { url: `data:image/jpeg;base64,${JPEG.toString("base64")}` } };

    it("has it behind the results of the round, also when it is remembered", async () => {
      const round = callRound({ id: "aaaaaaaaa", name: "camera" }, { id: "bbbbbbbbb", name: "weather" });
      server.handle(strict([mistral, gemma, openai], inTurn(round, reply("a cat"), reply("fine"))));
      const tools = ["tool-camera", "tool-weather"];
      await red.deploy([...chatFlow(server.url, { ...MEMORY, tools }), ...camera, ...valueTool("weather", "7")]);
      const msg = await ask("What does the camera see?");
      assert.equal(msg.payload, "a cat");
      const shown = [
        { role: "tool", tool_call_id: "aaaaaaaaa", content: "1 image\n(See image 1 below.)" },
        { role: "tool", tool_call_id: "bbbbbbbbb", content: "7" },
        { role: "assistant", content: "(see below)" },
        { role: "user", content: [image] },
      ];
      assert.deepEqual(sent().slice(2), shown);
      assert.deepEqual(
        msg.completion.steps[0].tool_calls.map(({ result }: Message) => result),
        ["1 image", "7"],
      );
      assert.equal((await ask("next")).payload, "fine");
      assert.deepEqual(sent().slice(2, 6), shown);
    });

    it("asks for the answers of the flow behind it", async () => {
      const round = callRound({ id: "aaaaaaaaa", name: "lamp" }, { id: "bbbbbbbbb", name: "camera" });
      server.handle(strict([mistral, gemma, openai], inTurn(round, reply("fine"))));
      await red.deploy([...chatFlow(server.url, { tools: ["tool-camera"], functions: [{ name: "lamp" }] }), ...camera]);
      red.send("chat", { payload: "Go" });
      const { messages, payload } = await red.next("calls");
      assert.deepEqual(payload, [{ id: "aaaaaaaaa", name: "lamp", arguments: {} }]);
      assert.deepEqual(roles(messages), ["user", "assistant", "tool", "assistant", "user", "assistant"]);
      await ask([...messages, { role: "tool", tool_call_id: "aaaaaaaaa", content: "on" }]);
      assert.equal(sent().length, 7);
    });
  });

  it("has images of the message behind the results that it brings", async () => {
    server.handle(
      strict([mistral, gemma, llama, openai], inTurn(callRound({ id: "aaaaaaaaa", name: "lamp" }), reply("on"))),
    );
    await red.deploy(chatFlow(server.url, { ...MEMORY, functions: [{ name: "lamp" }], toolChoice: "required" }));
    red.send("chat", { payload: "Light!", topic: "a" });
    await red.next("calls");
    await ask([{ role: "tool", tool_call_id: "aaaaaaaaa", content: "on" }], { images: JPEG });
    assert.deepEqual(roles(), ["user", "assistant", "tool", "assistant", "user"]);
    assert.equal("tool_choice" in server.last.body, false, "the call that it demands has been made");
  });

  it("has names that every server takes, and arguments that are an object", async () => {
    const name = "n".repeat(70);
    const round = callRound({ id: "aaaaaaaaa", name, args: "[1]" });
    server.handle(strict([mistral, gemma, llama, openai], inTurn(round, reply("fine"))));
    await red.deploy([...chatFlow(server.url, { tools: ["tool-weather"] }), ...valueTool("weather", "7")]);
    const msg = await ask("Go");
    assert.equal(msg.payload, "fine");
    assert.equal(sent()[1]?.tool_calls[0].function.name, "n".repeat(64));
    assert.match(sent()[2]?.content, /The arguments were: \[1\]$/);
    assert.equal(msg.messages[1].tool_calls[0].function.name, name, "kept as it came");
  });
});

describe("what providers of one model get of a conversation", () => {
  let red: NodeRed;
  let router: TestServer;
  let proxy: Awaited<ReturnType<typeof startProxy>>;
  useNodeRed((its) => ({ red } = its));
  beforeEach(async () => {
    router = await startTlsServer();
    // The router's name leads to a server on this machine.
    proxy = await startProxy(undefined, router.port);
  });
  afterEach(async () => {
    await router.close();
    await proxy.close();
  });

  it("has the thoughts of a round only for the provider that had them", async () => {
    const by =
      (provider: string, handler: Handler): Handler =>
      (request, response, index) => {
        response.setHeader("x-inference-provider", provider);
        return handler(request, response, index);
      };
    const rounds = [
      by("novita", thinkingRound({ id: "a", name: "weather" })),
      by("novita", reply("7")),
      by("together", reply("8")),
      by("together", reply("9")),
    ];
    router.handle((request, response, index) =>
      request.url === "/v1/models" ? json(response, 200, { data: [] }) : rounds.shift()?.(request, response, index),
    );
    await red.deploy([
      ...chatFlow(
        "https://router.huggingface.co/v1",
        { ...MEMORY, tools: ["tool-weather"] },
        { proxy: "proxy", tls: "tls", retries: 0 },
      ),
      proxyNode({ url: proxy.url }),
      tlsConfig({ verifyservercert: false }),
      ...valueTool("weather", "7"),
    ]);
    for (const payload of ["one", "two", "three"]) {
      red.send("chat", { payload, topic: "a" });
      await red.next("reply");
    }
    const asked = router.requests.filter(({ url }) => url !== "/v1/models");
    const thoughts = asked.map(({ body }) => body.messages.some((message: Message) => "reasoning_content" in message));
    // Who answers the third request is known only when it has answered.
    assert.deepEqual(thoughts, [false, true, true, false]);
  });
});
