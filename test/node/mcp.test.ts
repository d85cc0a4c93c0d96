import assert from "node:assert/strict";
import { failure, mcpServers, type TestServerOfTools, takeAsked } from "../support/mcp";
import { chatFlow, flowNode, level, type Message, type NodeDef, type NodeRed, sink } from "../support/node-red";
import { type Handler, inTurn, reply, type TestServer } from "../support/server";
import { type Call, callRound, valueTool } from "../support/tools";
import { useNodeRed } from "../support/use-node-red";

const CITY = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
/** A PNG, as far as its first bytes tell. */
const PNG = Buffer.from("89504e470d0a1a0a0000", "hex");
const weather = { description: "Tells the weather.", inputSchema: CITY, gives: "7 degrees" };

describe("tools of MCP servers", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its));
  beforeEach(() => takeAsked());

  /** Deploys a chat node with these servers; nobody is asked before a call. */
  const deploy = (servers: Record<string, TestServerOfTools>, chat: Message = {}, ...more: NodeDef[][]) => {
    const ids = Object.keys(servers).map((name) => `mcp-${name}`);
    const mcpTools = ids.map(() => ({ use: "all", names: [], ask: "never", seen: {} }));
    const nodes = mcpServers(red, servers);
    return red.deploy([...chatFlow(server.url, { mcp: ids, mcpTools, ...chat }), ...nodes, ...more.flat()]);
  };
  const ask = async (...rounds: [Handler, ...Handler[]]): Promise<Message> => {
    server.handle(inTurn(...rounds));
    red.send("chat", { payload: "Hi" });
    return red.next("reply");
  };
  const call = (name: string, args: object = {}): Call => ({ id: name, name, args: JSON.stringify(args) });
  const offered = (request = 0): string[] =>
    (server.requests[request]?.body.tools ?? []).map((tool: Message) => tool.function.name);
  const results = (request = 1): [string, string][] =>
    server.requests[request]?.body.messages
      .filter((message: Message) => message.role === "tool")
      .map((message: Message) => [message.tool_call_id, message.content]);
  const warnings = () => red.logOf("chat", level.warn).map((entry) => entry.text);

  it("are offered beside flow tools, called, and their result goes back to the model", async () => {
    await deploy({ docs: { tools: { weather } } }, { tools: ["tool-clock"] }, valueTool("clock", "noon"));
    const rounds = callRound(call("docs_weather", { city: "Paris" }), call("clock"));
    const msg = await ask(rounds, reply("fine"));
    assert.equal(msg.payload, "fine");
    assert.deepEqual(offered(), ["clock", "docs_weather"]);
    assert.deepEqual(server.requests[0]?.body.tools[1], {
      type: "function",
      function: { name: "docs_weather", description: "Tells the weather.", parameters: CITY },
    });
    assert.deepEqual(results(), [
      ["docs_weather", "7 degrees"],
      ["clock", "noon"],
    ]);
    assert.deepEqual(takeAsked(), [
      { server: "docs", what: "list" },
      { server: "docs", what: "weather", args: { city: "Paris" } },
    ]);
    const [{ ms, ...report }] = msg.completion.steps[0].tool_calls;
    assert.equal(typeof ms, "number");
    const { id, name, arguments: args, result } = report;
    assert.deepEqual([id, name, args, result], ["docs_weather", "docs_weather", { city: "Paris" }, "7 degrees"]);
    assert.ok(red.statuses("chat").some(({ text }) => text === "tool docs_weather"));
    assert.deepEqual(warnings(), []);
  });

  const told: [what: string, args: string, gives: TestServerOfTools["tools"][string]["gives"], says: RegExp][] = [
    ["wrong arguments", '{"town":"Paris"}', "never", /Wrong arguments.*city/],
    ["arguments that are not JSON", '{"city":', "never", /not a valid JSON object/],
    [
      "a result that is an error",
      '{"city":"P"}',
      { content: [{ type: "text", text: "No such city" }], isError: true },
      /^Error: No such city$/,
    ],
    ["an error without words", '{"city":"P"}', { content: [], isError: true }, /^Error: It has failed\.$/],
    [
      "bytes that are no image",
      '{"city":"P"}',
      { content: [{ type: "image", data: Buffer.from("BM"), mimeType: "image/bmp" }], isError: false },
      /image of type image\/bmp, which cannot be sent/,
    ],
  ];
  for (const [what, args, gives, says] of told) {
    it(`tell the model of ${what}`, async () => {
      await deploy({ docs: { tools: { weather: { ...weather, ...(gives !== undefined && { gives }) } } } });
      await ask(callRound({ id: "a", name: "docs_weather", args }), reply("ok"));
      assert.match(results()[0]?.[1] ?? "", says);
      assert.deepEqual(warnings(), []);
    });
  }

  it("give images where the model sees them", async () => {
    const gives = {
      content: [
        { type: "text" as const, text: "A cat." },
        { type: "image" as const, data: PNG, mimeType: "image/png" },
      ],
      isError: false,
    };
    await deploy({ space: { tools: { draw: { gives } } } });
    await ask(callRound(call("space_draw")), reply("nice"));
    assert.deepEqual(results(), [["space_draw", "A cat.\n(See image 1 below.)"]]);
    const url = `data:image/png;base64,${PNG.toString("base64")}`;
    assert.deepEqual(server.requests[1]?.body.messages.at(-1).content, [{ type: "image_url", image_url: { url } }]);
  });

  const chosen: [use: string, names: string[], offers: string[]][] = [
    ["all", ["b"], ["s_a", "s_b", "s_c"]],
    ["only", ["c", "a", "gone"], ["s_a", "s_c"]],
    ["only", [], []],
    ["except", ["b"], ["s_a", "s_c"]],
    ["nonsense", ["b"], ["s_a", "s_b", "s_c"]],
  ];
  for (const [use, names, offers] of chosen) {
    it(`are offered by the choice ${use} ${names.join(" ")}`, async () => {
      const mcpTools = [{ use, names, ask: "never", seen: {} }];
      await deploy({ s: { tools: { a: {}, b: {}, c: {} } } }, { mcpTools });
      await ask(reply("ok"));
      assert.deepEqual(offered(), offers);
    });
  }

  for (const [what, count, own, offers] of [
    ["128 tools", 128, 0, 128],
    ["200 tools", 200, 0, 128],
    ["10,000 tools, beside two functions", 10_000, 2, 126],
  ] as const) {
    it(`are offered up to what a request takes: ${what}`, async () => {
      const tools = Object.fromEntries(Array.from({ length: count }, (_, index) => [`t${index}`, {}]));
      const functions = Array.from({ length: own }, (_, index) => ({ name: `own${index}` }));
      await deploy({ s: { tools } }, { functions });
      await ask(reply("ok"));
      assert.equal(offered().length, offers + own);
      assert.equal(offered().filter((name) => name === `s_t${offers - 1}`).length, 1);
      if (count === offers) {
        assert.deepEqual(warnings(), []);
        return;
      }
      await red.until(() => red.statuses("chat").at(-1)?.fill === "yellow", "yellow");
      assert.equal(red.statuses("chat").at(-1)?.text, `128 of ${count + own} tools offered`);
      assert.equal(warnings().length, 1);
      assert.match(warnings()[0] ?? "", /Too many tools: \d+ are chosen, .*at most 128.*on the tab Tools/);
    });
  }

  it("have names that servers accept, each but once, in a stable order", async () => {
    const long = "x".repeat(80);
    const tools = { "get.it": {}, "get it": {}, [long]: {}, größe: {} };
    const functions = [{ name: "s_clock" }];
    await deploy(
      { s: { tools: { ...tools, clock: {} } }, "s!": { tools: { "get.it": { gives: "second" } } } },
      { functions },
    );
    await ask(reply("ok"));
    const names = offered();
    assert.equal(new Set(names).size, 7);
    for (const name of names) assert.match(name, /^[A-Za-z0-9_-]{1,64}$/);
    assert.equal(names[0], "s_get_it");
    assert.ok(names.includes("s_clock") && names.some((name) => /^s_clock_[0-9a-f]{6}$/.test(name)), names.join());
    const last = names.filter((name) => /^s_get_it_/.test(name)).at(-1) ?? "";
    await ask(callRound(call(last)), reply("ok"));
    assert.deepEqual(offered(1), names);
    assert.equal(results(2)[0]?.[1], "second");
  });

  it("run in parallel; results are in the order of the calls", async () => {
    const wait = (ms: number) => () =>
      new Promise<never>((resolve) =>
        setTimeout(() => resolve({ content: [{ type: "text", text: `${ms}` }], isError: false } as never), ms),
      );
    await deploy({ s: { tools: { slow: { gives: wait(60) }, fast: { gives: wait(0) } } } });
    await ask(callRound(call("s_slow"), call("s_fast")), reply("ok"));
    assert.deepEqual(results(), [
      ["s_slow", "60"],
      ["s_fast", "0"],
    ]);
  });

  it("are listed in parallel, once a question", async () => {
    // Each list comes only when all three were asked for.
    let meet = () => {};
    const met = new Promise<void>((resolve) => {
      meet = resolve;
    });
    let waiting = 0;
    const until = () => {
      waiting++;
      if (waiting === 3) meet();
      return met;
    };
    const tools = { x: {} };
    await deploy({ a: { until, tools }, b: { until, tools }, c: { until, tools } });
    await ask(callRound(call("a_x")), reply("ok"));
    assert.deepEqual(
      takeAsked().map(({ what }) => what),
      ["list", "list", "list", "x"],
    );
    assert.deepEqual(offered(), ["a_x", "b_x", "c_x"]);
  });

  const failing: [what: string, server: TestServerOfTools | undefined, status: string, warning: RegExp][] = [
    [
      "cannot list its tools",
      { broken: "gone", tools: {} },
      "MCP server failed: bad",
      /MCP server bad failed: .*gone.*went on without it/,
    ],
    ["is missing", undefined, "MCP server missing", /MCP server mcp-bad is missing or disabled/],
  ];
  for (const [what, bad, status, warning] of failing) {
    it(`of a server that ${what} are not offered; the question goes on, with one warning`, async () => {
      await deploy({ good: { tools: { x: {} } }, ...(bad && { bad }) }, { mcp: ["mcp-bad", "mcp-good"] });
      for (let turn = 0; turn < 2; turn++) {
        const msg = await ask(reply("ok"));
        assert.equal(msg.payload, "ok");
        assert.deepEqual(offered(turn), ["good_x"]);
        await red.until(() => red.statuses("chat").at(-1)?.fill === "yellow", "yellow");
        assert.equal(red.statuses("chat").at(-1)?.text, status);
      }
      assert.equal(warnings().length, 1, warnings().join("\n"));
      assert.match(warnings()[0] ?? "", warning);
    });
  }

  it("that fail are told to the model, with a warning", async () => {
    const gives = () => Promise.reject(failure("connection lost"));
    await deploy({ s: { tools: { x: { gives } } } });
    await ask(callRound(call("s_x")), reply("ok"));
    assert.match(results()[0]?.[1] ?? "", /^Error: .*connection lost/);
    assert.match(warnings().join(), /MCP server s failed: .*connection lost/);
  });

  for (const [when, slow, gives] of [
    ["while a server lists its tools", 5000, undefined],
    ["while a tool runs", 0, () => new Promise<never>(() => {})],
  ] as const) {
    it(`end with an abort ${when}`, async () => {
      await deploy({ s: { slow, tools: { x: { ...(gives && { gives }) } } } });
      server.handle(inTurn(callRound(call("s_x")), reply("never")));
      red.send("chat", { payload: "Hi" });
      const wanted = gives ? "x" : "list";
      await red.until(() => takeAsked().some(({ what }) => what === wanted), wanted);
      red.send("chat", { abort: true });
      const msg = await red.next("reply");
      assert.equal(msg.completion.finish_reason, "aborted");
      assert.deepEqual(warnings(), []);
    });
  }

  it("with a schema that cannot be read run with what the model gives", async () => {
    const inputSchema = { type: "object", properties: { a: { $ref: "https://example.com/elsewhere" } } };
    await deploy({ s: { tools: { x: { inputSchema, gives: "ran" } } } });
    await ask(callRound(call("s_x", { a: 1 })), reply("ok"));
    assert.deepEqual(results(), [["s_x", "ran"]]);
  });

  it("are found from inside a subflow, one server or several", async () => {
    for (const names of [["inner"], ["inner", "outer"]]) {
      const ids = names.map((name) => `mcp-${name}`);
      const mcpTools = ids.map(() => ({ use: "all", names: [], ask: "never", seen: {} }));
      const chat = flowNode("asks", "huggingface-chat", { config: "config", mcp: ids, mcpTools, wires: [[], [], []] });
      await red.deploy([
        ...chatFlow(server.url),
        {
          id: "sub",
          type: "subflow",
          name: "sub",
          in: [{ x: 1, y: 1, wires: [{ id: "asks" }] }],
          out: [{ x: 1, y: 1, wires: [{ id: "asks", port: 0 }] }],
        },
        { ...chat, z: "sub" },
        ...mcpServers(red, { inner: { tools: { x: { gives: "in" } } } }, "sub"),
        ...mcpServers(red, { outer: { tools: { x: { gives: "out" } } } }),
        flowNode("instance", "subflow:sub", { wires: [["from-sub"]] }),
        sink("from-sub"),
      ]);
      server.handle(inTurn(callRound(call("inner_x")), reply("ok")));
      const from = server.requests.length;
      red.send("instance", { payload: "Hi" });
      await red.next("from-sub");
      assert.deepEqual(
        offered(from),
        names.map((name) => `${name}_x`),
      );
      assert.equal(results(from + 1)[0]?.[1], "in");
    }
  });

  it("are asked for only where their server is chosen", async () => {
    await deploy({ s: { tools: { x: {} } } }, { mcp: [], mcpTools: [] });
    await ask(reply("ok"));
    assert.deepEqual(takeAsked(), []);
    assert.equal(offered().length, 0);
  });
});
