import assert from "node:assert/strict";
import { chatFlow, level, type Message, type NodeRed } from "../support/node-red";
import {
  chunk,
  completion,
  type Handler,
  inTurn,
  json,
  reply,
  replyChunks,
  sse,
  type TestServer,
} from "../support/server";
import { callRound, valueTool } from "../support/tools";
import { useNodeRed } from "../support/use-node-red";

const SCHEMA = {
  type: "object",
  properties: { city: { type: "string" }, degrees: { type: "number" } },
  required: ["city", "degrees"],
};
const BY_SCHEMA = { format: "json_schema", schema: JSON.stringify(SCHEMA) };
const PARIS = { city: "Paris", degrees: 7.5 };
const GOOD = JSON.stringify(PARIS);
const BAD = '{"city":"Paris","degrees":"cold"}';

/** Rejects requests with a field of this name, as servers do that do not support it; answers others. */
function refusing(field: string, status: number, body: unknown, otherwise: Handler): Handler {
  return (request, response, index) =>
    field in request.body ? json(response, status, body) : otherwise(request, response, index);
}

/** A reply that the server marks as incomplete. */
const cut =
  (text: string, reason: string): Handler =>
  (_, response) =>
    sse(response, replyChunks([text], reason));

describe("replies in JSON", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its));

  const deploy = (chat: Message = {}, config: Message = {}) => red.deploy(chatFlow(server.url, chat, config));
  const ask = async (message: Message = {}): Promise<Message> => {
    red.send("chat", { payload: "Weather?", ...message });
    return red.next("reply");
  };
  const askInVain = async (message: Message = {}): Promise<Message> => {
    red.send("chat", { payload: "Weather?", ...message });
    return red.next("error");
  };
  const warnings = () => red.logOf("chat", level.warn).map((entry) => entry.text);

  describe("are asked for", () => {
    const named = { name: "reply", schema: SCHEMA, strict: true };
    const cases: [what: string, chat: Message, config: Message, format: unknown][] = [
      ["as any object", { format: "json_object" }, {}, { type: "json_object" }],
      ["by a schema", BY_SCHEMA, {}, { type: "json_schema", json_schema: named }],
      [
        "by a schema with a name of its own, not strictly",
        { ...BY_SCHEMA, schema: SCHEMA, schemaName: "weather", strict: false },
        {},
        { type: "json_schema", json_schema: { name: "weather", schema: SCHEMA, strict: false } },
      ],
      ["as TGI wants it", BY_SCHEMA, { grammar: "tgi" }, { type: "json_object", value: SCHEMA }],
      ["in no way for a text", { format: "text" }, {}, undefined],
    ];
    for (const [what, chat, config, format] of cases) {
      it(what, async () => {
        server.handle(reply(GOOD));
        await deploy(chat, config);
        const msg = await ask();
        assert.deepEqual(server.last.body.response_format, format);
        assert.deepEqual(msg.payload, format ? PARIS : GOOD);
      });
    }

    it("by the message before the node, and taken back by it", async () => {
      server.handle(reply(GOOD));
      await deploy({ ...BY_SCHEMA, schema: "{ broken" });
      const response_format = { type: "json_object" };
      assert.deepEqual((await ask({ huggingface: { response_format } })).payload, PARIS);
      assert.deepEqual(server.last.body.response_format, response_format);
      assert.equal((await ask({ huggingface: { response_format: { type: "text" } } })).payload, GOOD);
      assert.equal((await ask({ huggingface: { response_format: null } })).payload, GOOD);
      assert.equal("response_format" in server.last.body, false);
    });

    it("by a pasted body and by extra fields, where the node says nothing", async () => {
      server.handle(reply(GOOD));
      const response_format = { type: "json_object" };
      await deploy();
      assert.deepEqual(
        (await ask({ payload: { messages: [{ role: "user", content: "Hi" }], response_format } })).payload,
        PARIS,
      );
      await deploy({ extra: JSON.stringify({ response_format }) });
      assert.deepEqual((await ask()).payload, PARIS);
    });

    it("by the schema in the prompt where TGI has tools", async () => {
      server.handle(inTurn(callRound({ id: "a", name: "weather" }), reply(GOOD)));
      await red.deploy([
        ...chatFlow(server.url, { ...BY_SCHEMA, tools: ["tool-weather"] }, { grammar: "tgi" }),
        ...valueTool("weather", "7.5 degrees"),
      ]);
      assert.deepEqual((await ask()).payload, PARIS);
      for (const { body } of server.requests) {
        assert.equal("response_format" in body, false);
        assert.match(body.messages[0].content, /^Weather\?.*"degrees"/s);
      }
      assert.deepEqual(warnings(), []);
    });
  });

  it("are the payload; the text stays in the completion and in the messages", async () => {
    const text = `Here you are:\n\`\`\`json\n${GOOD}\n\`\`\``;
    server.handle(reply("<think>Paris?</think>", text));
    await deploy({ ...BY_SCHEMA, output: "weather.now" });
    const msg = await ask({ payload: "Weather?" });
    assert.deepEqual(msg.weather.now, PARIS);
    assert.equal(msg.payload, "Weather?");
    assert.equal(msg.completion.message.content, text);
    assert.deepEqual(msg.messages.at(-1), { role: "assistant", content: text });
  });

  it("are read from the reasoning where there is no text, and are what the conversation remembers", async () => {
    const whole = completion("", { choices: [{ message: { content: "", reasoning: GOOD }, finish_reason: "stop" }] });
    server.handle((_, response) => json(response, 200, whole));
    await deploy({ ...BY_SCHEMA, conversation: "talk" });
    const msg = await ask();
    assert.deepEqual(msg.payload, PARIS);
    assert.deepEqual(msg.messages.at(-1), { role: "assistant", content: GOOD });
    await ask();
    assert.deepEqual(server.last.body.messages.at(-2), { role: "assistant", content: GOOD });
  });

  it("stream their text as usual", async () => {
    server.handle(reply('{"city":"Paris",', '"degrees":7.5}'));
    await deploy({ ...BY_SCHEMA, stream: true });
    await ask();
    const stream = red.captured("stream");
    assert.equal(stream.map(({ payload }) => payload).join(""), GOOD);
    assert.equal(stream.at(-1)?.finish_reason, "stop");
  });

  it("come after calls of tools", async () => {
    server.handle(inTurn(callRound({ id: "a", name: "weather" }), reply(GOOD)));
    await red.deploy([
      ...chatFlow(server.url, { ...BY_SCHEMA, tools: ["tool-weather"], toolChoice: "required" }),
      ...valueTool("weather", "7.5 degrees"),
    ]);
    const msg = await ask();
    assert.deepEqual(msg.payload, PARIS);
    assert.equal(msg.completion.steps[0].tool_calls[0].result, "7.5 degrees");
  });

  it("are the text so far after an abort", async () => {
    server.handle((_, response) => sse(response, [chunk('{"city":')], { end: false, done: false }));
    await deploy({ ...BY_SCHEMA, stream: true });
    red.send("chat", { payload: "Weather?" });
    await red.next("stream");
    red.send("chat", { abort: true });
    const msg = await red.next("reply");
    assert.equal(msg.payload, '{"city":');
    assert.equal(msg.completion.finish_reason, "aborted");
  });

  describe("that do not fit", () => {
    it("go back to the model with what is wrong, and are not remembered", async () => {
      server.handle(inTurn(reply(BAD), reply(GOOD)));
      await deploy({ ...BY_SCHEMA, stream: true });
      const msg = await ask();
      assert.deepEqual(msg.payload, PARIS);
      const sent = server.last.body.messages;
      assert.deepEqual(sent.slice(0, 2), [
        { role: "user", content: "Weather?" },
        { role: "assistant", content: BAD },
      ]);
      assert.match(sent[2].content, /degrees must be number/);
      assert.deepEqual(msg.messages, [
        { role: "user", content: "Weather?" },
        { role: "assistant", content: GOOD },
      ]);
      assert.equal(msg.completion.steps.length, 2);
      assert.equal(msg.completion.attempts, 2);
      assert.equal(msg.completion.usage.completion_tokens, 2);
      const closing = red.captured("stream").filter(({ complete }) => complete);
      assert.deepEqual(
        closing.map(({ finish_reason, step }) => [step, finish_reason]),
        [
          [1, "invalid_output"],
          [2, "stop"],
        ],
      );
      assert.equal(red.completions("chat").length, 1);
    });

    for (const repairs of [0, "1", 2]) {
      it(`are an error after ${repairs} repairs, with the last text and what is wrong`, async () => {
        server.handle((request, response) => reply(`${request.body.messages.length} is no JSON`)(request, response, 0));
        await deploy({ ...BY_SCHEMA, repairs, stream: true });
        const caught = await askInVain();
        const rounds = Number(repairs) + 1;
        assert.equal(server.requests.length, rounds);
        assert.equal(caught.error.code, "invalid_output");
        assert.match(caught.error.message, /the reply is not valid JSON/);
        assert.deepEqual(caught.error.cause.problems, ["the reply is not valid JSON"]);
        assert.equal(caught.error.cause.attempts, rounds);
        assert.equal(caught.completion.message.content, `${2 * rounds - 1} is no JSON`);
        assert.equal(caught.completion.steps.length, rounds);
        assert.equal(red.captured("stream").at(-1)?.finish_reason, "error");
        assert.equal(red.captured("reply").length, 0);
      });
    }

    it("go back with a tool in between, whose call is not demanded again", async () => {
      server.handle(inTurn(callRound({ id: "a", name: "weather" }), reply("no"), reply(GOOD)));
      await red.deploy([
        ...chatFlow(server.url, { ...BY_SCHEMA, tools: ["tool-weather"], toolChoice: "required", maxSteps: 1 }),
        ...valueTool("weather", "7.5 degrees"),
      ]);
      const msg = await ask();
      assert.deepEqual(msg.payload, PARIS);
      assert.deepEqual(
        server.requests.map(({ body }) => body.tool_choice),
        ["required", undefined, undefined],
      );
      assert.deepEqual(
        msg.messages.map(({ role }: Message) => role),
        ["user", "assistant", "tool", "assistant"],
      );
    });

    it("are found out where the server has ignored the format in silence", async () => {
      server.handle(inTurn(reply("It is cold."), reply(GOOD)));
      await deploy({ format: "json_object" });
      assert.deepEqual((await ask()).payload, PARIS);
      assert.equal(server.requests.length, 2);
    });

    for (const text of ['{"user": {"city": "x"}, "items": [', '{"quote": "5" pipe", "size": {"city": 1}}']) {
      it(`are not smaller values inside one that broke off: ${text}`, async () => {
        server.handle(inTurn(reply(text), reply(GOOD)));
        await deploy({ format: "json_object" });
        assert.deepEqual((await ask()).payload, PARIS);
      });
    }

    it("since they are nested too deep to be checked, or copied by Node-RED, are an error", async () => {
      const schema = { type: "object", properties: { a: { $ref: "#" } } };
      for (const levels of [600, 20_000]) {
        server.handle(reply(`${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`));
        await deploy({ format: "json_schema", schema, repairs: 0, stream: true });
        const caught = await askInVain();
        assert.equal(caught.error.code, "invalid_output");
        assert.equal(red.captured("stream").at(-1)?.finish_reason, "error");
        assert.ok(caught.completion.message.content);
      }
    });

    it("since they have a key __proto__, which a schema does not see, go back to the model", async () => {
      server.handle(inTurn(reply('{"city":"Paris","degrees":7,"__proto__":{"degrees":1e9}}'), reply(GOOD)));
      await deploy(BY_SCHEMA);
      assert.deepEqual((await ask()).payload, PARIS);
      assert.match(server.last.body.messages.at(-1).content, /key __proto__/);
    });

    it("since Groq has checked them itself go back to the model", async () => {
      const error = { message: "Failed to generate JSON.", code: "json_validate_failed", failed_generation: BAD };
      server.handle(inTurn((_, response) => json(response, 400, { error }), reply(GOOD)));
      await deploy(BY_SCHEMA);
      const msg = await ask();
      assert.deepEqual(msg.payload, PARIS);
      assert.equal(msg.completion.attempts, 2);
      assert.match(server.last.body.messages.at(-1).content, /degrees must be number/);
      assert.ok(server.last.body.response_format);
      assert.deepEqual(warnings(), []);
    });

    it("since Groq has checked them itself are streamed as the text of their round", async () => {
      const error = { message: "Failed to generate JSON.", code: "json_validate_failed", failed_generation: BAD };
      server.handle(inTurn((_, response) => json(response, 400, { error }), reply(GOOD)));
      await deploy({ ...BY_SCHEMA, stream: true });
      await ask();
      const texts = [1, 2].map((round) => {
        const messages = red.captured("stream").filter(({ step }) => step === round);
        return messages.map(({ payload }) => payload).join("");
      });
      assert.deepEqual(texts, [BAD, GOOD]);
    });

    it("after the result of a call do not demand the call again", async () => {
      server.handle(inTurn(reply("no"), reply(GOOD)));
      await deploy({ ...BY_SCHEMA, functions: [{ name: "weather" }], toolChoice: "required" });
      const call = { id: "a", type: "function", function: { name: "weather", arguments: "{}" } };
      await ask({
        payload: [
          { role: "user", content: "Weather?" },
          { role: "assistant", content: null, tool_calls: [call] },
          { role: "tool", tool_call_id: "a", content: "7.5" },
        ],
      });
      assert.deepEqual(
        server.requests.map(({ body }) => body.tool_choice),
        [undefined, undefined],
      );
    });

    for (const [reason, says] of [
      ["length", /cut off/],
      ["model_length", /cut off/],
      ["content_filter", /held back/],
    ] as const) {
      it(`since they were cut (${reason}) are an error at once`, async () => {
        server.handle(cut('{"city":"Par', reason));
        await deploy({ ...BY_SCHEMA, repairs: 3, stream: true });
        const caught = await askInVain();
        assert.equal(server.requests.length, 1);
        assert.equal(caught.error.code, "invalid_output");
        assert.match(caught.error.message, says);
        assert.equal(caught.completion.finish_reason, reason);
        assert.equal(caught.completion.message.content, '{"city":"Par');
      });
    }

    it("since an evil pattern cannot be decided are an error soon", async () => {
      server.handle(reply(`"${"a".repeat(60)}!"`));
      await deploy({ format: "json_schema", schema: '{"pattern":"^(a+)+$"}', repairs: 0 });
      const caught = await askInVain();
      assert.match(caught.error.message, /longer than 0\.25 s/);
    });

    it("since many blocks cannot be decided are an error as soon", async () => {
      // A quarter of a second for each would add up to minutes.
      server.handle(reply(`\`\`\`\n"${"a".repeat(60)}!"\n\`\`\`\n`.repeat(1000)));
      await deploy({ format: "json_schema", schema: '{"pattern":"^(a+)+$"}', repairs: 0 });
      assert.match((await askInVain()).error.message, /longer than 0\.25 s/);
    });

    it("are told in a sentence that stays short", async () => {
      server.handle(reply(JSON.stringify({ ["x".repeat(1e6)]: 1 })));
      await deploy({ format: "json_schema", schema: '{"additionalProperties":false}', repairs: 0 });
      assert.ok((await askInVain()).error.message.length < 1000);
    });
  });

  describe("that the server refuses to give", () => {
    const unsupported: [what: string, status: number, body: unknown][] = [
      ["OpenAI, by param", 400, { error: { message: "Not supported.", param: "response_format", code: null } }],
      ["vLLM", 400, { object: "error", message: "guided decoding is not available", code: 400 }],
      [
        "FastAPI",
        422,
        { detail: [{ type: "extra_forbidden", loc: ["body", "response_format"], msg: "Extra inputs" }] },
      ],
      [
        "TGI",
        422,
        "Failed to deserialize the JSON body into the target type: response_format: unknown variant `json_schema`",
      ],
      ["a grammar", 400, { error: "Grammar is not supported by this model" }],
      ["a schema", 400, { error: { message: "Invalid schema for 'reply'" } }],
    ];
    for (const [what, status, body] of unsupported) {
      it(`are asked for in the prompt, once and for all: ${what}`, async () => {
        server.handle(refusing("response_format", status, body, reply(GOOD)));
        await deploy({ ...BY_SCHEMA, system: "Be brief." });
        const msg = await ask();
        assert.deepEqual(msg.payload, PARIS);
        assert.equal(msg.completion.attempts, 2);
        assert.match(server.last.body.messages[0].content, /^Be brief\..*"degrees"/s);
        assert.equal(msg.messages[0].content, "Be brief.");
        assert.deepEqual((await ask()).payload, PARIS);
        assert.equal(server.requests.length, 3);
        assert.equal(warnings().length, 1);
        assert.match(warnings()[0] ?? "", /this response_format for test\/model/);
      });
    }

    it("are asked for again with the word JSON where the server wants it in the prompt", async () => {
      const message = "'messages' must contain the word 'json' in some form, to use 'response_format'.";
      server.handle((request, response, index) =>
        /json/i.test(JSON.stringify(request.body.messages))
          ? reply(GOOD)(request, response, index)
          : json(response, 400, { error: { message, param: "messages" } }),
      );
      await deploy({ format: "json_object" });
      for (const count of [2, 3]) {
        assert.deepEqual((await ask()).payload, PARIS);
        assert.equal(server.requests.length, count);
        assert.deepEqual(server.last.body.response_format, { type: "json_object" });
      }
      assert.deepEqual(warnings(), []);
    });

    it("by a stranger's schema are asked for by the node's own all the same, and the server's words are told", async () => {
      const message = "Invalid schema for response_format 'x': 'required' is to be supplied.";
      server.handle((request, response, index) => {
        const schema = request.body.response_format?.json_schema.schema;
        if (schema && !schema.required) json(response, 400, { error: { message, param: "response_format" } });
        else reply(GOOD)(request, response, index);
      });
      await deploy(BY_SCHEMA);
      const other = { type: "json_schema", json_schema: { name: "x", schema: { type: "object" } } };
      await ask({ huggingface: { response_format: other } });
      await ask();
      assert.ok(server.last.body.response_format);
      assert.match(warnings().join(), /'required' is to be supplied/);
    });

    it("are asked for anew after a deploy, and of another model", async () => {
      server.handle(refusing("response_format", 400, { error: "no response_format" }, reply(GOOD)));
      await deploy(BY_SCHEMA);
      await ask();
      await ask({ huggingface: { model: "another/model" } });
      assert.equal(server.requests.length, 4);
      await deploy(BY_SCHEMA);
      await ask();
      assert.equal(server.requests.length, 6);
    });

    it("stream as one round", async () => {
      server.handle(refusing("response_format", 400, { error: "no response_format" }, reply(GOOD)));
      await deploy({ ...BY_SCHEMA, stream: true });
      await ask();
      assert.deepEqual(
        red.captured("stream").map(({ payload, step, finish_reason }) => [payload, step, finish_reason]),
        [
          [GOOD, 1, undefined],
          ["", 1, "stop"],
        ],
      );
    });

    it("for another reason are that error, and nothing is remembered", async () => {
      server.handle((_, response) => json(response, 400, { error: "The schema of your life is wrong." }));
      await deploy(BY_SCHEMA);
      for (const expected of [2, 4]) {
        const caught = await askInVain();
        assert.equal(caught.error.code, "invalid_input");
        assert.equal(caught.error.cause.attempts, 2);
        assert.equal(server.requests.length, expected);
      }
      assert.deepEqual(warnings(), []);
    });

    it("with a status that says something else are that error at once", async () => {
      server.handle((_, response) => json(response, 404, { error: "response_format" }));
      await deploy(BY_SCHEMA);
      assert.equal((await askInVain()).error.code, "not_found");
      assert.equal(server.requests.length, 1);
    });

    it("are refused for good where no prompt can ask for the format", async () => {
      server.handle(refusing("response_format", 400, { error: "no response_format" }, reply("ok")));
      await deploy();
      const caught = await askInVain({ huggingface: { response_format: { type: "regex", value: "a+" } } });
      assert.equal(caught.error.code, "invalid_input");
      assert.equal(server.requests.length, 1);
    });
  });

  it("do without stream_options where the server refuses them, once and for all, and so do texts", async () => {
    const body = { error: { message: "Unknown parameter.", param: "stream_options.include_usage" } };
    server.handle(
      refusing("stream_options", 400, body, refusing("response_format", 400, { error: "no grammar" }, reply(GOOD))),
    );
    await deploy(BY_SCHEMA);
    assert.deepEqual((await ask()).payload, PARIS);
    assert.equal(server.requests.length, 3);
    assert.equal((await ask({ huggingface: { response_format: null } })).payload, GOOD);
    assert.equal(server.requests.length, 4);
    assert.equal(server.last.body.stream, true);
    assert.equal(warnings().length, 2);
  });

  describe("are refused before any request", () => {
    const cases: [what: string, chat: Message, says: RegExp][] = [
      ["without a schema", { format: "json_schema" }, /^No JSON schema/],
      ["with a schema that is no JSON", { format: "json_schema", schema: "{" }, /^Properties is not valid JSON/],
      [
        "with a schema that is none",
        { format: "json_schema", schema: '{"type":"strin"}' },
        /^JSON schema not valid: type: not a type: it must be one of string, number, .*Correct it in the node/,
      ],
      ["with a schema of a variable that is not set", { format: "json_schema", schema: "${NO_SCHEMA}" }, /NO_SCHEMA/],
      ["in a format that nobody knows", { format: "xml" }, /json_schema/],
      ["with repairs that are no number", { ...BY_SCHEMA, repairs: "some" }, /^Repairs is/],
    ];
    for (const [what, chat, says] of cases) {
      it(what, async () => {
        await deploy(chat);
        const caught = await askInVain();
        assert.equal(caught.error.code, "invalid_input");
        assert.match(caught.error.message, says);
        assert.equal(server.requests.length, 0);
      });
    }

    it("with a grammar that nobody knows", async () => {
      await deploy(BY_SCHEMA, { grammar: "gbnf" });
      assert.match((await askInVain()).error.message, /openai, tgi/);
    });
  });
});
