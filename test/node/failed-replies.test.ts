import assert from "node:assert/strict";
import { chatFlow, type Message, type NodeDef, type NodeRed } from "../support/node-red";
import { chunk, completion, type Handler, json, reply, sse, type TestServer, usageChunk } from "../support/server";
import { valueTool } from "../support/tools";
import { useNodeRed } from "../support/use-node-red";

const html =
  (body: string): Handler =>
  (_, response) =>
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(body);
const stream =
  (...chunks: Message[]): Handler =>
  (_, response) =>
    sse(response, chunks);
const whole =
  (body: Message, status = 200): Handler =>
  (_, response) =>
    json(response, status, body);
const choice = (fields: Message) => ({ choices: [{ index: 0, delta: {}, finish_reason: null, ...fields }] });
const gateway = (raw: unknown, code = 502) => ({
  error: { message: "Provider returned error", code, metadata: { raw, provider_name: "P" } },
});
const noBalance = {
  id: "",
  choices: null,
  usage: null,
  base_resp: { status_code: 1008, status_msg: "insufficient balance" },
};

describe("a reply that is none", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its));

  const deploy = (chat: Message = {}, config: Message = {}, more: NodeDef[] = []) =>
    red.deploy([...chatFlow(server.url, chat, config), ...more]);
  const askInVain = (message?: Message) => red.ask(message, "error");

  const cases: [what: string, handler: Handler, code: string, says: RegExp, saysNot?: RegExp][] = [
    [
      "calls without a call",
      stream(choice({ finish_reason: "tool_calls" })),
      "provider_unavailable",
      /announces them and holds none/,
    ],
    [
      "calls without a call, behind a text",
      stream(chunk("Let me look."), choice({ finish_reason: "tool_calls" })),
      "provider_unavailable",
      /announces them and holds none/,
    ],
    [
      "calls without a call, not streamed",
      whole(completion("", { choices: [{ message: { content: "", tool_calls: [] }, finish_reason: "tool_calls" }] })),
      "provider_unavailable",
      /announces them and holds none/,
    ],
    [
      "an end without anything",
      stream(choice({ delta: { role: "assistant", content: "" } })),
      "provider_unavailable",
      /^Reply incomplete: /,
    ],
    [
      "a failed connection behind the server",
      stream(chunk("Hel"), choice({ finish_reason: "network_error" })),
      "provider_unavailable",
      /network_error/,
    ],
    [
      "no resources",
      stream(chunk("Hel"), choice({ finish_reason: "insufficient_system_resource" })),
      "provider_unavailable",
      /insufficient_system_resource/,
    ],
    [
      "a choice with an error",
      stream(choice({ error: { code: 429, message: "slow down" } })),
      "rate_limit",
      /^Rate limit \(429\): slow down\./,
    ],
    ["no choices and a reason", stream(noBalance), "provider_unavailable", /insufficient balance/],
    ["no choices and a reason, not streamed", whole(noBalance), "provider_unavailable", /insufficient balance/],
    [
      "a web page",
      html("<!DOCTYPE html>\n<html><head><title>Sign\n in</title></head><body>…</body></html>"),
      "provider_unavailable",
      /^Web page instead of a reply: "Sign {1,2}in"/,
      /[<>]/,
    ],
    [
      "a web page with a comment in front",
      html("<!-- proxy 4.2 -->\n<html><head><title>Sign in</title></head></html>"),
      "provider_unavailable",
      /^Web page instead of a reply: "Sign in"/,
      /[<>]/,
    ],
    [
      "a web page without a title",
      html("<html><body><h1>It works!</h1></body></html>"),
      "provider_unavailable",
      /^Web page instead of a reply: "It works!"/,
      /[<>]/,
    ],
    [
      "a gateway's report of another's error",
      whole(gateway(JSON.stringify({ error: { message: "context too long", code: "c" } }), 400), 400),
      "invalid_input",
      /context too long/,
      /Provider returned error|[{}]/,
    ],
    [
      "the same in a stream",
      stream({ ...choice({ finish_reason: "error" }), ...gateway("overloaded") }),
      "provider_unavailable",
      /overloaded/,
      /Provider returned error/,
    ],
    [
      "a message that is JSON itself",
      whole({ object: "error", message: JSON.stringify({ detail: [{ msg: "No.", loc: ["body", "n"] }] }) }, 422),
      "invalid_input",
      /No\. \(body\.n\)/,
      /[{}]/,
    ],
  ];
  for (const [what, handler, code, says, saysNot] of cases) {
    it(`is an error in the server's words: ${what}`, async () => {
      server.handle(handler);
      await deploy({ functions: [{ name: "weather" }] }, { retries: 0 });
      const { error } = await askInVain();
      assert.equal(error.code, code);
      assert.match(error.message, says);
      if (saysNot) assert.doesNotMatch(error.message, saysNot);
    });
  }

  it("keeps the text that had come", async () => {
    server.handle(stream(chunk("Let me look."), choice({ finish_reason: "tool_calls" })));
    await deploy();
    assert.equal((await askInVain()).completion.message.content, "Let me look.");
  });

  const lasting: [message: string, says: RegExp][] = [
    ["tools param requires --jinja flag", /^No tools here \(500\): /],
    ["image input is not supported - hint: you may need to provide the mmproj", /^No images here \(500\): /],
    ["audio input is not supported", /^No sound here \(500\): /],
    ["Jinja Exception: System message must be at the beginning.", /^Chat template error \(500\): /],
  ];
  for (const [message, says] of lasting) {
    it(`is not asked for again where that cannot help: ${message}`, async () => {
      server.handle(whole({ error: { code: 500, message, type: "server_error" } }, 500));
      await deploy({}, { retries: 2 });
      const { error } = await askInVain();
      assert.equal(server.requests.length, 1);
      assert.equal(error.code, "provider_unavailable");
      assert.equal(error.cause.retryable, false);
      assert.match(error.message, says);
      assert.doesNotMatch(error.message, /later/);
    });
  }

  const unknown: [what: string, status: number, body: Message][] = [
    ["by OpenRouter", 404, { error: { message: "No endpoints found for first.", code: 404 } }],
    ["by llama.cpp", 400, { error: { code: 400, message: "model 'first' not found", type: "invalid_request_error" } }],
    ["by llama.cpp, not loaded", 400, { error: { code: 400, message: "model is not loaded" } }],
    ["by Groq", 400, { error: { message: "Gone.", type: "invalid_request_error", code: "model_decommissioned" } }],
    ["by DeepSeek", 400, { error: { message: "Model Not Exist", code: "invalid_request_error" } }],
  ];
  for (const [what, status, body] of unknown) {
    it(`goes to the next model where the first one is unknown: ${what}`, async () => {
      server.handle((request, response, index) =>
        request.body.model === "first" ? json(response, status, body) : reply("by another")(request, response, index),
      );
      await deploy({}, { model: "first", fallback: ["second"] });
      red.send("chat", { payload: "Hi" });
      const msg = await red.next("reply");
      assert.equal(msg.payload, "by another");
      assert.equal(msg.completion.fallbacks[0].code, "not_found");
    });
  }

  describe("for it was cut off in a call", () => {
    const callOf = (args: string, reason: string): Handler =>
      stream(
        choice({
          delta: {
            tool_calls: [{ index: 0, id: "a", type: "function", function: { name: "weather", arguments: args } }],
          },
        }),
        choice({ finish_reason: reason }),
        usageChunk(10, 2),
      );

    for (const reason of ["length", "max_tokens"]) {
      it(`is invalid_output at once, which names the field (${reason})`, async () => {
        server.handle(callOf('{"city":"Par', reason));
        await deploy({ tools: ["tool-weather"], maxTokens: "20", stream: true }, {}, valueTool("weather", "7"));
        const { completion, error } = await askInVain();
        assert.equal(server.requests.length, 1);
        assert.equal(error.code, "invalid_output");
        assert.match(error.message, /cut off .*weather.*Max\. tokens/);
        assert.equal(completion.finish_reason, reason);
        assert.equal(completion.attempts, 1);
        assert.equal(completion.usage.total_tokens, 12);
        assert.equal(red.captured("stream").at(-1)?.finish_reason, "error");
      });
    }

    it("is invalid_output, too, where nothing of the arguments had come", async () => {
      server.handle(callOf("", "length"));
      await deploy({ tools: ["tool-weather"] }, {}, valueTool("weather", "7"));
      const { error } = await askInVain();
      assert.equal(server.requests.length, 1);
      assert.equal(error.code, "invalid_output");
      assert.match(error.message, /cut off .*weather/);
    });

    it("is carried out all the same where the call is whole", async () => {
      server.handle((request, response, index) =>
        (index === 0 ? callOf('{"city":"Paris"}', "length") : reply("7 degrees"))(request, response, index),
      );
      await deploy({ tools: ["tool-weather"] }, {}, valueTool("weather", "7"));
      red.send("chat", { payload: "Hi" });
      assert.equal((await red.next("reply")).payload, "7 degrees");
    });
  });
});
