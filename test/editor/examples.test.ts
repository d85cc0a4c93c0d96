import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import type { BrowserContext, Page } from "playwright-core";
import { readExamples } from "../../dev/examples";
import { newContext, skipWithoutChromium } from "../support/browser";
import { type NodeRed, startNodeRed } from "../support/node-red";
import { root } from "../support/root";

/** A node as the editor holds it. */
interface EditorNode {
  type: string;
  valid: boolean;
  validationErrors?: string[];
}

/** What the page knows, for the functions that run in it. */
declare const RED: {
  actions: { invoke(name: string): void };
  nodes: {
    eachNode(callback: (node: EditorNode) => unknown): void;
    eachConfig(callback: (node: EditorNode) => unknown): void;
    eachWorkspace(callback: (tab: { label: string }) => unknown): void;
  };
};

/** Imports each example as a user does, by the editor's own dialog. */
describe("the examples in the editor", function () {
  this.timeout(60_000);
  let red: NodeRed;
  let context: BrowserContext;
  let page: Page;
  const troubles: string[] = [];

  before(async function () {
    skipWithoutChromium(this);
    red = await startNodeRed();
    context = await newContext({ viewport: { width: 1400, height: 800 } });
    page = await context.newPage();
    page.on("pageerror", (error) => troubles.push(String(error)));
    await page.goto(red.url);
    await page.locator('.red-ui-palette-node[data-palette-type="huggingface-chat"]').waitFor();
  });
  after(async () => {
    await context?.close();
  });

  it("are in the import menu", async () => {
    const response = await fetch(`${red.url}/library/examples/flows/@hf-flows/node-red-huggingface`);
    const listed = JSON.stringify(await response.json());
    for (const { name } of readExamples()) assert.ok(listed.includes(name), `${name} is not in ${listed}`);
  });

  for (const { name, flow } of readExamples()) {
    it(`${name}: is imported with every node known and valid`, async () => {
      await importText(readFileSync(path.join(root, "examples", `${name}.json`), "utf8"));
      const label = flow.find((node) => node.type === "tab")?.label;
      await page.waitForFunction((wanted) => {
        let found = false;
        RED.nodes.eachWorkspace((tab) => {
          found ||= tab.label === wanted;
        });
        return found;
      }, label);
      assert.deepEqual(await page.evaluate(invalidNodes), []);
      assert.deepEqual(troubles, []);
    });
  }

  async function importText(text: string): Promise<void> {
    await page.evaluate(() => RED.actions.invoke("core:show-import-dialog"));
    const box = page.locator("#red-ui-clipboard-dialog-import-text");
    await box.waitFor();
    await box.fill(text);
    // The dialog looks at the text when a key comes up.
    await box.press("End");
    await page.locator("#red-ui-clipboard-dialog-ok").click();
    await box.waitFor({ state: "hidden" });
    // A tab that is imported is placed at once; nodes without one hang on the pointer until a click.
    await page.keyboard.press("Escape");
  }
});

function invalidNodes(): string[] {
  const nodes: EditorNode[] = [];
  RED.nodes.eachNode((node) => nodes.push(node));
  RED.nodes.eachConfig((node) => nodes.push(node));
  return nodes
    .filter((node) => !node.valid || node.type === "unknown")
    .map((node) => `${node.type}: ${node.validationErrors?.join(", ")}`);
}
