import assert from "node:assert/strict";
import net from "node:net";
import { ChatClient } from "../../src/client/internal";
import { catchInto, chatFlow, getNodeRed, type Message, type NodeDef, type NodeRed } from "../support/node-red";
import { valueTool } from "../support/tools";

describe("the demo", () => {
  let red: NodeRed;
  const { connect } = net.Socket.prototype;
  let connections: unknown[] = [];
  before(async () => {
    red = await getNodeRed();
    net.Socket.prototype.connect = function (this: net.Socket, ...args: Parameters<typeof connect>) {
      connections.push(args[0]);
      return connect.apply(this, args);
    } as typeof connect;
  });
  beforeEach(() => {
    connections = [];
  });
  afterEach(async () => {
    await red.reset();
    assert.deepEqual(connections, []);
  });
  after(() => {
    net.Socket.prototype.connect = connect;
  });

  const deploy = (chat: Message = {}, more: NodeDef[] = [], config: Message = {}) =>
    red.deploy([...chatFlow("demo:", chat, { model: "", ...config }), ...catchInto("errors"), ...more]);
  const ask = async (msg: Message): Promise<Message> => {
    red.send("chat", msg);
    return red.next("reply");
  };

  it("names the question and says that it is no model, without a model's name and a connection", async () => {
    await deploy();
    const { payload, completion } = await ask({ payload: "How warm is it in Oslo?" });
    assert.match(payload, /How warm is it in Oslo\?.*demo.*no model/);
    assert.equal(completion.provider, "demo");
    assert.equal(completion.finish_reason, "stop");
    assert.ok(completion.usage.prompt_tokens > 0 && completion.usage.completion_tokens > 0);
    assert.equal(completion.cost, undefined);
    await red.until(() => red.statuses("chat").some(({ text }) => text === "demo"), "the status demo");
    assert.equal(red.statuses("chat").at(-1)?.fill, "grey");
  });

  it("streams, and ends at once when it is aborted", async () => {
    await deploy({ stream: true });
    red.send("chat", { payload: "Hi" });
    const [first, second] = await red.next("stream", 2);
    red.send("chat", { abort: true });
    const { payload, completion } = await red.next("reply");
    assert.equal(completion.finish_reason, "aborted");
    assert.ok(payload.startsWith(`${first?.payload}${second?.payload}`), payload);
  });

  it("calls the first tool once, with values that fit, and tells what came back", async () => {
    const weather = valueTool("weather", "21 degrees");
    const parameters = {
      type: "object",
      properties: { city: { type: "string", minLength: 1 }, days: { type: "integer", minimum: 2 } },
      required: ["city", "days"],
      additionalProperties: false,
    };
    Object.assign(weather[0] as NodeDef, { parameters: JSON.stringify(parameters) });
    await deploy({ tools: ["tool-weather"] }, weather);
    const { payload, completion } = await ask({ payload: "How warm is it?" });
    assert.match(payload, /How warm is it\?.*21 degrees/);
    const [call] = completion.steps[0].tool_calls;
    assert.deepEqual([call.name, call.arguments.days, call.error], ["weather", 2, undefined]);
  });

  it("calls a tool once that returns an image, and still names the question", async () => {
    const [tool, change, back] = valueTool("camera", "");
    const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    const func = `msg.payload = Buffer.from("${png}", "base64"); return msg;`;
    const camera = { ...change, type: "function", func, outputs: 1 } as NodeDef;
    await deploy({ tools: ["tool-camera"] }, [tool as NodeDef, camera, back as NodeDef]);
    for (const question of ["What do you see?", "And now?"]) {
      const { payload, completion } = await ask({ payload: question });
      assert.ok(payload.includes(question), payload);
      assert.equal(completion.steps.length, 2);
    }
  });

  it("gives JSON that fits a schema", async () => {
    const schema = { type: "object", properties: { colour: { enum: ["red", "green"] } }, required: ["colour"] };
    await deploy({ format: "json_schema", schema: JSON.stringify(schema) });
    const { payload } = await ask({ payload: "Which colour?" });
    assert.deepEqual(payload, { colour: "red" });
  });

  it("remembers as with a model", async () => {
    await deploy({ conversation: "k" });
    await ask({ payload: "One" });
    const { messages } = await ask({ payload: "Two" });
    assert.deepEqual(
      messages.map(({ role }: Message) => role),
      ["user", "assistant", "user", "assistant"],
    );
  });

  it("is not reached by a variable: a flow for a real server never invents its replies", async () => {
    process.env["TEST_BASE_URL"] = "demo:";
    try {
      await red.deploy([...chatFlow("${TEST_BASE_URL}"), ...catchInto("errors")]);
      red.send("chat", { payload: "Hi" });
      const { error } = await red.next("errors");
      assert.match(error.message, /base URL/i);
    } finally {
      delete process.env["TEST_BASE_URL"];
    }
  });

  it("goes through no proxy, lists itself, and ends with its client", async () => {
    process.env["all_proxy"] = "http://127.0.0.1:9";
    try {
      const client = new ChatClient({ baseUrl: "demo:", token: "hf_secret" });
      assert.deepEqual(
        (await client.models()).map(({ id }) => id),
        ["demo"],
      );
      const asked = client.complete({ model: "x", messages: [{ role: "user", content: "hf_secret" }] });
      const { message } = await asked;
      assert.doesNotMatch(String(message.content), /hf_secret/);
      const running = client.complete({ model: "x", messages: [{ role: "user", content: "Hi" }] });
      await client.close();
      await assert.rejects(running);
    } finally {
      delete process.env["all_proxy"];
    }
  });
});
