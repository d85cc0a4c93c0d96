import assert from "node:assert/strict";
import { chatFlow, type Message, type NodeRed } from "../support/node-red";
import { chunk, inTurn, reply, sse, type TestServer } from "../support/server";
import { slowStore } from "../support/slow-store";
import { callRound } from "../support/tools";
import { useNodeRed } from "../support/use-node-red";

const SCHEMA = { format: "json_schema", schema: '{"type":"object","properties":{"ok":{"type":"boolean"}}}' };
const FUNCTION = { functions: [{ name: "look", description: "", parameters: "{}" }] };

describe("msg.huggingface.idempotency_key: a question that comes twice is answered again from memory", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its));
  beforeEach(() => server.handle(inTurn(reply("first"), reply("second"), reply("third"))));
  afterEach(() => slowStore.reset());

  const start = (chat: Message = {}) =>
    red.deploy(chatFlow(server.url, { conversation: "topic", conversationType: "msg", store: "slow", ...chat }));
  const send = (payload: string, key?: unknown, more: Message = {}) =>
    red.send("chat", { payload, topic: "a", huggingface: { idempotency_key: key }, ...more });
  const ask = async (payload: string, key?: unknown, more: Message = {}): Promise<Message> => {
    send(payload, key, more);
    return red.next("reply");
  };
  const sent = () => server.last.body.messages.map(({ content }: Message) => content);
  const stored = (): Message => {
    assert.equal(slowStore.all.length, 1);
    return JSON.parse(slowStore.all[0] ?? "");
  };

  it("asks once, remembers one turn, and gives the same reply, which costs nothing", async () => {
    await start();
    const first = await ask("one", "k1");
    const { used, ...entry } = stored();
    // A new start has nothing but the store.
    await start();
    const again = await ask("one", "k1");
    assert.equal(server.requests.length, 1);
    assert.equal("idempotency_key" in server.last.body, false);
    assert.equal(again["payload"], "first");
    assert.deepEqual(again["messages"], first["messages"]);
    const { id, created, model, finish_reason, message } = first["completion"];
    const known = { id, created, model, finish_reason, message };
    for (const [name, value] of Object.entries(known)) assert.deepEqual(again["completion"][name], value, name);
    assert.deepEqual([again["completion"].attempts, again["completion"].steps], [0, []]);
    assert.deepEqual([again["completion"].usage, again["completion"].cost], [undefined, undefined]);
    const { used: usedNow, ...entryNow } = stored();
    assert.deepEqual([entryNow, usedNow], [entry, used]);
    await ask("two", "k2");
    assert.deepEqual(sent(), ["one", "first", "two"]);
  });

  it("asks where the key is another one, and where another question has come since", async () => {
    await start();
    await ask("one", "k1");
    assert.equal((await ask("two", "k2"))["payload"], "second");
    assert.equal((await ask("two", "k2"))["payload"], "second");
    assert.equal((await ask("one", "k1"))["payload"], "third");
    assert.equal(server.requests.length, 3);
  });

  it("knows the keys of each conversation, and none without one", async () => {
    await start();
    assert.equal((await ask("one", "k1"))["payload"], "first");
    assert.equal((await ask("one", "k1", { topic: "b" }))["payload"], "second");
    assert.equal((await ask("one", "k1", { topic: "" }))["payload"], "third");
    assert.equal((await ask("one", "k1", { topic: "" }))["payload"], "third");
    assert.equal(server.requests.length, 4);
  });

  it("stores the entry of a conversation as ever where no key is used, also behind one that was", async () => {
    await start();
    await ask("one", "k1");
    assert.equal(stored()["answered"].idempotency_key, "k1");
    for (const key of [undefined, null, ""]) {
      await ask("two", key);
      assert.deepEqual(Object.keys(stored()).sort(), ["by", "key", "messages", "providers", "used"]);
    }
  });

  it("gives the value of a JSON reply again, whatever the flow made of the first one", async () => {
    server.handle(reply('{"ok":true}'));
    await start({ ...SCHEMA, store: "" });
    for (let times = 0; times < 3; times++) {
      const { payload, completion } = await ask("one", "k1");
      assert.deepEqual([payload, completion.message.content], [{ ok: true }, '{"ok":true}']);
      payload.ok = "changed";
      completion.message.content = "changed";
    }
    assert.equal(server.requests.length, 1);
  });

  it("asks a question again that was aborted", async () => {
    server.handle(inTurn((_, response) => sse(response, [chunk("Hel")], { done: false, end: false }), reply("whole")));
    await start({ stream: true });
    send("one", "k1");
    await red.next("stream");
    red.send("chat", { abort: true, topic: "a" });
    assert.equal((await red.next("reply"))["completion"].finish_reason, "aborted");
    assert.equal((await ask("one", "k1"))["payload"], "whole");
  });

  it("takes the results of calls under the key of the question that they belong to", async () => {
    server.handle(inTurn(callRound({ id: "call1", name: "look", args: "{}" }), reply("seen")));
    await start(FUNCTION);
    send("one", "k1");
    const [call] = (await red.next("calls"))["payload"];
    send([{ role: "tool", tool_call_id: call.id, content: "a cat" }] as unknown as string, "k1");
    assert.equal((await red.next("reply"))["payload"], "seen");
    assert.equal((await ask("one", "k1"))["payload"], "seen");
    assert.equal(server.requests.length, 2);
  });

  it("forgets the key with the conversation", async () => {
    await start();
    await ask("one", "k1");
    red.send("chat", { reset: true, topic: "a" });
    assert.equal((await ask("one", "k1"))["payload"], "second");
  });

  it("refuses a key that is not text", async () => {
    await start();
    send("one", 7);
    const { error } = await red.next("error");
    assert.match(error.message, /msg\.huggingface\.idempotency_key/);
    assert.equal(server.requests.length, 0);
  });
});
