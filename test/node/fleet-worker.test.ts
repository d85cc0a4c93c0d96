import assert from "node:assert/strict";
import { pointTo, readExamples } from "../../dev/examples";
import { withEnv } from "../../dev/fleet/flows";
import { type Message, type NodeDef, type NodeRed, sink } from "../support/node-red";
import { chunk, type Handler, reply, sse, type TestServer } from "../support/server";
import { slowStore } from "../support/slow-store";
import { useNodeRed } from "../support/use-node-red";

const BROKER = ["mqtt-broker", "mqtt in", "status"];

/** A reply that begins and does not end. */
const endless: Handler = (_, response) => sse(response, [chunk("Hel")], { done: false, end: false });

/**
 * The flow of example 15 without a broker: the test hands questions to its nodes, and looks at what would be published. Its store is
 * asynchronous, as a shared one is.
 */
describe("a worker of a fleet, and what it knows of its questions", () => {
  const example = readExamples().find(({ name }) => name.endsWith("A worker of a fleet"))?.flow ?? [];
  const id = (name: string) => example.find((node) => node.name === name)?.id ?? "";
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its), reply("first"));
  afterEach(() => slowStore.reset());

  /** @param isKilled - true for a worker that is killed before it notes an answer */
  async function start(isKilled = false): Promise<void> {
    const publish = id("Answers and claims");
    const changed = example.map((node): NodeDef => {
      // Without a variable in it, Node-RED would take the whole for the name of one.
      if (node.type === "tab") return withEnv(node, { STORE: "slow", PRESENCE: "fleet/workers/a${NOBODY}" });
      if (node.type === "huggingface-config") return { ...node, retries: 0 };
      if (isKilled && node.name === "Answer") return { ...node, func: "flow.set('killed', true);" };
      return node.type === "huggingface-chat" ? { ...node, store: "slow" } : node;
    });
    const flow = changed.filter((node) => !BROKER.includes(node.type) && node.id !== publish);
    await red.deploy(pointTo(server.url, [...flow, sink(publish, "published", { z: flow[0]?.id })]));
  }
  const take = (question: string, partition?: string, more: Message = { receipt: "yes" }) =>
    red.send(id("Take a question"), {
      payload: `About ${question}`,
      responseTopic: "fleet/answers/x",
      correlationData: Buffer.from(question),
      userProperties: { attempt: "1", ...more, ...(partition && { conversation: "ada" }) },
      ...(partition && { partition }),
    });
  const answers = (kind: string): Message[] =>
    red
      .captured("published")
      .map(({ payload }) => payload)
      .filter((payload) => payload?.kind === kind);
  const answered = async (kind: string, count: number): Promise<Message[]> => {
    await red.until(
      () => answers(kind).length >= count,
      () => `${count} times ${kind}: ${JSON.stringify(red.captured("published"))}`,
    );
    return answers(kind);
  };
  const open = (): object => red.node(id("Take a question")).context().flow.get("open");
  const ended = () =>
    red.until(
      () => Object.keys(open()).length === 0,
      () => JSON.stringify(open()),
    );

  for (const partition of [undefined, "3"]) {
    const what = partition ? "of a conversation" : "on its own";
    it(`answers a question ${what} again from the store, also one that another worker has answered`, async () => {
      await start();
      take("q", partition);
      const [first] = await answered("reply", 1);
      await ended();
      take("q", partition);
      assert.deepEqual({ ...(await answered("reply", 2))[1] }, { ...first });
      // A new start has nothing but the store.
      await start();
      take("q", partition);
      assert.deepEqual({ ...(await answered("reply", 3))[2] }, { ...first });
      assert.equal(server.requests.length, 1);
    });
  }

  it("answers from the conversation what a worker had remembered when it was killed before it noted the answer", async () => {
    await start();
    take("one", "3");
    await answered("reply", 1);
    await start(true);
    server.handle(reply("second"));
    take("two", "3");
    await red.until(
      () => red.node(id("Take a question")).context().flow.get("killed"),
      () => "the reply has left the chat node",
    );
    // Another worker, which has nothing but the store.
    await start();
    take("two", "3");
    assert.equal((await answered("reply", 2))[1]?.["payload"], "second");
    assert.equal(server.requests.length, 2);
    take("three", "3");
    await answered("reply", 3);
    assert.deepEqual(
      server.last.body.messages.slice(1).map(({ content }: Message) => content),
      ["About one", "first", "About two", "second", "About three"],
    );
    // What it has answered from there it has noted.
    take("two", "3");
    assert.equal((await answered("reply", 4))[3]?.["payload"], "second");
    assert.equal(server.requests.length, 3);
  });

  it("does not take a question twice while it answers it", async () => {
    server.handle(endless);
    await start();
    take("q");
    await server.waitFor(1);
    take("q");
    take("other");
    await server.waitFor(2);
    assert.match(JSON.stringify(server.last.body), /About other/);
  });

  it("says who has taken a question, and says so again when it is asked again", async () => {
    server.handle(endless);
    await start();
    take("q");
    await answered("taken", 1);
    await server.waitFor(1);
    take("q");
    assert.deepEqual(
      (await answered("taken", 2)).map(({ by }) => by),
      ["a", "a"],
    );
    assert.equal(server.requests.length, 1);
  });

  it("says nothing of that to who does not ask for it", async () => {
    await start();
    take("q", undefined, {});
    await answered("reply", 1);
    assert.deepEqual(answers("taken"), []);
  });

  it("leaves a question to another worker that is there, and takes it when that one is gone", async () => {
    await start();
    const tell = (payload: string) => red.send(id("Which partitions?"), { topic: "fleet/workers/b", payload });
    const { flow } = red.node(id("Take a question")).context();
    const key = `asked_${Buffer.from("q").toString("hex")}`;
    await new Promise((resolve) => flow.set(key, { by: "life of b", since: Date.now() }, "slow", resolve));
    tell("life of b");
    take("q");
    await ended();
    assert.deepEqual([server.requests.length, answers("taken").length], [0, 0]);
    tell("");
    take("q");
    await answered("reply", 1);
  });

  it("leaves no trace of what it answered when the broker went, and answers it when it comes again", async () => {
    await start();
    take("one", "3");
    await answered("reply", 1);
    await ended();
    server.handle(endless);
    take("two", "3");
    await server.waitFor(2);
    await answered("chunk", 3);
    red.send(id("Which partitions?"), { status: { text: "node-red:common.status.disconnected" } });
    await ended();
    server.handle(reply("second"));
    take("two", "3");
    await answered("reply", 2);
    assert.deepEqual(
      server.last.body.messages.slice(1).map(({ content }: Message) => content),
      ["About one", "first", "About two"],
    );
  });

  it("lets questions wait while the store is away", async () => {
    await start();
    slowStore.failing = ["get", "set", "keys"];
    take("q", "3");
    take("single");
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.deepEqual([server.requests.length, answers("taken").length], [0, 0]);
    slowStore.failing = [];
    await answered("reply", 2);
    assert.deepEqual(answers("error"), []);
  });

  it("lets a question that could not be remembered be asked again, and answers it then", async () => {
    await start();
    slowStore.failing = ["set"];
    take("q", "3");
    await answered("error", 1);
    assert.equal(answers("error")[0]?.again, true);
    slowStore.failing = [];
    take("q", "3");
    await answered("reply", 1);
    assert.equal(server.last.body.messages.length, 2);
  });
});
