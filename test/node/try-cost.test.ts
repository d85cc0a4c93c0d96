import assert from "node:assert/strict";
import { restore, type SinonFakeTimers, useFakeTimers } from "sinon";
import type { Message, NodeDef, NodeRed } from "../support/node-red";
import { ROUTER, startRouter, type TestRouter } from "../support/router";
import { completion, type Handler, inTurn, json, reply, type TestServer, usage } from "../support/server";
import { callRound, valueTool } from "../support/tools";
import { useNodeRed } from "../support/use-node-red";

const MODELS = {
  data: [{ id: "org/a", providers: [{ provider: "cheap", pricing: { input: 1, output: 2 } }] }],
};
const LONGEST_WAIT_MS = 5000;

describe("the cost in the try-it box", () => {
  let red: NodeRed;
  let server: TestServer;
  let router: TestRouter;
  let clock: SinonFakeTimers | undefined;
  let list: Handler;
  useNodeRed((its) => ({ red, server } = its));
  beforeEach(async () => {
    list = (_, response) => json(response, 200, MODELS);
    router = await startRouter((...args) => list(...args));
    router.handle(byCheap);
  });
  afterEach(async () => {
    clock?.restore();
    clock = undefined;
    restore();
    await router.close();
  });

  const byCheap: Handler = (request, response, index) => {
    response.setHeader("x-inference-provider", "cheap");
    return reply("Hello")(request, response, index);
  };
  const charged = (cost: number | undefined, text = "ok"): Handler => {
    return (_, response) => json(response, 200, completion(text, { usage: { ...usage(3, 5), cost } }));
  };
  const atRouter = { baseUrl: ROUTER, proxy: "proxy", tls: "tls" };
  const form = (def: Message, chat: Message = {}, more: Message = {}): Message => ({
    prompt: "Hi",
    chat,
    tools: [],
    config: { id: "config", def: { model: "org/a", retries: 0, ...def }, token: "" },
    ...more,
  });
  /** Asks, and hands out the lines of the answer as they come. */
  async function* ask(body: Message): AsyncGenerator<Message> {
    const response = await fetch(`${red.url}/huggingface/try`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    let rest = "";
    assert.ok(response.body);
    for await (const bytes of response.body as unknown as AsyncIterable<Uint8Array>) {
      const lines = (rest + Buffer.from(bytes).toString("utf8")).split("\n");
      rest = lines.pop() ?? "";
      yield* lines.map((line) => JSON.parse(line));
    }
  }
  const done = async (body: Message): Promise<Message> => {
    let last: Message = {};
    for await (const line of ask(body)) last = line;
    assert.ok(last["done"], JSON.stringify(last));
    return last["done"];
  };
  const deployRouter = (more: NodeDef[] = []) => router.deploy(red, {}, {}, more);
  const lists = () => router.server.requests.filter(({ url }) => url === "/v1/models");

  it("is what the server says, summed over all rounds", async () => {
    server.handle(inTurn(charged(0.25, "no JSON"), charged(0.5, "{}")));
    assert.equal((await done(form({ baseUrl: server.url }, { format: "json_object" }))).cost, 0.75);
  });

  it("is absent where the server does not tell it for each round", async () => {
    server.handle(inTurn(charged(0.25, "no JSON"), charged(undefined, "{}")));
    const facts = await done(form({ baseUrl: server.url }, { format: "json_object" }));
    assert.equal("cost" in facts, false);
    assert.deepEqual(facts.usage, { prompt_tokens: 6, completion_tokens: 10, total_tokens: 16 });
  });

  it("is there at the router, also where the prices come after the reply, which does not wait for them", async () => {
    await deployRouter();
    let send: (() => void) | undefined;
    list = (_, response) => {
      send = () => json(response, 200, MODELS);
    };
    const seen: string[] = [];
    for await (const line of ask(form(atRouter))) {
      if (line["text"]) {
        seen.push(line["text"]);
        await red.until(() => send !== undefined, "the request for prices");
        send?.();
      }
      if (line["done"]) assert.equal(line["done"].cost, 0.000005);
    }
    assert.deepEqual(seen, ["Hello"]);
    assert.equal(lists().length, 1);
    assert.equal(lists()[0]?.headers.authorization, undefined);
  });

  it("is there for all rounds of a question with tools, from one list", async () => {
    const tools = [{ id: "tool-weather", name: "weather", description: "", parameters: "", strict: false }];
    await router.deploy(red, { tools: ["tool-weather"] }, {}, valueTool("weather", "7"));
    const rounds = inTurn(callRound({ id: "a", name: "weather" }), reply("7 degrees"));
    router.handle((request, response, index) => {
      response.setHeader("x-inference-provider", "cheap");
      return rounds(request, response, index);
    });
    const facts = await done(form(atRouter, { id: "chat" }, { tools, runTools: true }));
    assert.equal(facts.cost, 0.000019);
    assert.equal(lists().length, 1);
  });

  it("is there where the router stands in for another server", async () => {
    server.handle((_, response) => json(response, 503, { error: "busy" }));
    const other = { id: "other", type: "huggingface-config", name: "Cloud", model: "org/a", ...atRouter };
    await deployRouter([other]);
    const otherwise = { id: "other", def: { ...other, id: undefined, type: undefined }, token: "" };
    const facts = await done(form({ baseUrl: server.url, otherwise: "other" }, {}, { otherwise }));
    assert.equal(facts.cost, 0.000005);
  });

  for (const [what, handler] of [
    ["is refused", (_, response) => json(response, 500, {})],
    ["breaks off", (_, response) => response.destroy()],
    ["has no price for the model", (_, response) => json(response, 200, { data: [{ id: "org/a" }] })],
  ] as [string, Handler][]) {
    it(`is absent where the list ${what}`, async () => {
      list = handler;
      await deployRouter();
      assert.equal("cost" in (await done(form(atRouter))), false);
    });
  }

  it("is absent where the list never comes, five seconds after the reply", async () => {
    list = () => {};
    await deployRouter();
    clock = useFakeTimers({
      toFake: ["setTimeout", "clearTimeout"],
      shouldAdvanceTime: true,
      shouldClearNativeTimers: true,
    });
    const lines = ask(form(atRouter));
    assert.deepEqual((await lines.next()).value, { text: "Hello" });
    const end = lines.next();
    let hasEnded = false;
    end.then(() => {
      hasEnded = true;
    });
    await clock.tickAsync(LONGEST_WAIT_MS - 1000);
    assert.equal(hasEnded, false);
    await clock.tickAsync(1000);
    const { value: last } = await end;
    assert.equal(last.done.finish_reason, "stop");
    assert.equal("cost" in last.done, false);
  });
});
