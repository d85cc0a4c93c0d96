import assert from "node:assert/strict";
import { chatFlow, flowNode, type Message, type NodeRed, sink } from "../support/node-red";
import { inTurn, reply, type TestServer } from "../support/server";
import { callRound, valueTool } from "../support/tools";
import { useNodeRed } from "../support/use-node-red";

const weather = valueTool("weather", "7.5 degrees");

describe("functions declared in the form", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its));

  const lamp = { name: "lamp", description: "switches a lamp", parameters: '{"type":"object"}' };

  it("are offered, and their calls leave at output 3", async () => {
    server.handle(callRound({ id: "a", name: "lamp", args: '{"on":true}' }));
    await red.deploy(chatFlow(server.url, { functions: [lamp, { name: "bell" }] }));
    red.send("chat", { payload: "Light!" });
    const msg = await red.next("calls");
    assert.deepEqual(msg.payload, [{ id: "a", name: "lamp", arguments: { on: true } }]);
    assert.deepEqual(server.last.body.tools, [
      { type: "function", function: { ...lamp, parameters: { type: "object" } } },
      { type: "function", function: { name: "bell", parameters: { type: "object", properties: {} } } },
    ]);
  });

  it("that need no arguments get {} for what some models write in place of none", async () => {
    const needy = { name: "needy", parameters: '{"type":"object","required":["on"]}' };
    for (const args of ["null", "[]", '""', ""]) {
      server.handle(callRound({ id: "a", name: "bell", args }, { id: "b", name: "needy", args: "[]" }));
      await red.deploy(chatFlow(server.url, { functions: [{ name: "bell" }, needy] }));
      red.send("chat", { payload: "Ring!" });
      const { payload } = await red.next("calls");
      assert.deepEqual(payload[0].arguments, {}, args);
      assert.deepEqual(payload[1].arguments, []);
    }
  });

  it("and tool nodes may be called in one round; the tool nodes are first", async () => {
    server.handle(inTurn(callRound({ id: "a", name: "lamp" }, { id: "b", name: "weather" }), reply("done")));
    await red.deploy([...chatFlow(server.url, { functions: [lamp], tools: ["tool-weather"] }), ...weather]);
    red.send("chat", { payload: "Go" });
    const { payload, messages } = await red.next("calls");
    assert.deepEqual(payload, [{ id: "a", name: "lamp", arguments: {} }]);
    assert.equal(messages.at(-1).tool_call_id, "b");
    red.send("chat", { payload: [...messages, { role: "tool", tool_call_id: "a", content: "on" }] });
    assert.equal((await red.next("reply")).payload, "done");
    assert.deepEqual(
      server.last.body.messages.map((message: Message) => message.tool_call_id ?? message.role),
      ["user", "assistant", "b", "a"],
    );
  });

  const refused: [what: string, functions: unknown, says: RegExp][] = [
    ["with a name that no server takes", [{ name: "two words" }], /"two words"/],
    ["without a name", [{}], /^Tool name not valid/],
    ["of one name", [lamp, lamp], /^Tool name used twice: lamp/],
    [
      "with parameters that are no JSON",
      [{ name: "a", parameters: "{" }],
      /JSON schema: Expected property name [^.]*\. Correct them in its node\.$/,
    ],
    ["with parameters that are no schema", [{ name: "a", parameters: '{"type":"strin"}' }], /^Tool schema not valid/],
    ["with parameters that are no object", [{ name: "a", parameters: "[1]" }], /braces\. Correct them in its node\.$/],
    ["that are no list", { name: "a" }, /list/],
    ["that are no objects", ["a"], /list/],
    ["of the name of a tool node", [{ name: "weather" }], /^Tool name used twice: weather/],
  ];
  for (const [what, functions, says] of refused) {
    it(`are refused ${what}`, async () => {
      await red.deploy([...chatFlow(server.url, { functions, tools: ["tool-weather"] }), ...weather]);
      red.send("chat", { payload: "Go" });
      const caught = await red.next("error");
      assert.equal(caught.error.code, "invalid_input");
      assert.match(caught.error.message, says);
      assert.equal(server.requests.length, 0);
    });
  }

  for (const properties of [{ name: "two words" }, { name: "" }, { parameters: '{"type":"strin"}' }]) {
    it(`are no worse off than a tool node with ${JSON.stringify(properties)}, which is refused too`, async () => {
      const tool = flowNode("tool-weather", "huggingface-tool", { name: "weather", ...properties, wires: [["sink"]] });
      await red.deploy([...chatFlow(server.url, { tools: ["tool-weather"] }), tool, sink("sink")]);
      red.send("chat", { payload: "Go" });
      assert.equal((await red.next("error")).error.code, "invalid_input");
      assert.equal(server.requests.length, 0);
    });
  }
});
