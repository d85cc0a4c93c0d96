import assert from "node:assert/strict";
import {
  called,
  calledOnce,
  ERRORS,
  picked,
  type Mistake as Shared,
  unwired,
  WARNINGS,
} from "../support/beginner-mistakes";
import { wasSoon } from "../support/cpu";
import { chatFlow, flowNode, type Message, type NodeRed, sink } from "../support/node-red";
import { chunk, numberedReplies, reply, sse, startTlsServer, status, type TestServer } from "../support/server";
import { linkOut, tool } from "../support/tools";
import { useNodeRed } from "../support/use-node-red";

/** `msg` makes the whole message, where the mistake is not in a text prompt. */
type Mistake = Shared & { msg?: () => object };

const locked = Object.freeze({ payload: "Hi", _msgid: "1" });
const circle = () => {
  const value: Message = { a: 1 };
  value["self"] = value;
  return { payload: value };
};

const errors: Mistake[] = [
  ...ERRORS,
  // The configuration.
  {
    what: "a disabled configuration",
    config: { d: true },
    status: "no configuration",
    sidebar: "No configuration chosen, or it",
    cure: /disabled/,
  },
  {
    what: "a token without the permission at another server than Hugging Face's",
    token: "hf_other",
    handler: status(403, { error: "No permission" }),
    status: "access denied (403)",
    sidebar: "Access denied (403): No permis",
    cure: /Check at 127\.0\.0\.1:\d+ what the token may do/,
  },
  {
    what: "a token in quotes of a word processor",
    token: "“hf_quoted”",
    status: "token not valid",
    sidebar: "Token not valid: it holds char",
    cure: /Paste it again/,
  },
  {
    what: "no credits",
    handler: status(402, { error: "Exceeded" }),
    status: "credits used up (402)",
    sidebar: "Credits used up (402): Exceede",
    cure: /Buy credits/,
  },
  {
    what: "a typo in the model's name",
    handler: status(404, { error: "The model org/modle does not exist" }),
    status: "model not available (404)",
    sidebar: "Model not available (404): The",
    cure: /Check the model ID/,
  },
  {
    what: "a password in the address",
    url: () => "http://me:word@127.0.0.1:1",
    status: "password in the base URL",
    sidebar: "Password in the base URL: it h",
    cure: /use the token or a header/,
  },
  {
    what: "a header that the connection sets",
    config: { headers: { Host: "a" } },
    status: "header not allowed: Host",
    sidebar: "Header not allowed: the connec",
    cure: /Remove it from the configuration/,
  },
  {
    what: "more questions than may wait",
    config: { maxConcurrent: 1, maxQueued: 0 },
    msg: () => ({ payload: "second" }),
    handler: () => {},
    status: "queue full, 0 waiting",
    sidebar: "Queue full: 0 questions are wa",
    cure: /Send them more slowly, or allow more/,
  },
  // The prompt.
  {
    what: "null as prompt",
    msg: () => ({ payload: null }),
    status: "nothing to ask",
    sidebar: "Nothing to ask: msg.payload is",
    cure: /Put the prompt there/,
  },
  {
    what: "a promise as prompt",
    msg: () => ({ payload: Promise.resolve("Hi") }),
    status: "promise in msg.payload",
    sidebar: "Promise in msg.payload (field ",
    cure: /Wait for it in a function node/,
  },
  {
    what: "an object in a circle",
    msg: circle,
    status: "prompt cannot be sent",
    sidebar: "msg.payload cannot be sent: it",
    cure: /Send text, messages or a plain object/,
  },
  {
    what: "a message with an unknown role",
    msg: () => ({ payload: [{ role: "robot", content: "Hi" }] }),
    status: "unknown role",
    sidebar: 'msg.payload[0] has the role "r',
    cure: /Use system, user, assistant or tool/,
  },
  {
    what: "a message without content",
    msg: () => ({ payload: [{ role: "user" }] }),
    status: "message without content",
    sidebar: "msg.payload[0] has no content ",
    cure: /Give it text/,
  },
  {
    what: "a message that is read-only",
    msg: () => locked,
    status: "message is read-only",
    sidebar: "Message is read-only: msg.comp",
    cure: /Send a copy of the message/,
  },
  {
    what: "msg.huggingface as text",
    msg: () => ({ payload: "Hi", huggingface: "fast" }),
    status: "msg.huggingface not an object",
    sidebar: "msg.huggingface is of type str",
    cure: /an object such as/,
  },
  {
    what: "a token in the message",
    msg: () => ({ payload: "Hi", huggingface: { token: "hf_x" } }),
    status: "not allowed in a message",
    sidebar: "msg.huggingface.token is not a",
    cure: /Set them in the configuration/,
  },
  {
    what: "a word for a number in the message",
    msg: () => ({ payload: "Hi", huggingface: { temperature: "hot" } }),
    status: "not a number: msg.huggingface.temperature",
    sidebar: "msg.huggingface.temperature is",
    cure: /"hot", which is not a number/,
  },
  {
    what: "two replies wanted at once",
    msg: () => ({ payload: "Hi", huggingface: { n: 2 } }),
    status: "n above 1",
    sidebar: "n is above 1, but a question h",
    cure: /Send the question several times/,
  },
  {
    what: "msg.abort as a word",
    msg: () => ({ payload: "Hi", abort: "yes" }),
    status: "not true or false: msg.abort",
    sidebar: "Neither true nor false: msg.ab",
    cure: /Set it to true/,
  },
  // The form.
  {
    what: "a reply put where nothing can be put",
    chat: { output: "a..b" },
    status: "no place for the reply",
    sidebar: "No place for the reply: msg.a.",
    cure: /Choose another place in the node/,
  },
  {
    what: "a schema that is no JSON",
    chat: { format: "json_schema", schema: "{type: 1}" },
    status: "JSON not valid: Properties",
    sidebar: "Properties is not valid JSON: ",
    cure: /Correct it in the node/,
  },
  {
    what: "JSON that max. tokens cut off",
    chat: { format: "json_object" },
    handler: (_, response) => sse(response, [chunk('{"a":'), chunk(undefined, { finish_reason: "length" })]),
    status: "JSON cut off (length)",
    sidebar: "JSON cut off (length): the rep",
    cure: /Allow more tokens/,
  },
  // Tools.
  {
    what: "a tool whose schema has a typo",
    chat: { tools: ["tool"] },
    nodes: [tool([], { parameters: '{"properties":{"city":{"type":"text"}}}' })],
    status: "tool schema wrong: weather",
    sidebar: "Tool schema not valid: the par",
    cure: /properties\.city\.type: not a type/,
  },
  {
    what: "a model that calls tools without end",
    chat: { ...picked, maxSteps: 1 },
    nodes: [tool(["out"]), linkOut("return")],
    handler: called,
    status: "too many tool rounds (1)",
    sidebar: "Too many tool rounds: the mode",
    cure: /Allow more rounds in the node/,
  },
];

const warnings: Mistake[] = [
  ...WARNINGS,
  {
    what: "a tool whose function node returns a new message",
    chat: picked,
    nodes: [tool(["new"]), sink("new", "new", { func: "return { payload: 7 };", wires: [["out"]] }), linkOut("return")],
    handler: calledOnce,
    status: "no return from weather",
    sidebar: "No return from tool weather wi",
    cure: /Pass on the message that the flow got, not a new one/,
  },
  {
    what: "a tool that nothing is wired to",
    chat: picked,
    nodes: [tool([])],
    handler: calledOnce,
    status: "no return from weather",
    sidebar: "No return from tool weather wi",
    cure: /End its flow in a link out node/,
  },
];

describe("a mistake of a beginner", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its), numberedReplies());

  const shown = () => red.statuses("chat").at(-1);
  /** Without catch and complete nodes, which a beginner does not have, and which copy messages. */
  const run = async (mistake: Partial<Mistake>) => {
    const { chat, config, url, token, nodes = [], payload = "Hi", msg = () => ({ payload }), handler } = mistake;
    if (handler) server.handle(handler);
    const flow = chatFlow(url?.(server) ?? server.url, chat, { retries: 0, ...config });
    await red.deploy(
      [...flow.filter(({ type }) => !["catch", "complete", "status"].includes(type)), ...nodes],
      token === undefined ? undefined : { config: { token } },
    );
    if (config?.["maxQueued"] === 0) {
      red.send("chat", { payload: "first" });
      await server.waitFor(1);
    }
    red.send("chat", msg());
  };

  for (const mistake of errors) {
    it(`is told in red, with the cure: ${mistake.what}`, async () => {
      const startedAt = performance.now();
      await run(mistake);
      const [{ error } = {}] = await red.completed("chat");
      assert.ok(error, "it is an error");
      await red.until(
        () => shown()?.fill === "red",
        () => `red, got ${JSON.stringify(shown())}`,
      );
      assert.deepEqual(shown(), { fill: "red", shape: "ring", text: mistake.status });
      assert.equal(error.message.slice(0, 30), mistake.sidebar);
      assert.equal(`${(error as { cause?: unknown }).cause}`, mistake.status, "the cause in the sidebar");
      assert.match(error.message, mistake.cure);
      assert.equal(red.logOf("chat", 20).length, 1, "once in the log");
      wasSoon(performance.now() - startedAt, 5000);
    });
  }

  for (const mistake of warnings) {
    it(`is told in yellow, with the cure: ${mistake.what}`, async () => {
      const startedAt = performance.now();
      await run(mistake);
      await red.until(
        () => shown()?.fill === "yellow",
        () => `yellow, got ${JSON.stringify(shown())}`,
      );
      assert.deepEqual(shown(), { fill: "yellow", shape: "ring", text: mistake.status });
      const [warning, ...more] = red.logOf("chat", 30);
      const text = warning?.text ?? "";
      assert.ok(text.includes(mistake.sidebar), text);
      assert.match(text, mistake.cure);
      assert.deepEqual(more, [], "once");
      wasSoon(performance.now() - startedAt, 5000);
    });
  }

  it("is told: http to a server that speaks https, and a certificate that nobody vouches for", async () => {
    const secure = await startTlsServer(reply("ok"));
    try {
      for (const [url, text, cure] of [
        [
          secure.url.replace("https:", "http:"),
          "connection closed",
          /check http or https and the port in the base URL/,
        ],
        [secure.url, "certificate not accepted", /choose a TLS configuration that accepts it/],
      ] as const) {
        red.forget();
        await run({ url: () => url });
        const [{ error } = {}] = await red.completed("chat");
        assert.match(error?.message ?? "", cure);
        await red.until(
          () => shown()?.text === text,
          () => `${text}, got ${JSON.stringify(shown())}`,
        );
      }
    } finally {
      await secure.close();
    }
  });

  it("is none: two chat nodes in a row", async () => {
    const second = flowNode("second", "huggingface-chat", { config: "config", ...unwired });
    await run({ chat: { wires: [["second"], [], []] }, nodes: [second] });
    assert.match((await red.next("reply")).payload, /^reply/);
    await red.until(() => red.statuses("second").at(-1)?.fill === "green", "green");
    assert.deepEqual([...red.logOf("chat", 30), ...red.logOf("second", 30)], []);
  });
});
