import assert from "node:assert/strict";
import { readFileSync, rmSync } from "node:fs";
import path from "node:path";
import type { ChatCompletionRequest, Fixture } from "@copilotkit/aimock";
import { type StandIn, startStandIn } from "../../dev/stand-in";
import { McpConnection } from "../../src/node-red/mcp/mcp-connection";
import type { McpResult } from "../../src/node-red/mcp/types";
import { chatFlow, flowNode, level, type Message, type NodeRed, startNodeRed } from "../support/node-red";
import { fetchPackages, Program } from "../support/npm-program";

const PACKAGE = "@modelcontextprotocol/server-everything";
/** A signal of its own for each question, as in a flow. */
const quiet = () => new AbortController().signal;

/** A server that others wrote, as of 2025, fetched into a folder of its own. */
describe(`the MCP server ${PACKAGE}`, function () {
  this.timeout(240_000);
  let folder: string | undefined;
  let connection: McpConnection;
  const server = new Program((port) => {
    const home = path.join(folder ?? "", "node_modules", PACKAGE);
    const { bin } = JSON.parse(readFileSync(path.join(home, "package.json"), "utf8"));
    const script = path.join(home, String(Object.values(bin)[0]));
    return { args: [script, "streamableHttp"], env: { PORT: String(port) } };
  });
  const url = () => `http://127.0.0.1:${server.port}/mcp`;

  before(async function () {
    folder = await fetchPackages(PACKAGE);
    if (!folder) this.skip();
    await server.start();
    connection = new McpConnection({ id: "m", name: "everything", believes: false, timeout: 60, url: new URL(url()) });
  });
  after(async () => {
    await connection?.close();
    await server.stop();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  it("tells its tools, and calls them: text, an image, structured content", async () => {
    const names = (await connection.tools(quiet())).map(({ name }) => name);
    assert.ok(names.includes("echo"), names.join());
    assert.match(textOf(await connection.call("echo", { message: "hello" }, quiet())), /hello/);
    const image = names.find((name) => /tiny-?image/i.test(name));
    assert.ok(image);
    const { content } = await connection.call(image, {}, quiet());
    assert.ok(content.some((part) => part.type === "image" && part.data.length > 100));
    const structured = names.find((name) => /structured/i.test(name));
    assert.ok(structured);
    assert.match(textOf(await connection.call(structured, { location: "Chicago" }, quiet())), /temperature/);
  });

  it("refuses wrong arguments in words for the model", async () => {
    const result = await connection.call("echo", {}, quiet());
    assert.equal(result.isError, true);
    assert.match(textOf(result), /message/);
  });

  it("is found again after a restart", async () => {
    await server.stop();
    await server.start();
    assert.match(textOf(await connection.call("echo", { message: "again" }, quiet())), /again/);
  });

  describe("in a flow", () => {
    let red: NodeRed;
    let standIn: StandIn;

    before(async () => {
      red = await startNodeRed();
      standIn = await startStandIn({ speed: 0, extra: SUM });
    });
    after(async () => {
      await red?.reset();
      await standIn?.stop();
    });

    it("does a task: the model adds, is corrected, draws a conclusion, and a flow allows each call", async () => {
      const mcpTools = [{ use: "except", names: ["get-env"], ask: "every", seen: {} }];
      const chat = { mcp: ["mcp"], mcpTools, approval: "asked", stream: true };
      const rules = [
        { t: "set", p: "seen", pt: "flow", to: '$append($flowContext("seen"), payload.name)', tot: "jsonata" },
        { t: "set", p: "payload", pt: "msg", to: "true", tot: "bool" },
      ];
      await red.deploy([
        ...chatFlow(standIn.baseUrl, chat),
        { id: "mcp", type: "huggingface-mcp", name: "everything", url: url() },
        flowNode("asked", "link in", { links: [], wires: [["allow"]] }),
        flowNode("allow", "change", { rules, wires: [["back"]] }),
        flowNode("back", "link out", { mode: "return", links: [] }),
      ]);
      red.send("chat", { payload: "Add 17 and 25, please, and say it loud." });
      const msg = await red.next("reply", 1, 30_000);
      assert.equal(msg[0]?.payload, "It is done: Echo: The sum of 17 and 25 is 42.");
      const steps: Message[] = msg[0]?.completion.steps ?? [];
      const calls: Message[] = steps.flatMap(({ tool_calls = [] }) => tool_calls);
      assert.deepEqual(
        calls.map(({ name, error }) => [name, error === undefined]),
        [
          ["everything_get-sum", false],
          ["everything_get-sum", true],
          ["everything_echo", true],
        ],
      );
      // Wrong arguments are told to the model before anybody is asked.
      assert.deepEqual(red.node("chat").context().flow.get("seen"), ["get-sum", "echo"]);
      assert.deepEqual(red.logOf("chat", level.warn), []);
      const request = standIn.server.getRequests()[0]?.body as ChatCompletionRequest | undefined;
      const offered = (request?.tools ?? []).map((tool) => tool.function.name);
      assert.ok(offered.includes("everything_echo") && !offered.includes("everything_get-env"), offered.join());
    });
  });
});

/** A model that forgets a number at first, then adds, then says the result loud. */
const SUM: Fixture[] = [
  {
    match: { userMessage: /^Add 17 and 25/ },
    response: (request) => {
      const results = request.messages.filter(({ role }) => role === "tool").map(({ content }) => String(content));
      const said = results.at(-1) ?? "";
      const call = (name: string, args: object) => ({ toolCalls: [{ name, arguments: JSON.stringify(args) }] });
      switch (results.length) {
        case 0:
          return call("everything_get-sum", { a: 17 });
        case 1:
          return call("everything_get-sum", { a: 17, b: 25 });
        case 2:
          return call("everything_echo", { message: said });
        default:
          return { content: `It is done: ${said}` };
      }
    },
  },
];

function textOf({ content }: McpResult): string {
  return content.map((part) => (part.type === "text" ? part.text : "")).join("\n");
}
