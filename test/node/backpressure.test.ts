import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { chatFlow, flowNode, type Message, type NodeRed } from "../support/node-red";
import { type Handler, json, reply, type TestServer } from "../support/server";
import { useNodeRed } from "../support/use-node-red";

/** For instance, a broker delivers all its messages at once. */
describe("questions that come faster than they are answered", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its));

  /** Answers after a while, and counts parallel requests. */
  function slowly(ms: number): { handler: Handler; most: () => number } {
    let running = 0;
    let most = 0;
    const handler: Handler = async (request, response, index) => {
      most = Math.max(most, ++running);
      await sleep(ms);
      running--;
      return reply(`re ${request.body.messages.at(-1).content}`)(request, response, index);
    };
    return { handler, most: () => most };
  }

  it("run up to the limit, wait up to the queue's limit, and otherwise fail at once and can be sent again", async () => {
    const { handler, most } = slowly(50);
    server.handle(handler);
    await red.deploy(chatFlow(server.url, {}, { maxConcurrent: 3, maxQueued: 10 }));
    for (let number = 0; number < 50; number++) red.send("chat", { payload: `${number}`, number });
    const refused = (await red.next("error", 37)) as Message[];
    const answered = (await red.next("reply", 13)) as Message[];
    assert.equal(most(), 3);
    assert.deepEqual(
      answered.map(({ number }) => number).sort((a, b) => a - b),
      [...Array(13).keys()],
    );
    for (const { error } of refused) {
      assert.equal(error.code, "rate_limit");
      assert.equal(error.cause.retryable, true);
      assert.equal(error.cause.attempts, 0);
    }
    assert.equal(server.requests.length, 13);
    red.forget();
    for (const { number } of refused.slice(0, 13)) red.send("chat", { payload: `${number}`, number });
    await red.next("reply", 13);
  });

  it("count towards the queue also while they wait for their turn in a conversation", async () => {
    server.handle(slowly(50).handler);
    const memory = { conversation: "topic", conversationType: "msg" };
    await red.deploy(chatFlow(server.url, memory, { maxConcurrent: 3, maxQueued: 2 }));
    for (let number = 0; number < 6; number++) red.send("chat", { payload: `${number}`, topic: "one", number });
    const refused = (await red.next("error", 3)) as Message[];
    assert.ok(refused.every(({ error }) => error.code === "rate_limit"));
    const answered = (await red.next("reply", 3)) as Message[];
    assert.deepEqual(
      answered.map(({ payload }) => payload),
      ["re 0", "re 1", "re 2"],
    );
  });

  it("wait for a Retry-After in all chat nodes of the configuration, and in no others", async () => {
    const asked: { at: number; model: string }[] = [];
    server.handle((request, response, index) => {
      asked.push({ at: performance.now(), model: request.body.model });
      if (asked.length === 1) return json(response, 429, {}, { "retry-after-ms": "400" });
      return reply("ok")(request, response, index);
    });
    const other = { id: "config-2", type: "huggingface-config", name: "", model: "test/free", baseUrl: server.url };
    const chat = (id: string, config: string) =>
      flowNode(id, "huggingface-chat", { name: "", config, wires: [["reply-sink"], [], []] });
    await red.deploy([...chatFlow(server.url), other, chat("chat-2", "config"), chat("chat-3", "config-2")]);
    red.send("chat", { payload: "first" });
    await server.waitFor(1);
    await sleep(50);
    red.send("chat-2", { payload: "second" });
    red.send("chat-3", { payload: "third" });
    await red.next("reply", 3);
    assert.match(red.statuses("chat-2").at(0)?.text ?? "", /^waiting/);
    const [first, free, ...held] = asked;
    assert.equal(free?.model, "test/free");
    assert.equal(held.length, 2);
    for (const { at } of held) assert.ok(at - (first?.at ?? 0) >= 395, `asked after ${at - (first?.at ?? 0)} ms`);
  });
});
