import assert from "node:assert/strict";
import { type Editor, eventually, traysAtRest, useEditor } from "./editor";

/** The section "First flow" of the reference, step by step. */
describe("the first flow of the reference", function () {
  this.timeout(120_000);
  let editor: Editor;
  useEditor((its) => (editor = its));

  const centre = async (selector: string) => {
    const box = await editor.page.locator(selector).boundingBox();
    assert.ok(box, selector);
    return [box.x + box.width / 2, box.y + box.height / 2] as const;
  };
  const wire = async (from: string, to: string) => {
    await editor.page.mouse.move(...(await centre(`[id="${from}"] .red-ui-flow-port-output >> nth=0`)));
    await editor.page.mouse.down();
    await editor.page.mouse.move(...(await centre(`[id="${to}"] .red-ui-flow-port-input`)), { steps: 6 });
    await editor.page.mouse.up();
  };

  it("leads to a reply of the demo in the debug sidebar", async () => {
    const { page } = editor;
    for (const [column, type] of ["inject", "huggingface-chat", "debug"].entries())
      await editor.addNode(type, 120 + 220 * column, 160);
    const [inject = "", chat = "", debug = ""] = (
      await Promise.all(["inject", "huggingface-chat", "debug"].map((type) => editor.ids(type)))
    ).flat();

    const form = await editor.edit(chat);
    const config = await editor.editConfig("config", "add");
    await page.locator("#huggingface-config-server").selectOption({ label: "Demo (no model)" });
    await config.done();
    await form.done();

    await editor.edit(inject);
    const value = page
      .locator("#node-input-property-container li")
      .first()
      .locator(".red-ui-typedInput-container")
      .last();
    await value.locator(".red-ui-typedInput-type-select").click();
    await page.locator(".red-ui-typedInput-options:visible a", { hasText: "string" }).click();
    await value.locator(".red-ui-typedInput-input").fill("In one sentence: what is Node-RED?");
    await page.locator("#node-dialog-ok").click();
    await traysAtRest(page);

    await wire(inject, chat);
    await wire(chat, debug);
    await editor.deploy();
    await page.evaluate(() => {
      (globalThis as unknown as { RED: { sidebar: { show(id: string): void } } }).RED.sidebar.show("debug");
    });
    await page.locator(`[id="${inject}"] .red-ui-flow-node-button-button`).click();
    await eventually(async () => {
      const shown = (await page.locator(".red-ui-debug-msg").allTextContents()).join("\n");
      assert.match(shown, /You asked: “In one sentence: what is Node-RED\?”\./);
    });
    assert.deepEqual(Object.values(await editor.reasons()).flat(), []);
  });
});
