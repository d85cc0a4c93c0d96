import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { anything, apiJson, deep, hostile, made, mutate, mutations, replyJson } from "../support/arbitrary";
import { UNFINISHED } from "../support/errors";
import { chatFlow, flowNode, getNodeRed, type Message, type NodeRed, sink } from "../support/node-red";
import { type Handler, json, pieces, reply, sse, startServer, type TestServer } from "../support/server";
import { callRound, valueTool } from "../support/tools";
import { loadWire, wireSkipReason } from "../support/wire";

const FIELDS = [
  ...["model", "temperature", "max_tokens", "stop", "seed", "tools", "tool_choice", "response_format", "messages"],
  ...["system", "conversation", "stream", "n", "token", "reasoning_effort", "stream_options", "x", "__proto__"],
];
const CODES = [
  ...["auth_error", "rate_limit", "budget_exhausted", "not_found", "invalid_input", "timeout"],
  ...["provider_unavailable", "tool_failed", "invalid_output"],
];

/** Makes events of a reply with a value somewhere in them. */
const DEEP_PLACES = [
  ...["arguments", "name"].map((field) =>
    inDelta((deep) => `"tool_calls":[{"id":"a","function":{"name":"other","${field}":${deep}}}]`),
  ),
  inDelta((deep) => `"tool_calls":[{"id":"a","function":{"name":"other","arguments":${JSON.stringify(deep)}}}]`),
  ...["content", "reasoning", "reasoning_details", "refusal", "tool_calls", "annotations", "anything"].map((field) =>
    inDelta((deep) => `"${field}":${deep}`),
  ),
  ...["logprobs", "finish_reason", "message"].map(
    (field) => (deep: string) => `data: {"choices":[{"delta":{"content":"a"},"${field}":${deep}}]}\n\n`,
  ),
  ...["usage", "id", "model", "error", "x_groq", "choices", "citations"].map(
    (field) => (deep: string) =>
      `data: {"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}],"${field}":${deep}}\n\n`,
  ),
];

function inDelta(fields: (deep: string) => string) {
  return (deep: string) => `data: {"choices":[{"delta":{${fields(deep)}},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n`;
}

describe("huggingface-chat, what may be anything", () => {
  let red: NodeRed;
  let server: TestServer;
  let handler: Handler;
  before(async () => {
    red = await getNodeRed();
    server = await startServer((request, response, index) => handler(request, response, index));
  });
  after(async () => {
    await red.reset();
    await server.close();
  });

  /** Deploys a flow for many questions. */
  async function deploy(chat: Message = {}, isWatched = true) {
    const flow = chatFlow(server.url, { stream: true, ...chat }, { retries: 0, timeout: 5 });
    // Core's Catch and Complete nodes copy the message, which fails for some.
    const kept = isWatched ? flow : flow.filter(({ type }) => !["catch", "complete"].includes(type));
    await red.deploy([...kept, ...valueTool("own", "done")]);
  }

  /** Sends a message, waits for its end, and asserts that there is only one. */
  async function ask(msg: Message): Promise<Message | undefined> {
    red.forget();
    red.send("chat", msg);
    const [completion] = await red.completed("chat");
    // A second end would follow at once.
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(red.completions("chat").length, 1);
    const ends = red.captured("reply").length + red.captured("calls").length;
    assert.equal(ends, completion?.error ? 0 : 1);
    const error = completion?.error as Message | undefined;
    if (error) {
      assert.ok(CODES.includes(error.code), `${error.code}: ${error.message}`);
      assert.doesNotMatch(error.message, UNFINISHED);
      structuredClone(error.cause);
    }
    return error;
  }

  it("as the reply of a server: one end, and none that is a mistake of ours", async () => {
    await deploy();
    const document = fc.tuple(fc.oneof(apiJson, replyJson), fc.constantFrom(200, 200, 400, 500));
    const ends = fc.oneof(
      document.map(
        ([value, status]): Handler =>
          (_, response) =>
            json(response, status, value),
      ),
      fc.array(fc.oneof(apiJson, replyJson), { maxLength: 4 }).map(
        (values): Handler =>
          (_, response) =>
            sse(response, values),
      ),
    );
    const asked = async (next: Handler) => {
      handler = next;
      assert.notEqual((await ask({ payload: "Hi" }))?.key, "internal");
    };
    await fc.assert(fc.asyncProperty(ends, asked), { numRuns: 300 });
  });

  it("as the reply of a server with a stand-in: one end, and nothing that the other server refuses", async () => {
    const other = await startServer(reply("by the other"));
    const config = { otherwise: "other", retries: 0, timeout: 5 };
    const flow = chatFlow(server.url, { stream: true, conversation: "talk" }, config);
    await red.deploy([...flow, { id: "other", type: "huggingface-config", model: "other/model", baseUrl: other.url }]);
    const answers = fc.tuple(fc.oneof(apiJson, replyJson), fc.constantFrom(200, 402, 404, 429, 500, 503), fc.boolean());
    const asked = async ([value, status, isStream]: [unknown, number, boolean]) => {
      handler = (_, response) => (isStream ? sse(response, [value]) : json(response, status, value));
      assert.notEqual((await ask({ payload: "Hi" }))?.key, "internal");
      for (const { body } of other.requests) {
        const roles = body.messages.map(({ role }: Message) => role);
        assert.ok(
          !roles.some((role: string, at: number) => role === "user" && roles[at + 1] === "user"),
          String(roles),
        );
      }
      other.requests.length = 0;
    };
    await fc.assert(fc.asyncProperty(answers, asked), { numRuns: 200 });
    await other.close();
  });

  it("as a reply that is nested deep somewhere, packed or not: one end, and what is on it can be copied", async () => {
    await deploy({ functions: [{ name: "other", description: "", parameters: "" }] });
    const place = fc.constantFrom(...DEEP_PLACES);
    const levels = fc.integer({ min: 100, max: 20_000 });
    const asked = async (where: (deep: string) => string, count: number, shape: string, isPacked: boolean) => {
      const [open = "", close = ""] = shape.split(" ");
      const body = Buffer.from(where(`${open.repeat(count)}1${close.repeat(count)}`));
      handler = (_, response) => {
        const encoding = isPacked && { "content-encoding": "gzip" };
        response.writeHead(200, { "content-type": "text/event-stream", ...encoding });
        response.end(isPacked ? gzipSync(body) : body);
      };
      assert.notEqual((await ask({ payload: "Hi" }))?.key, "internal");
      for (const name of ["reply", "calls", "complete", "error"]) {
        for (const msg of red.captured(name)) structuredClone(JSON.parse(JSON.stringify(msg)));
      }
    };
    const shapes = fc.constantFrom("[ ]", '{"a": }', '[{"__proto__": }]');
    await fc.assert(fc.asyncProperty(place, levels, shapes, fc.boolean(), asked), { numRuns: 100 });
  });

  it("as a reply that should be JSON by a schema", async () => {
    const schema = '{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}';
    await deploy({ format: "json_schema", schema, repairs: 1 });
    const asked = async (value: unknown) => {
      handler = reply(JSON.stringify(value));
      assert.notEqual((await ask({ payload: "Hi" }))?.key, "internal");
    };
    await fc.assert(fc.asyncProperty(fc.oneof(apiJson, replyJson), asked), { numRuns: 100 });
  });

  it("as the arguments of calls, and as the names of functions", async () => {
    await deploy({ tools: ["tool-own"], functions: [{ name: "other", description: "", parameters: "" }] });
    const name = fc.constantFrom("own", "other", "__proto__", "toString", "");
    const args = fc.oneof(
      apiJson.map((value) => JSON.stringify(value)),
      fc.string(),
    );
    const asked = async (called: string, text: string) => {
      const round = callRound({ id: "1", name: called, args: text }, { id: "1", name: "own", args: text });
      let turn = 0;
      handler = (request, response, index) => (turn++ === 0 ? round : reply("ok"))(request, response, index);
      assert.notEqual((await ask({ payload: "Hi" }))?.key, "internal");
    };
    await fc.assert(fc.asyncProperty(name, args, asked), { numRuns: 100 });
  });

  it("as what a tool flow gives back: the model is told, and the question goes on", async () => {
    const flow = chatFlow(server.url, { tools: ["tool-far"] }, { retries: 0 });
    const tool = flowNode("tool-far", "huggingface-tool", { name: "far", wires: [["start"]] });
    await red.deploy([...flow, tool, sink("start")]);
    const asked = async (value: unknown, place: string) => {
      let turn = 0;
      const round = callRound({ id: "1", name: "far" });
      handler = (request, response, index) => (turn++ === 0 ? round : reply("ok"))(request, response, index);
      red.forget();
      red.send("chat", { payload: "Hi" });
      const { _linkSource } = await red.next("start");
      // Core's link out node does the same.
      red.node("chat").returnLinkMessage(_linkSource[0].id, { payload: "x", [place]: made(value) });
      const [completion] = await red.completed("chat");
      assert.equal(completion?.error, undefined);
      assert.equal((await red.next("reply")).payload, "ok");
    };
    await fc.assert(fc.asyncProperty(anything, fc.constantFrom("payload", "error"), asked), { numRuns: 300 });
  });

  const healthy = () => {
    handler = reply("ok");
  };

  it("as JSON in msg.payload: a reply, or invalid_input", async () => {
    await deploy();
    healthy();
    const body = fc.record({ messages: fc.array(apiJson, { maxLength: 3 }), x: apiJson });
    const asked = async (payload: unknown) => {
      const error = await ask({ payload });
      if (error) assert.equal(error.code, "invalid_input", error.message);
    };
    await fc.assert(fc.asyncProperty(fc.oneof(apiJson, body, fc.array(apiJson)), asked), { numRuns: 200 });
  });

  it("as JSON in msg.huggingface: a reply, or invalid_input", async () => {
    await deploy({ conversation: "a" });
    healthy();
    const options = fc.dictionary(fc.constantFrom(...FIELDS), apiJson, { maxKeys: 4 });
    const asked = async (huggingface: unknown) => {
      const error = await ask({ payload: "Hi", huggingface });
      if (error) assert.ok(["invalid_input", "invalid_output"].includes(error.code), error.message);
    };
    await fc.assert(fc.asyncProperty(fc.oneof(apiJson, options), asked), { numRuns: 200 });
  });

  it("as any value, also one that works against its reader, anywhere in a message: one end", async () => {
    await deploy({ conversation: "topic", conversationType: "msg", tools: ["tool-own"] }, false);
    healthy();
    const options = fc.dictionary(fc.constantFrom(...FIELDS), anything, { maxKeys: 3 });
    const body = fc.record({
      messages: fc.array(fc.oneof(anything, fc.record({ role: fc.constant("user"), content: anything }))),
    });
    const message = fc.record(
      {
        payload: fc.oneof(anything, body),
        huggingface: fc.oneof(anything, options),
        images: anything,
        audio: anything,
        topic: anything,
        parts: anything,
        reset: anything,
        other: anything,
      },
      { requiredKeys: ["payload"] },
    );
    const asked = async (msg: Message) => {
      // These steer in place of asking.
      if ([true, "true", 1].includes(msg.reset)) return;
      await ask(made({ ...msg }) as Message);
    };
    await fc.assert(fc.asyncProperty(message, asked), { numRuns: 400 });
  });

  it("as a value that works against its reader, one place at a time: invalid_input where it is in the way", async () => {
    await deploy({}, false);
    healthy();
    const asked = async (value: unknown, place: string) => {
      const [first = "", second] = place.split(".");
      const error = await ask({ payload: "Hi", [first]: second ? { [second]: made(value) } : made(value) });
      if (error) assert.equal(error.code, "invalid_input", error.message);
    };
    const places = fc.constantFrom("payload", "images", "audio", ...FIELDS.map((name) => `huggingface.${name}`));
    await fc.assert(fc.asyncProperty(fc.oneof(hostile, deep), places, asked), { numRuns: 400 });
  });

  it("with Catch and Complete nodes, which copy the message: one end, also where they cannot", async function () {
    // On Node.js 22, core copies a deep message for half a second or more until its stack overflows.
    this.timeout(90_000);
    await deploy();
    healthy();
    const asked = async (value: unknown) => {
      red.forget();
      red.send("chat", { payload: "Hi", other: made(value) });
      await red.completed("chat");
      assert.equal(red.completions("chat").length, 1);
    };
    await fc.assert(fc.asyncProperty(fc.oneof(hostile, deep), asked), { numRuns: 40 });
  });

  it("as recordings with bytes flipped, dropped and doubled: one end", async function () {
    const cases = loadWire()?.cases.filter(({ body }) => body.length < 20_000);
    if (!cases) {
      console.log(`      skipped: ${wireSkipReason}`);
      this.skip();
      return;
    }
    await deploy();
    const asked = async ({ body, reply }: (typeof cases)[number], changes: never[], size: number) => {
      const {
        "content-encoding": _,
        "content-length": _length,
        "transfer-encoding": _coding,
        ...headers
      } = reply.headers;
      const bytes = mutate(body, changes);
      handler = (_request, response) => pieces(response, bytes, size, { status: reply.status, headers });
      assert.notEqual((await ask({ payload: "Hi" }))?.key, "internal");
    };
    const sizes = fc.integer({ min: 100, max: 20_000 });
    await fc.assert(fc.asyncProperty(fc.constantFrom(...cases), mutations as never, sizes, asked), { numRuns: 150 });
  });
});
