import assert from "node:assert/strict";
import { chatFlow, type Message, type NodeRed } from "../support/node-red";
import { chunk, json, reply, replyChunks, sse, startServer, type TestServer, usageChunk } from "../support/server";
import { callRound } from "../support/tools";
import { useNodeRed } from "../support/use-node-red";

const TOKEN = "hf_the_stored_token";

describe("the route behind the try-it box", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its), reply("Hel", "lo"));
  beforeEach(() => red.deploy(chatFlow(server.url), { config: { token: TOKEN } }));

  const post = (body: unknown, signal?: AbortSignal): Promise<Response> =>
    fetch(`${red.url}/huggingface/try`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      ...(signal && { signal }),
    });
  const form = (chat: Message = {}, more: Message = {}) => ({
    prompt: "Hi",
    chat,
    tools: [],
    config: { id: "config", def: { model: "org/a", baseUrl: server.url }, token: "__PWRD__" },
    ...more,
  });
  const lines = async (body: unknown): Promise<Message[]> =>
    (await (await post(body)).text())
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));

  it("streams the reply, and then what is known of it", async () => {
    server.handle((_, response) =>
      sse(response, [
        chunk(undefined, { delta: { reasoning: "Hm" } }),
        ...replyChunks(["Hel", "lo"]),
        usageChunk(3, 2),
      ]),
    );
    const answer = await lines(form({ temperature: "0.5", system: "Be brief.", systemType: "str" }));
    const { done } = answer.pop() as Message;
    assert.deepEqual(answer, [{ reasoning: "Hm" }, { text: "Hel" }, { text: "lo" }]);
    assert.equal(done.finish_reason, "stop");
    assert.deepEqual(done.usage, { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 });
    assert.equal(typeof done.timing.first_ms, "number");
    const { messages, temperature, model } = server.last.body;
    assert.deepEqual(messages, [
      { role: "system", content: "Be brief." },
      { role: "user", content: "Hi" },
    ]);
    assert.deepEqual([temperature, model], [0.5, "org/a"]);
    assert.equal(server.last.headers.authorization, `Bearer ${TOKEN}`);
    assert.equal(
      red.completions("chat").length + red.statuses("chat").length,
      0,
      "the node itself has nothing to do with it",
    );
  });

  it("shows calls of tools and functions, and runs none", async () => {
    server.handle(callRound({ id: "a", name: "weather", args: '{"city":"Paris"}' }));
    const tools = [{ name: "weather", description: "tells", parameters: '{"type":"object"}', strict: false }];
    const { done } = (await lines(form({ functions: [{ name: "lamp" }] }, { tools }))).at(-1) as Message;
    assert.deepEqual(done.calls, [{ id: "a", name: "weather", arguments: { city: "Paris" } }]);
    assert.deepEqual(
      server.last.body.tools.map((tool: Message) => tool.function.name),
      ["weather", "lamp"],
    );
    assert.equal(server.requests.length, 1);
  });

  it("gives the value of a reply in JSON, after a repair if need be", async () => {
    server.handle((request, response, index) => reply(index === 0 ? "no" : '{"a":1}')(request, response, index));
    const { done } = (await lines(form({ format: "json_object" }))).at(-1) as Message;
    assert.deepEqual(done.reply, { a: 1 });
  });

  it("makes a template of the system prompt, and leaves out one that only a message has", async () => {
    await lines(form({ system: "Say {{payload}}.", systemType: "template" }));
    assert.equal(server.last.body.messages[0].content, "Say Hi.");
    await lines(form({ system: "prompt", systemType: "msg" }));
    assert.equal(server.last.body.messages.length, 1);
  });

  const failures: [what: string, body: () => unknown, code: string][] = [
    ["no prompt", () => form({}, { prompt: " " }), "invalid_input"],
    ["no configuration", () => form({}, { config: undefined }), "invalid_input"],
    ["a field that cannot be", () => form({ temperature: "warm" }), "invalid_input"],
    ["a server that refuses", () => form(), "auth_error"],
    ["nothing at all", () => ({}), "invalid_input"],
  ];
  for (const [what, body, code] of failures) {
    it(`ends with the node's own error for ${what}`, async () => {
      server.handle((_, response) => json(response, 401, { error: `no ${TOKEN}` }));
      const answer = await lines(body());
      assert.equal(answer.length, 1);
      assert.equal(answer[0]?.error.code, code);
      assert.doesNotMatch(JSON.stringify(answer), new RegExp(TOKEN));
    });
  }

  it("ends when the browser goes", async () => {
    server.handle((_, response) => sse(response, [chunk("Hel")], { end: false, done: false }));
    const leave = new AbortController();
    const response = await post(form(), leave.signal);
    await response.body?.getReader().read();
    leave.abort();
    await server.last.closed;
  });

  it("shows no value of a variable that the model writes, nor one in what it calls", async () => {
    Object.assign(process.env, { SOME_SECRET: "aws/Very+Secret==" });
    try {
      const secret = "aws/Very+Secret==";
      const call = { index: 0, id: "1", function: { name: "lamp", arguments: JSON.stringify({ a: [secret] }) } };
      server.handle((_, response) =>
        sse(response, [
          ...["You said ", "aws/V", "ery+Sec", "ret==", ", aws/"].map((text) => chunk(text)),
          chunk(undefined, { delta: { reasoning: `it is ${secret}` } }),
          chunk(undefined, { delta: { tool_calls: [call] } }),
          chunk(undefined, {
            finish_reason: "tool_calls",
            model: secret,
            usage: { prompt_tokens: 1, [secret]: secret },
          }),
        ]),
      );
      const answer = await lines(form({ system: "${SOME_SECRET}", functions: [{ name: "lamp" }] }));
      assert.equal(server.last.body.messages[0].content, secret);
      assert.equal(answer.map(({ text = "" }) => text).join(""), "You said ${SOME_SECRET}, aws/");
      assert.equal(answer.map(({ reasoning = "" }) => reasoning).join(""), "it is ${SOME_SECRET}");
      const { done } = answer.at(-1) as Message;
      assert.deepEqual(done.calls[0].arguments, { a: ["${SOME_SECRET}"] });
      assert.deepEqual(done.usage, { prompt_tokens: 1 });
      assert.doesNotMatch(JSON.stringify(answer), /Secret==/);
    } finally {
      delete process.env.SOME_SECRET;
    }
  });

  it("shows no value of a variable in an error of a field", async () => {
    Object.assign(process.env, { SOME_SECRET: "aws/Very+Secret==" });
    try {
      for (const field of ["temperature", "maxTokens", "strict", "format", "repairs", "extra", "schema", "stop"]) {
        const chat = { format: "json_schema", schema: "{}", [field]: "${SOME_SECRET}" };
        const text = JSON.stringify(await lines(form(chat)));
        assert.doesNotMatch(text, /Very|Secret==/, field);
      }
    } finally {
      delete process.env.SOME_SECRET;
    }
  });

  it("sends the stored token nowhere else", async () => {
    const other = await startServer(reply("ok"));
    const config = { id: "config", def: { model: "org/a", baseUrl: other.url }, token: "__PWRD__" };
    const { done } = (await lines(form({}, { config }))).at(-1) as Message;
    assert.equal(done.isTokenWithheld, true);
    assert.equal(other.last.headers.authorization, undefined);
    other.handle((_, response) => json(response, 401, { error: "Who are you?" }));
    const refused = (await lines(form({}, { config }))).at(-1) as Message;
    assert.equal(refused.error.code, "auth_error");
    assert.equal(refused.isTokenWithheld, true, "the error says why there was no token");
    await other.close();
  });
});
