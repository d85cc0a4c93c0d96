import assert from "node:assert/strict";
import fc from "fast-check";
import { apiJson, replyJson } from "../support/arbitrary";
import { chatFlow, type Message, type NodeRed } from "../support/node-red";
import { startRouter, type TestRouter } from "../support/router";
import { completion, type Handler, json, type TestServer } from "../support/server";
import { slowStore } from "../support/slow-store";
import { callRound, valueTool } from "../support/tools";
import { useNodeRed } from "../support/use-node-red";

const COUNTS = ["prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens", "cost", "estimated_cost"];
const aCount = fc.oneof(
  fc.integer({ min: -5, max: 5000 }),
  fc.constantFrom(0.1, 1e9, "7", null, "__proto__", [3], { a: 1 }),
);
const aPrice = fc.oneof(fc.double({ min: 0, max: 10, noNaN: true }), fc.constantFrom(-1, 1e9, "7", null, [1]));
const aName = fc.oneof(
  fc.constantFrom("alpha", "be.ta-2", "a:b", "../x", "a b", "__proto__", "x".repeat(65), "%0a", ""),
  fc.stringMatching(/^[\x20-\x7e]{0,20}$/),
);
const PRICED = {
  data: [{ id: "test/model", providers: [{ provider: "alpha", pricing: { input: 1, output: 2 } }] }],
};
/** Only its first bytes are checked. */
const WAV = Buffer.from("RIFF\x24\x00\x00\x00WAVEfmt ", "latin1");

/** What a server says to a question: something with a status, a call of a tool, or a good reply with these counts. */
interface Answer {
  status: number;
  kind: "body" | "call" | "good";
  body: unknown;
  usage: object;
  provider: string;
}
const anAnswer: fc.Arbitrary<Answer> = fc.record({
  status: fc.constantFrom(200, 400, 402, 404, 429, 500, 503),
  kind: fc.constantFrom("body", "call", "good"),
  body: fc.oneof(apiJson, replyJson),
  usage: fc.dictionary(fc.constantFrom(...COUNTS), aCount),
  provider: aName,
});

function say({ status, kind, body, usage, provider }: Answer, ...[request, response, index]: Parameters<Handler>) {
  response.setHeader("x-inference-provider", provider);
  if (kind === "call") return callRound({ id: `${index}`, name: "own" })(request, response, index);
  if (kind === "good") return json(response, 200, completion("ok", { usage }));
  return json(response, status, body);
}

describe("what a server says of itself, which may be anything", () => {
  let red: NodeRed;
  let server: TestServer;
  let router: TestRouter | undefined;
  useNodeRed((its) => ({ red, server } = its));
  afterEach(async () => {
    slowStore.reset();
    await router?.close();
    router = undefined;
  });

  const openRouter = async (models?: Handler): Promise<TestRouter> => {
    router = await startRouter(models);
    return router;
  };

  /** Asks, and asserts that the question ends once and without a mistake of ours. */
  const ask = async (message: Message = { payload: "Hi" }): Promise<Message> => {
    red.forget();
    red.send("chat", message);
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

  it("is priced by a list that may be anything: a limit in USD counts what never goes down", async function () {
    this.timeout(60_000);
    let listed: unknown;
    const { deploy, handle } = await openRouter((_, response) => json(response, 200, listed));
    const prices = fc.record(
      { input: aPrice, output: aPrice, cache_read_tokens: aPrice, x: apiJson },
      { requiredKeys: ["input", "output"] },
    );
    const providers = fc.array(
      fc.oneof(
        { weight: 1, arbitrary: apiJson },
        { weight: 9, arbitrary: fc.record({ provider: fc.constantFrom("a", "b", ""), pricing: prices }) },
      ),
      { minLength: 1, maxLength: 4 },
    );
    const list = fc.oneof(
      { weight: 1, arbitrary: apiJson },
      { weight: 9, arbitrary: fc.record({ data: fc.tuple(fc.record({ id: fc.constant("test/model"), providers })) }) },
    );
    const rows = [{ amount: 1e300, unit: "usd", per: "month" }];
    const counts = { prompt_tokens: aCount, completion_tokens: aCount, cached_tokens: aCount, estimated_cost: aCount };
    const usage = fc.array(fc.record(counts, { requiredKeys: ["prompt_tokens", "completion_tokens"] }), {
      minLength: 2,
      maxLength: 6,
    });
    let before = 0;
    const told = async (value: unknown, usages: object[]) => {
      listed = value;
      // A new client fetches the list anew.
      await deploy(red, {}, { limits: rows, retries: 0 });
      for (const [index, said] of usages.entries()) {
        handle((_, response) =>
          json(response, 200, completion("ok", { usage: said }), { "x-inference-provider": index % 2 ? "a" : "b" }),
        );
        const { cost = 0, limits } = (await ask())["completion"];
        const used = limits[0]["used"];
        assert.ok(Number.isFinite(cost) && cost >= 0, `a cost of ${cost}`);
        assert.ok(Number.isFinite(used) && used >= before, `${used} after ${before}`);
        before = used;
      }
    };
    await fc.assert(fc.asyncProperty(list, usage, told), { numRuns: 40 });
  });

  it("is asked for by a provider's name, or not at all", async function () {
    this.timeout(30_000);
    const router = await openRouter();
    const chat = { conversation: "talk", conversationType: "str", store: "slow" };
    await router.deploy(red, chat, { retries: 0 });
    const answer = fc.tuple(fc.constantFrom(200, 200, 200, 400, 404, 429, 503), fc.oneof(apiJson, replyJson));
    const told = async (name: string, [status, value]: [number, unknown]) => {
      const body = status === 200 ? completion("ok") : value;
      router.handle((_, response) => json(response, status, body, { "x-inference-provider": name }));
      await ask();
      for (const { body: sent } of router.asked) assert.match(sent.model, /^test\/model(:[\w.-]{1,64})?$/);
      router.server.requests.length = 0;
    };
    await fc.assert(fc.asyncProperty(aName, answer, told), { numRuns: 150 });
  });

  it("meets sound, tools, a provider, limits in USD and a stand-in at the same time: one end", async function () {
    this.timeout(60_000);
    const gate = await openRouter((_, response) => json(response, 200, PRICED));
    const chat = { conversation: "talk", tools: ["tool-own"], stream: true };
    const limits = [{ amount: 1e300, unit: "usd", per: "month" }];
    const other = { id: "other", type: "huggingface-config", model: "other/model", baseUrl: server.url };
    const more = [{ ...other, retries: 0, limits }, ...valueTool("own", "done")];
    await gate.deploy(red, chat, { retries: 0, otherwise: "other", limits }, more);
    const key = `hf_${Buffer.from("talk").toString("hex")}`;
    const usedOf = async (config: string): Promise<number> => {
      const response = await fetch(`${red.url}/huggingface/limits/${config}`);
      return (await response.json()).limits[0].used;
    };
    let before = [0, 0];
    const ends = { reply: 0, error: 0, otherwise: 0, pinned: 0 };
    const told = async (answers: Answer[], otherAnswer: Answer, provider: unknown, isSound: boolean) => {
      const memory = red.node("chat")["context"]();
      const kept = memory.get(key);
      if (kept) memory.set(key, { ...kept, providers: { "test/model": provider } });
      gate.handle((request, response, index) =>
        say(answers[index % answers.length] as Answer, request, response, index),
      );
      server.handle((request, response, index) => say(otherAnswer, request, response, index));
      const { error, completion: report } = await ask({ payload: "Hi", ...(isSound && { audio: WAV }) });
      for (const { body } of [...gate.asked, ...server.requests]) {
        assert.match(body.model, /^(test\/model(:[\w.-]{1,64})?|other\/model)$/);
        if (body.model.includes(":")) ends.pinned++;
        const parts = body.messages.flatMap(({ content }: Message) => (Array.isArray(content) ? content : []));
        assert.ok(!isSound || parts.some(({ type }: Message) => type === "input_audio"));
      }
      ends[error ? "error" : "reply"]++;
      if (report?.fallbacks?.some(({ to }: Message) => to)) ends.otherwise++;
      gate.server.requests.length = 0;
      server.requests.length = 0;
      const used = await Promise.all(["config", "other"].map(usedOf));
      assert.ok(
        used.every((count, index) => Number.isFinite(count) && count >= (before[index] ?? 0)),
        `${used} after ${before}`,
      );
      before = used;
    };
    const answers = fc.array(anAnswer, { minLength: 1, maxLength: 3 });
    const pin = fc.oneof(fc.constant("alpha"), aName, apiJson);
    await fc.assert(fc.asyncProperty(answers, anAnswer, pin, fc.boolean(), told), { numRuns: 120 });
    assert.ok(
      Object.values(ends).every((count) => count > 0),
      JSON.stringify(ends),
    );
    assert.ok(before[0], "the limit of the first configuration");
  });
});
