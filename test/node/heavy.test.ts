import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import { chatFlow, level, type NodeRed, sink } from "../support/node-red";
import { chunk, reply, replyChunks, sse, sseEvent, type TestServer } from "../support/server";
import { useNodeRed } from "../support/use-node-red";

/** Big or deep values in messages and replies must neither block Node-RED nor crash it. */
describe("what is heavy", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its));

  /** Returns the most messages that reach a sink in one turn of the event loop, until `count` have arrived. */
  async function mostInOneTurn(name: string, count: number): Promise<number> {
    let most = 0;
    let before = 0;
    while (before < count) {
      await nextTurn();
      const now = red.captured(name).length;
      most = Math.max(most, now - before);
      before = now;
    }
    return most;
  }

  it("is a table beside the prompt: of a reply that comes at once, few copies exist before they are delivered", async () => {
    const COUNT = 120;
    const texts = Array.from({ length: COUNT }, (_, index) => `word${index} `);
    server.handle(reply(...texts));
    await red.deploy(chatFlow(server.url, { stream: true }));
    const rows = Array.from({ length: 1500 }, (_, index) => ({ index, name: `x${index}`, at: new Date(0) }));
    red.send("chat", { payload: "Hi", rows });
    const most = await mostInOneTurn("stream", COUNT);
    assert.ok(most <= COUNT / 2, `${most} of ${COUNT} in one turn`);
    await red.next("reply");
    const joined = red.captured("stream").map(({ payload }) => payload);
    assert.equal(joined.join(""), texts.join(""));
    assert.ok(red.captured("stream").every((msg) => msg.rows.length === 1500));
  });

  for (const field of ["usage", "citations"]) {
    it(`is a field of the reply that nothing can copy: it is left out with a debug line, and the reply stands (${field})`, async () => {
      const deep = "[".repeat(20_000) + "]".repeat(20_000);
      const event = JSON.stringify({ ...chunk("Hello", { finish_reason: "stop" }), [field]: { a: "DEEP" } });
      server.handle((_, response) => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.end(`data: ${event.replace('"DEEP"', deep)}\n\ndata: [DONE]\n\n`);
      });
      const [chat, ...others] = chatFlow(server.url).sort((a) => (a.id === "chat" ? -1 : 1));
      assert.ok(chat);
      chat.wires[0] = ["reply-sink", "second"];
      await red.deploy([chat, ...others, sink("second")]);
      red.send("chat", { payload: "Hi" });
      const [first] = await red.next("reply", 1);
      const [second] = await red.next("second", 1);
      for (const msg of [first, second]) {
        assert.equal(msg?.payload, "Hello");
        assert.equal(msg?.completion.usage, undefined);
        assert.equal(msg?.completion.extra?.citations, undefined);
      }
      assert.match(
        red
          .logOf("chat", level.debug)
          .map(({ text }) => text)
          .join(),
        new RegExp(field),
      );
      await red.completed("chat");
    });
  }

  it("is what a server sends endlessly after its finish reason", async () => {
    server.handle(async (_, response) => {
      await sse(response, replyChunks(["Hello"]), { done: false, end: false });
      const timer = setInterval(() => response.write(sseEvent({ choices: [] })), 20);
      response.on("close", () => clearInterval(timer));
    });
    await red.deploy(chatFlow(server.url, {}, { timeout: "0.3" }));
    red.send("chat", { payload: "Hi" });
    assert.equal((await red.next("reply")).payload, "Hello");
  });
});
