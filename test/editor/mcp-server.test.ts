import assert from "node:assert/strict";
import { McpTestServer, TEXT_TOOL } from "../support/mcp-server";
import { startServer, type TestServer } from "../support/server";
import { type Editor, type Form, useEditor } from "./editor";

const TYPE = "huggingface-mcp";

describe("the form of an MCP server", function () {
  this.timeout(90_000);
  let editor: Editor;
  let server: TestServer;
  let mcp: McpTestServer;
  let form: Form;

  useEditor((its) => (editor = its));
  beforeEach(async () => {
    server = await startServer();
    mcp = new McpTestServer(server);
    await editor.loadAnew();
    await editor.importFlow([
      { id: "tab", type: "tab", label: "mcp" },
      { id: "mcp", type: TYPE, name: "", url: mcp.url, headers: { "X-Team": "blue" } },
      { id: "fresh", type: TYPE, name: "", url: mcp.url, headers: {} },
      { id: "chat", type: "huggingface-chat", z: "tab", x: 200, y: 80, config: "", wires: [[], [], []] },
    ]);
    form = await editor.editConfigNode(TYPE, "mcp");
    await editor.page.locator("#huggingface-mcp-test button").waitFor();
  });
  afterEach(() => server.close());

  const preset = () => editor.page.locator("#huggingface-mcp-preset");
  const isBelieved = () => form.input("believe").isChecked();

  it("tests what is in it, shows the tools as text, and saves what it has", async () => {
    mcp.behaviour.tools = () => [
      { ...TEXT_TOOL, name: "<img src=x onerror=alert(1)>", annotations: { readOnlyHint: true } },
    ];
    await form.fill("token", "hf_typedJustNow");
    await editor.page.locator("#huggingface-mcp-test button").click();
    const result = editor.page.locator("#huggingface-mcp-test .huggingface-good");
    await result.waitFor();
    assert.match(
      (await result.textContent()) ?? "",
      /^1 tools in [\d.]+ s: <img src=x onerror=alert\(1\)> \(read-only\)$/,
    );
    assert.equal(await result.locator("img").count(), 0);
    assert.equal(server.last.headers.authorization, "Bearer hf_typedJustNow");
    assert.equal(server.last.headers["x-team"], "blue");
    await form.fill("name", "docs");
    await form.done();
    const saved = (await editor.held()).find(({ id }) => id === "mcp");
    assert.equal(saved?.name, "docs");
    assert.deepEqual(saved?.headers, { "X-Team": "blue" });
  });

  it("fills in known servers, and believes Hugging Face alone", async () => {
    assert.equal(await preset().inputValue(), "own");
    await preset().selectOption("huggingface");
    assert.equal(await form.value("url"), "https://huggingface.co/mcp");
    assert.equal(await isBelieved(), true);
    await preset().selectOption("space");
    assert.equal(await isBelieved(), false);
    await editor.page.locator("#huggingface-mcp-space").fill("Owner/my_space");
    assert.equal(await form.value("url"), "https://owner-my-space.hf.space/gradio_api/mcp/");
    await preset().selectOption("huggingface");
    await form.fill("url", "https://huggingface.co.evil.example/mcp");
    assert.equal(await isBelieved(), false);
    assert.equal(await preset().inputValue(), "own");
    await form.cancel();
  });

  it("shows four controls at first, what was changed, and the account where it counts", async () => {
    const shown = () =>
      editor.page.evaluate(() =>
        Array.from(document.querySelectorAll<HTMLElement>(".huggingface-form :is(input, select, button)"))
          .filter((one) => one.checkVisibility())
          .map((one) => one.id.replace("node-config-input-", "") || one.className),
      );
    // Its headers are not those of a new node.
    assert.ok((await shown()).includes("believe"));
    await form.cancel();
    form = await editor.editConfigNode(TYPE, "fresh");
    await editor.page.locator("#huggingface-mcp-test button").waitFor();
    const first = ["huggingface-mcp-preset", "url", "token"];
    const rest = ["red-ui-button", "huggingface-fold-button"];
    assert.deepEqual(await shown(), [...first, ...rest]);
    await preset().selectOption("huggingface");
    assert.ok((await shown()).includes("account"));
    await preset().selectOption("own");
    assert.deepEqual(await shown(), [...first, ...rest]);
    await editor.page.locator(".huggingface-fold-button").click();
    assert.ok((await shown()).includes("timeout"));
    await form.cancel();
  });

  it("marks an address that is none, or blank", async () => {
    for (const url of ["", "demo:", "docs", "http://me:secret@host/mcp"]) {
      await form.fill("url", url);
      assert.equal(await form.isMarkedInvalid("url"), true, url);
    }
    for (const url of [mcp.url, "${MCP_URL}"]) {
      await form.fill("url", url);
      assert.equal(await form.isMarkedInvalid("url"), false, url);
    }
    await form.cancel();
  });
});
