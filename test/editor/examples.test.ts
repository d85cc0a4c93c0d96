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
  id: string;
  baseUrl?: string;
  config?: string;
  credentials?: { token?: string };
  changed?: boolean;
  type: string;
  valid: boolean;
  validationErrors?: string[];
}

/** Globals of the page, for the functions that run in it. */
declare const RED: {
  actions: { invoke(name: string): void };
  nodes: {
    eachNode(callback: (node: EditorNode) => unknown): void;
    eachConfig(callback: (node: EditorNode) => unknown): void;
    eachWorkspace(callback: (tab: { label: string }) => unknown): void;
  };
};

/** Imports each example as a user does, through the editor's dialog. */
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
      // Node-RED asks where an id is there already: for the shared configuration, from the second example on.
      const held = await page.evaluate(configs);
      const isAsked = flow.some(({ id }) => held.some((config) => config.id === id));
      await importText(readFileSync(path.join(root, "examples", `${name}.json`), "utf8"));
      if (isAsked) await importCopy();
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

  it("share one configuration, which stays as its user has set it up", async () => {
    const own = "https://router.huggingface.co/v1";
    await page.evaluate((url) => {
      RED.nodes.eachConfig((node) => {
        if (node.type === "huggingface-config")
          Object.assign(node, { baseUrl: url, credentials: { token: "hf_mine" } });
      });
    }, own);
    const before = await page.evaluate(configs);
    assert.equal(before.length, 6, "one for most, and those that four examples have of their own");
    const { name, flow } = readExamples()[1] as { name: string; flow: { type: string; config?: unknown }[] };
    await importText(readFileSync(path.join(root, "examples", `${name}.json`), "utf8"));
    await importCopy();
    await page.waitForFunction((text) => document.body.textContent?.includes(text), "Stream a reply");
    assert.deepEqual(await page.evaluate(configs), before);
    const used = await page.evaluate(() => {
      const found: (string | undefined)[] = [];
      RED.nodes.eachNode((node) => void (node.type === "huggingface-chat" && found.push(node.config)));
      return found;
    });
    assert.equal(used.at(-1), flow.find(({ type }) => type === "huggingface-chat")?.config);
    assert.equal(before[0]?.token, "hf_mine");
  });

  async function importText(text: string): Promise<void> {
    await page.evaluate(() => RED.actions.invoke("core:show-import-dialog"));
    const box = page.locator("#red-ui-clipboard-dialog-import-text");
    await box.waitFor();
    await box.fill(text);
    // The dialog checks the text on keyup.
    await box.press("End");
    await page.locator("#red-ui-clipboard-dialog-ok").click();
    await box.waitFor({ state: "hidden" });
    // An imported tab is placed at once; nodes without a tab follow the pointer until a click.
    await page.keyboard.press("Escape");
  }

  /** Answers Node-RED's question what to do with an id that is there already, and waits until it has slid out of sight. */
  async function importCopy(): Promise<void> {
    const button = page.locator(".red-ui-notification button", { hasText: "Import copy" });
    await button.click();
    await button.waitFor({ state: "detached" });
  }
});

/** Runs in the page. */
function configs(): { id: string; baseUrl: string | undefined; token: string | undefined }[] {
  const found: EditorNode[] = [];
  RED.nodes.eachConfig((node) => void (node.type === "huggingface-config" && found.push(node)));
  return found.map(({ id, baseUrl, credentials }) => ({ id, baseUrl, token: credentials?.token }));
}

function invalidNodes(): string[] {
  const nodes: EditorNode[] = [];
  RED.nodes.eachNode((node) => nodes.push(node));
  RED.nodes.eachConfig((node) => nodes.push(node));
  return nodes
    .filter((node) => !node.valid || node.type === "unknown")
    .map((node) => `${node.type}: ${node.validationErrors?.join(", ")}`);
}
