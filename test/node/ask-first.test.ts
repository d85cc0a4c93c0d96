import assert from "node:assert/strict";
import { pointTo, readExamples } from "../../dev/examples";
import { definitionHash } from "../../src/node-red/mcp/definition-hash";
import { mcpServers, type TestServerOfTools, type TestTool, takeAsked } from "../support/mcp";
import { McpTestServer } from "../support/mcp-server";
import { chatFlow, flowNode, level, type Message, type NodeDef, type NodeRed, sink } from "../support/node-red";
import { inTurn, reply, startServer, type TestServer } from "../support/server";
import { callRound } from "../support/tools";
import { useNodeRed } from "../support/use-node-red";

const CITY = { type: "object", properties: { city: { type: "string" } } };
const readOnly = { annotations: { readOnlyHint: true } };

/** A flow at the link in node `ask`, which captures each message as "asked" and answers by this function. */
function approvalFlow(func: string): NodeDef[] {
  return [
    flowNode("ask", "link in", { name: "ask", links: [], wires: [["answer"]] }),
    sink("answer", "answer", {
      func: `global.get("capture")("asked", RED.util.cloneMessage(msg));\n${func}`,
      wires: [["back"]],
    }),
    flowNode("back", "link out", { mode: "return", links: [] }),
  ];
}

const YES = "msg.payload = true; return msg;";
/** Nothing comes back, until a test sends it. */
const LATER = 'flow.set("open", [...(flow.get("open") ?? []), msg]);';

describe("a person who is asked first", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its));
  beforeEach(() => takeAsked());

  const warnings = () => red.logOf("chat", level.warn).map((entry) => entry.text);
  const called = () => takeAsked().flatMap(({ what }) => (what === "list" ? [] : [what]));
  const told = () =>
    (server.requests[1]?.body.messages ?? [])
      .filter((message: Message) => message.role === "tool")
      .map((message: Message) => message.content);

  /** Deploys a chat node with the server `s`. */
  const deploy = (
    tools: Record<string, TestTool>,
    { believes = false, ...choice }: Pick<TestServerOfTools, "believes"> & Message,
    answer?: string,
    chat: Message = {},
  ) =>
    red.deploy([
      ...chatFlow(server.url, {
        mcp: ["mcp-s"],
        mcpTools: [{ use: "all", names: [], ask: "changes", seen: {}, ...choice }],
        ...(answer !== undefined && { approval: "ask" }),
        ...chat,
      }),
      ...mcpServers(red, { s: { believes, tools } }),
      ...(answer === undefined ? [] : approvalFlow(answer)),
    ]);
  const ask = async (...names: string[]): Promise<Message> => {
    const calls = names.map((name) => ({ id: `id-${name}`, name: `s_${name}`, args: '{"city":"P"}' }));
    server.handle(inTurn(callRound(...calls), reply("ok")));
    red.send("chat", { payload: "Go", user: "ann", huggingface: {} });
    return red.next("reply");
  };

  const rows: { what: string; choice: Message; tool: TestTool; isAsked: boolean }[] = [
    { what: "a tool without marks", choice: {}, tool: {}, isAsked: true },
    {
      what: "a read-only tool of a server that is believed",
      choice: { believes: true },
      tool: readOnly,
      isAsked: false,
    },
    { what: "a tool that a server calls read-only, and is not believed", choice: {}, tool: readOnly, isAsked: true },
    {
      what: "a tool that is both read-only and destructive",
      choice: { believes: true },
      tool: { annotations: { readOnlyHint: true, destructiveHint: true } },
      isAsked: true,
    },
    {
      what: "a tool that changes something at a server that is believed",
      choice: { believes: true },
      tool: { annotations: { readOnlyHint: false, destructiveHint: false } },
      isAsked: true,
    },
    { what: "any tool where nobody is to be asked", choice: { ask: "never" }, tool: {}, isAsked: false },
    {
      what: "any tool where somebody always is",
      choice: { ask: "every", believes: true },
      tool: readOnly,
      isAsked: true,
    },
    { what: "a tool under a choice that is none", choice: { ask: "what" }, tool: {}, isAsked: true },
    {
      what: "a tool as it was seen",
      choice: { ask: "never", seen: { x: definitionHash({ description: "Old.", inputSchema: CITY }) } },
      tool: { description: "Old." },
      isAsked: false,
    },
    {
      what: "a tool with a new description",
      choice: { ask: "never", seen: { x: definitionHash({ description: "Old.", inputSchema: CITY }) } },
      tool: { description: "New." },
      isAsked: true,
    },
    {
      what: "a tool with a new schema",
      choice: { ask: "never", seen: { x: definitionHash({ description: "Old.", inputSchema: {} }) } },
      tool: { description: "Old." },
      isAsked: true,
    },
    {
      what: "a tool that has come since the list was seen",
      choice: { ask: "never", seen: { y: "0123456789abcdef" } },
      tool: {},
      isAsked: true,
    },
  ];
  for (const { what, choice, tool, isAsked } of rows) {
    it(`${isAsked ? "is asked for" : "is not asked for"} ${what}`, async () => {
      await deploy({ x: { inputSchema: CITY, ...tool } }, choice, "msg.payload = false; return msg;");
      await ask("x");
      assert.equal(red.captured("asked").length, isAsked ? 1 : 0);
      assert.deepEqual(called(), isAsked ? [] : ["x"]);
      assert.deepEqual(warnings(), []);
    });
  }

  it("gets the call with what the server says of it, and the question's own properties", async () => {
    await deploy({ x: { description: "Does x.", ...readOnly } }, {}, YES);
    await ask("x");
    const [asked] = red.captured("asked");
    assert.deepEqual(asked?.payload, {
      id: "id-x",
      name: "x",
      arguments: { city: "P" },
      description: "Does x.",
      server: "s",
      annotations: { readOnlyHint: true },
    });
    assert.equal(asked?.user, "ann");
    assert.equal("huggingface" in (asked ?? {}), false);
    assert.deepEqual(called(), ["x"]);
    assert.deepEqual(told(), ["done"]);
  });

  const answers: [answer: string, says: RegExp | undefined][] = [
    ["true", undefined],
    ["false", /^Error: s_x was not run: it was refused\.$/],
    ["undefined", /it was refused\.$/],
    ['"true"', /it was refused\. The answer was: true$/],
    ["1", /it was refused\. The answer was: 1$/],
    ['"Not on a Sunday"', /The answer was: Not on a Sunday$/],
    ["{ ok: true }", /The answer was: \{"ok":true\}$/],
    ["msg.payload", /it was refused\.$/],
    ['""', /it was refused\.$/],
    ['Buffer.from("Not on a Sunday")', /The answer was: Not on a Sunday$/],
  ];
  for (const [answer, says] of answers) {
    it(`lets a call run with true alone: ${answer}`, async () => {
      await deploy({ x: {} }, {}, `msg.payload = ${answer}; return msg;`);
      await ask("x");
      assert.deepEqual(called(), says ? [] : ["x"]);
      if (says) assert.match(told()[0], says);
    });
  }

  it("does not let a call run where the flow has failed", async () => {
    await deploy({ x: {} }, {}, 'msg.payload = true; msg.error = { message: "database away" }; return msg;');
    await ask("x");
    assert.deepEqual(called(), []);
    assert.match(told()[0], /database away/);
  });

  it("answers several calls that are open at once, in any order", async () => {
    await deploy({ a: {}, b: {}, c: {} }, {}, LATER);
    server.handle(
      inTurn(callRound(...["a", "b", "c"].map((name) => ({ id: `id-${name}`, name: `s_${name}` }))), reply("ok")),
    );
    red.send("chat", { payload: "Go" });
    await red.next("asked", 3);
    const open: Message[] = red.node("answer").context().flow.get("open");
    for (const [name, payload] of [
      ["c", true],
      ["a", "not that one"],
      ["b", true],
    ] as const) {
      const msg = open.find((one) => one["payload"].name === name);
      red.send("back", { ...msg, payload });
    }
    await red.next("reply");
    assert.deepEqual(called().sort(), ["b", "c"]);
    assert.deepEqual(told(), ["Error: s_a was not run: it was refused. The answer was: not that one", "done", "done"]);
  });

  it("refuses by saying nothing in time, with one warning and a yellow status", async () => {
    await deploy({ x: {} }, {}, LATER, { approvalTimeout: 0.1 });
    await ask("x");
    assert.deepEqual(called(), []);
    assert.match(told()[0], /s_x was not run: nobody has allowed it in time/);
    assert.equal(warnings().length, 1);
    assert.match(warnings()[0] ?? "", /No answer within 0\.1 s whether s_x may run.*"Wait for an answer"/);
    await red.until(() => red.statuses("chat").at(-1)?.text === "not allowed in time: s_x", "the status");
    const [late] = red.node("answer").context().flow.get("open");
    red.send("back", { ...late, payload: true });
    await red.until(() => red.logOf("chat").some(({ text }) => /too late or twice/.test(text)), "the debug line");
    assert.deepEqual(called(), []);
  });

  it("is not waited for after an abort", async () => {
    await deploy({ x: {} }, {}, LATER, { approvalTimeout: 0 });
    server.handle(inTurn(callRound({ id: "a", name: "s_x" }), reply("never")));
    red.send("chat", { payload: "Go" });
    await red.next("asked");
    red.send("chat", { abort: true });
    const msg = await red.next("reply");
    assert.equal(msg.completion.finish_reason, "aborted");
    assert.deepEqual(called(), []);
    assert.deepEqual(warnings(), []);
  });

  for (const [what, answer, chat] of [
    ["no flow", undefined, {}],
    ["a flow that is gone", undefined, { approval: "gone" }],
    ["a node that is no link in", undefined, { approval: "reply-sink" }],
  ] as const) {
    it(`is needed: with ${what} a call is refused, with one warning and a yellow status`, async () => {
      await deploy({ x: {} }, {}, answer, chat);
      await ask("x");
      assert.deepEqual(called(), []);
      assert.match(told()[0], /s_x was not run: somebody has to allow it first/);
      assert.equal(warnings().length, 1);
      assert.match(warnings()[0] ?? "", /Nobody to ask: s_x .*"Who is asked"/);
      await red.until(() => red.statuses("chat").at(-1)?.text === "nobody to ask: s_x", "the status");
    });
  }

  it("is asked for a changed definition until one yes, also after a deploy", async () => {
    const tool = { description: `New at ${Date.now()}` };
    const choice = { ask: "never", seen: { x: "0123456789abcdef" } };
    const asked: number[] = [];
    for (const answer of ["msg.payload = false; return msg;", YES, YES]) {
      await deploy({ x: tool }, choice, answer);
      await ask("x");
      asked.push(red.captured("asked").length);
    }
    assert.deepEqual(asked, [1, 2, 2]);
    assert.deepEqual(called(), ["x", "x"]);
  });

  for (const [what, changed, ran, says] of [
    ["deployed anew", { timeout: 20 }, ["echo"], /^hi$/],
    ["deployed anew under another name", { name: "other" }, [], /^Error: docs_echo is gone/],
    ["removed", undefined, [], /^Error: docs_echo is gone/],
  ] as const) {
    it(`lets a call run at the server as it is then, where its node was ${what} meanwhile`, async () => {
      const http = await startServer();
      const mcp = new McpTestServer(http);
      const node = { id: "mcp", type: "huggingface-mcp", name: "docs", url: mcp.url };
      const flow = (more: Message | undefined) => [
        // Node-RED would restart a chat node with one server.
        ...chatFlow(server.url, { mcp: ["mcp", "mcp-s"], mcpTools: [{}, {}], approval: "ask" }),
        ...mcpServers(red, { s: { tools: {} } }),
        ...(more ? [{ ...node, ...more }] : []),
        ...approvalFlow(LATER),
      ];
      await red.deploy(flow({}));
      server.handle(inTurn(callRound({ id: "a", name: "docs_echo", args: '{"text":"hi"}' }), reply("ok")));
      red.send("chat", { payload: "Go" });
      await red.next("asked");
      await red.deploy(flow(changed), undefined, "nodes");
      const [open] = red.node("answer").context().flow.get("open");
      red.send("back", { ...open, payload: true });
      await red.next("reply");
      assert.match(told()[0], says);
      assert.deepEqual(
        mcp.calls.map(({ name }) => name),
        ran,
      );
      assert.deepEqual(
        warnings().filter((text) => /cancelled/.test(text)),
        [],
      );
      await http.close();
    });
  }

  it("tells the model that a call may have run, where the node of its server was deployed anew during the call", async () => {
    const http = await startServer();
    const mcp = new McpTestServer(http, { before: ({ body }) => body?.method === "tools/call" });
    const flow = (timeout: number) => [
      ...chatFlow(server.url, { mcp: ["mcp", "mcp-s"], mcpTools: [{ ask: "never" }, {}] }),
      ...mcpServers(red, { s: { tools: {} } }),
      flowNode("mcp", "huggingface-mcp", { name: "docs", url: mcp.url, timeout }),
    ];
    await red.deploy(flow(60));
    server.handle(inTurn(callRound({ id: "a", name: "docs_echo", args: '{"text":"hi"}' }), reply("ok")));
    red.send("chat", { payload: "Go" });
    await red.until(() => mcp.asked("tools/call").length === 1, "the call");
    await red.deploy(flow(20), undefined, "nodes");
    await red.next("reply");
    assert.match(told()[0], /^Error: docs_echo may have run: its server was deployed anew/);
    assert.equal(mcp.asked("tools/call").length, 1);
    await http.close();
  });

  it("is asked from inside a subflow, by a flow in it", async () => {
    const inner = [
      flowNode("asks", "huggingface-chat", {
        config: "config",
        mcp: ["mcp-s"],
        mcpTools: [{}],
        approval: "ask",
        wires: [[], [], []],
      }),
      ...approvalFlow(YES),
    ].map((node) => ({ ...node, z: "sub" }));
    await red.deploy([
      ...chatFlow(server.url),
      ...mcpServers(red, { s: { tools: { x: {} } } }),
      {
        id: "sub",
        type: "subflow",
        name: "sub",
        in: [{ x: 1, y: 1, wires: [{ id: "asks" }] }],
        out: [{ x: 1, y: 1, wires: [{ id: "asks", port: 0 }] }],
      },
      ...inner,
      flowNode("instance", "subflow:sub", { wires: [["from-sub"]] }),
      sink("from-sub"),
    ]);
    server.handle(inTurn(callRound({ id: "a", name: "s_x" }), reply("ok")));
    red.send("instance", { payload: "Go" });
    await red.next("from-sub");
    assert.deepEqual(called(), ["x"]);
  });

  it("says yes and no on the page of example 27, to several calls that are open at once", async () => {
    const example = readExamples().find(({ name }) => name.includes("Allow calls on a web page"));
    const flow = example?.flow ?? [];
    const [stub] = mcpServers(red, { docs: { tools: { a: {}, b: {} } } });
    const chat = flow.find(({ type }) => type === "huggingface-chat")?.id ?? "";
    await red.deploy(
      pointTo(
        server.url,
        flow.map((node) => (node.type === "huggingface-mcp" ? { ...stub, id: node.id } : node)) as NodeDef[],
      ),
    );
    server.handle(
      inTurn(callRound({ id: "1", name: "docs_a", args: '{"q":"<b>"}' }, { id: "2", name: "docs_b" }), reply("ok")),
    );
    red.send(chat, { payload: "Go" });
    const page = async () => (await fetch(`${red.url}/allow`)).text();
    let html = "";
    for (let turn = 0; turn < 100 && html.split('name="id"').length < 3; turn++) html = await page();
    assert.ok(
      html.includes("docs_a") === false && html.includes("<b>") === false,
      "escaped, under the server's own name",
    );
    const ids = [...html.matchAll(/name="id" value="([^"]+)"/g)].map(([, id]) => id);
    for (const [id, answer] of [
      [ids[1], "no"],
      [ids[0], "yes"],
    ]) {
      await fetch(`${red.url}/allow`, {
        method: "POST",
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body: `id=${id}&answer=${answer}`,
      });
    }
    await red.completed(chat);
    assert.deepEqual(called(), ["a"]);
    assert.deepEqual(told(), ["done", "Error: docs_b was not run: it was refused. The answer was: A person said no."]);
  });
});
