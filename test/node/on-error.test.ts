import assert from "node:assert/strict";
import { chatFlow, flowNode, type NodeRed, sink } from "../support/node-red";
import { json, reply, type TestServer } from "../support/server";
import { useNodeRed } from "../support/use-node-red";

describe("When it fails: message on output 1", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed(
    (its) => ({ red, server } = its),
    (request, response, index) => {
      const prompt = request.body.messages.at(-1).content;
      if (prompt === "row 7") json(response, 400, { error: { message: "said" } });
      else reply(`re: ${prompt}`)(request, response, index);
    },
  );
  const onError = "reply";

  it("keeps a batch of 20 complete where one row is refused", async () => {
    await red.deploy([
      ...chatFlow(server.url, { onError, wires: [["join"], [], []] }),
      flowNode("split", "split", {
        arraySplt: 1,
        arraySpltType: "len",
        splt: "\\n",
        spltType: "str",
        wires: [["chat"]],
      }),
      flowNode("join", "join", { mode: "auto", build: "object", property: "payload", wires: [["joined"]] }),
      sink("joined"),
    ]);
    const rows = Array.from({ length: 20 }, (_, index) => `row ${index}`);
    red.send("split", { payload: rows });
    const { payload } = await red.next("joined");
    assert.deepEqual(
      payload,
      rows.map((row) => (row === "row 7" ? null : `re: ${row}`)),
    );
  });

  it("carries the error as a catch node would have it, and is done without one", async () => {
    await red.deploy(chatFlow(server.url, { onError, name: "my chat" }));
    const parts = { id: "p", index: 0, count: 1 };
    red.send("chat", { payload: "row 7", topic: "t", parts, error: "old" });
    const msg = await red.next("reply");
    assert.equal(msg.payload, null);
    assert.equal(msg.topic, "t");
    assert.deepEqual(msg.parts, parts);
    assert.equal(msg.completion.attempts, 1);
    const { message, code, cause, source } = msg.error;
    assert.match(message, /^Request rejected \(400\): said/);
    assert.equal(code, "invalid_input");
    assert.equal(cause.status, 400);
    assert.deepEqual(source, { id: "chat", type: "huggingface-chat", name: "my chat", count: 1 });
    assert.deepEqual(structuredClone(msg.error), msg.error);
    assert.equal(red.completions("chat").length, 1);
    assert.equal(red.completions("chat")[0]?.error, undefined);
    assert.equal(red.captured("error").length, 0);
    assert.deepEqual(red.logOf("chat", 20), []);
    assert.equal((await red.next("complete")).topic, "t");
    assert.deepEqual(red.statuses("chat").at(-1), { fill: "red", shape: "ring", text: "request rejected (400)" });
  });

  it("is the same for what is refused before the request, and puts null where the reply goes", async () => {
    await red.deploy(chatFlow(server.url, { onError, output: "result.text" }));
    red.send("chat", { payload: "" });
    const msg = await red.next("reply");
    assert.equal(msg.error.code, "invalid_input");
    assert.deepEqual(msg.result, { text: null });
    assert.equal(msg.payload, "");
    assert.equal(server.requests.length, 0);
  });

  it("sends an error also where the place of the reply is what is wrong", async () => {
    await red.deploy(chatFlow(server.url, { onError, output: "a..b" }));
    red.send("chat", { payload: "Hi" });
    assert.match((await red.next("reply")).error.message, /^No place for the reply/);
  });

  it("is an error for catch nodes where the message cannot take it", async () => {
    await red.deploy(chatFlow(server.url, { onError }).filter(({ type }) => !["catch", "complete"].includes(type)));
    red.send("chat", Object.freeze({ payload: "Hi", _msgid: "1" }));
    const [{ error } = {}] = await red.completed("chat");
    assert.equal((error as { code?: string } | undefined)?.code, "invalid_input");
    assert.equal(red.captured("reply").length, 0);
  });

  it("is no matter of messages that control", async () => {
    await red.deploy(chatFlow(server.url, { onError, conversation: "topic", conversationType: "msg" }));
    red.send("chat", { abort: true, topic: {} });
    assert.equal((await red.next("error")).error.code, "invalid_input");
    assert.equal(red.captured("reply").length, 0);
  });

  it("ends with a good Reply, which has no error", async () => {
    await red.deploy(chatFlow(server.url, { onError }));
    red.send("chat", { payload: "Hi", error: { message: "old" } });
    const msg = await red.next("reply");
    assert.equal(msg.payload, "re: Hi");
    assert.equal("error" in msg, false);
  });

  it("ends with a Reply also where an error of before cannot be deleted", async () => {
    await red.deploy(chatFlow(server.url, { onError }).filter(({ type }) => !["catch", "complete"].includes(type)));
    const msg = { payload: "Hi", completion: 0, messages: 0, error: "old", _msgid: "1" };
    red.send("chat", Object.seal(msg));
    assert.equal((await red.next("reply")).payload, "re: Hi");
  });

  it("is what a catch node gets by default", async () => {
    await red.deploy(chatFlow(server.url));
    red.send("chat", { payload: "row 7" });
    assert.equal((await red.next("error")).error.code, "invalid_input");
    assert.equal(red.captured("reply").length, 0);
  });

  it("is refused where it is neither of the two", async () => {
    await red.deploy(chatFlow(server.url, { onError: "ignore" }));
    red.send("chat", { payload: "Hi" });
    assert.match((await red.next("error")).error.message, /^When it fails is "ignore"/);
  });
});
