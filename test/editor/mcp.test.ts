import assert from "node:assert/strict";
import { chatFlow, flowNode, tab } from "../support/node-red";
import { type Editor, type Form, useEditor } from "./editor";

declare const RED: {
  nodes: {
    getType(type: string): unknown;
    addNodeSet(set: object): void;
    registerType(type: string, definition: object): void;
  };
};

const EVIL = '<img src=x onerror="globalThis.hacked = true">';
const TOOLS = [
  { name: "search", description: "Searches the Hub.", annotations: { readOnlyHint: true }, hash: "0000000000000001" },
  { name: "delete", description: EVIL, hash: "0000000000000002" },
  { name: EVIL, description: "Odd.", hash: "0000000000000003" },
];
const seen = Object.fromEntries(TOOLS.map(({ name, hash }) => [name, hash]));

describe("the list of MCP servers in the chat form", function () {
  this.timeout(90_000);
  let editor: Editor;
  let answer: object;
  const bodies: { id?: string }[] = [];

  useEditor((its) => (editor = its));

  before(async () => {
    await editor.page.evaluate(() => {
      if (RED.nodes.getType("huggingface-mcp")) return;
      const types = ["huggingface-mcp"];
      RED.nodes.addNodeSet({
        id: "tests/mcp",
        module: "tests",
        name: "mcp",
        enabled: true,
        loaded: true,
        local: true,
        types,
      });
      const defaults = { name: { value: "" }, url: { value: "" }, believe: { value: false } };
      RED.nodes.registerType("huggingface-mcp", { category: "config", defaults });
    });
    await editor.page.route("**/huggingface/mcp-tools", async (route) => {
      bodies.push(route.request().postDataJSON());
      await route.fulfill({ json: answer });
    });
    const [config, chat] = chatFlow("http://127.0.0.1:9", {
      mcp: ["gone"],
      mcpTools: [{ use: "only", names: ["a"] }],
    }).slice(1);
    await editor.importFlow([
      tab(),
      { ...config },
      { ...chat, wires: [[], [], []] },
      { id: "hub", type: "huggingface-mcp", name: "Hub", url: "https://huggingface.co/mcp", believe: true },
      { id: "docs", type: "huggingface-mcp", name: "", url: "https://docs.example/mcp" },
      flowNode("asks", "link in", { name: "Ask me", links: [], wires: [[]] }),
    ]);
    await editor.reveal(await id());
  });
  after(() => editor.page.unroute("**/huggingface/mcp-tools"));

  const id = async () => (await editor.ids("huggingface-chat"))[0] as string;
  const open = async (): Promise<Form> => {
    const form = await editor.edit(await id());
    await form.tab("Tools");
    return form;
  };
  const server = (name: string) => editor.page.locator(".huggingface-mcp-server", { hasText: name });
  const listed = (name: string) => server(name).locator(".huggingface-mcp-tool").allTextContents();
  const approval = () => editor.page.locator("#huggingface-chat-approval");
  const property = async (name: string) => editor.property(await id(), name);

  it("shows those that there are, and those that are gone, and changes nothing by itself", async () => {
    const form = await open();
    assert.deepEqual(await editor.page.locator(".huggingface-mcp-server label bdi").allTextContents(), [
      "gone (missing)",
      "Hub",
      "https://docs.example/mcp",
    ]);
    assert.equal(await server("Hub").locator(".huggingface-mcp-choices").isVisible(), false);
    await form.done();
    assert.deepEqual(await property("mcp"), ["gone"]);
    assert.deepEqual(await property("mcpTools"), [{ use: "only", names: ["a"] }]);
    assert.equal(await property("approval"), undefined);
  });

  it("saves the choice of a server, its tools, what is asked first, and which flow asks", async () => {
    answer = { tools: TOOLS };
    const form = await open();
    await server("gone").locator(".huggingface-mcp-picked").uncheck();
    assert.equal(await approval().isVisible(), false);
    await server("Hub").locator(".huggingface-mcp-picked").check();
    await server("Hub").locator(".huggingface-mcp-use").selectOption("except");
    await server("Hub").locator(".huggingface-mcp-ask").selectOption("every");
    await server("Hub").getByRole("button", { name: "Tools" }).click();
    await server("Hub").locator(".huggingface-mcp-tool").first().waitFor();
    const lines = await listed("Hub");
    assert.match(lines[0] ?? "", /search\s*read-only\s*Searches the Hub\./);
    assert.ok(lines[1]?.includes(EVIL) && lines[2]?.includes(EVIL));
    await server("Hub").locator(".huggingface-mcp-filter").fill("hub");
    assert.equal((await listed("Hub")).length, 1);
    await server("Hub").locator(".huggingface-mcp-filter").fill("");
    await server("Hub").locator(".huggingface-mcp-tool input").nth(1).check();
    assert.equal(await approval().isVisible(), true);
    assert.match((await approval().locator("option").allTextContents()).join(), /nobody.*Ask me \(tab\)/);
    await approval().selectOption({ label: "Ask me (tab)" });
    await form.fill("approvalTimeout", "60");
    await form.done();
    const [hub] = (await property("mcp")) as string[];
    assert.ok(hub && hub === bodies.at(-1)?.id);
    assert.deepEqual(await property("mcpTools"), [{ use: "except", names: ["delete"], ask: "every", seen }]);
    assert.equal(await property("approval"), (await editor.ids("link in"))[0]);
    assert.equal(await editor.page.evaluate(() => "hacked" in globalThis), false);
  });

  it("marks tools that are new or changed since, and those that only say that they read", async () => {
    answer = { tools: [{ ...TOOLS[0], hash: "000000000000000f" }, TOOLS[1], { name: "more", hash: "0" }] };
    const form = await open();
    await server("Hub").getByRole("button", { name: "Tools" }).click();
    await server("Hub").locator(".huggingface-mcp-tool").first().waitFor();
    const changed = (await listed("Hub")).map((line) => line.includes("new or changed"));
    assert.deepEqual(changed, [true, false, true]);
    await server("docs").locator(".huggingface-mcp-picked").check();
    await server("docs").getByRole("button", { name: "Tools" }).click();
    await server("docs").locator(".huggingface-mcp-tool").first().waitFor();
    assert.match((await listed("docs"))[0] ?? "", /read-only, says the server/);
    await form.done();
    const [hub] = (await property("mcpTools")) as { seen: object }[];
    assert.deepEqual(hub?.seen, { search: "000000000000000f", delete: "0000000000000002", more: "0" });
  });

  it("shows why a server cannot list its tools, and keeps what was seen", async () => {
    const before = await property("mcpTools");
    answer = { error: { code: "auth_error", message: `Token refused ${EVIL}` } };
    const form = await open();
    await server("Hub").getByRole("button", { name: "Tools" }).click();
    const problem = server("Hub").locator(".huggingface-problem");
    await problem.waitFor();
    assert.equal(await problem.textContent(), `Token refused ${EVIL}`);
    await form.done();
    assert.deepEqual(await property("mcpTools"), before);
  });
});
