import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type Editor, themes, useEditor } from "./editor";

const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

interface Violation {
  id: string;
  impact: string | null;
  nodes: { html: string }[];
}

for (const theme of themes) {
  describe(`the forms for those who cannot see them, or use no mouse, in the ${theme} theme`, function () {
    this.timeout(90_000);
    let editor: Editor;

    useEditor((its) => (editor = its), { theme });
    before(async () => {
      await editor.page.evaluate(axe);
    });

    it("are shown in it", async () => {
      const [text = 0, background = 0] = await editor.brightness(".red-ui-palette-header");
      assert.equal(text > background ? "dark" : "light", theme, `${text} on ${background}`);
    });

    /** Returns serious and critical findings of axe-core in our form; the tray around it is Node-RED's. */
    const violations = async (): Promise<string[]> => {
      const found = await editor.page.evaluate(async () => {
        const { run } = (
          globalThis as unknown as {
            axe: { run(context: object, options: object): Promise<{ violations: Violation[] }> };
          }
        ).axe;
        const forms = document.querySelectorAll(".huggingface-form");
        return (await run(forms[forms.length - 1] as object, { resultTypes: ["violations"] })).violations;
      });
      return found
        .filter(({ impact }) => impact === "serious" || impact === "critical")
        .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 150)).join(" | ")}`);
    };

    it("have no serious mistake", async () => {
      await editor.addNode("huggingface-tool", 200, 160);
      const [tool] = await editor.ids("huggingface-tool");
      const ofTool = await editor.edit(tool);
      await editor.page.locator(".huggingface-rows-box .red-ui-editableList-addButton").click();
      assert.deepEqual(await violations(), []);
      await ofTool.fill("name", "get_weather");
      await ofTool.done();

      await editor.addNode("huggingface-chat", 200, 80);
      const [chat] = await editor.ids("huggingface-chat");
      const form = await editor.edit(chat);
      for (const tab of ["Prompt", "Model", "Output", "Tools", "Memory"]) {
        await form.tab(tab);
        if (tab === "Output") {
          await form.input("format").selectOption("json_schema");
          await form.input("stream").check();
        }
        assert.deepEqual(await violations(), [], tab);
      }
      await form.tab("Prompt");
      const config = await editor.editConfig("config", "add");
      for (const tab of ["Model", "Limits", "Requests"]) {
        await config.tab(tab);
        assert.deepEqual(await violations(), [], tab);
      }
    });
  });
}
