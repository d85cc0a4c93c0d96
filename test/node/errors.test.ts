import assert from "node:assert/strict";
import { chatFlow, type NodeRed } from "../support/node-red";
import { chunk, type Handler, json, reply, sse, type TestServer } from "../support/server";
import { useNodeRed } from "../support/use-node-red";

describe("huggingface-chat, errors", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its));

  const failing: [what: string, handler: Handler, code: string, status: string][] = [
    [
      "400",
      (_, response) => json(response, 400, { error: { message: "said" } }),
      "invalid_input",
      "request rejected (400)",
    ],
    ["401", (_, response) => json(response, 401, { error: "said" }), "auth_error", "token missing (401)"],
    ["402", (_, response) => json(response, 402, { error: "said" }), "budget_exhausted", "credits used up (402)"],
    ["403", (_, response) => json(response, 403, { error: "said" }), "auth_error", "access denied (403)"],
    ["404", (_, response) => json(response, 404, { message: "said" }), "not_found", "nothing at address (404)"],
    ["408", (_, response) => json(response, 408, { detail: "said" }), "timeout", "server too slow (408)"],
    ["409", (_, response) => json(response, 409, { detail: "said" }), "provider_unavailable", "server not ready (409)"],
    ["410", (_, response) => json(response, 410, { error: "said" }), "not_found", "address retired (410)"],
    ["413", (_, response) => json(response, 413, "said"), "invalid_input", "question too large (413)"],
    ["415", (_, response) => json(response, 415, "said"), "invalid_input", "request rejected (415)"],
    ["421", (_, response) => json(response, 421, { message: "said" }), "not_found", "nothing at address (421)"],
    [
      "422",
      (_, response) => json(response, 422, { detail: [{ msg: "said", loc: ["body"] }] }),
      "invalid_input",
      "request rejected (422)",
    ],
    [
      "422 with a place that is not a string",
      (_, response) => json(response, 422, '{"detail":[{"loc":[{"toString":1}],"msg":"said"}]}'),
      "invalid_input",
      "request rejected (422)",
    ],
    ["424", (_, response) => json(response, 424, { error: "said" }), "provider_unavailable", "server not ready (424)"],
    ["425", (_, response) => json(response, 425, { error: "said" }), "provider_unavailable", "server not ready (425)"],
    ["429", (_, response) => json(response, 429, { error: "said" }), "rate_limit", "rate limit (429)"],
    ["500", (_, response) => json(response, 500, { error: ["said"] }), "provider_unavailable", "server error (500)"],
    ["501", (_, response) => json(response, 501, { error: "said" }), "provider_unavailable", "not supported (501)"],
    [
      "503",
      (_, response) => json(response, 503, { errors: [{ message: "said" }] }),
      "provider_unavailable",
      "server not ready (503)",
    ],
    ["504", (_, response) => json(response, 504, { title: "said" }), "timeout", "server too slow (504)"],
    ["529", (_, response) => json(response, 529, "said"), "provider_unavailable", "server error (529)"],
    [
      "an error inside a stream",
      (_, response) => sse(response, [{ error: { message: "said" } }]),
      "provider_unavailable",
      "error in the reply",
    ],
    [
      "an error inside a stream that names its status",
      (_, response) => sse(response, [{ error: { message: "said", http_status_code: 422 } }]),
      "invalid_input",
      "request rejected (422)",
    ],
    [
      "a JSON error with status 200",
      (_, response) => json(response, 200, { error: "said" }),
      "provider_unavailable",
      "error in the reply",
    ],
  ];
  for (const [what, handler, code, status] of failing) {
    it(`${what} is ${code}, caught once with what the server said`, async () => {
      server.handle(handler);
      await red.deploy(chatFlow(server.url, {}, { retries: 0 }));
      const sent = { payload: "Hi", topic: "t" };
      red.send("chat", sent);
      const caught = await red.next("error");
      assert.equal(caught.error.code, code, caught.error.message);
      assert.match(caught.error.message, /said/);
      assert.doesNotMatch(caught.error.message, /\n|__|Error:/);
      assert.equal(caught.error.cause.attempts, 1);
      assert.equal(caught.topic, "t");
      assert.equal(caught.completion.attempts, 1);
      assert.equal(red.completions("chat").length, 1, "done is called once");
      assert.equal(red.captured("error").length, 1, "and nothing is reported beside it");
      assert.equal(red.captured("reply").length, 0);
      assert.deepEqual(red.statuses("chat").at(-1), { fill: "red", shape: "ring", text: status });
    });
  }

  it("name the provider, the request and the body", async () => {
    server.handle((_, response) =>
      json(
        response,
        429,
        { error: "x".repeat(10_000) },
        { "x-inference-provider": "novita", "x-request-id": "r1", "retry-after": "90" },
      ),
    );
    await red.deploy(chatFlow(server.url));
    red.send("chat", { payload: "Hi" });
    const { cause, message } = (await red.next("error")).error;
    assert.equal(cause.provider, "novita");
    assert.equal(cause.request_id, "r1");
    assert.equal(cause.retry_after, 90);
    assert.equal(cause.retryable, true);
    assert.ok(cause.body.length <= 4096);
    assert.match(message, /90 s/);
    assert.ok(message.length < 1500);
  });

  it("go to the log where no Catch node is, in one line", async () => {
    server.handle((_, response) => json(response, 400, { error: "said" }));
    const flow = chatFlow(server.url).filter((node) => node.type !== "catch");
    await red.deploy(flow);
    red.send("chat", { payload: "Hi" });
    await red.completed("chat");
    await red.until(() => red.logOf("chat", 20).length > 0, "a log line");
    assert.match(red.logOf("chat", 20)[0]?.text ?? "", /said/);
  });

  it("leave the node able to go on", async () => {
    server.handle((_, response) => response.destroy());
    await red.deploy(chatFlow(server.url, {}, { retries: 0 }));
    red.send("chat", { payload: "Hi" });
    assert.equal((await red.next("error")).error.cause.code, "UND_ERR_SOCKET");
    server.handle(reply("ok"));
    red.send("chat", { payload: "Hi" });
    assert.equal((await red.next("reply")).payload, "ok");
  });

  it("of a reply that stops short keep what had come", async () => {
    server.handle((_, response) => sse(response, [chunk("Hel")], { done: false }));
    await red.deploy(chatFlow(server.url));
    red.send("chat", { payload: "Hi" });
    const caught = await red.next("error");
    assert.equal(caught.error.code, "provider_unavailable");
    assert.equal(caught.completion.message.content, "Hel");
    assert.equal(caught.completion.steps.length, 1);
  });

  it("show what a server says as it says it, also where it looks like a template", async () => {
    const said = 'Use __host__, __message__, $t(huggingface-chat.errors.gone) and {{model}}: <b>"&amp;"</b>.';
    server.handle((_, response) => json(response, 400, { error: { message: said } }));
    await red.deploy(chatFlow(server.url));
    red.send("chat", { payload: "Hi" });
    const { message } = (await red.next("error")).error;
    assert.ok(message.includes(said), message);
  });

  it("a body nested thousands of levels deep is the error that it comes with", async () => {
    const body = `{"error":{"message":${'{"a":'.repeat(9000)}1${"}".repeat(9000)}}}`;
    await red.deploy(chatFlow(server.url, {}, { retries: 0 }));
    server.handle((_, response) => json(response, 422, body));
    red.send("chat", { payload: "Hi" });
    assert.equal((await red.next("error")).error.code, "invalid_input");
    server.handle((_, response) => sse(response, [`data: ${body}\n\n`]));
    red.send("chat", { payload: "Hi" });
    const caught = await red.next("error");
    assert.equal(caught.error.code, "provider_unavailable");
    assert.doesNotMatch(caught.error.message, /call stack/);
  });
});
