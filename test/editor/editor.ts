import assert from "node:assert/strict";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, chromium, type Locator, type Page } from "playwright-core";
import { type NodeDef, type NodeRed, startNodeRed } from "../support/node-red";

const nodeRedVersion: string = require("node-red/package.json").version;

/** A form slides in and out; clicks meanwhile would miss. */
const SLIDE_MS = 400;

interface EditorNode {
  id: string;
  type: string;
  validationErrors?: string[];
  _def: {
    outputs: number;
    inputLabels?: (this: EditorNode, index: number) => string;
    outputLabels: (this: EditorNode, index: number) => string;
  };
}

/** What the page itself knows, for the functions that run in it. */
declare const RED: {
  actions: { invoke(name: string): void };
  tray: { resize(): void };
  view: { reveal(id: string): void };
  nodes: {
    dirty(): boolean;
    eachNode(callback: (node: EditorNode) => unknown): void;
    eachConfig(callback: (node: EditorNode) => unknown): void;
    filterNodes(filter: { type: string }): [EditorNode, ...EditorNode[]];
    getNodeHelp(type: string): string;
  };
};

interface TextModel {
  getLanguageId(): string;
  getValue(): string;
  setValue(text: string): void;
}
interface Marker {
  startLineNumber: number;
  startColumn: number;
  message: string;
}
declare const monaco: { editor: { getModels(): TextModel[]; getModelMarkers(filter: object): Marker[] } };

/** What a row of a schema says. */
export interface SchemaRow {
  name: string;
  type: string;
  required: boolean;
  description: string;
}

/** The Chromium to test with: `CHROMIUM_PATH`, or what is on the PATH. */
export function findChromium(): string | undefined {
  const names = ["chromium", "chromium-browser", "google-chrome"];
  const onPath = (process.env.PATH ?? "").split(delimiter).flatMap((dir) => names.map((name) => join(dir, name)));
  return [process.env.CHROMIUM_PATH ?? "", ...onPath].find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return path !== "";
  } catch {
    return false;
  }
}

/**
 * For `before`: skips the whole suite, and says why, where there is no Chromium. Not everybody who changes the code has one,
 * and all other tests are worth running without it. CI installs it, and fails if it cannot.
 */
export function skipWithoutChromium(context: Mocha.Context): void {
  if (findChromium()) return;
  console.log("      SKIPPED: no Chromium found. Install one, or set CHROMIUM_PATH to its executable.");
  // What runs in a browser cannot be tried without one; where it must be tried, in CI, its absence is a failure of CI.
  context.skip();
}

/** Starts the browser. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: findChromium() ?? "",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-sync",
      "--disable-background-networking",
      "--disable-component-update",
    ],
  });
}

/** The themes of the Node-RED at hand: the dark one came with 5.0. */
export const themes: ("light" | "dark")[] = nodeRedVersion.startsWith("4.") ? ["light"] : ["light", "dark"];

interface EditorOptions {
  /** the language of the browser, which the editor takes as its own */
  language?: string;
  /** for Node-RED 5, which has both */
  theme?: "light" | "dark";
  /** pixels of a picture for each pixel of the page */
  scale?: number;
}

/**
 * Gives the tests of a `describe` an editor in a browser, and sees after each of them that nothing went wrong in the page.
 *
 * @param use - takes the editor before the first test
 */
export function useEditor(use: (editor: Editor) => void, options?: EditorOptions): void {
  let editor: Editor | undefined;
  before(async function () {
    skipWithoutChromium(this);
    editor = await Editor.start(options);
    use(editor);
  });
  after(() => editor?.stop());
  afterEach(async function () {
    // A form that a failed test left open would make all others fail.
    if (this.currentTest?.state === "failed") await editor?.load();
    assert.deepEqual(editor?.problems.splice(0), [], "errors in the page");
  });
}

/** The editor of the tests' Node-RED in a real browser, with nothing in the flow at first. */
export class Editor {
  /** What went wrong in the page: uncaught exceptions and errors on its console. */
  readonly problems: string[] = [];

  private constructor(
    private readonly nodeRed: NodeRed,
    private readonly browser: Browser,
    readonly page: Page,
  ) {
    page.on("pageerror", (error) => this.problems.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") this.problems.push(`${message.text()} ${message.location().url}`);
    });
  }

  static async start({ language = "en-US", theme, scale = 1 }: EditorOptions = {}): Promise<Editor> {
    const nodeRed = await startNodeRed();
    const browser = await launchChromium();
    const viewport = { width: 1280, height: 900 };
    const page = await browser.newPage({ viewport, locale: language, deviceScaleFactor: scale });
    page.setDefaultTimeout(10_000);
    // The user setting of Node-RED 5; 4.1 knows none.
    if (theme) await page.addInitScript((name) => localStorage.setItem("view-dark-theme", name), theme);
    const editor = new Editor(nodeRed, browser, page);
    try {
      await editor.load();
    } catch (error) {
      await editor.stop();
      throw error;
    }
    return editor;
  }

  /** Closes the browser and leaves Node-RED without a flow. */
  async stop(): Promise<void> {
    await this.browser.close();
    await this.nodeRed.reset();
  }

  /** Loads the page, or loads it anew; what was not deployed is lost. */
  async load(): Promise<void> {
    this.page.once("dialog", (dialog) => void dialog.accept());
    await this.page.goto(this.nodeRed.url);
    await this.page.locator('.red-ui-palette-node[data-palette-type="huggingface-chat"]').waitFor();
    await this.page.locator("#red-ui-workspace-chart").waitFor();
    await this.page.locator("#red-ui-loading-progress").waitFor({ state: "hidden" });
  }

  /** Loads the page with nothing deployed. */
  async loadAnew(): Promise<void> {
    await this.nodeRed.reset();
    await this.load();
  }

  /** Drags a node of this type from the palette to a place in the flow, counted from its top left corner. */
  async addNode(type: string, x: number, y: number): Promise<void> {
    const source = this.page.locator(`.red-ui-palette-node[data-palette-type="${type}"]`);
    await source.scrollIntoViewIfNeeded();
    const from = await source.boundingBox();
    const chart = await this.page.locator("#red-ui-workspace-chart").boundingBox();
    if (!from || !chart) throw new Error(`no palette entry for ${type}`);
    const { mouse } = this.page;
    await mouse.move(from.x + from.width / 2, from.y + from.height / 2);
    await mouse.down();
    await mouse.move(chart.x + x, chart.y + y, { steps: 8 });
    await mouse.up();
  }

  /** The ids of all nodes of a type, in the order in which they were made. */
  async ids(type: string): Promise<string[]> {
    return this.page.evaluate((wanted) => RED.nodes.filterNodes({ type: wanted }).map((node) => node.id), type);
  }

  /** Imports a flow with a tab of its own by the editor's dialog. */
  async importFlow(flow: object[]): Promise<void> {
    await this.page.evaluate(() => RED.actions.invoke("core:show-import-dialog"));
    const box = this.page.locator("#red-ui-clipboard-dialog-import-text");
    await box.waitFor();
    await box.fill(JSON.stringify(flow));
    // The dialog looks at the text when a key comes up.
    await box.press("End");
    await this.page.locator("#red-ui-clipboard-dialog-ok").click();
    await box.waitFor({ state: "hidden" });
    await sleep(SLIDE_MS);
  }

  /** Shows the tab or subflow that a node is in. */
  async reveal(id: string): Promise<void> {
    await this.page.evaluate((wanted) => RED.view.reveal(wanted), id);
    await this.node(id).waitFor();
    await sleep(SLIDE_MS);
  }

  /** Copies all nodes of the tab, and puts the copies down at a place in the flow. */
  async copyAll(x: number, y: number): Promise<void> {
    const chart = await this.page.locator("#red-ui-workspace-chart").boundingBox();
    if (!chart) throw new Error("no workspace");
    await this.page.evaluate(() => {
      for (const name of [
        "select-all-nodes",
        "copy-selection-to-internal-clipboard",
        "paste-from-internal-clipboard",
      ]) {
        RED.actions.invoke(`core:${name}`);
      }
    });
    await this.page.mouse.move(chart.x + x, chart.y + y, { steps: 4 });
    await this.page.mouse.down();
    await this.page.mouse.up();
    await sleep(SLIDE_MS);
  }

  node(id?: string): Locator {
    return this.page.locator(id ? `.red-ui-flow-node-group[id="${id}"]` : ".red-ui-flow-node-group");
  }

  /** Opens a node's form. */
  async edit(id?: string): Promise<Form> {
    // Under load the editor may take the two clicks for two.
    for (let attempt = 1; ; attempt++) {
      await this.node(id).first().dblclick();
      try {
        await this.page.locator("#node-dialog-ok").waitFor({ timeout: 2000 });
        return await this.openedForm("node-input", "#node-dialog-ok");
      } catch (error) {
        if (attempt === 3) throw error;
      }
    }
  }

  /** Opens the form of a config node from the form that uses it, or a blank one where there is none yet. */
  async editConfig(property: string, button: "add" | "edit"): Promise<Form> {
    await this.page.locator(`#node-input-btn-${property}-${button}`).click();
    return this.openedForm("node-config-input", "#node-config-dialog-ok");
  }

  private async openedForm(prefix: string, ok: string): Promise<Form> {
    await this.page.locator(ok).waitFor();
    await sleep(SLIDE_MS);
    return new Form(this.page, prefix, ok);
  }

  async deploy(): Promise<void> {
    const saved = this.page.waitForResponse((r) => r.url().endsWith("/flows") && r.request().method() === "POST");
    await this.page.locator("#red-ui-header-button-deploy").click();
    await saved;
  }

  /** What the runtime has: the deployed flow. */
  async flows(): Promise<NodeDef[]> {
    const response = await fetch(`${this.nodeRed.url}/flows`);
    return (await response.json()) as NodeDef[];
  }

  /** What the editor is told of a node's credentials. */
  async credentials(type: string, id: string): Promise<unknown> {
    return (await fetch(`${this.nodeRed.url}/credentials/${encodeURIComponent(type)}/${id}`)).json();
  }

  /** Whether there is something to deploy. */
  async hasChanges(): Promise<boolean> {
    return this.page.evaluate(() => RED.nodes.dirty());
  }

  /** Selects a node and deletes it by its key. */
  async delete(id: string): Promise<void> {
    await this.node(id).click();
    await this.page.keyboard.press("Delete");
    await this.node(id).waitFor({ state: "detached" });
  }

  /** Takes back the last change. */
  async undo(): Promise<void> {
    await this.page.evaluate(() => RED.actions.invoke("core:undo"));
  }

  /** A property of a node as the editor has it, deployed or not. */
  async property(id: string, name: string): Promise<unknown> {
    return this.page.evaluate(
      ([wanted, property]) => {
        const nodes: (EditorNode & Record<string, unknown>)[] = [];
        RED.nodes.eachNode((node) => void nodes.push(node as EditorNode & Record<string, unknown>));
        return nodes.find((node) => node.id === wanted)?.[property];
      },
      [id, name] as const,
    );
  }

  /** How many code editors for JSON there are, seen or not. */
  async codeEditors(): Promise<number> {
    return this.page.evaluate(() => {
      const models = typeof monaco === "undefined" ? [] : monaco.editor.getModels();
      return models.filter((model) => model.getLanguageId() === "json").length;
    });
  }

  /** How bright the text of an element is, and what is behind it, from 0 to 255. */
  async brightness(selector: string): Promise<[text: number, background: number]> {
    const colors = await this.page
      .locator(selector)
      .first()
      .evaluate((element) => {
        let behind = element;
        while (behind.parentElement && /^rgba\(.*, 0\)$/.test(getComputedStyle(behind).backgroundColor))
          behind = behind.parentElement;
        return [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor] as const;
      });
    const [text, background] = colors.map((color) => {
      const [red = 0, green = 0, blue = 0] = (color.match(/[\d.]+/g) ?? []).map(Number);
      return (red + green + blue) / 3;
    }) as [number, number];
    return [text, background];
  }

  /** The labels of the input and the outputs of the first node of a type. */
  async portLabels(type: string): Promise<string[]> {
    return this.page.evaluate((wanted) => {
      const node = RED.nodes.filterNodes({ type: wanted })[0];
      const { inputLabels, outputLabels, outputs } = node._def;
      const ofInput = inputLabels ? [inputLabels.call(node, 0)] : [];
      return [...ofInput, ...Array.from({ length: outputs }, (_, i) => outputLabels.call(node, i))];
    }, type);
  }

  /** A node type's help text as the editor shows it. */
  async help(type: string): Promise<string> {
    return this.page.evaluate((wanted) => RED.nodes.getNodeHelp(wanted), type);
  }

  /** By the id of each node, why the editor marks it as invalid; no reasons if it does not. */
  async reasons(): Promise<Record<string, string[]>> {
    return this.page.evaluate(() => {
      const found: Record<string, string[]> = {};
      RED.nodes.eachNode((node) => void Object.assign(found, { [node.id]: node.validationErrors ?? [] }));
      RED.nodes.eachConfig((node) => void Object.assign(found, { [node.id]: node.validationErrors ?? [] }));
      return found;
    });
  }

  /** The reasons why the editor marks nodes of this type as invalid; empty if it does not. */
  async validationErrors(type: string): Promise<string[]> {
    return this.page.evaluate((wanted) => {
      const found: { validationErrors?: string[] }[] = [];
      // A callback that returns false would end the walk.
      RED.nodes.eachNode((node) => void (node.type === wanted && found.push(node)));
      RED.nodes.eachConfig((node) => void (node.type === wanted && found.push(node)));
      return found.flatMap((node) => node.validationErrors ?? []);
    }, type);
  }
}

/** An open form of a node. Fields go by the name of their property. */
export class Form {
  constructor(
    readonly page: Page,
    private readonly prefix: string,
    private readonly ok: string,
  ) {}

  input(property: string): Locator {
    return this.page.locator(`#${this.prefix}-${property}`);
  }

  /** A row of the schema that is shown, counted from 0. */
  row(index: number): Locator {
    return this.page.locator(".huggingface-rows:visible .huggingface-row").nth(index);
  }

  rowField(index: number, property: "name" | "description" | "values"): Locator {
    return this.row(index).locator(`.huggingface-row-${property}`);
  }

  /** The rows of the schema that is shown. */
  async rows(): Promise<SchemaRow[]> {
    return this.page.locator(".huggingface-rows .huggingface-row").evaluateAll((rows) =>
      rows.map((row) => ({
        name: row.querySelector<HTMLInputElement>(".huggingface-row-name")?.value ?? "",
        type: row.querySelector<HTMLSelectElement>(".huggingface-row-type")?.value ?? "",
        required: row.querySelector<HTMLInputElement>("input[type=checkbox]")?.checked ?? false,
        description: row.querySelector<HTMLInputElement>(".huggingface-row-description")?.value ?? "",
      })),
    );
  }

  /** Whether the rows can be edited just now. */
  async rowsUsable(): Promise<boolean> {
    return this.page.locator(".huggingface-rows-box").evaluate((box) => !(box as HTMLElement).inert);
  }

  /** The markers in the code editor, as line, column and text, in the order of the text. */
  async markers(): Promise<[line: number, column: number, message: string][]> {
    return this.page.evaluate(() =>
      monaco.editor
        .getModelMarkers({})
        .sort((a, b) => a.startLineNumber - b.startLineNumber || a.startColumn - b.startColumn)
        .map(({ startLineNumber, startColumn, message }) => [startLineNumber, startColumn, message]),
    );
  }

  private typed(property: string): Locator {
    return this.page.locator(`#${this.prefix}-${property} + .red-ui-typedInput-container`);
  }

  /** Shows a tab of the form itself. */
  async tab(label: string): Promise<void> {
    await this.page.locator(".huggingface-form .red-ui-tab", { hasText: label }).click();
    // The editor takes a second click on tabs within 400 ms for a double click.
    await sleep(450);
  }

  /** Shows a tab of the form itself by its place, counted from 0, in whatever language. */
  async tabAt(index: number): Promise<void> {
    await this.page.locator(".huggingface-form .red-ui-tab").nth(index).click();
    await sleep(450);
  }

  /** All that stands in the form, seen or not. */
  async text(): Promise<string> {
    return (await this.page.locator(".huggingface-form").last().textContent()) ?? "";
  }

  async fill(property: string, value: string): Promise<void> {
    await this.input(property).fill(value);
    await this.input(property).press("Tab");
  }

  async value(property: string): Promise<string> {
    return this.input(property).inputValue();
  }

  async type(property: string): Promise<string> {
    return this.value(`${property}Type`);
  }

  /** Chooses the type of a typed input by the label in its menu. */
  async chooseType(property: string, label: string): Promise<void> {
    await this.typed(property).locator(".red-ui-typedInput-type-select").click();
    await this.page.locator(".red-ui-typedInput-options:visible a", { hasText: label }).click();
  }

  async fillTyped(property: string, value: string): Promise<void> {
    const field = this.typed(property).locator(".red-ui-typedInput-input");
    await field.fill(value);
    await field.press("Tab");
  }

  /** Opens the larger editor of a text, changes what is in it, and closes it again. */
  async expand(property: string, change: (text: string) => string): Promise<void> {
    const box = this.page.locator(".huggingface-text", { has: this.input(`${property}-text`) });
    await this.expandBy(box.locator("button"), change);
  }

  /** The same for the schema. */
  async expandSchema(change: (text: string) => string): Promise<void> {
    await this.expandBy(this.page.locator(".huggingface-schema-label:visible button"), change);
  }

  private async expandBy(button: Locator, change: (text: string) => string): Promise<void> {
    const count = () =>
      this.page.evaluate(() => (typeof monaco === "undefined" ? [] : monaco.editor.getModels()).length);
    const before = await count();
    await button.click();
    await this.page.waitForFunction(
      (known) => typeof monaco !== "undefined" && monaco.editor.getModels().length > known,
      before,
    );
    await sleep(SLIDE_MS);
    // The form itself has an editor too, for its description; the last model is the one just made.
    const text = await this.page.evaluate(() => monaco.editor.getModels().at(-1)?.getValue() ?? "");
    await this.page.evaluate((changed) => monaco.editor.getModels().at(-1)?.setValue(changed), change(text));
    await this.page.locator("#node-dialog-ok").last().click();
    await this.page.waitForFunction((known) => monaco.editor.getModels().length <= known, before);
    await sleep(SLIDE_MS);
  }

  /** The lines of an editable list, each as the values of its fields. */
  async list(property: string): Promise<string[][]> {
    const rows = await this.input(`${property}-container`).locator("li").all();
    const valuesOf = async (row: Locator) =>
      Promise.all((await row.locator("input").all()).map((field) => field.inputValue()));
    return Promise.all(rows.map(valuesOf));
  }

  /** Adds a line to an editable list. */
  async addLine(property: string, values: string[]): Promise<void> {
    const list = this.page.locator(".red-ui-editableList", { has: this.input(`${property}-container`) });
    await list.locator(".red-ui-editableList-addButton").click();
    const fields = this.input(`${property}-container`).locator("li").last().locator("input");
    for (const [index, value] of values.entries()) await fields.nth(index).fill(value);
  }

  /** Takes a line out of an editable list; it fades out for a while. */
  async removeLine(property: string, index: number): Promise<void> {
    const line = this.input(`${property}-container`).locator("li").nth(index);
    await line.locator(".red-ui-editableList-item-remove").click();
  }

  /** The labels of the form's tabs that are cut off when its tray is this wide, with 20 px on either side of the form. */
  async cutTabs(width: number): Promise<string[]> {
    await this.overflowing(width - 40);
    return this.page.evaluate((px) => {
      const form = Array.from(document.querySelectorAll<HTMLElement>(".huggingface-form")).at(-1);
      const list = form?.querySelector(".red-ui-tabs ul");
      if (!form || !list || list.getBoundingClientRect().width > px) return ["no tabs of this width"];
      return Array.from(form.querySelectorAll<HTMLElement>(".red-ui-tab-label > span"))
        .filter((label) => label.scrollWidth > label.clientWidth || label.clientWidth === 0)
        .map((label) => label.textContent ?? "");
    }, width - 40);
  }

  /** The JSON in the form's code editor. */
  async code(): Promise<string> {
    const json = () => monaco.editor.getModels().find((model) => model.getLanguageId() === "json");
    await this.page.waitForFunction(json);
    return this.page.evaluate(() => {
      const models = monaco.editor.getModels().filter((model) => model.getLanguageId() === "json");
      if (models.length !== 1) throw new Error(`${models.length} code editors`);
      return models[0]?.getValue() ?? "";
    });
  }

  async fillCode(text: string): Promise<void> {
    await this.page.waitForFunction(() => monaco.editor.getModels().some((model) => model.getLanguageId() === "json"));
    await this.page.evaluate((wanted) => {
      // The one that was opened last: a form over another one has its own.
      monaco.editor
        .getModels()
        .findLast((model) => model.getLanguageId() === "json")
        ?.setValue(wanted);
    }, text);
  }

  /** The same where the code editor is Ace. */
  async fillAce(text: string): Promise<void> {
    await this.page.locator(".huggingface-schema .ace_editor").evaluate((element, wanted) => {
      const { ace } = globalThis as unknown as { ace: { edit(e: Element): { setValue(text: string): void } } };
      ace.edit(element).setValue(wanted);
    }, text);
  }

  /** A tree of nodes to pick from: each tab with its nodes, those with a tick marked with a +. */
  async tree(property: string): Promise<string[]> {
    return this.input(`${property}-container`).evaluate((tree) =>
      Array.from(tree.querySelectorAll(".red-ui-treeList-label"))
        .filter((label) => label.getClientRects().length > 0)
        .map((label) => {
          const tick = label.querySelector<HTMLInputElement>("input");
          const text = label.querySelector(".red-ui-treeList-label-text")?.textContent ?? "";
          return tick ? `${tick.checked ? "+" : "-"} ${text}` : text;
        }),
    );
  }

  /** Sets or takes away the tick of a node in a tree. */
  async pick(property: string, label: string): Promise<void> {
    await this.input(`${property}-container`).locator(".red-ui-treeList-label", { hasText: label }).click();
  }

  async isMarkedInvalid(property: string): Promise<boolean> {
    return this.input(property).evaluate((element) => element.classList.contains("input-error"));
  }

  /** Makes the config node of another type that a field of this form picks, with one of its fields filled in. */
  async editOther(property: string, field: string, value: string): Promise<void> {
    await this.page.locator(`#${this.prefix}-btn-${property}-add`).click();
    await this.page.locator(field).fill(value);
    await sleep(SLIDE_MS);
    // While it is open there are two buttons of this id.
    await this.page.locator(this.ok).last().click();
    await sleep(2 * SLIDE_MS);
  }

  /** What sticks out of the form when the form is this wide. */
  async overflowing(width: number): Promise<string[]> {
    return this.page.evaluate((px) => {
      const form = Array.from(document.querySelectorAll<HTMLElement>(".huggingface-form")).at(-1);
      if (!form) return ["no form"];
      form.style.width = `${px}px`;
      RED.tray.resize();
      const found = form.scrollWidth > form.clientWidth ? ["the form as a whole"] : [];
      const right = form.getBoundingClientRect().right + 1;
      for (const element of Array.from(form.querySelectorAll<HTMLElement>("*"))) {
        // A code editor and the table of models scroll what is wider than themselves.
        if (element.parentElement?.closest(".monaco-editor, .huggingface-picker-list")) continue;
        const box = element.getBoundingClientRect();
        if (box.width > 0 && box.right > right) found.push(`${element.tagName} ${element.id || element.className}`);
      }
      return found;
    }, width);
  }

  async done(): Promise<void> {
    await this.close(this.ok);
  }

  async cancel(): Promise<void> {
    await this.close(this.ok.replace("-ok", "-cancel"));
  }

  private async close(button: string): Promise<void> {
    await this.page.locator(button).click();
    await this.page.locator(button).waitFor({ state: "detached" });
    await sleep(SLIDE_MS);
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
