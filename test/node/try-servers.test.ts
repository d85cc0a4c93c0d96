import assert from "node:assert/strict";
import { mcpServers, takeAsked } from "../support/mcp";
import { chatFlow, flowNode, type Message, type NodeDef, type NodeRed, tabId } from "../support/node-red";
import { freePort, inTurn, json, reply, startServer, type TestServer } from "../support/server";
import { callRound, valueTool } from "../support/tools";
import { useNodeRed } from "../support/use-node-red";

const OTHER_TOKEN = "hf_of_the_stand_in";

describe("the other servers of the try-it box", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its), reply("ok"));

  const ask = async (body: Message): Promise<Message[]> => {
    const response = await fetch(`${red.url}/huggingface/try`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ prompt: "Hi", tools: [], ...body, chat: { id: "chat", z: tabId, ...body.chat } }),
    });
    return (await response.text())
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
  };
  const configOf = (baseUrl: string, more: Message = {}): Message => ({
    id: "config",
    def: { name: "Home", model: "org/a", baseUrl, retries: 0, ...more },
    token: "__PWRD__",
  });

  describe("the stand-in", () => {
    let other: TestServer;
    let away: string;
    beforeEach(async () => {
      other = await startServer(reply("by the other"));
      away = `http://127.0.0.1:${await freePort()}`;
    });
    afterEach(() => other.close());

    const deploy = (baseUrl = away, second: string | undefined = other.url) => {
      const def: NodeDef = {
        id: "other",
        type: "huggingface-config",
        name: "Cloud",
        model: "other/b",
        baseUrl: second,
      };
      const flow = [...chatFlow(baseUrl, {}, { name: "Home", otherwise: "other", retries: 0 }), def];
      return red.deploy(flow, { other: { token: OTHER_TOKEN } });
    };
    const standIn = (baseUrl = other.url, more: Message = {}): Message => ({
      id: "other",
      def: { name: "Cloud", model: "other/b", baseUrl, retries: 0, ...more },
      token: "__PWRD__",
    });
    const form = (more: Message = {}): Message => ({
      config: configOf(away, { otherwise: "other" }),
      otherwise: standIn(),
      ...more,
    });

    it("is asked where the server of the form cannot be reached, with its own model, token and request", async () => {
      await deploy();
      const answer = await ask(
        form({ wantsRequest: true, message: '{"payload":"Hi","huggingface":{"model":"org/c"}}' }),
      );
      const { done } = answer.at(-1) as Message;
      assert.equal(answer.map(({ text = "" }) => text).join(""), "by the other");
      assert.match(done.warnings[0], /^Cloud was asked in place of Home/);
      assert.equal(done.fallbacks[0].code, "provider_unavailable");
      assert.deepEqual([other.last.body.model, other.last.headers.authorization], ["other/b", `Bearer ${OTHER_TOKEN}`]);
      const requests = answer.flatMap(({ request }) => request ?? []);
      assert.equal(requests.at(-1).url, `${other.url}/v1/chat/completions`);
      assert.doesNotMatch(JSON.stringify(answer), new RegExp(OTHER_TOKEN));
    });

    it("is not asked where the server answers", async () => {
      await deploy(server.url);
      const { done } = (await ask(form({ config: configOf(server.url, { otherwise: "other" }) }))).at(-1) as Message;
      assert.deepEqual([done.finish_reason, done.warnings, other.requests.length], ["stop", undefined, 0]);
    });

    it("hides its own token where it echoes it", async () => {
      await deploy();
      other.handle((_, response) => json(response, 401, { error: `no ${OTHER_TOKEN}` }));
      const answer = await ask(form());
      assert.equal(answer.at(-1)?.error.code, "auth_error");
      assert.doesNotMatch(JSON.stringify(answer), new RegExp(OTHER_TOKEN));
    });

    const refused: [what: string, body: () => Message][] = [
      ["is not deployed, since what was read for one that was goes nowhere else", () => ({ otherwise: standIn() })],
      ["is gone", () => ({ otherwise: undefined })],
      ["is the same", () => ({ otherwise: configOf(away) })],
      ["is the demo", () => ({ otherwise: standIn("demo:") })],
      ["has a value that cannot be", () => ({ otherwise: standIn(other.url, { maxConcurrent: "many" }) })],
    ];
    for (const [what, body] of refused) {
      it(`is left out where it ${what}`, async () => {
        const isDeployed = !what.startsWith("is not deployed");
        await deploy(away, isDeployed ? (what === "is the demo" ? "demo:" : other.url) : server.url);
        const answer = await ask(form(body()));
        assert.equal(answer.at(-1)?.error?.code, "provider_unavailable", JSON.stringify(answer));
        assert.equal(other.requests.length, 0);
      });
    }

    it("may be any where the form has nothing that was deployed", async () => {
      const answer = await ask(form({ otherwise: { ...standIn(), token: "" } }));
      assert.equal(answer.at(-1)?.done?.finish_reason, "stop", JSON.stringify(answer));
      assert.equal(other.last.headers.authorization, undefined);
    });
  });

  describe("MCP servers", () => {
    beforeEach(() => takeAsked());
    const choice = { use: "all", names: [], ask: "never", seen: {} };
    const picked = (more: Message = {}) => ({ mcp: ["mcp-s"], mcpTools: [{ ...choice, ...more }] });
    const deploy = (...more: NodeDef[]) =>
      red.deploy([
        ...chatFlow(server.url, { tools: ["tool-weather"] }),
        ...mcpServers(red, { s: { tools: { clock: { gives: "12:00" }, lamp: {} } } }),
        ...valueTool("weather", "7"),
        ...more,
      ]);
    const calls = () => takeAsked().map(({ what }) => what);
    const offered = () => server.last.body.tools.map((tool: Message) => tool.function.name);
    const config = () => configOf(server.url);
    const tools = [{ id: "tool-weather", name: "weather", description: "", parameters: "", strict: false }];
    const asksForClock = () =>
      server.handle(inTurn(callRound({ id: "a", name: "s_clock", args: "{}" }), reply("It is noon.")));

    it("run their tools beside those of flows if the box says so", async () => {
      await deploy();
      asksForClock();
      const { done } = (await ask({ config: config(), tools, chat: picked(), runTools: true })).at(-1) as Message;
      assert.deepEqual({ ...done.ran[0], ms: 0 }, { name: "s_clock", arguments: {}, result: "12:00", ms: 0 });
      assert.deepEqual([done.calls, offered(), calls()], [[], ["weather", "s_clock", "s_lamp"], ["list", "clock"]]);
    });

    it("offer them as a question would, and run none, if it does not", async () => {
      await deploy();
      asksForClock();
      const chat = picked({ use: "only", names: ["clock"] });
      const { done } = (await ask({ config: config(), tools, chat })).at(-1) as Message;
      assert.deepEqual([done.calls[0].name, done.ran, offered()], ["s_clock", undefined, ["weather", "s_clock"]]);
      assert.deepEqual(calls(), ["list"]);
    });

    it("ask a person first where the form says so", async () => {
      const chat = { ...picked({ ask: "every" }), approval: "ask", approvalTimeout: 5 };
      const yes = [
        flowNode("ask", "link in", { links: [], wires: [["answer"]] }),
        flowNode("answer", "function", {
          func: "msg.payload = msg.payload.name === 'clock'; return msg;",
          wires: [["end"]],
        }),
        flowNode("end", "link out", { mode: "return", links: [] }),
      ];
      await deploy(...yes);
      asksForClock();
      const allowed = (await ask({ config: config(), chat, runTools: true })).at(-1) as Message;
      assert.equal(allowed.done.ran[0].result, "12:00");
      await deploy();
      asksForClock();
      const { done } = (await ask({ config: config(), chat, runTools: true })).at(-1) as Message;
      assert.match(done.ran[0].error ?? done.ran[0].result, /nobody can be asked/);
      assert.match(done.warnings[0], /^Nobody to ask: s_clock/);
    });

    const notOffered: [what: string, body: () => Promise<Message>][] = [
      ["the chat node is not deployed", async () => ({ config: config(), chat: { ...picked(), id: "new" } })],
      [
        "the address is not the deployed one",
        async () => {
          await red.deploy(chatFlow("http://127.0.0.1:9"));
          return { config: configOf(server.url), chat: picked() };
        },
      ],
    ];
    for (const [what, body] of notOffered) {
      it(`are not asked where ${what}, and it is said`, async () => {
        await deploy();
        const { done } = (await ask({ runTools: true, ...(await body()) })).at(-1) as Message;
        assert.deepEqual(done.warnings, ["Deploy first: tools of MCP servers were not offered."]);
        assert.deepEqual([server.last.body.tools, calls()], [undefined, []]);
      });
    }
  });
});
