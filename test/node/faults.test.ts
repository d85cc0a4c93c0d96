import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { FAULTS, type Fault, TIMEOUT } from "../support/faults";
import { assertNothingLeft, openResources, watchWarnings } from "../support/leaks";
import { chatFlow, getNodeRed, type Message, type NodeRed } from "../support/node-red";
import { rawReply } from "../support/raw";
import { startRawServer } from "../support/server";

describe("huggingface-chat, a server that misbehaves", () => {
  let red: NodeRed;
  before(async () => {
    red = await getNodeRed();
  });
  afterEach(() => red.reset());

  for (const [what, { answer, connect, code, says, partial, reply, timeout = TIMEOUT }] of Object.entries(FAULTS)) {
    it(`${what}: ${code ?? "the reply"}, done once, nothing left over, and the next question is answered`, async () => {
      const before = await openResources();
      const warnings = watchWarnings();
      const server = await startRawServer(
        (socket, request, index) => {
          const handler = index === 0 ? answer : (respondWith: Socket) => respondWith.end(rawReply("ok"));
          return handler?.(socket, request, index);
        },
        (socket, index) => index === 0 && connect?.(socket),
      );
      await red.deploy(chatFlow(server.url, { stream: true }, { retries: 0, timeout, maxConcurrent: 1 }));
      red.send("chat", { payload: "Hi", topic: "t" });
      await red.completed("chat");
      if (reply === undefined) assertSeen(await red.next("error"), { code, says, partial });
      else assert.equal((await red.next("reply")).payload, reply);
      assertStreamIsClosed(red.captured("stream"), reply === undefined ? "error" : "stop");

      red.send("chat", { payload: "Hi again" });
      assert.equal((await red.next("reply")).payload, "ok");
      const ends = reply === undefined ? [1, 1] : [0, 2];
      assert.deepEqual([red.captured("error").length, red.captured("reply").length], ends);
      assert.equal(red.completions("chat").length, 2, "done is called once a question");
      await server.close();
      await red.reset();
      await assertNothingLeft(before);
      assert.deepEqual(warnings(), []);
    });
  }
});

function assertSeen(caught: Message, { code, says, partial = "" }: Omit<Fault, "answer">): void {
  const { error, completion } = caught;
  assert.equal(error.code, code, error.message);
  if (says) assert.match(error.message, says);
  // One line in the user's language, with all placeholders filled in.
  assert.doesNotMatch(error.message, /[\r\n]|__|undefined|Error:|\[object/);
  assert.equal(error.cause.attempts, 1);
  const text: string = completion.message.content;
  assert.ok(typeof partial === "string" ? text === partial : partial.test(text), text.slice(0, 100));
  assert.doesNotThrow(() => structuredClone(error.cause));
}

/** Asserts that a stream that has begun ends with one closing message that says how. */
function assertStreamIsClosed(messages: Message[], reason: string): void {
  if (messages.length === 0) return;
  const closing = messages.filter(({ complete }) => complete);
  assert.equal(closing.length, 1);
  assert.equal(messages.at(-1), closing[0]);
  assert.equal(closing[0]?.finish_reason, reason);
}
