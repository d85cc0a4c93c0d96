import assert from "node:assert/strict";
import { chatFlow, type Message, type NodeRed } from "../support/node-red";
import { chunk, replyChunks, sseEvent, type TestServer } from "../support/server";
import { useNodeRed } from "../support/use-node-red";

const HEAD = { "content-type": "text/event-stream", server: "llama.cpp" };
const reading = (processed: number) =>
  sseEvent({ ...chunk(), prompt_progress: { total: 200, cache: 0, processed, time_ms: 9 } });
const text = `${replyChunks(["Hel", "lo"]).map(sseEvent).join("")}data: [DONE]\n\n`;

describe("huggingface-chat, at a server that tells how much of the prompt it has read", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed(
    (its) => ({ red, server } = its),
    (_, response, index) => {
      response.writeHead(200, HEAD).write(index === 0 ? ":\n\n" : reading(0) + reading(90));
      // The status is shown a quarter of a second later.
      setTimeout(() => response.end(text), index === 0 ? 0 : 400);
    },
  );

  /** Asks two questions: by the reply to the first one the server is known. */
  async function ask(chat: Message, msg: Message = {}) {
    await red.deploy(chatFlow(server.url, chat));
    red.send("chat", { payload: "Hi" });
    await red.next("reply");
    const before = red.captured("stream").length;
    red.send("chat", { payload: "Hi", topic: "t", ...msg });
    const reply = await red.next("reply");
    assert.equal(reply["payload"], "Hello");
    return { reply, stream: red.captured("stream").slice(before) };
  }

  it("shows it in the status, and sends nothing of it unless that is wanted", async () => {
    const { stream, reply } = await ask({ stream: true });
    assert.ok(
      red.statuses("chat").some((status) => status.text === "reading 45 %"),
      JSON.stringify(red.statuses("chat")),
    );
    assert.deepEqual(
      stream.map(({ payload }) => payload),
      ["Hel", "lo", ""],
    );
    assert.doesNotMatch(JSON.stringify([stream, reply]), /progress/);
  });

  it("sends it on output 2 before the text, without parts, where that is wanted", async () => {
    const { stream } = await ask(
      { stream: true, progress: true },
      { parts: { id: "outer" }, kept: { a: 1 }, progress: "old" },
    );
    const [first, second, ...rest] = stream;
    assert.deepEqual(first?.["progress"], { processed: 0, total: 200 });
    assert.deepEqual(second?.["progress"], { processed: 90, total: 200 });
    for (const msg of [first, second]) {
      assert.equal(msg?.["payload"], "");
      assert.equal(msg?.["topic"], "t");
      assert.deepEqual(msg?.["kept"], { a: 1 });
      assert.equal(msg && "parts" in msg, false);
      assert.equal(msg && "complete" in msg, false);
    }
    assert.notEqual(first?.["kept"], second?.["kept"]);
    assert.deepEqual(
      rest.map(({ parts }) => parts.index),
      [0, 1, 2],
    );
  });

  it("sends it without a stream, too", async () => {
    const { stream } = await ask({ progress: true });
    assert.deepEqual(
      stream.map(({ progress }) => progress),
      [0, 90].map((processed) => ({ processed, total: 200 })),
    );
  });

  it("sends nothing where nobody is wired to it", async () => {
    const { reply } = await ask({ progress: true, wires: [["reply-sink"], [], []] });
    assert.equal(reply["payload"], "Hello");
  });
});
