import assert from "node:assert/strict";
import { chatFlow, flowNode, level, type Message, type NodeDef, type NodeRed, sink } from "../support/node-red";
import { chunk, inTurn, reply, replyChunks, sse, type TestServer } from "../support/server";
import { type Call, callRound } from "../support/tools";
import { useNodeRed } from "../support/use-node-red";

const CITY = JSON.stringify({ type: "object", properties: { city: { type: "string" } }, required: ["city"] });

/** Makes a tool node and its flow: a function node, and a link out in return mode. */
function tool(name: string, func: string, properties: Message = {}): NodeDef[] {
  return [
    flowNode(`tool-${name}`, "huggingface-tool", {
      name,
      description: `does ${name}`,
      parameters: CITY,
      wires: [[`do-${name}`]],
      ...properties,
    }),
    sink(`do-${name}`, name, {
      func: `global.get("capture")("${name}", RED.util.cloneMessage(msg));\n${func}`,
      wires: [[`out-${name}`]],
    }),
    flowNode(`out-${name}`, "link out", { mode: "return", links: [] }),
  ];
}

/** Records the running timers with this delay. */
function recordTimers(delayMs: number) {
  const { setTimeout: set, clearTimeout: clear } = globalThis;
  const running = new Set<unknown>();
  globalThis.setTimeout = ((handler: () => void, ms?: number, ...args: never[]) => {
    const timer = set(handler, ms, ...args);
    if (ms === delayMs) running.add(timer);
    return timer;
  }) as typeof set;
  globalThis.clearTimeout = ((timer: NodeJS.Timeout | undefined) => {
    running.delete(timer);
    clear(timer);
  }) as typeof clear;
  return { running, restore: () => Object.assign(globalThis, { setTimeout: set, clearTimeout: clear }) };
}

const fnNode = (id: string, func: string, next: string): NodeDef =>
  flowNode(id, "function", { outputs: 1, func, wires: [[next]] });

const WEATHER_CALL: Call = { id: "a", name: "weather", args: '{"city":"P"}' };
const WEATHER = "msg.payload = { degrees: 7, city: msg.payload.city }; return msg;";

describe("tools carried out by flows", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its));

  /** Waits until the chat node has dropped an answer. */
  const dropped = () =>
    red.until(() => red.logOf("chat").some((entry) => /too late or twice/.test(entry.text)), "the debug line");

  const flow = (chat: Message, ...nodes: NodeDef[][]) => [...chatFlow(server.url, chat), ...nodes.flat()];

  it("are offered, called, and their result goes back to the model", async () => {
    server.handle(inTurn(callRound({ id: "c1", name: "weather", args: '{"city":"Paris"}' }), reply("7 degrees")));
    await red.deploy(flow({ tools: ["tool-weather"] }, tool("weather", WEATHER)));
    red.send("chat", { payload: "Weather?", topic: "t", deep: { a: 1 }, huggingface: {} });
    const msg = await red.next("reply");
    assert.equal(msg.payload, "7 degrees");
    assert.deepEqual(server.requests[0]?.body.tools, [
      { type: "function", function: { name: "weather", description: "does weather", parameters: JSON.parse(CITY) } },
    ]);
    assert.equal(server.requests[0]?.body.tool_choice, undefined);
    assert.deepEqual(server.requests[1]?.body.messages.slice(1), [
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "c1", type: "function", function: { name: "weather", arguments: '{"city":"Paris"}' } }],
      },
      { role: "tool", tool_call_id: "c1", content: '{"degrees":7,"city":"Paris"}' },
    ]);
    const [started] = red.captured("weather");
    assert.deepEqual(started?.payload, { city: "Paris" });
    assert.equal(started?.topic, "weather");
    assert.deepEqual(started?.tool, { id: "c1", name: "weather", node: "tool-weather" });
    assert.deepEqual(started?.deep, { a: 1 });
    assert.equal("huggingface" in (started ?? {}), false);
    const { steps, usage, attempts } = msg.completion;
    assert.equal(attempts, 2);
    assert.deepEqual(usage, { prompt_tokens: 13, completion_tokens: 3, total_tokens: 16 });
    assert.equal(steps.length, 2);
    const { ms, ...report } = steps[0].tool_calls[0];
    assert.equal(typeof ms, "number");
    assert.deepEqual(report, {
      id: "c1",
      name: "weather",
      arguments: { city: "Paris" },
      result: '{"degrees":7,"city":"Paris"}',
    });
    assert.equal(msg.messages.length, 4);
    assert.equal(red.completions("chat").length, 1);
  });

  it("run in parallel; results are in the order of the calls", async () => {
    server.handle(
      inTurn(
        callRound(
          { id: "slow", name: "wait", args: '{"city":"80"}' },
          { id: "fast", name: "wait", args: '{"city":"0"}' },
        ),
        reply("done"),
      ),
    );
    const wait = "setTimeout(() => { msg.payload = msg.payload.city; node.send(msg); }, Number(msg.payload.city));";
    await red.deploy(flow({ tools: ["tool-wait"] }, tool("wait", wait)));
    red.send("chat", { payload: "Go" });
    await red.next("reply");
    assert.deepEqual(
      server.requests[1]?.body.messages.slice(2).map((m: Message) => [m.tool_call_id, m.content]),
      [
        ["slow", "80"],
        ["fast", "0"],
      ],
    );
  });

  const told: [string, Call, string, RegExp][] = [
    ["wrong arguments", { id: "a", name: "weather", args: '{"town":"Paris"}' }, WEATHER, /Wrong arguments.*city/],
    ["arguments that are not JSON", { id: "a", name: "weather", args: '{"city":' }, WEATHER, /not a valid JSON object/],
    [
      "arguments with a key __proto__",
      { id: "a", name: "weather", args: '{"city":"P","days":[{"__proto__":{"amount":1}}]}' },
      WEATHER,
      /key __proto__/,
    ],
    [
      "arguments that are nested too deep",
      { id: "a", name: "weather", args: `{"city":"P","days":${"[".repeat(501)}${"]".repeat(501)}}` },
      WEATHER,
      /nested deeper than 500 levels/,
    ],
    ["an unknown function", { id: "a", name: "wether", args: "{}" }, WEATHER, /no function wether.*weather/],
    [
      "an error of the flow",
      { id: "a", name: "weather", args: '{"city":"P"}' },
      'msg.error = { message: "no sun" }; return msg;',
      /no sun/,
    ],
    [
      "a flow that does not answer",
      { id: "a", name: "weather", args: '{"city":"P"}' },
      "return null;",
      /not answered within 0\.2 s/,
    ],
  ];
  for (const [what, call, func, expected] of told) {
    it(`tell the model of ${what}, so that it can correct its call`, async () => {
      server.handle(inTurn(callRound(call), reply("sorry")));
      await red.deploy(flow({ tools: ["tool-weather"], toolTimeout: "0.2" }, tool("weather", func)));
      red.send("chat", { payload: "Weather?" });
      const msg = await red.next("reply");
      assert.equal(msg.payload, "sorry");
      assert.match(server.requests[1]?.body.messages.at(-1).content, expected);
      assert.match(msg.completion.steps[0].tool_calls[0].error, expected);
    });
  }

  for (const args of ["null", "", "{}"]) {
    it(`are called without arguments where the model writes ${JSON.stringify(args)}`, async () => {
      server.handle(inTurn(callRound({ id: "a", name: "off", args }), reply("It is off.")));
      await red.deploy(flow({ tools: ["tool-off"] }, tool("off", "return msg;", { parameters: "" })));
      red.send("chat", { payload: "Off!" });
      const { completion } = await red.next("reply");
      assert.deepEqual(red.captured("off")[0]?.payload, {});
      assert.equal(completion.steps[0].tool_calls[0].result, "{}");
    });
  }

  it("are called for maxSteps rounds at most", async () => {
    server.handle(callRound({ id: "a", name: "weather", args: '{"city":"P"}' }));
    await red.deploy(flow({ tools: ["tool-weather"], maxSteps: 2 }, tool("weather", WEATHER)));
    red.send("chat", { payload: "Weather?" });
    const caught = await red.next("error");
    assert.equal(caught.error.code, "tool_failed");
    assert.equal(red.captured("weather").length, 2);
    assert.equal(caught.completion.attempts, 3);
    assert.equal(caught.error.cause.attempts, 3);
    assert.equal(red.completions("chat").length, 1);
  });

  it("leave calls of other functions to output 3, after those of this flow in a mixed round", async () => {
    server.handle(
      callRound({ id: "a", name: "lamp", args: '{"on":true}' }, { id: "b", name: "weather", args: '{"city":"P"}' }),
    );
    await red.deploy(flow({ tools: ["tool-weather"] }, tool("weather", WEATHER)));
    const tools = [
      { name: "lamp", description: "switches", parameters: { type: "object" } },
      { type: "function", function: { name: "weather", parameters: JSON.parse(CITY) } },
    ];
    red.send("chat", { payload: "Go", huggingface: { tools } });
    const msg = await red.next("calls");
    assert.deepEqual(server.last.body.tools[0], { type: "function", function: tools[0] });
    assert.deepEqual(msg.payload, [{ id: "a", name: "lamp", arguments: { on: true } }]);
    assert.deepEqual(
      msg.messages.map((m: Message) => m.role),
      ["user", "assistant", "tool"],
    );
  });

  it("go on after output 3, and a demanded call is demanded once", async () => {
    server.handle(inTurn(callRound({ id: "a", name: "lamp", args: "{}" }), reply("done")));
    await red.deploy(chatFlow(server.url));
    const huggingface = { tools: [{ name: "lamp" }], tool_choice: "required" };
    red.send("chat", { payload: "Go", huggingface });
    const { messages } = await red.next("calls");
    red.send("chat", { payload: [...messages, { role: "tool", tool_call_id: "a", content: "on" }], huggingface });
    assert.equal((await red.next("reply")).payload, "done");
    assert.equal(server.requests[0]?.body.tool_choice, "required");
    assert.equal("tool_choice" in server.last.body, false);
  });

  const choices: [Message, unknown][] = [
    [{ toolChoice: "required" }, "required"],
    [{ toolChoice: "none" }, "none"],
    [
      { toolChoice: "function", toolName: "weather" },
      { type: "function", function: { name: "weather" } },
    ],
  ];
  for (const [chat, expected] of choices) {
    it(`are chosen as the form says: ${JSON.stringify(chat)}`, async () => {
      server.handle(reply("ok"));
      await red.deploy(flow({ tools: ["tool-weather"], ...chat }, tool("weather", WEATHER)));
      red.send("chat", { payload: "Go" });
      await red.next("reply");
      assert.deepEqual(server.last.body.tool_choice, expected);
    });
  }

  for (const reasoning of ["Hm", ""]) {
    it(`get back the reasoning of the round under the server's own name: ${JSON.stringify(reasoning)}`, async () => {
      const [first, ...others] = [
        chunk(undefined, { delta: { reasoning_content: reasoning } }),
        chunk(undefined, {
          delta: { tool_calls: [{ index: 0, id: "a", function: { name: "weather", arguments: '{"city":"P"}' } }] },
        }),
        chunk(undefined, { finish_reason: "tool_calls" }),
      ];
      server.handle(inTurn((_, response) => sse(response, [first, ...others]), reply("ok")));
      await red.deploy(flow({ tools: ["tool-weather"] }, tool("weather", WEATHER)));
      red.send("chat", { payload: "Go" });
      const msg = await red.next("reply");
      for (const messages of [server.last.body.messages, msg.messages]) {
        assert.equal(messages[1].reasoning_content, reasoning);
      }
      assert.equal("reasoningToReturn" in msg.completion, false);
    });
  }

  it("stream every round by itself", async () => {
    server.handle(inTurn(callRound({ id: "a", name: "weather", args: '{"city":"P"}' }), reply("o", "k")));
    await red.deploy(flow({ tools: ["tool-weather"], stream: true }, tool("weather", WEATHER)));
    red.send("chat", { payload: "Go" });
    await red.next("reply");
    assert.deepEqual(
      red.captured("stream").map((m) => [m.step, m.payload, m.finish_reason]),
      [
        [1, "", "tool_calls"],
        [2, "o", undefined],
        [2, "k", undefined],
        [2, "", "stop"],
      ],
    );
    assert.equal(new Set(red.captured("stream").map((m) => m.parts.id)).size, 2);
  });

  const answers: [string, string, string | RegExp][] = [
    ["nothing", "delete msg.payload; return msg;", ""],
    ["a number", "msg.payload = 7; return msg;", "7"],
    ["a Buffer of text", 'msg.payload = Buffer.from("7 °C"); return msg;', "7 °C"],
    ["a Buffer of text in an object", 'msg.payload = { raw: Buffer.from("7") }; return msg;', '{"raw":"7"}'],
    [
      "other bytes",
      "msg.payload = Buffer.from([255, 0, 254]); return msg;",
      /^Error: .*msg\.payload is a Buffer that is neither/,
    ],
    ["a Map", "msg.payload = new Map([[1, 2]]); return msg;", /^Error: .*msg\.payload is of type Map/],
    [
      "a promise in an object",
      "msg.payload = { a: Promise.resolve(1) }; return msg;",
      /^Error: .*msg\.payload\.a is of type Promise/,
    ],
    ["an Error", 'msg.payload = new Error("broken pump"); return msg;', "Error: broken pump"],
    ["a value in a circle", "msg.payload.self = msg.payload; return msg;", /^Error: .*JSON.*circular.*\.$/],
    ["a BigInt", "msg.payload = { big: 10n }; return msg;", /^Error: .*JSON.*BigInt.*\.$/],
    ["an error in a circle", "msg.error = { self: msg }; return msg;", /^Error: It has failed\.$/],
  ];
  for (const [what, func, expected] of answers) {
    it(`may answer with ${what}`, async () => {
      server.handle(inTurn(callRound(WEATHER_CALL), reply("ok")));
      await red.deploy(flow({ tools: ["tool-weather"] }, tool("weather", func)));
      red.send("chat", { payload: "Go" });
      const msg = await red.next("reply");
      const { content } = server.last.body.messages.at(-1);
      if (typeof expected === "string") assert.equal(content, expected);
      else assert.match(content, expected);
      assert.deepEqual(msg.completion.steps[0].tool_calls[0].arguments, { city: "P" });
    });
  }

  const pictures: [what: string, func: string, told: RegExp][] = [
    ["an image", "msg.payload = JPEG; return msg;", /image/],
    [
      "an image in an object",
      'msg.payload = { camera: "door", picture: JPEG }; return msg;',
      /^\{"camera":"door","picture":"\(image 1\)"\}/,
    ],
  ];
  for (const [what, func, told] of pictures) {
    it(`may answer with ${what}, which is no list of numbers`, async () => {
      server.handle(inTurn(callRound(WEATHER_CALL), reply("ok")));
      const jpeg = "const JPEG = Buffer.concat([Buffer.from([255, 216, 255, 224]), Buffer.alloc(5000, 7)]);";
      await red.deploy(flow({ tools: ["tool-weather"] }, tool("weather", jpeg + func)));
      red.send("chat", { payload: "Go" });
      const msg = await red.next("reply");
      const { content } = server.last.body.messages.find(({ role }: Message) => role === "tool");
      assert.match(content, told);
      assert.ok(content.length < 200, content);
      assert.match(msg.completion.steps[0].tool_calls[0].result, told);
    });
  }

  const MEND = "msg.payload = 'yesterday: 6'; return msg;";
  const failures: [what: string, mend: NodeDef[], catchWires: string[], told: string][] = [
    ["as an error where nothing mends it", [], ["out-weather"], "Error: no sun"],
    ["as what a function has made of it", [fnNode("mend", MEND, "out-weather")], ["mend"], "yesterday: 6"],
    [
      "as an error where nothing has changed the payload",
      [fnNode("mend", "return msg;", "out-weather")],
      ["mend"],
      "Error: no sun",
    ],
    [
      "as an error where the payload was taken off",
      [fnNode("mend", "delete msg.payload; return msg;", "out-weather")],
      ["mend"],
      "Error: no sun",
    ],
  ];
  for (const [what, mend, wires, told] of failures) {
    it(`tell the model of what a catch node has caught ${what}`, async () => {
      server.handle(inTurn(callRound(WEATHER_CALL), reply("ok")));
      const fail = tool("weather", 'node.error("no sun", msg); return null;');
      await red.deploy(
        flow({ tools: ["tool-weather"] }, fail, mend, [
          flowNode("caught", "catch", { scope: ["do-weather"], uncaught: false, wires: [wires] }),
        ]),
      );
      red.send("chat", { payload: "Go" });
      await red.next("reply");
      assert.equal(server.last.body.messages.at(-1).content, told);
    });
  }

  it("tell the model of an error behind a payload that the failing flow had made, where the catch node returns it", async () => {
    server.handle(inTurn(callRound(WEATHER_CALL), reply("ok")));
    const fail = tool("weather", 'msg.payload = "<html>"; node.error("no JSON", msg); return null;');
    await red.deploy(
      flow({ tools: ["tool-weather"] }, fail, [
        flowNode("caught", "catch", { scope: null, uncaught: false, wires: [["out-weather"]] }),
        flowNode("other", "catch", { scope: ["chat"], uncaught: false, wires: [["mend"]] }),
        fnNode("mend", MEND, "out-weather"),
      ]),
    );
    red.send("chat", { payload: "Go" });
    await red.next("reply");
    assert.equal(server.last.body.messages.at(-1).content, "Error: no JSON");
  });

  it("that change what they get do not change the report", async () => {
    server.handle(inTurn(callRound(WEATHER_CALL, { ...WEATHER_CALL, id: "b" }), reply("ok")));
    const func = "msg.payload.city += '!'; msg.deep.a += 1; msg.payload = [msg.payload.city, msg.deep.a]; return msg;";
    await red.deploy(flow({ tools: ["tool-weather"] }, tool("weather", func)));
    red.send("chat", { payload: "Go", deep: { a: 1 } });
    const msg = await red.next("reply");
    assert.deepEqual(
      msg.completion.steps[0].tool_calls.map((call: Message) => [call.arguments, call.result]),
      Array(2).fill([{ city: "P" }, '["P!",2]']),
    );
    assert.deepEqual(msg.deep, { a: 1 });
  });

  it("that throw tell the model through a catch node", async () => {
    server.handle(inTurn(callRound(WEATHER_CALL), reply("ok")));
    await red.deploy(
      flow({ tools: ["tool-weather"] }, tool("weather", 'throw new Error("no sun");'), [
        flowNode("caught", "catch", { scope: ["do-weather"], wires: [["out-weather"]] }),
      ]),
    );
    red.send("chat", { payload: "Go" });
    await red.next("reply");
    assert.match(server.last.body.messages.at(-1).content, /^Error: .*no sun/);
  });

  it("that answer twice count with their first answer", async () => {
    server.handle(inTurn(callRound(WEATHER_CALL), reply("ok")));
    const twice = 'for (const payload of ["first", "second"]) node.send({ ...RED.util.cloneMessage(msg), payload });';
    await red.deploy(flow({ tools: ["tool-weather"] }, tool("weather", twice)));
    red.send("chat", { payload: "Go" });
    await red.next("reply");
    await dropped();
    assert.equal(server.last.body.messages.at(-1).content, "first");
    assert.equal(server.requests.length, 2);
    assert.equal(red.completions("chat").length, 1);
  });

  for (const when of ["while the model goes on", "after the reply"]) {
    it(`that answer after their time, ${when}, change nothing`, async () => {
      const isHeld = when.startsWith("while");
      server.handle(
        inTurn(callRound(WEATHER_CALL), async (...args) => {
          if (isHeld) await dropped();
          await reply("ok")(...args);
        }),
      );
      await red.deploy(flow({ tools: ["tool-weather"], toolTimeout: 0.03 }, tool("weather", "return null;")));
      red.send("chat", { payload: "Go" });
      const started = await red.next("weather");
      if (isHeld) await server.waitFor(2);
      else await red.next("reply");
      red.send("out-weather", { ...started, payload: "late" });
      await dropped();
      await red.completed("chat");
      await red.until(() => red.captured("reply").length > 0, "the reply");
      assert.match(server.last.body.messages.at(-1).content, /not answered within 0\.03 s/);
      assert.equal(server.requests.length, 2);
      assert.equal(red.captured("reply").length, 1);
      assert.equal(red.completions("chat").length, 1);
    });
  }

  it("are dropped with their answer when the chat node is redeployed", async () => {
    server.handle(inTurn(callRound(WEATHER_CALL), reply("ok")));
    const nodes = flow({ tools: ["tool-weather"] }, tool("weather", "return null;"));
    await red.deploy(nodes);
    red.send("chat", { payload: "Go" });
    const started = await red.next("weather");
    await red.deploy(
      nodes.map((node) => (node.id === "chat" ? { ...node, maxSteps: 3 } : node)),
      undefined,
      "nodes",
    );
    red.send("out-weather", { ...started, payload: "late" });
    await dropped();
    assert.equal(server.requests.length, 1);
    red.send("chat", { payload: "Again" });
    assert.equal((await red.next("reply")).payload, "ok");
    assert.deepEqual(server.last.body.messages, [{ role: "user", content: "Again" }]);
    assert.deepEqual(
      red.log.filter((entry) => entry.level <= 30).map((entry) => entry.text),
      [],
    );
  });

  it("are dropped without a timer when the chat node is closed", async () => {
    server.handle(inTurn(callRound(WEATHER_CALL, { ...WEATHER_CALL, id: "b" }), reply("ok")));
    const timers = recordTimers(86_400_000);
    try {
      const nodes = flow({ tools: ["tool-weather"], toolTimeout: 86_400 }, tool("weather", "return null;"));
      await red.deploy(nodes);
      red.send("chat", { payload: "Go" });
      await red.next("weather", 2);
      assert.equal(timers.running.size, 2);
      await red.deploy(
        nodes.filter((node) => node.id !== "chat"),
        undefined,
        "nodes",
      );
      await red.until(() => timers.running.size === 0, "the timers' end");
    } finally {
      timers.restore();
    }
    for (const name of ["reply", "stream", "calls", "error"]) assert.deepEqual(red.captured(name), []);
    assert.equal(red.completions("chat").length, 0);
    assert.equal(server.requests.length, 1);
  });

  type Change = (node: NodeDef) => NodeDef[];
  const changes: [string, Change, RegExp][] = [
    ["deployed anew", (node) => [{ ...node, description: "new" }], /^\{"degrees":7,"city":"P"\}$/],
    ["renamed", (node) => [{ ...node, name: "forecast" }], /^\{"degrees":7,"city":"P"\}$/],
    ["disabled", (node) => [{ ...node, d: true }], /^Error: weather is gone: /],
    ["deleted", () => [], /^Error: weather is gone: /],
  ];
  for (const [what, change, expected] of changes) {
    it(`that are ${what} while the model thinks are called as they are then`, async () => {
      let think = () => {};
      const thinking = new Promise<void>((resolve) => {
        think = resolve;
      });
      server.handle(
        inTurn(async (...args) => {
          await thinking;
          await callRound(WEATHER_CALL)(...args);
        }, reply("ok")),
      );
      // With only one tool, Node-RED would redeploy the chat node too: it treats a list of one id as that id.
      const nodes = flow({ tools: ["tool-weather", "tool-other"] }, tool("weather", WEATHER), tool("other", WEATHER));
      await red.deploy(nodes);
      red.send("chat", { payload: "Go" });
      await server.waitFor(1);
      await red.deploy(
        nodes.flatMap((node) => (node.id === "tool-weather" ? change(node) : [node])),
        undefined,
        "nodes",
      );
      think();
      assert.equal((await red.next("reply")).payload, "ok");
      assert.match(server.last.body.messages.at(-1).content, expected);
    });
  }

  it("may be called many times at once", async () => {
    const warnings: Error[] = [];
    const warn = (warning: Error) => warnings.push(warning);
    process.on("warning", warn);
    const calls = Array.from({ length: 20 }, (_, at) => ({ ...WEATHER_CALL, id: `c${at}`, args: `{"city":"${at}"}` }));
    server.handle(inTurn(callRound(...calls), reply("ok")));
    await red.deploy(flow({ tools: ["tool-weather"] }, tool("weather", "msg.payload = msg.payload.city; return msg;")));
    red.send("chat", { payload: "Go" });
    await red.next("reply");
    process.off("warning", warn);
    assert.deepEqual(
      server.last.body.messages.slice(2).map((each: Message) => [each.tool_call_id, each.content]),
      calls.map(({ id }, at) => [id, String(at)]),
    );
    assert.deepEqual(warnings, []);
  });

  it("that still run end with an abort, all at once", async () => {
    server.handle(inTurn(callRound(WEATHER_CALL, { id: "b", name: "other", args: '{"city":"P"}' }), reply("ok")));
    const both = [tool("weather", "return null;"), tool("other", "return null;")];
    await red.deploy(flow({ tools: ["tool-weather", "tool-other"], toolTimeout: 0 }, ...both));
    red.send("chat", { payload: "Go" });
    await Promise.all([red.next("weather"), red.next("other")]);
    red.send("chat", { abort: true });
    const msg = await red.next("reply");
    assert.equal(msg.completion.finish_reason, "aborted");
    assert.deepEqual(
      msg.completion.steps[0].tool_calls.map((call: Message) => [call.id, call.error]),
      [
        ["a", "It was cancelled."],
        ["b", "It was cancelled."],
      ],
    );
    assert.equal(server.requests.length, 1);
  });

  it("end with an abort, and a late answer is dropped", async () => {
    server.handle(inTurn(callRound({ id: "a", name: "weather", args: '{"city":"P"}' }), reply("ok")));
    const late = "setTimeout(() => node.send(msg), 150);";
    await red.deploy(flow({ tools: ["tool-weather"] }, tool("weather", late)));
    red.send("chat", { payload: "Go" });
    await red.next("weather");
    red.send("chat", { abort: true });
    const msg = await red.next("reply");
    assert.equal(msg.completion.finish_reason, "aborted");
    assert.deepEqual(
      msg.messages.map(({ role, content }: Message) => [role, content]),
      [
        ["user", "Go"],
        ["assistant", null],
        ["tool", "Error: It was cancelled."],
        ["assistant", "(stopped)"],
      ],
    );
    await red.until(() => red.logOf("chat").some((entry) => /too late/.test(entry.text)), "the debug line");
    assert.equal(server.requests.length, 1);
    assert.equal(red.captured("reply").length, 1);
  });

  it("may be chat nodes themselves, even with one slot for both", async () => {
    server.handle(
      inTurn(callRound({ id: "a", name: "expert", args: '{"city":"P"}' }), reply("expert says 7"), reply("it is 7")),
    );
    const expert = [
      flowNode("tool-expert", "huggingface-tool", { name: "expert", parameters: CITY, wires: [["inner"]] }),
      flowNode("inner", "huggingface-chat", {
        config: "config",
        prompt: "payload.city",
        output: "payload",
        wires: [["out-expert"], [], []],
      }),
      flowNode("out-expert", "link out", { mode: "return", links: [] }),
    ];
    await red.deploy([...chatFlow(server.url, { tools: ["tool-expert"] }, { maxConcurrent: 1 }), ...expert]);
    red.send("chat", { payload: "Go" });
    assert.equal((await red.next("reply")).payload, "it is 7");
    assert.equal(server.requests[2]?.body.messages.at(-1).content, "expert says 7");
  });

  it("keep the return path of a link call", async () => {
    server.handle(inTurn(callRound({ id: "a", name: "weather", args: '{"city":"P"}' }), reply("ok")));
    const nodes = flow({ tools: ["tool-weather"], wires: [["back"], [], []] }, tool("weather", WEATHER));
    await red.deploy([
      ...nodes,
      flowNode("call", "link call", { links: ["sub"], linkType: "static", timeout: "5", wires: [["called"]] }),
      flowNode("sub", "link in", { links: [], wires: [["chat"]] }),
      flowNode("back", "link out", { mode: "return", links: [] }),
      sink("called"),
    ]);
    red.send("call", { payload: "Go" });
    assert.equal((await red.next("called")).payload, "ok");
  });

  it("work in a subflow, one or several", async () => {
    for (const names of [["weather"], ["weather", "other"]]) {
      server.handle(inTurn(callRound({ id: "a", name: names.at(-1) ?? "", args: '{"city":"P"}' }), reply("ok")));
      const inner = [
        {
          ...flowNode("inner", "huggingface-chat", {
            config: "config",
            tools: names.map((name) => `tool-${name}`),
            wires: [[], [], []],
          }),
        },
        ...names.flatMap((name) => tool(name, WEATHER)),
      ].map((node) => ({ ...node, z: "sub" }));
      await red.deploy([
        ...chatFlow(server.url),
        {
          id: "sub",
          type: "subflow",
          name: "sub",
          in: [{ x: 1, y: 1, wires: [{ id: "inner" }] }],
          out: [{ x: 1, y: 1, wires: [{ id: "inner", port: 0 }] }],
        },
        ...inner,
        flowNode("instance", "subflow:sub", { wires: [["from-sub"]] }),
        sink("from-sub"),
      ]);
      red.send("instance", { payload: "Go" });
      const msg = await red.next("from-sub");
      assert.equal(msg.payload, "ok");
      assert.match(msg.completion.steps[0].tool_calls[0].result, /degrees/);
    }
  });

  it("on a tab work for a chat node in a subflow", async () => {
    for (const names of [["weather"], ["weather", "other"]]) {
      server.handle(inTurn(callRound({ id: "a", name: "weather", args: '{"city":"P"}' }), reply("ok")));
      const tools = names.map((name) => `tool-${name}`);
      await red.deploy([
        ...chatFlow(server.url),
        ...names.flatMap((name) => tool(name, WEATHER)),
        {
          id: "sub",
          type: "subflow",
          name: "sub",
          in: [{ x: 1, y: 1, wires: [{ id: "inner" }] }],
          out: [{ x: 1, y: 1, wires: [{ id: "inner", port: 0 }] }],
        },
        { ...flowNode("inner", "huggingface-chat", { config: "config", tools, wires: [[], [], []] }), z: "sub" },
        flowNode("instance", "subflow:sub", { wires: [["from-sub"]] }),
        sink("from-sub"),
      ]);
      red.send("instance", { payload: "Go" });
      const msg = await red.next("from-sub");
      assert.match(msg.completion.steps[0].tool_calls[0].result, /degrees/);
    }
  });

  it("that are missing or disabled are not offered, with one warning", async () => {
    server.handle(reply("ok"));
    await red.deploy(flow({ tools: ["tool-weather", "gone"] }, tool("weather", WEATHER, { d: true })));
    for (let turn = 0; turn < 2; turn++) {
      red.send("chat", { payload: "Go" });
      await red.next("reply");
    }
    assert.equal("tools" in server.last.body, false);
    assert.equal(red.logOf("chat", 30).length, 1, "one warning, as all are");
    assert.equal(red.statuses("chat").at(-1)?.text, "no tools available");
    await red.deploy(flow({ tools: ["tool-weather", "gone"] }, tool("weather", WEATHER)));
    red.send("chat", { payload: "Go" });
    await red.next("reply");
    assert.equal(server.last.body.tools.length, 1);
    assert.match(red.logOf("chat", 30).at(-1)?.text ?? "", /The tool node gone is missing or disabled/);
  });

  it("of one name are refused", async () => {
    await red.deploy(
      flow({ tools: ["tool-weather", "twin"] }, tool("weather", WEATHER), [
        flowNode("twin", "huggingface-tool", { name: "weather" }),
      ]),
    );
    red.send("chat", { payload: "Go" });
    assert.equal((await red.next("error")).error.code, "invalid_input");
    assert.equal(server.requests.length, 0);
  });

  it("are found again after they were deployed anew", async () => {
    server.handle(inTurn(callRound({ id: "a", name: "weather", args: '{"city":"P"}' }), reply("ok")));
    const nodes = flow({ tools: ["tool-weather"] }, tool("weather", WEATHER));
    await red.deploy(nodes);
    await red.deploy(
      nodes.map((node) => (node.id === "tool-weather" ? { ...node, description: "new" } : node)),
      undefined,
      "nodes",
    );
    red.send("chat", { payload: "Go" });
    assert.equal((await red.next("reply")).payload, "ok");
    assert.equal(server.last.body.tools[0].function.description, "new");
  });

  it("that a server's stream splits oddly are the same calls", async () => {
    server.handle(
      inTurn(
        (_, response) =>
          sse(response, [
            chunk(undefined, {
              delta: { tool_calls: [{ index: 1, id: "a", function: { name: "weather", arguments: "" } }] },
            }),
            chunk(undefined, {
              delta: { tool_calls: [{ index: 1, id: "", function: { name: "", arguments: '{"city":' } }] },
            }),
            chunk(undefined, { delta: { tool_calls: [{ index: 1, function: { arguments: '"P"}' } }] } }),
            ...replyChunks([], "tool_calls").slice(1),
          ]),
        reply("ok"),
      ),
    );
    await red.deploy(flow({ tools: ["tool-weather"] }, tool("weather", WEATHER)));
    red.send("chat", { payload: "Go" });
    await red.next("reply");
    assert.deepEqual(red.captured("weather")[0]?.payload, { city: "P" });
  });

  it("go back with arguments that a server can read, which some do in the whole conversation", async () => {
    for (const [args, expected] of [
      ['{"city": "Pa', "{}"],
      ["5", "{}"],
      [JSON.stringify('{"city":"Paris"}'), '{"city":"Paris"}'],
    ] as const) {
      server.handle(inTurn(callRound({ id: "a", name: "weather", args }), reply("ok")));
      await red.deploy(flow({ tools: ["tool-weather"] }, tool("weather", WEATHER)));
      red.send("chat", { payload: "Weather?" });
      const msg = await red.next("reply");
      for (const messages of [server.last.body.messages, msg.messages]) {
        assert.equal(messages[1].tool_calls[0].function.arguments, expected);
      }
    }
    assert.deepEqual(red.captured("weather")[0]?.payload, { city: "Paris" }, "JSON twice over is understood");
  });

  for (const args of ['{"amount":1,"__proto__":{"amount":1000}}', `{"a":${"[".repeat(600)}${"]".repeat(600)}}`]) {
    it(`leave at output 3 as text where their arguments are not safe to read: ${args.slice(0, 20)}…`, async () => {
      server.handle(callRound({ id: "a", name: "pay", args }));
      await red.deploy(flow({ functions: [{ name: "pay" }] }));
      red.send("chat", { payload: "Pay!" });
      const msg = await red.next("calls");
      assert.deepEqual(msg.payload, [{ id: "a", name: "pay", arguments: args }]);
      assert.equal(msg.messages.at(-1).tool_calls[0].function.arguments, "{}");
    });
  }

  it("with arguments for patterns that backtrack endlessly share one time limit", async () => {
    // A quarter of a second for each would add up to more than a minute.
    const args = JSON.stringify({ city: `${"a".repeat(60)}!` });
    const calls = Array.from({ length: 300 }, (_, index) => ({ id: `c${index}`, name: "weather", args }));
    server.handle(inTurn(callRound(...calls), reply("ok")));
    const parameters = '{"type":"object","properties":{"city":{"pattern":"^(a+)+$"}}}';
    await red.deploy(flow({ tools: ["tool-weather"] }, tool("weather", WEATHER, { parameters })));
    red.send("chat", { payload: "Weather?" });
    const { completion } = await red.next("reply");
    for (const { error } of completion.steps[0].tool_calls) assert.match(error, /takes longer than 0\.25 s/);
  });

  describe("of more than 128 calls in a round", () => {
    const calls = (count: number, name = "weather", from = 0) =>
      Array.from({ length: count }, (_, index) => ({ id: `c${from + index}`, name, args: '{"city":"P"}' }));
    const results = () => server.requests[1]?.body.messages.filter(({ role }: Message) => role === "tool");

    it("are carried out up to 128, and the last result says how many were dropped", async () => {
      server.handle(inTurn(callRound(...calls(300)), reply("ok")));
      await red.deploy(flow({ tools: ["tool-weather"], maxSteps: 1 }, tool("weather", WEATHER)));
      red.send("chat", { payload: "Weather?" });
      const { completion, messages } = await red.next("reply");
      assert.equal(red.captured("weather").length, 128);
      assert.equal(completion.steps[0].tool_calls.length, 128);
      assert.equal(results().length, 128);
      assert.match(results().at(-1).content, /172 .*dropped/);
      assert.doesNotMatch(results().at(-2).content, /dropped/);
      assert.doesNotMatch(completion.steps[0].tool_calls.at(-1).result, /dropped/, "that is what the flow said");
      for (const list of [server.last.body.messages, messages]) assert.equal(list[1].tool_calls.length, 128);
      assert.match(
        red
          .logOf("chat", level.warn)
          .map(({ text }) => text)
          .join(),
        /300 calls in one round/,
      );
    });

    it("leave at output 3 up to 128, with one warning a deploy", async () => {
      server.handle(callRound(...calls(129, "pay")));
      await red.deploy(flow({ functions: [{ name: "pay" }] }));
      for (let time = 0; time < 2; time++) {
        red.send("chat", { payload: "Pay!" });
        const msg = await red.next("calls");
        assert.equal(msg.payload.length, 128);
        assert.equal(msg.messages.at(-1).tool_calls.length, 128);
        assert.equal(msg.completion.message.tool_calls.length, 128);
      }
      assert.equal(red.logOf("chat", level.warn).length, 1);
    });

    it("are those of both kinds together in a mixed round", async () => {
      server.handle(inTurn(callRound(...calls(100), ...calls(100, "pay", 100)), reply("ok")));
      await red.deploy(flow({ tools: ["tool-weather"], functions: [{ name: "pay" }] }, tool("weather", WEATHER)));
      red.send("chat", { payload: "Both!" });
      const msg = await red.next("calls");
      assert.equal(red.captured("weather").length, 100);
      assert.equal(msg.payload.length, 28);
      assert.match(msg.messages.at(-1).content, /72 .*dropped/);
    });

    it("are kept up to 128 of a round that was aborted", async () => {
      const tool_calls = calls(300).map(({ id, name, args }, index) => ({
        index,
        id,
        function: { name, arguments: args },
      }));
      server.handle((_, response) =>
        sse(response, [chunk("Let me look."), chunk(undefined, { delta: { tool_calls } }), chunk("Wait.")], {
          done: false,
          end: false,
        }),
      );
      await red.deploy(flow({ tools: ["tool-weather"], stream: true }, tool("weather", WEATHER)));
      red.send("chat", { payload: "Weather?" });
      await red.next("stream", 2);
      red.send("chat", { abort: true });
      const { completion } = await red.next("reply");
      assert.ok((completion.message.tool_calls?.length ?? 0) <= 128);
    });
  });

  it("may take longer than a timer can run", async () => {
    server.handle(inTurn(callRound({ id: "a", name: "weather", args: '{"city":"P"}' }), reply("ok")));
    const wait = "setTimeout(() => node.send(msg), 100);";
    await red.deploy(flow({ tools: ["tool-weather"], toolTimeout: 3_000_000 }, tool("weather", wait)));
    red.send("chat", { payload: "Weather?" });
    assert.match((await red.next("reply")).completion.steps[0].tool_calls[0].result, /"P"/);
  });

  it("of any name leave a status that can be read", async () => {
    server.handle(inTurn(callRound({ id: "a", name: "x".repeat(1e6) }), reply("ok")));
    await red.deploy(flow({ tools: ["tool-weather"] }, tool("weather", WEATHER)));
    red.send("chat", { payload: "Weather?" });
    await red.next("reply");
    for (const { text = "" } of red.statuses("chat")) assert.ok(text.length < 100);
  });

  it("end with an abort that keeps what the model had said before it called", async () => {
    server.handle((_, response) =>
      sse(response, [
        chunk("Let me look."),
        chunk(undefined, {
          delta: { tool_calls: [{ index: 0, id: "a", function: { name: "weather", arguments: '{"city":"P"}' } }] },
        }),
        chunk(undefined, { finish_reason: "tool_calls" }),
      ]),
    );
    await red.deploy(flow({ tools: ["tool-weather"] }, tool("weather", "return null;")));
    red.send("chat", { payload: "Weather?" });
    await red.next("weather");
    red.send("chat", { abort: true });
    const msg = await red.next("reply");
    assert.equal(msg.payload, "Let me look.");
    assert.equal(msg.completion.message.content, "Let me look.");
  });

  it("are left out with all that belongs to them", async () => {
    server.handle(reply("ok"));
    const extra = '{"tool_choice":"auto","parallel_tool_calls":false}';
    await red.deploy(flow({ tools: ["tool-weather"], extra }, tool("weather", WEATHER)));
    red.send("chat", { payload: "Weather?", huggingface: { tools: [] } });
    await red.next("reply");
    const { tools, tool_choice, parallel_tool_calls } = server.last.body;
    assert.deepEqual([tools, tool_choice, parallel_tool_calls], [undefined, undefined, undefined]);
  });

  it("of the extra fields are offered beside those of the node", async () => {
    server.handle(reply("ok"));
    const extra = JSON.stringify({ tools: [{ type: "web_search" }, { name: "lamp" }] });
    await red.deploy(flow({ tools: ["tool-weather"], extra }, tool("weather", WEATHER)));
    red.send("chat", { payload: "Weather?" });
    await red.next("reply");
    assert.deepEqual(
      server.last.body.tools.map((entry: Message) => entry.function?.name ?? entry.type),
      ["weather", "web_search", "lamp"],
    );
  });

  for (const [name, label] of [
    ["maxSteps", "Max. tool rounds"],
    ["toolTimeout", "Tool timeout"],
    ["repairs", "Repairs"],
    ["chunkInterval", "Interval"],
  ] as const) {
    it(`are refused with ${name} = -1`, async () => {
      await red.deploy(flow({ tools: ["tool-weather"], chunk: "interval", [name]: -1 }, tool("weather", WEATHER)));
      red.send("chat", { payload: "Weather?" });
      const caught = await red.next("error");
      assert.equal(caught.error.code, "invalid_input");
      assert.ok(caught.error.message.startsWith(`${label} is "-1"`), caught.error.message);
    });
  }
});
