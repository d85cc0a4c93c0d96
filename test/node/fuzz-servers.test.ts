import assert from "node:assert/strict";
import fc from "fast-check";
import { apiJson, replyJson } from "../support/arbitrary";
import { chatFlow, type Message, type NodeRed } from "../support/node-red";
import { startRouter } from "../support/router";
import { completion, json, type TestServer } from "../support/server";
import { slowStore } from "../support/slow-store";
import { useNodeRed } from "../support/use-node-red";

const COUNTS = ["prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens", "cost", "estimated_cost"];
const aCount = fc.oneof(
  fc.integer({ min: -5, max: 5000 }),
  fc.constantFrom(0.1, 1e9, "7", null, "__proto__", [3], { a: 1 }),
);

describe("what a server says of itself, which may be anything", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its));
  afterEach(() => slowStore.reset());

  /** Asks, and asserts that the question ends once and without a mistake of ours. */
  const ask = async (): Promise<Message> => {
    red.forget();
    red.send("chat", { payload: "Hi" });
    const [end] = await red.completed("chat");
    const error = end?.error as Message | undefined;
    assert.notEqual(error?.["key"], "internal", String(error));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(red.completions("chat").length, 1);
    return red.next(error ? "error" : "reply");
  };

  it("counts towards limits as a number that never goes down, or as an estimate", async () => {
    const rows = [
      { amount: 1e300, unit: "tokens", per: "month" },
      { amount: 1e300, unit: "usd", per: "month" },
      { amount: 1e300, unit: "questions", per: "month" },
    ];
    await red.deploy(chatFlow(server.url, {}, { limits: rows, retries: 0 }));
    let before = [0, 0, 0];
    let asked = 0;
    const usage = fc.oneof(apiJson, fc.dictionary(fc.constantFrom(...COUNTS), aCount));
    const told = async (value: unknown) => {
      server.handle((_, response) => json(response, 200, completion("ok", { usage: value })));
      const { limits } = (await ask())["completion"];
      asked++;
      const used: number[] = limits.map((limit: Message) => limit["used"]);
      assert.ok(
        used.every((count, index) => Number.isFinite(count) && count >= (before[index] ?? 0)),
        String(used),
      );
      assert.equal(used[2], asked);
      before = used;
    };
    await fc.assert(fc.asyncProperty(usage, told), { numRuns: 150 });
  });

  it("is asked for by a provider's name, or not at all", async function () {
    this.timeout(30_000);
    const router = await startRouter();
    const chat = { conversation: "talk", conversationType: "str", store: "slow" };
    await router.deploy(red, chat, { retries: 0 });
    const aName = fc.oneof(
      fc.constantFrom("alpha", "be.ta-2", "a:b", "../x", "a b", "__proto__", "x".repeat(65), "%0a", ""),
      fc.stringMatching(/^[\x20-\x7e]{0,20}$/),
    );
    const anAnswer = fc.tuple(fc.constantFrom(200, 200, 200, 400, 404, 429, 503), fc.oneof(apiJson, replyJson));
    const told = async (name: string, [status, value]: [number, unknown]) => {
      const body = status === 200 ? completion("ok") : value;
      router.handle((_, response) => json(response, status, body, { "x-inference-provider": name }));
      await ask();
      for (const { body: sent } of router.asked) assert.match(sent.model, /^test\/model(:[\w.-]{1,64})?$/);
      router.server.requests.length = 0;
    };
    await fc.assert(fc.asyncProperty(aName, anAnswer, told), { numRuns: 150 });
    await router.close();
  });
});
