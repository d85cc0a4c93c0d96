import assert from "node:assert/strict";
import path from "node:path";
import { McpTestServer } from "../support/mcp-server";
import { flowNode, type NodeDef, tab } from "../support/node-red";
import { OwnNodeRed } from "../support/own-node-red";
import { root } from "../support/root";
import { startServer, type TestServer } from "../support/server";

const chat = (id: string, mcp: string): NodeDef[] => [
  flowNode(`ask-${id}`, "inject", { props: [{ p: "payload" }], payload: "Hi", wires: [[id]] }),
  flowNode(id, "huggingface-chat", {
    config: "config",
    mcp: [mcp],
    mcpTools: [{ use: "all", names: [], ask: "never", seen: {} }],
    wires: [[`reply-${id}`], [], []],
  }),
  flowNode(`reply-${id}`, "debug", { name: `reply ${id}`, console: true, complete: "payload" }),
];

/** A machine where nothing can be fetched, written or installed, with one MCP server that works and two that do not. */
describe("Node-RED without a network, a disk and external modules", function () {
  this.timeout(120_000);
  let red: OwnNodeRed;
  let server: TestServer;
  let silent: TestServer;

  before(async () => {
    server = await startServer();
    const { url } = new McpTestServer(server);
    silent = await startServer(() => {});
    const flow = [
      tab(),
      { id: "config", type: "huggingface-config", name: "", baseUrl: "demo:" },
      { id: "mcp-works", type: "huggingface-mcp", name: "works", url },
      { id: "mcp-silent", type: "huggingface-mcp", name: "silent", url: `${silent.url}/mcp`, timeout: 2 },
      { id: "mcp-far", type: "huggingface-mcp", name: "far", url: "https://mcp.example.com/mcp" },
      ...["works", "silent", "far"].flatMap((name) => chat(`chat-${name}`, `mcp-${name}`)),
      flowNode("tick", "inject", { repeat: "0.1", props: [{ p: "payload" }], payload: "tick", wires: [["ticks"]] }),
      flowNode("ticks", "debug", { name: "ticks", console: true, complete: "payload" }),
    ];
    const externalModules = {
      autoInstall: false,
      palette: { allowInstall: false, allowUpload: false },
      modules: { allowInstall: false },
    };
    const env = { NODE_OPTIONS: `--require=${JSON.stringify(path.join(root, "test/fixtures/sealed.cjs"))}` };
    red = new OwnNodeRed(flow, { readOnly: true, externalModules }, "", env);
    await red.start();
  });
  after(async () => {
    await red?.remove();
    await server?.close();
    await silent?.close();
  });

  const press = async (id: string) => {
    assert.equal((await fetch(`${red.url}/inject/${id}`, { method: "POST" })).status, 200);
  };
  const printed = async (pattern: RegExp) => {
    for (const end = Date.now() + 20_000; !pattern.test(red.output); ) {
      assert.ok(Date.now() < end, `${pattern} is not in ${red.output}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const ticks = () => red.output.split("[debug:ticks]").length - 1;

  it("calls tools of a server on this machine", async () => {
    await press("ask-chat-works");
    await printed(/\[debug:reply chat-works\][\s\S]*The tool returned: /);
  });

  for (const [name, says] of [
    ["silent", /MCP server silent failed: No answer within 2 s/],
    ["far", /MCP server far failed: MCP server not reached: mcp\.example\.com/],
  ] as const) {
    it(`answers without a server that is ${name}, and other flows run meanwhile`, async () => {
      const before = ticks();
      const from = performance.now();
      await press(`ask-chat-${name}`);
      await printed(says);
      await printed(new RegExp(`\\[debug:reply chat-${name}\\]`));
      const expected = (performance.now() - from) / 100;
      assert.ok(ticks() - before >= Math.floor(expected / 3), `${ticks() - before} of ${expected} ticks`);
    });
  }

  it("has tried to write, fetch or start nothing", () => {
    const tried = red.output.split("\n").filter((line) => line.startsWith("[sealed]"));
    assert.deepEqual([...new Set(tried)], ["[sealed] lookup mcp.example.com"]);
  });
});
