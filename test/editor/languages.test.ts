import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { chatFlow, tab as flowTab, type NodeDef } from "../support/node-red";
import { root } from "../support/root";
import { type Editor, type Form, useEditor } from "./editor";

const LOCALES = path.join(root, "nodes/locales");
const TYPES = ["huggingface-config", "huggingface-chat", "huggingface-tool", "huggingface-mcp"];

/** The other tests use English. */
for (const language of readdirSync(LOCALES).filter((name) => name !== "en-US")) {
  describe(`the forms in ${language}`, function () {
    this.timeout(90_000);
    let editor: Editor;
    const labels = (type: string) => {
      const catalogue = JSON.parse(readFileSync(path.join(LOCALES, language, `${type}.json`), "utf8"));
      return catalogue[type].label as Record<string, string>;
    };

    useEditor((its) => (editor = its), { language });

    /** Asserts that no tab shows a key instead of a text, is wider than its box, or has a label that is cut off. */
    const checkTabs = async (form: Form, tabs: number): Promise<void> => {
      for (let tab = 0; tab < tabs; tab++) {
        await form.tabAt(tab);
        for (const width of [300, 600, 900]) assert.deepEqual(await form.overflowing(width), [], `${tab}, ${width} px`);
      }
      assert.deepEqual(await form.cutTabs(600), []);
      assert.deepEqual((await form.text()).match(/huggingface-(chat|config|tool)\.\w+|__\w+__/g), null);
    };

    it("are in it, and fit", async () => {
      await editor.addNode("huggingface-chat", 200, 80);
      const chat = await editor.edit();
      assert.match(await chat.text(), new RegExp(labels("huggingface-chat").system as string));
      await chat.tabAt(2);
      await chat.input("format").selectOption("json_schema");
      await chat.input("stream").check();
      await chat.tabAt(0);
      await checkTabs(chat, 5);
      await chat.tabAt(0);
      const config = await editor.editConfig("config", "add");
      assert.match(await config.text(), new RegExp(labels("huggingface-config").token as string));
      await checkTabs(config, 3);
      await config.cancel();
      await chat.cancel();
    });

    it("cut no choice and no tab off in a tray of 360 px", async () => {
      const [, config, chat] = chatFlow("http://127.0.0.1:9/v1") as [NodeDef, NodeDef, NodeDef];
      const chosen = {
        stream: true,
        format: "json_schema",
        toolChoice: "function",
        mcp: ["m1"],
        conversation: "topic",
      };
      await editor.show([
        flowTab(),
        config,
        { ...chat, ...chosen, x: 200, y: 80 },
        { id: "m1", type: "huggingface-mcp", name: "Docs", url: "http://127.0.0.1:9/mcp" },
      ]);
      const form = await editor.edit(chat.id);
      for (const tab of [1, 2, 3, 4, 0]) {
        await form.tabAt(tab);
        assert.deepEqual(await form.cutChoices(360), [], `tab ${tab}`);
        assert.deepEqual(await form.cutTabs(360), [], `tab ${tab}`);
      }
      const ofConfig = await editor.editConfig("config", "edit");
      for (const tab of [1, 2, 0]) {
        await ofConfig.tabAt(tab);
        assert.deepEqual(await ofConfig.cutChoices(360), [], `tab ${tab} of the configuration`);
      }
      await ofConfig.cancel();
      await form.cancel();
    });

    it("have a help in it", async () => {
      for (const type of TYPES) {
        const [, first = ""] = readFileSync(path.join(LOCALES, language, `${type}.html`), "utf8").split("\n");
        assert.ok((await editor.help(type)).includes(first.slice(0, 20)), `${type}: ${first}`);
      }
    });
  });
}
