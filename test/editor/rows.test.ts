import assert from "node:assert/strict";
import { type Editor, type Form, useEditor } from "./editor";

const CONFIG = "huggingface-config";
const CHAT = "huggingface-chat";
const TOOL = "huggingface-tool";

describe("the rows, lists and tabs of the forms", function () {
  this.timeout(90_000);
  let editor: Editor;
  let chat: string;

  // A removed line fades out, and the form may be closed meanwhile.
  useEditor((its) => (editor = its), { animations: true });
  before(async () => {
    await editor.addNode(TOOL, 200, 200);
    await editor.addNode(CHAT, 200, 80);
    chat = (await editor.ids(CHAT))[0] as string;
    const [tool] = await editor.ids(TOOL);
    const ofTool = await editor.edit(tool);
    await ofTool.fill("name", "get_weather");
    await ofTool.done();
    await inConfig("add", (config) => config.fill("model", "org/model"));
  });

  /** Does something in the form of the configuration, saves it, and deploys. */
  const inConfig = async (button: "add" | "edit", act: (config: Form) => Promise<void>): Promise<void> => {
    const form = await editor.edit(chat);
    const config = await editor.editConfig("config", button);
    await act(config);
    await config.done();
    await form.done();
    await editor.deploy();
  };
  const deployed = async (type: string) => (await editor.flows()).find((node) => node.type === type);
  const fallback = async () => (await deployed(CONFIG))?.fallback;

  it("show two limits as boxes, and leave others in the property as they are", async () => {
    const limits = async () => (await deployed(CONFIG))?.limits;
    await inConfig("edit", async (config) => {
      await config.tab("Limits");
      await config.page.locator("#huggingface-config-limit-questions").fill("5");
      await config.page.locator("#huggingface-config-limit-usd").fill("0.5");
    });
    const [questions, usd] = [
      { amount: 5, unit: "questions", per: "minute" },
      { amount: 0.5, unit: "usd", per: "day" },
    ];
    assert.deepEqual(await limits(), [questions, usd]);
    await inConfig("edit", async (config) => {
      await config.tab("Limits");
      assert.equal(await config.page.locator("#huggingface-config-limit-usd").inputValue(), "0.5");
      await config.page.locator("#huggingface-config-limit-questions").fill("");
    });
    assert.deepEqual(await limits(), [usd]);
  });

  it("are as high as their lines, where the list is seen from the start", async () => {
    const form = await editor.edit((await editor.ids(TOOL))[0]);
    const list = editor.page.locator(".huggingface-form .red-ui-editableList");
    for (let line = 1; line <= 3; line++) {
      await list.locator(".red-ui-editableList-addButton").click();
      const heights = await list
        .locator(".red-ui-editableList-container")
        .evaluate((box) => [box.scrollHeight, box.clientHeight]);
      assert.equal(heights[0], heights[1], `${line} lines`);
      assert.equal(await list.locator("li").count(), line);
    }
    await form.cancel();
  });

  it("keep fallback models in the order in which they stand, by mouse or keys", async () => {
    await inConfig("edit", async (config) => {
      await config.tab("Requests");
      for (const model of ["org/second", "org/third", "org/fourth"]) await config.addLine("fallback", [model]);
    });
    assert.deepEqual(await fallback(), ["org/second", "org/third", "org/fourth"]);
    await inConfig("edit", async (config) => {
      await config.tab("Requests");
      const lines = config.input("fallback-container").locator("li");
      await lines.nth(2).locator("input").press("Alt+ArrowUp");
      assert.deepEqual((await config.list("fallback")).flat(), ["org/second", "org/fourth", "org/third"]);
      const handle = await lines.nth(0).locator(".red-ui-editableList-item-handle").boundingBox();
      const last = await lines.nth(2).boundingBox();
      if (!handle || !last) throw new Error("no lines");
      const { mouse } = config.page;
      await mouse.move(handle.x + handle.width / 2, handle.y + handle.height / 2);
      await mouse.down();
      await mouse.move(handle.x + handle.width / 2, last.y + last.height, { steps: 12 });
      await mouse.up();
      assert.deepEqual((await config.list("fallback")).flat(), ["org/fourth", "org/third", "org/second"]);
    });
    assert.deepEqual(await fallback(), ["org/fourth", "org/third", "org/second"]);
  });

  it("leave out a line that was taken away just before the form is closed", async () => {
    await inConfig("edit", async (config) => {
      await config.tab("Requests");
      for (const name of ["X-First", "X-Second"]) await config.addLine("headers", [name, "value"]);
      await config.removeLine("headers", 0);
      await config.removeLine("fallback", 1);
    });
    assert.deepEqual(await fallback(), ["org/fourth", "org/second"]);
    assert.deepEqual((await deployed(CONFIG))?.headers, { "X-Second": "value" });

    const form = await editor.edit(chat);
    await form.tab("Model");
    for (const text of ["one", "two"]) await form.addLine("stop", [text]);
    await form.removeLine("stop", 1);
    await form.done();
    await editor.deploy();
    assert.deepEqual((await deployed(CHAT))?.stop, ["one"]);
  });

  it("mark the name of a header that cannot be sent, as it is written", async () => {
    const form = await editor.edit(chat);
    const config = await editor.editConfig("config", "edit");
    await config.tab("Requests");
    await config.addLine("headers", []);
    const field = config.input("headers-container").locator("li").last().locator("input").first();
    for (const [name, reason] of [
      ["two words", '"two words" is not a valid header name'],
      ["Content-Type", '"Content-Type" is set by the connection itself'],
      ["X-Fine", ""],
      ["", ""],
    ] as const) {
      await field.fill(name);
      assert.equal(await field.getAttribute("title"), reason, name);
      assert.equal(await field.evaluate((element) => element.classList.contains("input-error")), reason !== "", name);
    }
    await field.fill("X-Fine");
    await config.addLine("headers", ["x-fine"]);
    const second = config.input("headers-container").locator("li").last().locator("input").first();
    assert.equal(await second.getAttribute("title"), "This name is there twice");
    await field.fill("X-Other");
    assert.equal(await second.getAttribute("title"), "");
    await config.cancel();
    await form.cancel();
  });

  it("show the limits of calls once a tool is picked", async () => {
    const form = await editor.edit(chat);
    await form.tab("Tools");
    const shown = async () =>
      (await form.input("maxSteps").isVisible()) && (await form.input("toolTimeout").isVisible());
    assert.equal(await shown(), false);
    await form.pick("tools", "get_weather");
    assert.equal(await shown(), true);
    await form.pick("tools", "get_weather");
    assert.equal(await shown(), false);
    await form.cancel();
  });

  it("hide no row with a mistake", async () => {
    const form = await editor.edit(chat);
    await form.tab("Memory");
    await form.fillTyped("conversation", "key");
    await form.fill("maxMessages", "few");
    await form.fillTyped("conversation", "");
    assert.equal(await form.input("maxMessages").isVisible(), true);
    assert.equal(await form.input("store").isVisible(), false);
    await form.fill("maxMessages", "5");
    assert.equal(await form.input("maxMessages").isVisible(), false);
    await form.cancel();
  });

  it("want the name of a function only where one must be called", async () => {
    const form = await editor.edit(chat);
    await form.tab("Tools");
    assert.equal(await form.isMarkedInvalid("toolName"), false);
    await form.input("toolChoice").selectOption("function");
    assert.equal(await form.isMarkedInvalid("toolName"), true);
    await form.fill("toolName", "get_weather");
    assert.equal(await form.isMarkedInvalid("toolName"), false);
    await form.fill("toolName", "");
    await form.input("toolChoice").selectOption("auto");
    assert.equal(await form.isMarkedInvalid("toolName"), false);
    assert.equal(await form.input("toolName").isVisible(), false);
    await form.cancel();
  });

  it("want a model, but not for the demo", async () => {
    const form = await editor.edit(chat);
    const config = await editor.editConfig("config", "edit");
    await config.fill("model", "");
    assert.equal(await config.isMarkedInvalid("model"), true);
    await config.fill("baseUrl", "demo:");
    assert.equal(await config.isMarkedInvalid("model"), false);
    assert.equal(await config.isMarkedInvalid("baseUrl"), false);
    await config.fill("baseUrl", "demo");
    assert.equal(await config.isMarkedInvalid("model"), true);
    assert.equal(await config.isMarkedInvalid("baseUrl"), true);
    await config.cancel();
    await form.cancel();
  });

  it("offer the context stores that there are, and keep one that there is not", async () => {
    const stores = async () => {
      const form = await editor.edit(chat);
      await form.tab("Memory");
      await form.fillTyped("conversation", "key");
      const options = form.input("store").locator("option");
      return { form, texts: await options.allTextContents() };
    };
    for (const [given, shown, invalid] of [
      ["", ["default", "memory", "file", "slow"], false],
      ["file", ["default", "file", "memory", "slow"], false],
      ["cloud", ["default", "cloud (not set up)", "memory", "file", "slow"], true],
      ["${STORE}", ["default", "${STORE}", "memory", "file", "slow"], false],
    ] as const) {
      await editor.page.evaluate(
        ([id, store]) => {
          const { RED } = globalThis as unknown as { RED: { nodes: { node(id: string): { store: string } } } };
          RED.nodes.node(id).store = store;
        },
        [chat, given] as const,
      );
      const { form, texts } = await stores();
      assert.deepEqual(texts, shown);
      assert.equal(await form.value("store"), given);
      assert.equal(await form.isMarkedInvalid("store"), invalid, given);
      await form.input("store").selectOption("memory");
      assert.equal(await form.isMarkedInvalid("store"), false);
      await form.cancel();
    }
    await editor.page.evaluate((id) => {
      const { RED } = globalThis as unknown as { RED: { nodes: { node(id: string): { store: string } } } };
      RED.nodes.node(id).store = "";
    }, chat);
  });

  it("have tabs whose labels fit a tray of 500 px", async () => {
    const form = await editor.edit(chat);
    // The label of the active tab is bold.
    for (const tab of ["Memory", "Tools", "Output", "Model", "Prompt"]) {
      await form.tab(tab);
      assert.deepEqual(await form.cutTabs(500), [], tab);
    }
    assert.notDeepEqual(await form.cutTabs(200), [], "the measure itself");
    const config = await editor.editConfig("config", "edit");
    assert.deepEqual(await config.cutTabs(500), []);
    await config.cancel();
    await form.cancel();
  });
});
