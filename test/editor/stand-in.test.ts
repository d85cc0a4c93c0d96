import assert from "node:assert/strict";
import { CHAT_DEFAULTS, CONFIG_DEFAULTS } from "../support/defaults";
import { type Editor, useEditor } from "./editor";

const CONFIG = "huggingface-config";
const CIRCLE = "Stand-in: leads back to itself. Choose another configuration";
const ROUTER = "https://router.huggingface.co/v1";
const HOME = "http://192.168.1.20:11434/v1";

const config = (id: string, baseUrl: string, otherwise = "") => ({
  ...CONFIG_DEFAULTS,
  id,
  type: CONFIG,
  model: "org/model",
  name: id,
  baseUrl,
  otherwise,
});
const chat = (id: string, of: string) => ({
  ...CHAT_DEFAULTS,
  id,
  type: "huggingface-chat",
  config: of,
  z: "t1",
  x: 200,
  y: 80,
  wires: [[], [], []],
});
const tab = { id: "t1", type: "tab", label: "stand-in" };

describe("the stand-in of a configuration in the editor", function () {
  this.timeout(90_000);
  let editor: Editor;
  useEditor((its) => (editor = its));
  beforeEach(() => editor.loadAnew());

  it("leads to no circle, to itself, or to the demo", async () => {
    await editor.importFlow([
      config("self", ROUTER, "self"),
      config("there", ROUTER, "back"),
      config("back", ROUTER, "there"),
      config("far", ROUTER, "near"),
      config("near", ROUTER, "last"),
      config("last", HOME),
      config("demo", "demo:"),
      config("to-demo", ROUTER, "demo"),
      config("gone", ROUTER, "nowhere"),
    ]);
    assert.deepEqual(await editor.reasons(), {
      self: [CIRCLE],
      there: [CIRCLE],
      back: [CIRCLE],
      far: [],
      near: [],
      last: [],
      demo: [],
      "to-demo": ["Stand-in: the demo cannot stand in for a server"],
      gone: [],
    });
  });

  it("is told of in both forms, which say where questions go", async () => {
    const flow = [tab, config("home", HOME, "cloud"), config("cloud", ROUTER), chat("n1", "home")];
    await editor.importFlow(flow);
    await editor.reveal("n1");
    const form = await editor.edit("n1");
    const reach = editor.page.locator("#huggingface-chat-reach");
    const leaves = "When this server is away, questions leave this network: router.huggingface.co";
    assert.equal(await reach.textContent(), `Stays in this network. ${leaves}`);
    assert.match((await reach.getAttribute("class")) ?? "", /huggingface-problem/);
    const opened = await editor.editConfig("config", "edit");
    const own = editor.page.locator("#huggingface-config-reach");
    const warning = editor.page.locator("#huggingface-config-otherwise-reach");
    assert.equal(await opened.value("otherwise"), "cloud");
    assert.deepEqual([await own.textContent(), await warning.textContent()], ["Stays in this network.", leaves]);
    await opened.fill("baseUrl", "https://server.example/v1");
    assert.equal(await own.textContent(), "Leaves this network: server.example");
    assert.equal(await warning.textContent(), "");
    for (const [baseUrl, text] of [
      ["demo:", "Stays in this network."],
      ["", "Leaves this network: router.huggingface.co"],
      ["${SERVER}", ""],
      ["nonsense", ""],
    ] as const) {
      await opened.fill("baseUrl", baseUrl);
      assert.equal(await own.textContent(), text, baseUrl);
    }
    await opened.cancel();
    await form.cancel();
    assert.deepEqual(editor.problems, [], "errors in the page");
  });
});
