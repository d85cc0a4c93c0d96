import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { NOTICES, type Notice } from "../../src/node-red/notices";
import { chatFlow, flowNode, type Message, type NodeDef, type NodeRed, sink } from "../support/node-red";
import {
  chunk,
  completion,
  type Handler,
  inTurn,
  json,
  numberedReplies,
  reply,
  sse,
  type TestServer,
  usage,
} from "../support/server";
import { callRound, linkOut, tool, valueTool } from "../support/tools";
import { useNodeRed } from "../support/use-node-red";

/** What leads to a notice, and what the person reads. */
interface Row {
  notice: Notice;
  what: string;
  chat?: Message;
  nodes?: NodeDef[];
  msg?: Message;
  handler?: Handler;
  status: string;
  warning: RegExp;
}

/** Two questions, each with a call. */
const called = () => {
  const call = callRound({ id: "c1", name: "weather" });
  const answer = reply("7 degrees");
  return inTurn(call, answer, call, answer);
};
const cutOff: Handler = (_, response) => sse(response, [chunk("Hel"), chunk(undefined, { finish_reason: "length" })]);
const withKey = { conversation: "topic", conversationType: "msg" };

const rows: Row[] = [
  {
    notice: "no_return",
    what: "a tool flow that ends in a link out node as it is dragged, in link mode",
    chat: { tools: ["tool"], toolTimeout: 0.2 },
    nodes: [tool(["out"]), linkOut("link")],
    handler: called(),
    status: "no return from weather",
    warning: /^No return from tool weather .* "Return to calling link node".*"Tool timeout"/,
  },
  {
    notice: "no_return",
    what: "a tool flow with a function node that returns a new message",
    chat: { tools: ["tool"], toolTimeout: 0.2 },
    nodes: [tool(["new"]), sink("new", "new", { func: "return { payload: 7 };", wires: [["out"]] }), linkOut("return")],
    handler: called(),
    status: "no return from weather",
    warning: /Pass on the message that the flow got, not a new one/,
  },
  {
    notice: "tools_disabled",
    what: "picked tool nodes that are all disabled",
    chat: { tools: ["tool"] },
    nodes: [tool([], { d: true })],
    status: "no tools available",
    warning: /^No tools available: .*\(tool\).*Enable them/,
  },
  {
    notice: "mcp_missing",
    what: "an MCP server that is missing",
    chat: { mcp: ["gone"], mcpTools: [{}] },
    status: "MCP server missing",
    warning: /^MCP server gone is missing .*Enable it/,
  },
  {
    notice: "calls_unwired",
    what: "calls that leave at output 3, which is not wired",
    chat: { functions: [{ name: "weather" }], wires: [["reply-sink"], [], []] },
    handler: callRound({ id: "c1", name: "weather" }),
    status: "tool calls: output 3 not wired",
    warning: /^Output 3 is not wired, .*Wire it/,
  },
  {
    notice: "stream_unwired",
    what: "a stream on output 2, which is not wired",
    chat: { stream: true, wires: [["reply-sink"], [], []] },
    status: "stream: output 2 not wired",
    warning: /^Output 2 is not wired, .*turn streaming off/,
  },
  {
    notice: "store_missing",
    what: "a context store that does not exist",
    chat: { ...withKey, store: "disk" },
    msg: { topic: "a" },
    status: "no store disk",
    warning: /^No context store "disk": .*contextStorage.*memory, file, slow/,
  },
  {
    notice: "key_blank",
    what: "a conversation key that is not in the message",
    chat: withKey,
    status: "no conversation key",
    warning: /^No conversation key: "Conversation" \(msg\.topic\) .*without memory/,
  },
  ...["msg.topic", " flow.user", "global.user", "{{topic}}"].map(
    (conversation): Row => ({
      notice: "key_literal",
      what: `a conversation key that is the text ${conversation}`,
      chat: { conversation, conversationType: "str" },
      status: "one conversation for all",
      warning: /^One conversation for all messages: "Conversation" is the text .*Choose the type/,
    }),
  ),
  {
    notice: "cut_off",
    what: "a reply that length cut off",
    handler: cutOff,
    status: "reply cut off (length)",
    warning: /^Reply cut off \(length\): .*"Max\. tokens"/,
  },
  {
    notice: "prompt_cut",
    what: "a prompt of which the server says that it read less",
    msg: { payload: "This is a sentence with some words in it. ".repeat(800) },
    handler: (_, response) => json(response, 200, completion("Yes.", { usage: usage(4096, 2) })),
    status: "prompt cut",
    warning: /^Prompt cut: .*larger context window/,
  },
];

describe("a failure in green", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its), reply("ok"));

  const warnings = () => red.logOf("chat", 30).map(({ text }) => /msg: (['"`])(.*)\1/s.exec(text)?.[2] ?? text);
  const shown = () => red.statuses("chat").at(-1);

  for (const { what, chat, nodes = [], msg, handler, status, warning } of rows) {
    it(`is yellow, with one warning that says what to do: ${what}`, async () => {
      if (handler) server.handle(handler);
      await red.deploy([...chatFlow(server.url, chat), ...nodes]);
      for (let turn = 1; turn <= 2; turn++) {
        const before = red.statuses("chat").length;
        red.send("chat", { payload: "Hi", ...msg });
        await red.completed("chat", turn);
        await red.until(
          () => red.statuses("chat").length > before && shown()?.fill === "yellow",
          () => `yellow, got ${JSON.stringify(red.statuses("chat").slice(before))}`,
        );
        assert.deepEqual(shown(), { fill: "yellow", shape: "ring", text: status });
      }
      assert.equal(warnings().length, 1, warnings().join("\n"));
      assert.match(warnings()[0] ?? "", warning);
      assert.equal(red.captured("error").length, 0);
    });
  }

  // Those of servers have their tests beside the tools of servers, those of limits and the stand-in in files of their own.
  it("has a row here for each notice but the loop and what needs a server or a limit", () => {
    const missing = Object.keys(NOTICES).filter((notice) => !rows.some((row) => row.notice === notice));
    assert.deepEqual(missing, [
      "loop",
      "approval_missing",
      "approval_late",
      "mcp_failed",
      "mcp_too_many",
      "limit_near",
      "otherwise",
    ]);
  });

  it("is warned of anew after a deploy", async () => {
    const flow = chatFlow(server.url, withKey);
    for (let deploy = 1; deploy <= 2; deploy++) {
      await red.deploy(flow);
      red.send("chat", { payload: "Hi" });
      await red.next("reply");
      assert.equal(warnings().length, deploy);
    }
  });

  it("of several shows the gravest", async () => {
    await red.deploy(chatFlow(server.url, { ...withKey, stream: true, wires: [["reply-sink"], [], []] }));
    red.send("chat", { payload: "Hi" });
    await red.completed("chat");
    await red.until(() => shown()?.fill === "yellow", "yellow");
    assert.equal(shown()?.text, "stream: output 2 not wired");
    assert.equal(warnings().length, 2);
  });

  const green: [what: string, chat: Message, msg: Message, nodes?: NodeDef[]][] = [
    ["a message that wants no memory", withKey, { huggingface: { conversation: "" } }],
    ["a message with a key of its own", withKey, { huggingface: { conversation: "msg.x" } }],
    ["a key that is a text without a path", { conversation: "all", conversationType: "str" }, {}],
    ["the default store by its name", { ...withKey, store: "default" }, { topic: "a" }],
    ["a store that exists", { ...withKey, store: "file" }, { topic: "a" }],
    ["a store that does not matter", { store: "disk" }, {}],
    ["one picked tool of two that is there", { tools: ["tool-a", "gone"] }, {}, valueTool("a", "1")],
  ];
  for (const [what, chat, msg, nodes = []] of green) {
    it(`is none: ${what}`, async () => {
      await red.deploy([...chatFlow(server.url, chat), ...nodes]);
      red.send("chat", { payload: "Hi", ...msg });
      await red.completed("chat");
      await red.until(() => shown()?.fill !== "blue", "the result");
      assert.equal(shown()?.fill, "green", JSON.stringify(shown()));
    });
  }
});

describe("a loop", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its), numberedReplies());

  const isTold = () => red.logOf("chat", 30).some(({ text }) => /Loop: a reply came back/.test(text));

  it("is told, and stays told while it goes on", async () => {
    await red.deploy(chatFlow(server.url, { wires: [["chat", "reply-sink"], [], []] }));
    red.send("chat", { payload: "Hi" });
    await red.next("reply", 3);
    assert.ok(isTold());
    const from = red.statuses("chat").length;
    await sleep(1200);
    const later = red.statuses("chat").slice(from);
    assert.ok(later.length > 0);
    for (const status of later) assert.deepEqual(status, { fill: "yellow", shape: "ring", text: NOTICES.loop.status });
    assert.equal(red.logOf("chat", 30).length, 1);
  });

  it("is one also through a node that changes other properties, and of JSON", async () => {
    server.handle((_, response) =>
      sse(response, [{ ...chunk('{"a":[1]}'), id: "x" }, chunk(undefined, { finish_reason: "stop" })]),
    );
    await red.deploy([
      ...chatFlow(server.url, { format: "json_object", wires: [["back", "reply-sink"], [], []] }),
      sink("back", "back", { func: "msg.topic = 1; return RED.util.cloneMessage(msg);", wires: [["chat"]] }),
    ]);
    red.send("chat", { payload: "Hi" });
    await red.next("reply", 2);
    assert.ok(isTold());
  });

  it("is none where a conversation goes on, or a reply is only part of the next prompt", async () => {
    await red.deploy(chatFlow(server.url, {}));
    red.send("chat", { payload: "Hi" });
    const first = await red.next("reply");
    red.send("chat", { ...first, payload: [...first.messages, { role: "user", content: first.payload }] });
    const second = await red.next("reply");
    red.send("chat", { ...second, payload: `Translate: ${second.payload}` });
    const third = await red.next("reply");
    red.send("chat", { ...third, payload: second.payload });
    await red.next("reply");
    assert.equal(isTold(), false);
  });

  it("is none where calls of output 3 come back with their results", async () => {
    server.handle(inTurn(callRound({ id: "c1", name: "weather" }), reply("ok")));
    await red.deploy(chatFlow(server.url, { functions: [{ name: "weather" }] }));
    red.send("chat", { payload: "Hi" });
    const msg = await red.next("calls");
    red.send("chat", { ...msg, payload: [...msg.messages, { role: "tool", tool_call_id: "c1", content: "7" }] });
    await red.next("reply");
    assert.equal(isTold(), false);
  });

  it("is looked for in a message that cannot be read, which is bad input and no fault of ours", async () => {
    await red.deploy(chatFlow(server.url, {}));
    red.send("chat", { payload: "Hi" });
    await red.next("reply");
    const unread = Object.defineProperty({}, "id", { get: () => assert.fail("it cannot be read") });
    // Not through `send`, which copies.
    red.node("chat").receive({ payload: "Hi", completion: unread } as never);
    const { error } = await red.next("error");
    assert.equal(error.code, "invalid_input", error.message);
    assert.equal(server.requests.length, 1);
  });

  it("is none where the reply goes to another chat node", async () => {
    const other = flowNode("other", "huggingface-chat", { config: "config", wires: [["reply-sink"], [], []] });
    await red.deploy([...chatFlow(server.url, { wires: [["other"], [], []] }), other]);
    red.send("chat", { payload: "Hi" });
    await red.next("reply");
    assert.equal(isTold(), false);
    assert.deepEqual(red.logOf("other", 30), []);
  });
});

describe("huggingface-tool, status", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its));

  const shown = () => red.statuses("tool").at(-1)?.text;
  const node = (id: string, type: string, wires: string[], more: Message = {}) =>
    flowNode(id, type, { wires: [wires], ...more });
  const subflow = (wires: object[]): NodeDef[] => [
    {
      id: "sub",
      type: "subflow",
      name: "sub",
      in: [{ x: 1, y: 1, wires: [{ id: "inner" }] }],
      out: [{ x: 1, y: 1, wires }],
    },
    { ...node("inner", "change", [], { rules: [] }), z: "sub" },
    node("instance", "subflow:sub", ["out"]),
  ];

  const flows: [what: string, returns: boolean, nodes: NodeDef[]][] = [
    ["nothing is wired to it", false, [tool([])]],
    ["it leads to a link out node in link mode", false, [tool(["out"]), linkOut("link")]],
    ["the link out node is disabled", false, [tool(["out"]), { ...linkOut("return"), d: true }]],
    ["it goes round in a circle", false, [tool(["a"]), node("a", "change", ["a"], { rules: [] })]],
    ["a subflow does not come out again", false, [tool(["instance"]), ...subflow([]), linkOut("return")]],
    ["it leads to a link out node in return mode", true, [tool(["out"]), linkOut("return")]],
    [
      "it returns on the way through other nodes",
      true,
      [tool(["a"]), node("a", "change", ["out"], { rules: [] }), linkOut("return")],
    ],
    [
      "it goes through a subflow",
      true,
      [tool(["instance"]), ...subflow([{ id: "inner", port: 0 }]), linkOut("return")],
    ],
    [
      "a complete node goes on where the last node has no output",
      true,
      [
        tool(["a"]),
        node("a", "debug", [], { active: false }),
        node("done", "complete", ["out"], { scope: ["a"] }),
        linkOut("return"),
      ],
    ],
    [
      "it goes on at a link in node",
      true,
      [
        tool(["link"]),
        node("link", "link out", [], { mode: "link", links: ["in"] }),
        node("in", "link in", ["out"], { links: ["link"] }),
        linkOut("return"),
      ],
    ],
  ];
  for (const [what, returns, nodes] of flows) {
    it(`${returns ? "is blank" : "says that nothing returns"} where ${what}`, async () => {
      await red.deploy([...chatFlow(server.url), ...nodes]);
      await sleep(30);
      assert.equal(shown(), returns ? undefined : "no return");
    });
  }

  it("goes when the flow is mended, though the tool node itself stays as it is", async () => {
    const flow = (mode: string) => [...chatFlow(server.url), tool(["out"]), linkOut(mode)];
    await red.deploy(flow("link"));
    await red.until(() => shown() === "no return", "no return");
    await red.deploy(flow("return"), undefined, "nodes");
    await red.until(() => red.statuses("tool").length > 1, "another status");
    assert.equal(shown(), undefined);
  });
});
