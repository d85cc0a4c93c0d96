import assert from "node:assert/strict";
import { chatFlow, level, type Message, type NodeDef, type NodeRed } from "../support/node-red";
import { completion, type Handler, json, reply, type TestServer } from "../support/server";
import { callRound, valueTool } from "../support/tools";
import { useNodeRed } from "../support/use-node-red";

type Body = Record<string, unknown> & { messages: Message[] };

/** Refuses the requests that fit, and answers the others as asked: streamed or whole. */
const refusing =
  (fits: (body: Body) => boolean, status: number, message: string, otherwise: Handler = fine): Handler =>
  (request, response, index) =>
    fits(request.body)
      ? json(response, status, { error: { message, type: "invalid_request_error", param: null } })
      : otherwise(request, response, index);

const fine: Handler = (request, response, index) =>
  request.body.stream ? reply("fine")(request, response, index) : json(response, 200, completion("fine"));

const REASONING = { role: "assistant", content: "Hello.", reasoning_content: "Hm." };
const HISTORY = [{ role: "user", content: "Hi" }, REASONING, { role: "user", content: "And?" }];

describe("what a server does not take", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its));

  const deploy = (chat: Message = {}, config: Message = {}, more: NodeDef[] = []) =>
    red.deploy([...chatFlow(server.url, chat, config), ...more]);
  const ask = (message?: Message) => red.ask(message);
  const askInVain = (message?: Message) => red.ask(message, "error");
  const warnings = () => red.logOf("chat", level.warn).map((entry) => entry.text);
  const has = (field: string) => (body: Body) => field in body;

  const cases: {
    what: string;
    chat?: Message;
    ask?: Message;
    refuses: (body: Body) => boolean;
    status?: number;
    message: string;
    sends: (body: Body) => void;
    warns: RegExp;
  }[] = [
    {
      what: "stream_options",
      refuses: has("stream_options"),
      status: 501,
      message: "stream_options",
      sends: (body) => assert.equal(body["stream"], true),
      warns: /stream_options for test\/model/,
    },
    {
      what: "a reasoning effort",
      chat: { reasoningEffort: "high" },
      refuses: has("reasoning_effort"),
      message: "Unknown parameter: 'reasoning_effort'.",
      sends: (body) => assert.equal("chat_template_kwargs" in body, false),
      warns: /reasoning_effort for test\/model: Unknown parameter/,
    },
    {
      what: "the schema of a tool",
      chat: {
        functions: [
          { name: "x", parameters: '{"type":"object","properties":{"a":{"type":"string","format":"uri"}}}' },
          { name: "y", parameters: '{"type":"object","properties":{"a":{"type":"string"}}}' },
        ],
      },
      refuses: (body) => JSON.stringify(body).includes('"format"'),
      message: "Invalid schema for function 'x': 'format' is not permitted.",
      sends: (body) => {
        const [x, y] = body["tools"] as Message[];
        assert.deepEqual(x?.function.parameters.properties.a, { type: "string", description: "(format: uri)" });
        assert.deepEqual(y?.function.parameters.properties.a, { type: "string" });
      },
      warns: /schema of a tool for test\/model: Invalid schema/,
    },
    {
      what: "max_tokens",
      chat: { maxTokens: "9" },
      refuses: has("max_tokens"),
      message: "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
      sends: (body) => assert.equal(body["max_completion_tokens"], 9),
      warns: /sends max_completion_tokens instead/,
    },
    {
      what: "a temperature",
      chat: { temperature: "0.3", topP: "0.5" },
      refuses: has("temperature"),
      message: "'temperature' does not support 0.3 with this model. Only the default (1) value is supported.",
      sends: (body) => assert.equal(body["top_p"], 0.5),
      warns: /does not take temperature for/,
    },
    {
      what: "reasoning sent back",
      ask: { payload: HISTORY },
      refuses: ({ messages }) => messages.some((message) => "reasoning_content" in message),
      message: "'messages.1' : property 'reasoning_content' is unsupported",
      sends: ({ messages }) => assert.deepEqual(messages[1], { role: "assistant", content: "Hello." }),
      warns: /does not take earlier reasoning back/,
    },
    {
      what: "a stream with tools",
      chat: { functions: [{ name: "weather" }] },
      refuses: (body) => body["stream"] === true,
      status: 500,
      message: "Cannot use tools with stream",
      sends: (body) => {
        assert.equal(body["stream"], false);
        assert.equal("stream_options" in body, false);
      },
      warns: /asks without streaming instead/,
    },
  ];
  for (const { what, chat, ask: message, refuses, status = 400, message: said, sends, warns } of cases) {
    it(`is left out, warned of once, and remembered until the next deploy: ${what}`, async () => {
      server.handle(refusing(refuses, status, said));
      await deploy(chat, { retries: 2 });
      assert.equal((await ask(message)).payload, "fine");
      assert.equal(server.requests.length, 2);
      sends(server.last.body);
      assert.equal((await ask(message)).payload, "fine");
      assert.equal(server.requests.length, 3);
      assert.equal(warnings().length, 1);
      assert.match(warnings()[0] ?? "", warns);
      await deploy(chat, { retries: 2 });
      await ask(message);
      assert.equal(server.requests.length, 5);
    });
  }

  it("is left out one by one where it is more than one", async () => {
    server.handle(
      refusing(
        has("temperature"),
        400,
        "temperature is unsupported",
        refusing(has("top_p"), 400, "top_p is unsupported"),
      ),
    );
    await deploy({ temperature: "0", topP: "0.5" });
    const msg = await ask();
    assert.equal(msg.payload, "fine");
    assert.equal(msg.completion.attempts, 3);
    assert.equal(warnings().length, 2);
  });

  it("is an empty text in place of null beside calls, in what is sent alone", async () => {
    const isNull = ({ messages }: Body) => messages.some(({ content }) => content === null);
    server.handle(
      refusing(isNull, 400, "invalid message content type: <nil>", (request, response, index) =>
        index === 0
          ? callRound({ id: "a", name: "weather" })(request, response, index)
          : fine(request, response, index),
      ),
    );
    await deploy({ tools: ["tool-weather"] }, {}, valueTool("weather", "7"));
    const msg = await ask();
    assert.equal(msg.payload, "fine");
    assert.equal(server.last.body.messages[1].content, "");
    assert.equal(msg.messages[1].content, null);
  });

  it("is that error where the value alone is wrong", async () => {
    server.handle(refusing(has("reasoning_effort"), 400, "reasoning_effort must be one of none or default"));
    await deploy({ reasoningEffort: "high" });
    assert.equal((await askInVain()).error.code, "invalid_input");
    assert.equal(server.requests.length, 1);
  });

  it("is that error, and not remembered, where leaving it out does not help", async () => {
    server.handle((_, response) => json(response, 400, { error: "Unknown parameter: temperature" }));
    await deploy({ temperature: "0" });
    for (const count of [2, 4]) {
      assert.equal((await askInVain()).error.code, "invalid_input");
      assert.equal(server.requests.length, count);
    }
    assert.deepEqual(warnings(), []);
  });

  describe("of the two ways to switch thinking off", () => {
    const OFF = { enable_thinking: false, thinking: false };
    const sent = () =>
      server.requests.map(({ body }) => [body.reasoning_effort, body.chat_template_kwargs] as [unknown, unknown]);

    it("leaves the other one", async () => {
      server.handle(refusing(has("reasoning_effort"), 400, "reasoning_effort is not supported"));
      await deploy({ reasoningEffort: "none" });
      await ask();
      assert.deepEqual(sent(), [
        ["none", OFF],
        [undefined, OFF],
      ]);
    });

    it("goes without both in the end, but under what the user has set", async () => {
      server.handle(
        refusing(
          has("chat_template_kwargs"),
          400,
          "Unrecognized request argument supplied: chat_template_kwargs",
          refusing(has("reasoning_effort"), 422, "reasoning_effort: Extra inputs are not permitted"),
        ),
      );
      await deploy({ reasoningEffort: "none", extra: { chat_template_kwargs: { thinking: true, x: 1 } } });
      assert.equal((await ask()).payload, "fine");
      assert.deepEqual(sent(), [
        ["none", { enable_thinking: false, thinking: true, x: 1 }],
        ["none", undefined],
        [undefined, undefined],
      ]);
    });

    it("sends neither without an effort, and only the effort for another one", async () => {
      server.handle(fine);
      await deploy();
      await ask();
      await ask({ huggingface: { reasoning_effort: "low" } });
      assert.deepEqual(sent(), [
        [undefined, undefined],
        ["low", undefined],
      ]);
    });
  });
});
