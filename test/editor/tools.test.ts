import assert from "node:assert/strict";
import type { NodeDef } from "../support/node-red";
import { type Editor, eventually, useEditor } from "./editor";

const CHAT = "huggingface-chat";
const TOOL = "huggingface-tool";

const SCHEMA = `{
  "type": "object",
  "properties": { "city": { "type": "string", "description": "Ort, <b> & \\"so\\"" } },
  "required": ["city"]
}`;

describe("the forms for tools", function () {
  this.timeout(90_000);
  let editor: Editor;
  let tool: string;
  let chat: string;

  useEditor((its) => (editor = its));

  const deployed = async (id: string): Promise<NodeDef> => {
    const found = (await editor.flows()).find((node) => node.id === id);
    assert.ok(found, `${id} in the deployed flow`);
    return found;
  };

  it("come up from the palette: a tool has one output", async () => {
    await editor.addNode(TOOL, 200, 80);
    tool = (await editor.ids(TOOL))[0] as string;
    const node = editor.node(tool);
    assert.equal(await node.locator(".red-ui-flow-port-input").count(), 0);
    assert.equal(await node.locator(".red-ui-flow-port-output").count(), 1);
    assert.deepEqual(await editor.portLabels(TOOL), ["Call"]);
    assert.deepEqual(await editor.validationErrors(TOOL), ["Function: must be 1 to 64 letters, digits, _ or -"]);
  });

  it("mark what cannot be in a tool", async () => {
    const form = await editor.edit(tool);
    for (const [value, invalid] of [
      ["a".repeat(65), true],
      ["a".repeat(64), false],
      ["get_weather-2", false],
      ["", true],
    ] as const) {
      await form.fill("name", value);
      assert.equal(await form.isMarkedInvalid("name"), invalid, `name = "${value}"`);
    }
    for (const [value, invalid] of [
      ["{", true],
      ["[]", true],
      ["null", true],
      ['{"type": "strin"}', true],
      ['{"properties": {"a": {}, "a": {}}}', true],
      ['"text"', true],
      [SCHEMA, false],
      ["[]", true],
      [" \n", false],
      ["{}", false],
    ] as const) {
      await form.fillCode(value);
      assert.equal(await form.isMarkedInvalid("parameters"), invalid, `parameters = ${value}`);
    }
    await form.fillCode("[]");
    await form.done();
    assert.deepEqual(await editor.validationErrors(TOOL), [
      "Function: must be 1 to 64 letters, digits, _ or -",
      "Parameters: line 1, column 1: a schema is an object in braces",
    ]);
  });

  it("clean the name of a tool as it is typed", async () => {
    const form = await editor.edit(tool);
    for (const [typed, name] of [
      ["two words", "two_words"],
      ["größte Zahl!", "gro_te_Zahl_"],
      ["get_weather-2", "get_weather-2"],
    ] as const) {
      await form.input("name").fill("");
      await form.input("name").pressSequentially(typed);
      assert.equal(await form.value("name"), name);
      assert.equal(await form.isMarkedInvalid("name"), false, name);
    }
    await form.input("name").press("Home");
    await form.input("name").pressSequentially("a b");
    assert.equal(await form.value("name"), "a_bget_weather-2", "the caret stays");
    await form.cancel();
  });

  it("save every field of a tool", async () => {
    const form = await editor.edit(tool);
    assert.equal(await form.code(), "[]");
    await form.fill("name", "get_weather");
    await form.fill("description", "Tells the weather.\nCall it when asked for it.");
    await form.fillCode(SCHEMA);
    await form.input("strict").check();
    await form.done();
    assert.deepEqual(await editor.validationErrors(TOOL), []);
    const label = editor.node(tool).locator(".red-ui-flow-node-label");
    assert.equal((await label.textContent())?.trim(), "get_weather");
  });

  it("leave a tool as it was when the form is cancelled, with no code editor behind", async () => {
    for (const text of ["{", "[1]"]) {
      const form = await editor.edit(tool);
      assert.equal(await form.code(), SCHEMA);
      await form.fillCode(text);
      await form.cancel();
    }
    assert.deepEqual(await editor.validationErrors(TOOL), []);
  });

  it("offer the tools by tab, and take the one that is picked", async () => {
    await editor.addNode(CHAT, 200, 160);
    chat = (await editor.ids(CHAT))[0] as string;
    const form = await editor.edit(chat);
    const config = await editor.editConfig("config", "add");
    await config.fill("model", "org/model");
    await config.done();
    await form.tab("Tools");
    assert.deepEqual(await form.tree("tools"), ["Flow 1 *", "- get_weather"]);
    assert.equal(await form.input("toolName").isVisible(), false);
    await form.pick("tools", "get_weather");
    await form.input("toolChoice").selectOption("function");
    assert.equal(await form.input("toolName").isVisible(), true);
    const names = form.page.locator("#huggingface-chat-functions option");
    assert.deepEqual(await names.evaluateAll((all) => all.map((option) => option.getAttribute("value"))), [
      "get_weather",
    ]);
    await form.fill("toolName", "get_weather");
    await form.fill("maxSteps", "3");
    await form.fill("toolTimeout", "0.5");
    await form.done();
    await editor.deploy();
    await editor.load();

    const { id: _, z: _z, x: _x, y: _y, wires, ...saved } = await deployed(tool);
    assert.deepEqual(saved, {
      type: TOOL,
      name: "get_weather",
      description: "Tells the weather.\nCall it when asked for it.",
      parameters: SCHEMA,
      strict: true,
    });
    assert.deepEqual(wires, [[]]);
    const { tools, toolChoice, toolName, maxSteps, toolTimeout } = await deployed(chat);
    assert.deepEqual(
      { tools, toolChoice, toolName, maxSteps, toolTimeout },
      { tools: [tool], toolChoice: "function", toolName: "get_weather", maxSteps: "3", toolTimeout: "0.5" },
    );
  });

  it("show everything as it was saved, and change nothing when only looked at", async () => {
    const ofTool = await editor.edit(tool);
    assert.equal(await ofTool.value("name"), "get_weather");
    assert.equal(await ofTool.value("description"), "Tells the weather.\nCall it when asked for it.");
    assert.equal(await ofTool.code(), SCHEMA);
    assert.equal(await ofTool.input("strict").isChecked(), true);
    await ofTool.done();

    const ofChat = await editor.edit(chat);
    await ofChat.tab("Tools");
    assert.deepEqual(await ofChat.tree("tools"), ["Flow 1 *", "+ get_weather"]);
    assert.equal(await ofChat.value("toolChoice"), "function");
    assert.equal(await ofChat.value("toolName"), "get_weather");
    assert.equal(await ofChat.value("maxSteps"), "3");
    assert.equal(await ofChat.value("toolTimeout"), "0.5");
    await ofChat.done();
    assert.equal(await editor.hasChanges(), false, "opening and closing the forms changed something");
  });

  it("mark what cannot be in the chat node", async () => {
    const form = await editor.edit(chat);
    await form.tab("Tools");
    for (const [property, value, invalid] of [
      ["maxSteps", "0", true],
      ["maxSteps", "1.5", true],
      ["maxSteps", "many", true],
      ["maxSteps", "1", false],
      ["maxSteps", "${ROUNDS}", false],
      ["toolTimeout", "-1", true],
      ["toolTimeout", "soon", true],
      ["toolTimeout", "0", false],
      ["toolTimeout", "2.5", false],
    ] as const) {
      await form.fill(property, value);
      assert.equal(await form.isMarkedInvalid(property), invalid, `${property} = "${value}"`);
    }
    await form.fill("maxSteps", "0");
    await form.fill("toolTimeout", "-1");
    await form.done();
    assert.deepEqual(await editor.validationErrors(CHAT), [
      "Max. tool rounds: must be a whole number, at least 1",
      "Tool timeout: must be a number, at least 0",
    ]);
    await editor.load();
  });

  it("copied together, the chat node has the copy of its tool", async () => {
    await editor.copyAll(400, 400);
    const tools = await editor.ids(TOOL);
    const chats = await editor.ids(CHAT);
    assert.deepEqual([tools.length, chats.length], [2, 2]);
    await editor.deploy();
    assert.deepEqual((await deployed(chats[1] as string)).tools, [tools[1]]);
    assert.deepEqual((await deployed(chat)).tools, [tool]);
  });

  it("imported on a tab of their own, they are offered under it, after what was picked before", async () => {
    const { config } = await deployed(chat);
    const at = { z: "t1", x: 200, y: 100 };
    await editor.importFlow([
      { id: "t1", type: "tab", label: "Other <tab>" },
      {
        ...at,
        id: "n1",
        type: TOOL,
        name: "switch_light",
        description: "",
        parameters: "",
        strict: false,
        wires: [[]],
      },
      { ...at, id: "n2", type: TOOL, name: "tell_time", description: "", strict: false, d: true, wires: [[]] },
      { ...at, id: "n3", type: CHAT, config, y: 200, tools: ["n2", "gone", "n1"], wires: [[], [], []] },
    ]);
    const [, , light, time] = await editor.ids(TOOL);
    const imported = (await editor.ids(CHAT))[2] as string;
    await editor.reveal(imported);
    const form = await editor.edit(imported);
    await form.tab("Tools");
    assert.deepEqual(await form.tree("tools"), [
      "Flow 1",
      "- get_weather",
      "- get_weather",
      "Other <tab> *",
      "+ switch_light",
      "+ tell_time (disabled)",
    ]);
    const filter = form.page.locator("#huggingface-chat-tools-filter");
    await filter.pressSequentially("LIGHT");
    await eventually(async () => assert.deepEqual(await form.tree("tools"), ["Other <tab> *", "+ switch_light"]));
    for (const _ of "LIGHT") await filter.press("Backspace");
    await eventually(async () => assert.ok((await form.tree("tools")).includes("- get_weather")));
    await form.input("tools-container").locator(".red-ui-treeList-label", { hasText: "get_weather" }).first().click();
    await form.done();
    await editor.deploy();
    assert.deepEqual((await deployed(imported)).tools, [time, light, tool]);
  });

  it("come back as they were when a copy, a change of the form or a deletion is undone", async () => {
    const state = async () => ({
      tools: await editor.ids(TOOL),
      picked: await editor.property(chat, "tools"),
      marked: await editor.validationErrors(CHAT),
    });
    await editor.reveal(chat);
    const before = await state();
    await editor.copyAll(400, 600);
    assert.ok((await editor.ids(TOOL)).length > before.tools.length);
    await editor.undo();
    assert.deepEqual(await state(), before);

    const form = await editor.edit(chat);
    await form.tab("Tools");
    await form.input("tools-container").locator(".red-ui-treeList-label", { hasText: "get_weather" }).first().click();
    await form.done();
    assert.deepEqual(await editor.property(chat, "tools"), []);
    await editor.undo();
    assert.deepEqual(await state(), before);

    await editor.delete(tool);
    assert.equal((await editor.ids(TOOL)).includes(tool), false);
    await editor.undo();
    const after = await state();
    assert.deepEqual({ ...after, tools: after.tools.sort() }, { ...before, tools: [...before.tools].sort() });
    const again = await editor.edit(chat);
    await again.tab("Tools");
    assert.ok((await again.tree("tools")).includes("+ get_weather"));
    await again.cancel();
  });

  it("forget a tool that was deleted", async () => {
    await editor.load();
    await editor.page.evaluate((id) => {
      const { RED } = globalThis as unknown as { RED: { nodes: { remove(id: string): void } } };
      RED.nodes.remove(id);
    }, tool);
    const form = await editor.edit(chat);
    await form.done();
    await editor.deploy();
    assert.deepEqual((await deployed(chat)).tools, []);
  });

  it("are nowhere wider than their box", async () => {
    const [id = ""] = await editor.ids(TOOL);
    await editor.reveal(id);
    const form = await editor.edit(id);
    for (const width of [300, 420, 900]) assert.deepEqual(await form.overflowing(width), [], `${width} px`);
    await form.cancel();
  });

  it("have a help text", async () => {
    const help = await editor.help(TOOL);
    assert.match(help, /<h3[^>]*>References<\/h3>/);
    assert.match(help, /<dl class="message-properties">/);
  });
});

describe("the forms for tools in a subflow", function () {
  this.timeout(60_000);
  let editor: Editor;

  useEditor((its) => (editor = its));

  it("offer the subflow's own tools and those on tabs, not those of other subflows", async () => {
    const at = { x: 200, y: 100 };
    await editor.importFlow([
      { id: "t1", type: "tab", label: "A tab" },
      { ...at, id: "n1", z: "t1", type: TOOL, name: "on_tab", wires: [[]] },
      { ...at, id: "n2", z: "t1", type: CHAT, y: 200, tools: [], wires: [[], [], []] },
      { id: "s1", type: "subflow", name: "First", in: [], out: [] },
      { ...at, id: "n3", z: "s1", type: TOOL, name: "in_first", wires: [[]] },
      { ...at, id: "n4", z: "s1", type: CHAT, y: 200, tools: ["n3"], wires: [[], [], []] },
      { id: "s2", type: "subflow", name: "Second", in: [], out: [] },
      { ...at, id: "n5", z: "s2", type: TOOL, name: "in_second", wires: [[]] },
    ]);
    const [onTab = "", inFirst = ""] = await editor.ids(CHAT);

    await editor.reveal(onTab);
    const form = await editor.edit(onTab);
    await form.tab("Tools");
    assert.deepEqual(await form.tree("tools"), ["A tab *", "- on_tab"]);
    await form.cancel();

    await editor.reveal(inFirst);
    const inside = await editor.edit(inFirst);
    await inside.tab("Tools");
    assert.deepEqual(await inside.tree("tools"), ["Subflow: First", "+ in_first", "A tab", "- on_tab"]);
    await inside.cancel();
    assert.deepEqual(editor.problems, []);
  });
});
