import assert from "node:assert/strict";
import { chatFlow, level, type Message, type NodeDef, type NodeRed } from "../support/node-red";
import { type Handler, inTurn, json, reply, replyChunks, sse, type TestServer } from "../support/server";
import { callRound, valueTool } from "../support/tools";
import { useNodeRed } from "../support/use-node-red";

const CALL = '<tool_call>{"name": "get_time", "arguments": {}}</tool_call>';
const FAILED = {
  message: "Failed to call a function.",
  type: "invalid_request_error",
  code: "tool_use_failed",
  failed_generation: "<function=get_time{}</function>",
};

describe("calls that a model writes wrongly", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its));

  const deploy = (chat: Message = {}) =>
    red.deploy([...chatFlow(server.url, { tools: ["tool-get_time"], ...chat }), ...valueTool("get_time", "noon")]);
  const ask = async (msg: Message = {}, from = "reply"): Promise<Message> => {
    red.send("chat", { payload: "When?", ...msg });
    return red.next(from);
  };
  const warnings = () => red.logOf("chat").filter((entry) => entry.level === level.warn);

  it("are carried out where they stand as text, and are neither streamed nor kept as text", async () => {
    server.handle(inTurn(reply("One moment. ", ...CALL), reply("At noon.")));
    await deploy({ stream: true });
    const msg = await ask();
    assert.equal(msg.payload, "At noon.");
    assert.equal(msg.completion.steps[0].tool_calls[0].result, "noon");
    const streamed = red.captured("stream").map(({ payload }) => payload);
    assert.equal(streamed.join(""), "One moment. At noon.");
    const [, calling, result] = server.last.body.messages;
    assert.deepEqual([calling.content, calling.tool_calls[0].function.name], ["One moment. ", "get_time"]);
    assert.equal(result.tool_call_id, calling.tool_calls[0].id);
    assert.deepEqual(warnings(), []);
  });

  it("leave at output 3 where nobody here carries them out", async () => {
    server.handle(reply(CALL));
    await deploy({ tools: [] });
    const tools = [{ name: "get_time", parameters: { type: "object", properties: {} } }];
    const msg = await ask({ huggingface: { tools } }, "calls");
    assert.deepEqual(msg.payload[0].name, "get_time");
  });

  it("stay text in an explanation, with one warning a model", async () => {
    const text = `Write ${CALL} to ask.`;
    server.handle(reply(text));
    await deploy({ stream: true });
    for (let turn = 0; turn < 2; turn++) assert.equal((await ask()).payload, text);
    assert.equal(warnings().length, 1);
    await ask({ huggingface: { model: "org/other" } });
    assert.equal(warnings().length, 2);
  });

  const asText: [what: string, chat: Message, options: Message][] = [
    ["without tools", { tools: [] }, {}],
    ["with the tool choice none", { toolChoice: "none" }, {}],
  ];
  for (const [what, chat, huggingface] of asText) {
    it(`stay text ${what}`, async () => {
      server.handle(reply(CALL));
      await deploy(chat);
      assert.equal((await ask({ huggingface })).payload, CALL);
    });
  }

  it("stay text in a JSON format", async () => {
    const text = '{"name":"get_time","arguments":{}}';
    server.handle(reply(text));
    await deploy({ format: "json_object" });
    assert.deepEqual((await ask()).payload, JSON.parse(text));
  });

  it("are carried out under the one name in theirs that is offered", async () => {
    server.handle(inTurn(callRound({ id: "a", name: "functions.get_time", args: "{}" }), reply("At noon.")));
    await deploy();
    const msg = await ask();
    assert.equal(msg.payload, "At noon.");
    assert.equal(msg.completion.steps[0].tool_calls[0].name, "get_time");
  });

  const refusals: [what: string, handler: Handler][] = [
    ["with a status", (_, response) => json(response, 400, { error: FAILED })],
    ["in the stream", (_, response) => sse(response, [{ error: { ...FAILED, status_code: 400 } }])],
    [
      "behind a text in the stream",
      (_, response) =>
        sse(response, [...replyChunks(["Hm. "]).slice(0, 2), { error: { ...FAILED, status_code: 400 } }]),
    ],
  ];
  for (const [what, handler] of refusals) {
    it(`are told to the model where the server could not read them: ${what}`, async () => {
      server.handle(inTurn(handler, callRound({ id: "a", name: "get_time", args: "{}" }), reply("At noon.")));
      await deploy();
      const msg = await ask();
      assert.equal(msg.payload, "At noon.");
      const [, failed, told] = server.requests[1]?.body.messages ?? [];
      assert.deepEqual([failed.role, failed.content], ["assistant", FAILED.failed_generation]);
      assert.equal(told.role, "user");
      assert.match(told.content, /^Failed to call a function/);
      const kept = msg.messages.map(({ role }: Message) => role);
      assert.deepEqual(kept, ["user", "assistant", "tool", "assistant"]);
      assert.equal(msg.completion.attempts, 3);
    });
  }

  it("are told to the model where the server says that they do not fit the schema", async () => {
    const message = "tool call validation failed: parameters for tool get_time did not match schema: missing 'zone'";
    const refuse: Handler = (_, response) => json(response, 400, { error: { ...FAILED, message } });
    server.handle(inTurn(refuse, reply("At noon.")));
    const [tool, ...flow] = valueTool("get_time", "noon");
    const parameters = '{"type":"object","properties":{"zone":{"type":"string"}},"additionalProperties":false}';
    await red.deploy([
      ...chatFlow(server.url, { tools: ["tool-get_time"] }),
      { ...tool, parameters } as NodeDef,
      ...flow,
    ]);
    assert.equal((await ask()).payload, "At noon.");
    const roles = server.last.body.messages.map(({ role }: Message) => role);
    assert.deepEqual(roles, ["user", "assistant", "user"]);
    assert.match(server.last.body.messages[2].content, /did not match schema/);
    assert.deepEqual(server.last.body.tools[0].function.parameters, JSON.parse(parameters));
    assert.deepEqual(warnings(), []);
  });

  it("count as rounds of calls where the server cannot read them", async () => {
    server.handle((_, response) => json(response, 400, { error: { ...FAILED, failed_generation: undefined } }));
    await deploy({ maxSteps: "2" });
    const { error } = await ask({}, "error");
    assert.equal(error.code, "tool_failed");
    assert.equal(server.requests.length, 3);
    assert.equal(server.last.body.messages.at(-2).content, "(a call that could not be read)");
  });
});
