import assert from "node:assert/strict";
import { chatFlow, flowNode, type NodeDef, tab } from "../support/node-red";
import { type Editor, eventually, useEditor } from "./editor";

const CONFIG = "huggingface-config";
const SERVER = "http://127.0.0.1:9/v1";

describe("what the forms choose from: a subflow's properties, disabled nodes, long names", function () {
  this.timeout(90_000);
  let editor: Editor;
  useEditor((its) => (editor = its));
  beforeEach(() => editor.loadAnew());

  const [, config, chat] = chatFlow(SERVER) as [NodeDef, NodeDef, NodeDef];

  it("know a configuration that the instances of a subflow choose", async () => {
    const property = { name: "ACCOUNT", type: CONFIG, value: config.id, ui: { type: "conf-types" } };
    await editor.show([
      tab(),
      { ...config, name: "At home", model: "org/by-default", retries: 0 },
      { id: "s1", type: "subflow", name: "Asks", in: [], out: [], env: [property] },
      { ...chat, z: "s1", config: "${ACCOUNT}", x: 200, y: 80 },
    ]);
    await editor.reveal(chat.id);
    const form = await editor.edit(chat.id);
    assert.equal(await form.input("model").getAttribute("placeholder"), "org/by-default");
    assert.equal(await editor.page.locator("#huggingface-chat-reach").textContent(), "Stays in this network.");
    assert.equal(await editor.page.locator("#huggingface-chat-pick").isEnabled(), true);
    const box = editor.page.locator("#huggingface-chat-try");
    await box.locator(".huggingface-try-prompt").fill("Hi");
    await box.getByRole("button", { name: "Try it" }).click();
    await eventually(async () => assert.match((await box.textContent()) ?? "", /127\.0\.0\.1:9/));
    await form.done();
    assert.equal(await editor.property(chat.id, "config"), "${ACCOUNT}");
    assert.equal(await editor.hasChanges(), false);
  });

  it("say that an MCP server or the flow that asks is disabled, as of a tool", async () => {
    await editor.show([
      tab(),
      config,
      { ...chat, x: 200, y: 80, mcp: ["m1"], mcpTools: [{ use: "all" }], approval: "asks", tools: ["t1"] },
      { id: "m1", type: "huggingface-mcp", name: "Docs", url: "http://127.0.0.1:9/mcp", d: true },
      flowNode("asks", "link in", { name: "Ask me", links: [], wires: [[]], d: true }),
      flowNode("t1", "huggingface-tool", { name: "weather", parameters: "", wires: [[]], d: true }),
    ]);
    const form = await editor.edit(chat.id);
    await form.tab("Tools");
    assert.equal(await editor.page.locator(".huggingface-mcp-server label bdi").textContent(), "Docs (disabled)");
    assert.match(
      (await editor.page.locator("#huggingface-chat-approval option:checked").textContent()) ?? "",
      /^Ask me \(.*\) \(disabled\)$/,
    );
    assert.deepEqual((await form.tree("tools")).slice(1), ["+ weather (disabled)"]);
    await form.done();
    assert.equal(await editor.hasChanges(), false);
  });

  it("fit a tray of 360 px, however long the name of a node is that uses a tool", async () => {
    await editor.show([
      tab(),
      config,
      { ...chat, x: 200, y: 80, name: `Assistant ${"x".repeat(200)}`, tools: ["t1"] },
      flowNode("t1", "huggingface-tool", { name: "weather", parameters: "", wires: [[]], x: 200, y: 200 }),
    ]);
    const form = await editor.edit("t1");
    assert.deepEqual(await form.overflowing(320), []);
    await form.cancel();
  });
});
