import assert from "node:assert/strict";
import type { Route } from "playwright-core";
import { CHAT_DEFAULTS, CONFIG_DEFAULTS, TOOL_DEFAULTS } from "../support/defaults";
import { type Editor, useEditor } from "./editor";

const CONFIG = "huggingface-config";
const CHAT = "huggingface-chat";
const TOOL = "huggingface-tool";

/** What may happen to a script: a broken installation, a proxy, a slow line. */
const FAULTS: Record<string, (route: Route) => Promise<void>> = {
  "is missing": (route) => route.fulfill({ status: 404 }),
  "is cut off": async (route) => {
    const response = await route.fetch();
    const text = await response.text();
    await route.fulfill({ response, body: text.slice(0, text.length / 2) });
  },
  "never arrives": (route) => route.abort("connectionreset"),
};

/** A chat node with unusual but valid values: none may change unless a user changes it. */
const ODD = {
  ...CHAT_DEFAULTS,
  id: "chat",
  type: CHAT,
  z: "t1",
  x: 200,
  y: 200,
  config: "config",
  format: "json_schema",
  schema: { type: "object", properties: { a: { type: "string" } } },
  extra: { top_k: 40 },
  stream: "false",
  strict: "true",
  stop: ["END"],
  temperature: 0.5,
  wires: [[], [], []],
};
const CONFIG_NODE = {
  ...CONFIG_DEFAULTS,
  id: "config",
  type: CONFIG,
  model: "org/model",
  headers: { "X-Team": "blue" },
};
const TOOL_NODE = { ...TOOL_DEFAULTS, id: "tool", type: TOOL, name: "go", z: "t1", x: 200, y: 300, wires: [[]] };
const FLOW = [{ id: "t1", type: "tab", label: "scripts" }, CONFIG_NODE, ODD, TOOL_NODE];

const WRONG = { ...ODD, id: "wrong", temperature: "warm", y: 400 };
const WRONG_REASON = "Temperature: must be a number, at least 0";
const WRONG_CONFIG = { ...CONFIG_NODE, id: "wrongConfig", timeout: "soon" };

const FAILED = /script of this form could not be loaded/;

describe("the scripts of the forms", function () {
  this.timeout(90_000);
  let editor: Editor;
  /** Our scripts that the page has requested since it was loaded, without folder and extension. */
  let asked: string[] = [];

  useEditor((its) => {
    editor = its;
    editor.page.on("request", (request) => {
      const name = /resources\/@hf-flows\/.*\/([\w-]+)\.js/.exec(request.url())?.[1];
      if (name) asked.push(name);
    });
  });
  afterEach(async () => {
    await editor?.page.unrouteAll({ behavior: "ignoreErrors" });
  });

  const pattern = (name: string) => `**/resources/@hf-flows/node-red-huggingface/${name}.js*`;

  /** Reopens the editor with a flow, while something happens to one of our scripts. */
  async function open(flow: object[], name?: string, fault?: (route: Route) => Promise<void>): Promise<void> {
    const body = JSON.stringify(flow);
    const headers = { "content-type": "application/json" };
    const deployed = await fetch(new URL("flows", editor.page.url()), { method: "POST", headers, body });
    assert.equal(deployed.status, 204);
    if (name && fault) await editor.page.route(pattern(name), fault);
    asked = [];
    await editor.load();
    await editor.reveal("chat");
  }

  const marks = async (id: string) => (await editor.reasons())[id];
  const triangle = (id: string) => editor.node(id).locator(".red-ui-flow-node-error");
  const note = () => editor.page.locator(".huggingface-script");
  /** Removes the browser's own errors about a script that failed, which are expected here. */
  const expectProblems = () => editor.problems.splice(0);
  const own = async (): Promise<object[]> => (await editor.flows()).filter(({ type }) => type !== "tab");

  /** Delays a script. @returns a function that lets it load */
  function hold(): { fault(route: Route): Promise<void>; release(): void } {
    let release = () => {};
    const released = new Promise<void>((done) => {
      release = done;
    });
    return { fault: async (route) => released.then(() => route.continue()), release };
  }

  it("are one small script when the editor opens, and another with the first form", async () => {
    await open(FLOW);
    assert.deepEqual(asked, ["validators"]);
    for (const id of ["chat", "tool", "chat"]) await (await editor.edit(id)).cancel();
    assert.deepEqual(asked, ["validators", "forms"]);
  });

  describe("validators.js", () => {
    for (const [what, fault] of Object.entries(FAULTS)) {
      it(`${what}: the editor opens, and the next form asks for it again`, async () => {
        await open([...FLOW, WRONG], "validators", fault);
        assert.deepEqual(await editor.ids(CHAT), ["chat", "wrong"]);
        assert.deepEqual(await marks("wrong"), []);
        assert.equal(await editor.hasChanges(), false);
        expectProblems();
        await editor.page.unrouteAll();
        const form = await editor.edit("chat");
        await triangle("wrong").waitFor();
        assert.deepEqual(await marks("wrong"), [WRONG_REASON]);
        await form.cancel();
        assert.deepEqual(asked.filter((name) => name === "validators").length, 2);
      });
    }

    it("is late: the editor works meanwhile, and marks what is wrong when it comes", async () => {
      const { fault, release } = hold();
      await open([...FLOW, WRONG, WRONG_CONFIG], "validators", fault);
      await editor.page.evaluate(() => (globalThis as unknown as Page).RED.sidebar.config.show());
      const badges = editor.page.locator(".red-ui-sidebar-node-config .red-ui-flow-node-error");
      assert.deepEqual(await marks("wrong"), []);
      assert.equal(await badges.count(), 0);
      const form = await editor.edit("wrong");
      const temperature = form.input("temperature");
      assert.equal(await temperature.evaluate((input) => input.classList.contains("input-error")), false);
      release();
      await triangle("wrong").waitFor();
      assert.deepEqual(await marks("wrong"), [WRONG_REASON]);
      assert.deepEqual(await marks("chat"), []);
      await editor.page.waitForFunction(() => document.querySelector("#node-input-temperature.input-error"));
      await form.cancel();
      await badges.first().waitFor();
      assert.equal(await badges.count(), 1);
      assert.equal(await editor.hasChanges(), false);
    });
  });

  describe("forms.js", () => {
    for (const [what, fault] of Object.entries(FAULTS)) {
      it(`${what}: the form says so and changes nothing, and the next one asks for it again`, async () => {
        await open(FLOW, "forms", fault);
        const before = await own();
        for (const id of ["chat", "tool"]) {
          const form = await editor.edit(id);
          await note().filter({ hasText: FAILED }).waitFor();
          assert.equal(await form.input("name").count(), 0);
          await form.done();
        }
        assert.equal(await editor.hasChanges(), false);
        expectProblems();

        await editor.page.unrouteAll();
        const form = await editor.edit("chat");
        await form.input("temperature").waitFor({ state: "attached" });
        assert.equal(await note().filter({ hasText: FAILED }).count(), 0);
        await form.done();
        assert.equal(await editor.hasChanges(), false);
        assert.deepEqual(await own(), before);
      });
    }

    it("fails: the form says so and changes nothing", async () => {
      const body = 'huggingfaceEditor.forms = { openForm() { throw new Error("of the test"); } };';
      await open(FLOW, "forms", (route) => route.fulfill({ contentType: "text/javascript", body }));
      // The second one fails at once, since the script is loaded.
      for (const id of ["chat", "tool"]) {
        const form = await editor.edit(id);
        await note().filter({ hasText: FAILED }).waitFor();
        assert.equal(await form.input("name").count(), 0);
        await form.done();
      }
      assert.equal(await editor.hasChanges(), false);
      assert.match(expectProblems().join(), /of the test/);
    });

    it("is missing: the form of a configuration says so and changes nothing", async () => {
      await open(FLOW, "forms", FAULTS["is missing"]);
      await editor.page.evaluate(
        (type) => (globalThis as unknown as Page).RED.editor.editConfig("", type, "config"),
        CONFIG,
      );
      await note().filter({ hasText: FAILED }).waitFor();
      assert.equal(await editor.page.locator("#node-config-input-model").count(), 0);
      await editor.page.locator("#node-config-dialog-ok").click();
      await editor.page.locator("#node-config-dialog-ok").waitFor({ state: "detached" });
      assert.equal(await editor.hasChanges(), false);
      expectProblems();
    });

    it("is late: Done changes nothing meanwhile, and the form is whole when it comes", async () => {
      const { fault, release } = hold();
      await open([...FLOW, WRONG], "forms", fault);
      const early = await editor.edit("chat");
      assert.equal(await early.input("name").count(), 0);
      assert.notEqual(await note().textContent(), "");
      await early.done();
      assert.equal(await editor.hasChanges(), false);

      const form = await editor.edit("wrong");
      release();
      await form.input("temperature").waitFor({ state: "attached" });
      assert.equal(await form.input("format").inputValue(), "json_schema");
      await form.tabAt(1);
      await form.input("temperature").waitFor();
      await editor.page.waitForFunction(() => document.querySelector("#node-input-temperature.input-error"));
      // The editor's own texts are put in, too.
      assert.match((await editor.page.locator("label[for=node-input-temperature]").textContent()) ?? "", /Temperature/);
      await form.input("temperature").fill("0.7");
      await form.done();
      assert.equal(await editor.property("wrong", "temperature"), "0.7");
      assert.deepEqual(await editor.property("wrong", "extra"), ODD.extra);
      assert.deepEqual(await editor.property("wrong", "schema"), ODD.schema);
      assert.equal(await editor.property("wrong", "stream"), "false");
      assert.deepEqual(await marks("wrong"), []);
    });

    it("comes when its form is closed already: nothing happens", async () => {
      const { fault, release } = hold();
      await open(FLOW, "forms", fault);
      await (await editor.edit("chat")).cancel();
      const arrived = editor.page.waitForResponse(pattern("forms"));
      release();
      await arrived;
      const form = await editor.edit("chat");
      await form.tabAt(1);
      await form.input("temperature").waitFor();
      assert.equal(await form.input("temperature").inputValue(), "0.5");
      await form.done();
      assert.equal(await editor.hasChanges(), false);
    });
  });
});

/** Globals of the page. */
interface Page {
  RED: {
    sidebar: { config: { show(): void } };
    editor: { editConfig(name: string, type: string, id: string): void };
  };
}
