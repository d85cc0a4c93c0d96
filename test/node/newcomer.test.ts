import assert from "node:assert/strict";
import { chatFlow, flowNode, type Message, type NodeDef, type NodeRed, sink } from "../support/node-red";
import { chunk, type Handler, inTurn, json, reply, sse, startTlsServer, type TestServer } from "../support/server";
import { callRound } from "../support/tools";
import { useNodeRed } from "../support/use-node-red";

/** A mistake that somebody makes with the nodes for the first time, and what he or she sees of it. */
interface Mistake {
  what: string;
  chat?: Message;
  config?: Message;
  /** Where the configuration leads; the stand-in server unless said. */
  url?: (server: TestServer) => string;
  token?: string;
  nodes?: NodeDef[];
  msg?: () => object;
  handler?: Handler;
  /** What stands under the node. */
  status: string;
  /** What the sidebar shows of an error; absent for a warning. */
  sidebar?: string;
  /** What is in the text and mends it. */
  cure: RegExp;
}

const status = (code: number, error: unknown, headers = {}): Handler => {
  return (_, response) => json(response, code, { error }, headers);
};
const tool = (wires: string[], more: Message = {}) =>
  flowNode("tool", "huggingface-tool", { name: "weather", wires: [wires], ...more });
const linkOut = (mode: string) => flowNode("out", "link out", { mode, links: [] });
const called: Handler = callRound({ id: "c1", name: "weather" });
const unwired = { wires: [["reply-sink"], [], []] };
const picked = { tools: ["tool"], toolTimeout: 0.2 };
const locked = Object.freeze({ payload: "Hi", _msgid: "1" });
const circle = () => {
  const value: Message = { a: 1 };
  value["self"] = value;
  return { payload: value };
};

const errors: (Mistake & { sidebar: string })[] = [
  // The configuration.
  {
    what: "no configuration",
    chat: { config: "" },
    status: "no configuration",
    sidebar: "No configuration chosen, or it",
    cure: /Choose a Hugging Face configuration .* deploy/,
  },
  {
    what: "a disabled configuration",
    config: { d: true },
    status: "no configuration",
    sidebar: "No configuration chosen, or it",
    cure: /disabled/,
  },
  {
    what: "no model",
    config: { model: "" },
    status: "no model set",
    sidebar: "No model set. Enter a model ID",
    cure: /in the configuration or in the node/,
  },
  {
    what: "no token",
    handler: status(401, "Invalid username or password."),
    status: "token missing (401)",
    sidebar: "Token missing (401): Invalid u",
    cure: /Enter one in the configuration/,
  },
  {
    what: "a wrong token",
    token: "hf_wrong",
    handler: status(401, "Bad credentials"),
    status: "token refused (401)",
    sidebar: "Token refused (401): Bad crede",
    cure: /Enter a valid token in the configuration/,
  },
  {
    what: "a token without the permission at another server than Hugging Face's",
    token: "hf_other",
    handler: status(403, "No permission"),
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
    handler: status(402, "Exceeded"),
    status: "credits used up (402)",
    sidebar: "Credits used up (402): Exceede",
    cure: /Buy credits/,
  },
  {
    what: "a typo in the model's name",
    handler: status(404, "The model org/modle does not exist"),
    status: "model not available (404)",
    sidebar: "Model not available (404): The",
    cure: /Check the model ID/,
  },
  {
    what: "a server that is down",
    url: () => "http://127.0.0.1:1",
    status: "nothing answers at the address",
    sidebar: "Nothing answers at 127.0.0.1:1",
    cure: /Check that the server runs, and the base URL/,
  },
  {
    what: "a typo in the host",
    url: () => "http://olama.invalid:11434",
    status: "host not found",
    sidebar: "Host not found: olama.invalid:",
    cure: /Check the base URL/,
  },
  {
    what: "an address without http://",
    url: () => "localhost:11434",
    status: "base URL not valid",
    sidebar: 'Base URL not valid: "localhost',
    cure: /begins with http:\/\//,
  },
  {
    what: "a password in the address",
    url: () => "http://me:word@127.0.0.1:1",
    status: "password in the base URL",
    sidebar: "Password in the base URL: it h",
    cure: /use the token or a header/,
  },
  {
    what: "a wrong path",
    handler: status(404, "Not Found"),
    status: "nothing at address (404)",
    sidebar: "Nothing at this address (404):",
    cure: /Check the base URL/,
  },
  {
    what: "https to a server that speaks http",
    url: ({ url }) => url.replace("http:", "https:"),
    status: "server wants http, not https",
    sidebar: "No https at this port of 127.0",
    cure: /Use http:\/\/ in the base URL/,
  },
  {
    what: "the address of a web page",
    handler: (_, response) => response.writeHead(200, { "content-type": "text/html" }).end("<html>Hi</html>"),
    status: "web page instead of a reply",
    sidebar: 'Web page instead of a reply: "',
    cure: /Check the base URL: it may lack \/v1/,
  },
  {
    what: "too many requests",
    handler: status(429, "slow down", { "retry-after": "12" }),
    status: "rate limit, 12 s",
    sidebar: "Rate limit (429): slow down. T",
    cure: /Try again in 12 s/,
  },
  {
    what: "a server that says nothing",
    config: { timeout: 0.3 },
    handler: () => {},
    status: "no reply within 0.3 s",
    sidebar: "No reply within 0.3 s from 127",
    cure: /longer Timeout in the configuration/,
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
    what: "a blank prompt",
    msg: () => ({ payload: "" }),
    status: "nothing to ask",
    sidebar: "Nothing to ask: msg.payload is",
    cure: /Put the prompt there, or choose where it is/,
  },
  {
    what: "null as prompt",
    msg: () => ({ payload: null }),
    status: "nothing to ask",
    sidebar: "Nothing to ask: msg.payload is",
    cure: /Put the prompt there/,
  },
  {
    what: "a prompt elsewhere than where the node looks",
    chat: { prompt: "question" },
    status: "nothing to ask",
    sidebar: "Nothing to ask: msg.question i",
    cure: /Put the prompt there, or choose/,
  },
  {
    what: "a template with a mistake",
    chat: { prompt: "{{#payload}}", promptType: "template" },
    status: "mistake in the template",
    sidebar: "Mistake in the template of the",
    cure: /field Prompt: .*payload/,
  },
  {
    what: "an expression with a mistake",
    chat: { prompt: "payload[", promptType: "jsonata" },
    status: "cannot be read: jsonata payload[",
    sidebar: "Cannot read jsonata payload[ (",
    cure: /field Prompt\): Expected/,
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
    what: "a word for a number in the form",
    chat: { temperature: "warm" },
    status: "not a number: Temperature",
    sidebar: 'Temperature is "warm", which i',
    cure: /Correct it, or leave it blank/,
  },
  {
    what: "a variable that nobody has set",
    chat: { maxTokens: `\${NOT_SET_AT_ALL}` },
    status: "variable not set: NOT_SET_AT_ALL",
    sidebar: "Variable not set: NOT_SET_AT_A",
    cure: /named in the field Max\. tokens\. Set it/,
  },
  {
    what: "a reply put where nothing can be put",
    chat: { output: "a..b" },
    status: "no place for the reply",
    sidebar: "No place for the reply: msg.a.",
    cure: /Choose another place in the node/,
  },
  {
    what: "JSON by a schema that is not there",
    chat: { format: "json_schema" },
    status: "no JSON schema",
    sidebar: "No JSON schema: the reply is t",
    cure: /Enter it in the node/,
  },
  {
    what: "a schema with a typo",
    chat: { format: "json_schema", schema: '{"type":"strin"}' },
    status: "JSON schema not valid",
    sidebar: "JSON schema not valid: type: n",
    cure: /not a type: it must be one of string/,
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
    what: "two tools of one name",
    chat: { tools: ["tool", "twin"] },
    nodes: [tool([]), flowNode("twin", "huggingface-tool", { name: "weather" })],
    status: "duplicate tool: weather",
    sidebar: "Tool name used twice: weather.",
    cure: /Rename one/,
  },
  {
    what: "a tool whose name has a space",
    chat: { tools: ["tool"] },
    nodes: [tool([], { name: "get weather" })],
    status: "tool name not valid",
    sidebar: 'Tool name not valid: "get weat',
    cure: /Use 1 to 64 letters/,
  },
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
  {
    what: "a tool whose link out node is in link mode",
    chat: picked,
    nodes: [tool(["out"]), linkOut("link")],
    handler: inTurn(called, reply("sunny")),
    status: "no return from weather",
    cure: /"Return to calling link node"/,
  },
  {
    what: "a tool whose function node returns a new message",
    chat: picked,
    nodes: [tool(["new"]), sink("new", "new", { func: "return { payload: 7 };", wires: [["out"]] }), linkOut("return")],
    handler: inTurn(called, reply("sunny")),
    status: "no return from weather",
    cure: /Pass on the message that the flow got, not a new one/,
  },
  {
    what: "a tool that nothing is wired to",
    chat: picked,
    nodes: [tool([])],
    handler: inTurn(called, reply("sunny")),
    status: "no return from weather",
    cure: /End its flow in a link out node/,
  },
  {
    what: "picked tools that are all disabled",
    chat: picked,
    nodes: [tool([], { d: true })],
    status: "no tools available",
    cure: /Enable them/,
  },
  {
    what: "calls at output 3, which is not wired",
    chat: { ...unwired, functions: [{ name: "weather" }] },
    handler: called,
    status: "tool calls: output 3 not wired",
    cure: /Wire it/,
  },
  {
    what: "a stream at output 2, which is not wired",
    chat: { ...unwired, stream: true },
    status: "stream: output 2 not wired",
    cure: /Wire it/,
  },
  {
    what: "msg.topic typed as text",
    chat: { conversation: "msg.topic" },
    status: "one conversation for all",
    cure: /Choose the type/,
  },
  {
    what: "a conversation key that the message lacks",
    chat: { conversation: "topic", conversationType: "msg" },
    status: "no conversation key",
    cure: /Set it in the flow before this node/,
  },
  {
    what: "a store that does not exist",
    chat: { conversation: "all", store: "disk" },
    status: "no store disk",
    cure: /Add it to contextStorage/,
  },
  {
    what: "output 1 wired to the own input",
    chat: { wires: [["chat"], [], []] },
    status: "loop: the reply comes back",
    cure: /Remove the wire/,
  },
  {
    what: "a reply that max. tokens cut off",
    handler: (_, response) => sse(response, [chunk("Hel"), chunk(undefined, { finish_reason: "length" })]),
    status: "reply cut off (length)",
    cure: /Raise "Max\. tokens"/,
  },
];

describe("a mistake of a beginner", () => {
  let red: NodeRed;
  let server: TestServer;
  let count = 0;
  useNodeRed(
    (its) => ({ red, server } = its),
    (_, response) => {
      const id = `id-${++count}`;
      const events = [chunk(`reply ${count}`), chunk(undefined, { finish_reason: "stop" })];
      setTimeout(
        () =>
          sse(
            response,
            events.map((event) => ({ ...event, id })),
          ),
        50,
      );
    },
  );

  const shown = () => red.statuses("chat").at(-1);
  /** Without catch and complete nodes, which a beginner does not have, and which copy messages. */
  const run = async ({ chat, config, url, token, nodes = [], msg = () => ({ payload: "Hi" }), handler }: Mistake) => {
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
      assert.ok(performance.now() - startedAt < 5000);
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
      assert.match(warning?.text ?? "", mistake.cure);
      assert.deepEqual(more, [], "once");
      assert.ok(performance.now() - startedAt < 5000);
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
        await run({ what: "", url: () => url, status: text, cure });
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
    await run({ what: "", chat: { wires: [["second"], [], []] }, nodes: [second], status: "", cure: /./ });
    assert.match((await red.next("reply")).payload, /^reply/);
    await red.until(() => red.statuses("second").at(-1)?.fill === "green", "green");
    assert.deepEqual([...red.logOf("chat", 30), ...red.logOf("second", 30)], []);
  });
});
