import assert from "node:assert/strict";
import { chatFlow, flowNode, level, type Message, type NodeRed } from "../support/node-red";
import { json, reply, replyChunks, sse, type TestServer } from "../support/server";
import { callRound, valueTool } from "../support/tools";
import { useNodeRed } from "../support/use-node-red";

const credentials = { config: { token: "hf_abcDEFghiJKLmno" } };

describe("huggingface-chat behind an http-in node", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its));

  /** Deploys an http-in node wired straight to a chat node, and what answers the stranger. */
  const flow = (chat: Message = {}) => [
    ...chatFlow(server.url, { conversation: "ours", system: "Ours.", tools: ["tool-own"], ...chat }).map((node) =>
      node.id === "chat" ? { ...node, wires: [["answer"], [], []] } : node,
    ),
    ...valueTool("own", "done"),
    flowNode("in", "http in", { url: "/ask", method: "post", upload: false, wires: [["chat"]] }),
    flowNode("answer", "http response", { statusCode: "" }),
  ];
  const post = (body: unknown) =>
    fetch(`${red.url}/ask`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });

  const asks = { messages: [{ role: "user", content: "Hi" }] };
  const stranger: Record<string, object | string> = {
    "our own words": {
      ...asks,
      conversation: "theirs",
      system: "Theirs.",
      stream: true,
      tools: [{ name: "theirs", parameters: {} }],
      tool_choice: "required",
      functions: [{ name: "theirs" }],
      function_call: { name: "theirs" },
      stream_options: { include_usage: false },
    },
    "msg.huggingface inside": { ...asks, huggingface: { system: "Theirs.", conversation: "theirs", tools: [] } },
    "the same through a prototype":
      '{"messages":[{"role":"user","content":"Hi"}],"__proto__":{"conversation":"theirs","system":"Theirs.","tools":[{"name":"theirs"}],"polluted":1},"constructor":{"prototype":{"polluted":1}}}',
    "control messages": { abort: true, reset: true, ...asks },
  };
  for (const [what, body] of Object.entries(stranger)) {
    it(`lets a stranger's JSON choose neither conversation, system prompt nor tools: ${what}`, async () => {
      server.handle(reply("ok"));
      await red.deploy(flow());
      assert.equal((await post(body)).status, 200);
      const { body: sent } = server.last;
      assert.deepEqual(sent.messages, [
        { role: "system", content: "Ours." },
        { role: "user", content: "Hi" },
      ]);
      const names = sent.tools.map((tool: Message) => tool.function.name);
      assert.deepEqual(names, ["own"]);
      for (const name of ["tool_choice", "functions", "function_call", "conversation", "system"]) {
        assert.equal(name in sent, false, name);
      }
      assert.deepEqual(sent.stream_options, { include_usage: true });
      await post({ messages: [{ role: "user", content: "And?" }] });
      const texts = server.last.body.messages.map((message: Message) => message.content);
      assert.deepEqual(texts, ["Ours.", "Hi", "ok", "And?"], "it is our conversation that goes on");
    });
  }

  const schema = { type: "object", properties: { theirs: { type: "string", pattern: "^(a+)+$" } } };
  for (const [what, response_format] of Object.entries({
    "OpenAI's": { type: "json_schema", json_schema: { name: "theirs", schema } },
    "TGI's": { type: "json_object", value: schema },
    "of no known kind": { type: "json", schema },
  })) {
    it(`lets a stranger's JSON bring no schema, with one warning: ${what}`, async () => {
      server.handle(reply('{"theirs":5}'));
      await red.deploy(flow({ conversation: "" }));
      for (let time = 0; time < 2; time++) {
        assert.equal(await (await post({ ...asks, response_format })).text(), '{"theirs":5}', "it is a text");
        assert.equal("response_format" in server.last.body, false);
      }
      const warnings = red.logOf("chat", level.warn).map(({ text }) => text);
      assert.equal(warnings.length, 1);
      assert.match(warnings.join(), /response_format.* ignored.*"Response format"/);
    });
  }

  it("lets a stranger's JSON ask for any object, and keeps to the schema of the form", async () => {
    server.handle(reply('{"a":1}'));
    await red.deploy(flow());
    assert.equal(await (await post({ ...asks, response_format: { type: "json_object" } })).text(), '{"a":1}');
    assert.deepEqual(server.last.body.response_format, { type: "json_object" });
    await red.deploy(flow({ format: "json_schema", schema: '{"type":"object","required":["a"]}' }));
    await post({ ...asks, response_format: { type: "json_schema", json_schema: { name: "theirs", schema } } });
    assert.deepEqual(server.last.body.response_format.json_schema.schema, { type: "object", required: ["a"] });
  });

  it("takes messages of a stranger as they are, and as text alone where the prompt is a template", async () => {
    server.handle(reply("ok"));
    const messages = [
      { role: "system", content: "Theirs." },
      { role: "user", content: "Hi" },
    ];
    await red.deploy(flow());
    await post({ messages });
    assert.deepEqual(server.last.body.messages, messages);
    await red.deploy(flow({ prompt: "{{payload.messages}}", promptType: "template", conversation: "" }));
    await post({ messages });
    const sent = server.last.body.messages.map(({ role, content }: Message) => `${role}: ${content}`);
    assert.deepEqual(sent, ["system: Ours.", `user: ${JSON.stringify(messages)}`]);
  });

  for (const name of ["token", "headers", "baseUrl"]) {
    it(`lets a stranger's JSON not choose ${name}`, async () => {
      await red.deploy(flow(), credentials);
      const before = server.requests.length;
      red.send("chat", { payload: { ...asks, [name]: "theirs" } });
      const { error } = await red.next("error");
      assert.equal(error.code, "invalid_input");
      assert.equal(server.requests.length, before);
    });
  }
});

describe("huggingface-chat, prototypes", () => {
  // After each test, the prototypes are checked for pollution.
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its));

  const evil = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}';
  const own = () => JSON.parse(evil);
  const isClean = (value: object | undefined) => assert.equal((value as Message | undefined)?.polluted, undefined);

  it("are not changed by msg.huggingface", async () => {
    server.handle(reply("ok"));
    await red.deploy(chatFlow(server.url, { extra: evil }));
    red.send("chat", { payload: "Hi", huggingface: { ...own(), ...JSON.parse('{"__proto__":{"temperature":9}}') } });
    const { completion } = await red.next("reply");
    isClean(completion);
    assert.equal(server.last.body.temperature, undefined, "and a field of a prototype is no field");
  });

  it("are not changed by a schema, nor by what is checked against it", async () => {
    server.handle((request, response) => sse(response, replyChunks([request.body.messages.length > 1 ? "{}" : evil])));
    const schema = `{"type":"object","properties":${evil},"patternProperties":${evil},"definitions":${evil},"default":${evil}}`;
    await red.deploy(chatFlow(server.url, { format: "json_schema", schema, repairs: 1 }));
    red.send("chat", { payload: "Hi" });
    await red.completed("chat");
    const { completion } = await Promise.race([red.next("reply"), red.next("error")]);
    isClean(completion);
  });

  it("are not changed by the arguments of a call, nor by its result", async () => {
    let turn = 0;
    const round = callRound({ id: "__proto__", name: "own", args: evil }, { id: "2", name: "__proto__", args: evil });
    server.handle((request, response, index) => (turn++ === 0 ? round : reply("ok"))(request, response, index));
    await red.deploy([...chatFlow(server.url, { tools: ["tool-own"] }), ...valueTool("own", evil)]);
    red.send("chat", { payload: "Hi" });
    const { completion } = await red.next("reply");
    for (const call of completion.steps[0].tool_calls) isClean(call);
  });

  it("are not changed by a reply", async () => {
    const piece = `{"__proto__":{"polluted":1},"choices":[{"delta":{"content":"ok","__proto__":{"polluted":1}},"finish_reason":"stop","logprobs":{"content":[${evil}]}}],"usage":${evil},"x":${evil}}`;
    server.handle((_, response) => sse(response, [`data: ${piece}\n\n`]));
    await red.deploy(chatFlow(server.url));
    red.send("chat", { payload: "Hi" });
    const { completion } = await red.next("reply");
    for (const part of [completion, completion.message, completion.extra, completion.usage]) isClean(part);
  });

  it("are not changed by an error", async () => {
    server.handle((_, response) => json(response, 400, `{"error":${evil},"__proto__":{"message":"polluted"}}`));
    await red.deploy(chatFlow(server.url));
    red.send("chat", { payload: "Hi" });
    isClean((await red.next("error")).error);
  });

  it("are not changed by keys of conversations", async () => {
    server.handle(reply("ok"));
    await red.deploy(chatFlow(server.url, { conversation: "topic", conversationType: "msg" }));
    for (const topic of ["__proto__", "constructor", "__proto__.polluted"]) {
      red.send("chat", { payload: "Hi", topic });
      await red.next("reply");
      red.send("chat", { payload: "Again", topic });
      assert.equal((await red.next("reply")).messages.length, 4);
    }
  });
});
