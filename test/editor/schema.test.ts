import assert from "node:assert/strict";
import type { NodeDef } from "../support/node-red";
import { type Editor, eventually, type Form, useEditor } from "./editor";

const CHAT = "huggingface-chat";
const TOOL = "huggingface-tool";

/** A schema with much that rows cannot express, in unusual formatting. */
const WILD = `{ "$schema": "http://json-schema.org/draft-07/schema#",
	"properties": {
		"2": {"type":"string", "format": "date"},
		"1": {"type":"number", "maximum": 12345678901234567890},
		"b": {"anyOf": [{}, true], "description": "either"},
		"__proto__": {"type": "object", "properties": {"deep": {"$ref": "#/$defs/d"}}},
		"tags": {"type": "array", "items": {"type": "string", "minLength": 1}}
	}, "required": ["gone", "1"],
	"$defs": {"d": {"type": "string"}}, "additionalProperties": false }`;

const names = async (form: Form) => (await form.rows()).map(({ name }) => name);

describe("the rows and the text of a schema", function () {
  this.timeout(90_000);
  let editor: Editor;
  let tool: string;

  useEditor((its) => (editor = its));
  before(async () => {
    const at = { x: 200, y: 100, z: "t1", type: TOOL, description: "", strict: false, wires: [[]] };
    await editor.importFlow([
      { id: "t1", type: "tab", label: "A tab" },
      { ...at, id: "n1", name: "wild", parameters: WILD },
      {
        ...at,
        id: "n2",
        name: "object",
        y: 200,
        parameters: { type: "object", properties: { a: { type: "string" } } },
      },
      { ...at, id: "n3", name: "blank", y: 300 },
    ]);
    await editor.deploy();
    tool = (await editor.ids(TOOL))[0] as string;
    await editor.reveal(tool);
  });

  const deployed = async (id: string): Promise<NodeDef> => {
    await editor.deploy();
    return (await editor.flows()).find((node) => node.id === id) as NodeDef;
  };

  it("are not changed by being looked at", async () => {
    for (const id of await editor.ids(TOOL)) {
      const form = await editor.edit(id);
      if (id === tool) {
        assert.equal(await form.code(), WILD);
        assert.deepEqual(await form.rows(), [
          { name: "2", type: "string", required: false, description: "" },
          { name: "1", type: "number", required: true, description: "" },
          { name: "b", type: "other", required: false, description: "either" },
          { name: "__proto__", type: "object", required: false, description: "" },
          { name: "tags", type: "array", required: false, description: "" },
        ]);
      }
      await form.done();
    }
    assert.equal(await editor.hasChanges(), false);
    assert.equal((await editor.flows()).find(({ id }) => id === tool)?.parameters, WILD);
  });

  it("follow each other: what is typed in a row is in the text, and nothing else changes", async () => {
    const form = await editor.edit(tool);
    await form.rowField(2, "description").fill("one of them");
    await form.rowField(1, "name").fill("one");
    await form.row(4).locator(".huggingface-row-items").selectOption("number");
    await form.row(0).locator("input[type=checkbox]").check();
    const text = await form.code();
    const expected = WILD.replace('"1":', '"one":')
      .replace('"either"', '"one of them"')
      .replace('"items": {"type": "string"', '"items": {"type": "number"')
      .replace('["gone", "1"]', '["gone", "one", "2"]');
    const squeeze = (json: string) => json.replace(/\s/g, "");
    assert.equal(squeeze(text), squeeze(expected));
    await form.done();
    assert.equal((await deployed(tool)).parameters, text);
    await editor.load();
    await editor.reveal(tool);
    const again = await editor.edit(tool);
    assert.equal(await again.code(), text);
    assert.deepEqual(await names(again), ["2", "one", "b", "__proto__", "tags"]);
    await again.cancel();
  });

  it("follow each other: what is typed in the text is in the rows", async () => {
    const form = await editor.edit(tool);
    await form.fillCode('{"properties":{"x":{"enum":["a","b, c"],"description":"d"}},"required":["x"]}');
    assert.deepEqual(await form.rows(), [{ name: "x", type: "enum", required: true, description: "d" }]);
    assert.equal(await form.rowField(0, "values").inputValue(), 'a, "b, c"');
    assert.equal(await form.row(0).locator(".huggingface-row-items").isVisible(), false);

    // Invalid JSON stays as it is, and disables the rows without changing them.
    await form.fillCode('{"properties":{"x":');
    assert.deepEqual(await names(form), ["x"]);
    assert.equal(await form.rowsUsable(), false);
    assert.equal(await form.value("parameters"), '{"properties":{"x":');
    await form.fillCode('{"type":"array"}');
    assert.equal(await form.rowsUsable(), false);
    assert.equal(await form.value("parameters"), '{"type":"array"}');
    await form.fillCode('{"properties":{"y":{}}}');
    assert.deepEqual(await names(form), ["y"]);
    assert.equal(await form.rowsUsable(), true);
    await form.cancel();
  });

  it("follow each other: what is written in the larger editor is in the text and in the rows", async () => {
    const form = await editor.edit(tool);
    await form.fillCode('{"properties":{"x":{}}}');
    await form.expandSchema((text) => text.replace('"x"', '"larger"'));
    assert.equal(await form.code(), '{"properties":{"larger":{}}}');
    assert.deepEqual(await names(form), ["larger"]);
    await form.done();
    assert.equal(await editor.property(tool, "parameters"), '{"properties":{"larger":{}}}');
    await editor.undo();
  });

  it("can be added, removed and moved with the keyboard", async () => {
    const form = await editor.edit((await editor.ids(TOOL))[2]);
    const add = form.page.locator(".huggingface-rows-box .red-ui-editableList-addButton");
    await add.press("Enter");
    await form.page.keyboard.type("city");
    await add.press("Enter");
    await form.page.keyboard.type("unit");
    await form.row(1).locator(".huggingface-row-type").selectOption("enum");
    await form.rowField(1, "values").fill("C, F");
    await form.row(1).locator("input[type=checkbox]").press("Space");
    assert.deepEqual(JSON.parse(await form.code()), {
      type: "object",
      properties: { city: { type: "string" }, unit: { type: "string", enum: ["C", "F"] } },
      required: ["city"],
    });
    await form.rowField(1, "name").press("Alt+ArrowUp");
    assert.deepEqual(await names(form), ["unit", "city"]);
    assert.deepEqual(Object.keys(JSON.parse(await form.code()).properties), ["unit", "city"]);
    for (const left of [1, 0]) {
      await form.row(0).locator("xpath=..").locator(".red-ui-editableList-item-remove").press("Enter");
      await eventually(async () => assert.equal((await form.rows()).length, left));
    }
    assert.equal(await form.code(), "");
    await form.done();
    assert.equal(await editor.hasChanges(), false, "blank as before");
  });

  it("mark names that are blank or there twice, and lose none of them", async () => {
    const form = await editor.edit(tool);
    await form.fillCode('{"properties":{"a":{"type":"string"},"b":{"type":"number"}}}');
    const marked = async (index: number) =>
      (await form.rowField(index, "name").getAttribute("class"))?.includes("input-error");
    await form.rowField(1, "name").fill("a");
    assert.deepEqual([await marked(0), await marked(1)], [true, true]);
    assert.equal(await form.isMarkedInvalid("parameters"), true);
    assert.match(await form.code(), /"a": \{"type":"string"\}|"a":\{"type":"string"\}/);
    assert.match(await form.code(), /\{"type":"number"\}/);
    await form.rowField(1, "name").fill("");
    assert.deepEqual([await marked(0), await marked(1)], [false, true]);
    await form.rowField(1, "name").fill("b");
    assert.equal(await form.code(), '{"properties":{"a":{"type":"string"},"b":{"type":"number"}}}');
    assert.equal(await form.isMarkedInvalid("parameters"), false);
    await form.cancel();
  });

  it("have markers where the mistakes are", async () => {
    const form = await editor.edit(tool);
    await form.fillCode('{\n  "type": "object",\n  "properties": { "a": { "type": "strin" } },\n  "required": "a" }');
    assert.deepEqual(await form.markers(), [
      [3, 34, "not a type: it must be one of string, number, integer, boolean, array, object, null"],
      [4, 15, "required must be a list of names"],
    ]);
    const problem = form.page.locator(".huggingface-schema > .huggingface-problem");
    assert.match((await problem.textContent()) ?? "", /^line 3, column 34: not a type/);
    await form.fillCode('{"pattern": "("}');
    assert.match(String((await form.markers())[0]), /^1,13,not a valid regular expression/);
    await form.fillCode("{\n  x");
    await form.page.waitForFunction(() => {
      const { monaco } = globalThis as unknown as { monaco: { editor: { getModelMarkers(o: object): object[] } } };
      return monaco.editor.getModelMarkers({}).length > 0;
    });
    assert.equal((await form.markers())[0]?.[0], 2);
    await form.fillCode("{}");
    assert.equal(await problem.textContent(), "");
    await form.cancel();
  });

  it("leave no code editor behind", async () => {
    for (const end of ["done", "cancel"] as const) {
      const form = await editor.edit(tool);
      await form.code();
      await form[end]();
      assert.equal(await editor.codeEditors(), 0, end);
    }
  });

  it("show a tool's form nowhere wider than its box", async () => {
    const form = await editor.edit(tool);
    for (const width of [300, 600, 900]) assert.deepEqual(await form.overflowing(width), [], `${width} px`);
    await form.cancel();
  });
});

describe("the forms for JSON replies and declared functions", function () {
  this.timeout(90_000);
  let editor: Editor;
  let chat: string;

  useEditor((its) => (editor = its));
  before(async () => {
    await editor.importFlow([
      { id: "t1", type: "tab", label: "A tab" },
      { id: "c1", type: "huggingface-config", model: "org/model" },
      { id: "n1", z: "t1", x: 200, y: 100, type: TOOL, name: "get_weather", parameters: "", wires: [[]] },
      { id: "n2", z: "t1", x: 200, y: 200, type: CHAT, config: "c1", tools: ["n1"], wires: [[], [], []] },
    ]);
    chat = (await editor.ids(CHAT))[0] as string;
    await editor.reveal(chat);
  });

  const deployed = async (id = chat): Promise<NodeDef> => {
    await editor.deploy();
    return (await editor.flows()).find((node) => node.id === id) as NodeDef;
  };

  it("show what holds in a configuration from elsewhere, and save only what was changed", async () => {
    const form = await editor.edit(chat);
    const config = await editor.editConfig("config", "edit");
    await config.tab("Requests");
    assert.equal(await config.input("serverStreams").isChecked(), true);
    assert.equal(await config.value("grammar"), "openai");
    await config.input("grammar").selectOption("tgi");
    await config.done();
    await form.done();
    await editor.deploy();
    const saved = (await editor.flows()).find(({ type }) => type === "huggingface-config");
    assert.deepEqual([saved?.serverStreams, saved?.grammar, saved?.headers], [undefined, "tgi", undefined]);
  });

  it("show only the rows of the format that is chosen", async () => {
    const form = await editor.edit(chat);
    await form.tab("Output");
    const shown = async () => {
      const rows = ["schema-container", "schemaName", "strict", "repairs"];
      const visible = await Promise.all(rows.map((row) => form.input(row).isVisible()));
      return rows.filter((_, index) => visible[index]);
    };
    assert.deepEqual(await shown(), []);
    await form.input("format").selectOption("json_object");
    assert.deepEqual(await shown(), ["repairs"]);
    await form.input("format").selectOption("json_schema");
    assert.deepEqual(await shown(), ["schema-container", "schemaName", "strict", "repairs"]);
    assert.equal(await form.isMarkedInvalid("schema"), true, "a schema is missing");
    await form.input("format").selectOption("text");
    assert.equal(await form.isMarkedInvalid("schema"), false);
    await form.cancel();
  });

  it("make a schema from an example", async () => {
    const form = await editor.edit(chat);
    await form.tab("Output");
    await form.input("format").selectOption("json_schema");
    await form.page.locator(".huggingface-example-open").press("Enter");
    await form.page.keyboard.insertText('{\n  "city": "Paris", "degrees": [1, 2.5, nul]\n}');
    const use = form.page.locator(".huggingface-example-use");
    await use.press("Enter");
    const problem = form.page.locator(".huggingface-example-panel > .huggingface-problem");
    assert.equal(await problem.textContent(), "line 2, column 40: a value should be here");
    assert.equal(await form.code(), "");
    await form.page.locator(".huggingface-example-panel textarea").fill('{"city": "Paris", "degrees": [1, 2.5, null]}');
    await use.press("Enter");
    assert.equal(await use.isVisible(), false);
    assert.deepEqual(JSON.parse(await form.code()), {
      type: "object",
      properties: { city: { type: "string" }, degrees: { type: "array", items: { type: ["number", "null"] } } },
      required: ["city", "degrees"],
      additionalProperties: false,
    });
    assert.deepEqual(await names(form), ["city", "degrees"]);
    await form.cancel();
  });

  const SCHEMA = '{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}';
  const functions = [
    { name: "get_time", description: "Tells the time.", parameters: SCHEMA },
    { name: "stop", description: "", parameters: "" },
  ];

  it("save every field", async () => {
    const form = await editor.edit(chat);
    await form.tab("Output");
    await form.input("format").selectOption("json_schema");
    await form.fillCode(SCHEMA);
    await form.fill("schemaName", "weather");
    await form.input("strict").uncheck();
    await form.fill("repairs", "-1");
    assert.equal(await form.isMarkedInvalid("repairs"), true);
    await form.fill("repairs", "3");
    await form.tab("Tools");
    for (const { name, description } of functions) await form.addLine("functions", [name, description]);
    const lines = form.input("functions-container").locator("li");
    await form.openOver(lines.first().locator(".huggingface-function-parameters"));
    await form.fillCode(SCHEMA);
    await form.closeOver();
    assert.deepEqual(await lines.locator(".huggingface-function-summary").allTextContents(), ["a", "none"]);
    const offered = form.page.locator("#huggingface-chat-functions option");
    assert.deepEqual(await offered.evaluateAll((all) => all.map((option) => option.getAttribute("value"))), [
      "get_weather",
      "get_time",
      "stop",
    ]);
    await form.done();
    const saved = await deployed();
    const { format, schema, schemaName, strict, repairs, functions: savedFunctions } = saved;
    assert.deepEqual(
      { format, schema, schemaName, strict, repairs, functions: savedFunctions },
      { format: "json_schema", schema: SCHEMA, schemaName: "weather", strict: false, repairs: "3", functions },
    );
    assert.deepEqual(await editor.validationErrors(CHAT), []);
    assert.equal(await editor.codeEditors(), 0);
  });

  it("show all of it again, and change nothing when only looked at", async () => {
    await editor.load();
    await editor.reveal(chat);
    const form = await editor.edit(chat);
    await form.tab("Output");
    assert.equal(await form.code(), SCHEMA);
    assert.equal(await form.value("format"), "json_schema");
    assert.equal(await form.value("schemaName"), "weather");
    assert.equal(await form.input("strict").isChecked(), false);
    assert.equal(await form.value("repairs"), "3");
    await form.tab("Tools");
    assert.deepEqual(await form.list("functions"), [
      ["get_time", "Tells the time."],
      ["stop", ""],
    ]);
    await form.openOver(form.input("functions-container").locator(".huggingface-function-parameters").first());
    assert.equal(await form.page.locator(".huggingface-rows .huggingface-row-name").inputValue(), "a");
    await form.closeOver();
    await form.done();
    assert.equal(await editor.hasChanges(), false);
  });

  it("mark functions and schemas that cannot be", async () => {
    const form = await editor.edit(chat);
    await form.tab("Output");
    await form.fillCode('{"type":"strin"}');
    assert.equal(await form.isMarkedInvalid("schema"), true);
    await form.tab("Tools");
    const name = form.input("functions-container").locator("li").nth(1).locator("input").first();
    for (const [value, title] of [
      ["get_time", "This name is there twice"],
      ["get_weather", "A tool node has this name, too"],
      ["", "A name has 1 to 64 letters, digits, _ or -"],
      ["stop", ""],
      ["two words", "A name has 1 to 64 letters, digits, _ or -"],
    ] as const) {
      await name.fill(value);
      assert.equal(await name.getAttribute("title"), title);
      assert.equal(await name.getAttribute("aria-invalid"), String(title !== ""));
    }
    await form.done();
    assert.deepEqual(await editor.validationErrors(CHAT), [
      "Properties: line 1, column 9: not a type: it must be one of string, number, integer, boolean, array, object, null",
      "Functions: #2: A name has 1 to 64 letters, digits, _ or -",
    ]);
    await editor.undo();
    assert.deepEqual(await editor.validationErrors(CHAT), []);
    assert.deepEqual(await editor.property(chat, "functions"), functions);
  });

  it("are copied with the node", async () => {
    await editor.copyAll(500, 400);
    const copy = (await editor.ids(CHAT))[1] as string;
    const tools = await editor.ids(TOOL);
    const saved = await deployed(copy);
    assert.deepEqual(saved.functions, functions);
    assert.equal(saved.schema, SCHEMA);
    assert.deepEqual(saved.tools, [tools[1]]);
    const form = await editor.edit(copy);
    await form.tab("Tools");
    await form.input("functions-container").locator("li").first().locator("input").first().fill("other");
    await form.done();
    assert.deepEqual((await deployed(chat)).functions, functions, "the original has a list of its own");
    const changed = (await editor.flows()).find(({ id }) => id === copy);
    assert.equal(changed?.functions[0].name, "other");
  });

  it("are nowhere wider than their box", async () => {
    const form = await editor.edit(chat);
    for (const tab of ["Output", "Tools"]) {
      await form.tab(tab);
      for (const width of [300, 600, 900]) assert.deepEqual(await form.overflowing(width), [], `${tab}, ${width} px`);
    }
    await form.cancel();
    assert.equal(await editor.codeEditors(), 0);
  });
});

describe("the schema forms with the code editor Ace", function () {
  this.timeout(60_000);
  let editor: Editor;

  useEditor((its) => (editor = its), { codeEditor: "ace" });
  before(async function () {
    // Node-RED 5 serves Ace only if its settings ask for it, which the tests' settings do not.
    if (!(await editor.page.evaluate(() => "ace" in window))) {
      console.log("      skipped: this Node-RED has not sent Ace");
      this.skip();
    }
  });

  it("keep rows and text in step, and say what is wrong below", async () => {
    await editor.addNode(TOOL, 200, 100);
    const [id = ""] = await editor.ids(TOOL);
    const form = await editor.edit(id);
    // The first form of a page loads its scripts.
    await form.page.locator(".huggingface-schema .ace_editor").first().waitFor();
    assert.equal(await form.page.locator(".huggingface-schema .ace_editor").count(), 1);
    await form.fill("name", "a");
    await form.page.locator(".huggingface-rows-box .red-ui-editableList-addButton").click();
    await form.page.keyboard.type("city");
    assert.deepEqual(JSON.parse(await form.value("parameters")).properties, { city: { type: "string" } });
    await form.fillAce('{"properties":{"x":{"type":"strin"}}}');
    assert.deepEqual(await names(form), ["x"]);
    const problem = form.page.locator(".huggingface-schema > .huggingface-problem");
    assert.match((await problem.textContent()) ?? "", /^line 1, column 28: not a type/);
    await form.fillAce('{"type":"object"}');
    await form.done();
    assert.equal(await editor.property(id, "parameters"), '{"type":"object"}');
    assert.deepEqual(editor.problems, []);
  });
});
