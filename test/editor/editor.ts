import assert from "node:assert/strict";
import type { Locator, Page } from "playwright-core";
import { newContext, skipWithoutChromium } from "../support/browser";
import { type NodeDef, type NodeRed, startNodeRed } from "../support/node-red";

const nodeRedVersion: string = require("node-red/package.json").version;

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

/** Globals of the page, for the functions that run in it. */
declare const RED: {
  actions: { invoke(name: string): void };
  tray: { resize(): void };
  history: { clear(): void };
  editor: { editConfig(property: string, type: string, id: string): void };
  view: { reveal(id: string): void; redraw(isComplete: boolean): void; select(id: string): void; focus(): void };
  nodes: {
    version(revision: string | null): void;
    clear(): void;
    import(flow: object[]): void;
    dirty(isDirty: boolean): void;
    dirty(): boolean;
    createCompleteNodeSet(): NodeDef[];
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

/** The content of a row of a schema. */
export interface SchemaRow {
  name: string;
  type: string;
  required: boolean;
  description: string;
}

/** The themes of this Node-RED: the dark one came with 5.0. */
export const themes: ("light" | "dark")[] = nodeRedVersion.startsWith("4.") ? ["light"] : ["light", "dark"];

interface EditorOptions {
  /** the language of the browser, which the editor uses */
  language?: string;
  /** only with Node-RED 5, which has both */
  theme?: "light" | "dark";
  /** pixels of a screenshot for each pixel of the page */
  scale?: number;
  /** true: trays slide and lines fade as for users; false: at once */
  animations?: boolean;
  /** the code editor that Node-RED's settings ask for, if not its default */
  codeEditor?: string;
}

/**
 * Gives the tests of a `describe` an editor in a browser, and checks after each that the page had no errors.
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

/** The editors of this process by their options: loading one takes seconds, resetting its flow does not. */
const editors = new Map<string, Editor>();

/** The editor of the tests' Node-RED in a real browser, with an empty flow at first. */
export class Editor {
  /** Errors in the page: uncaught exceptions, and errors on its console. */
  readonly problems: string[] = [];

  private constructor(
    private readonly nodeRed: NodeRed,
    readonly page: Page,
    private readonly hasAnimations: boolean,
  ) {
    page.on("pageerror", (error) => this.problems.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") this.problems.push(`${message.text()} ${message.location().url}`);
    });
  }

  /** Returns an editor with an empty flow: an earlier one if it had the same options. */
  static async start(options: EditorOptions = {}): Promise<Editor> {
    const key = JSON.stringify(options);
    const known = editors.get(key);
    if (known) {
      await known.loadAnew();
      return known;
    }
    const nodeRed = await startNodeRed();
    await turnTipsOff(nodeRed.url);
    const editor = await Editor.open(nodeRed, options);
    editors.set(key, editor);
    await editor.load();
    return editor;
  }

  private static async open(
    nodeRed: NodeRed,
    { language = "en-US", theme, scale = 1, animations = false, codeEditor }: EditorOptions,
  ): Promise<Editor> {
    const viewport = { width: 1280, height: 900 };
    const context = await newContext({ viewport, locale: language, deviceScaleFactor: scale });
    context.setDefaultTimeout(30_000);
    // This user setting came with Node-RED 5.
    if (theme) await context.addInitScript((name) => localStorage.setItem("view-dark-theme", name), theme);
    if (!animations) await context.addInitScript(withoutAnimations);
    if (codeEditor) {
      await context.route("**/settings*", async (route) => {
        const response = await route.fetch();
        const settings = (await response.json()) as object;
        await route.fulfill({ response, json: { ...settings, codeEditor: { lib: codeEditor } } });
      });
    }
    return new Editor(nodeRed, await context.newPage(), animations);
  }

  /** Removes the flow from Node-RED. */
  async stop(): Promise<void> {
    await this.nodeRed.reset();
  }

  /** Loads or reloads the page; undeployed changes are lost. */
  async load(): Promise<void> {
    const accept = (dialog: { accept(): Promise<void> }) => void dialog.accept();
    this.page.once("dialog", accept);
    await this.page.goto(this.nodeRed.url);
    this.page.off("dialog", accept);
    await this.page.locator('.red-ui-palette-node[data-palette-type="huggingface-chat"]').waitFor();
    await this.page.locator("#red-ui-workspace-chart").waitFor();
    await this.page.locator("#red-ui-loading-progress").waitFor({ state: "hidden" });
    if (this.hasAnimations) return;
    await this.page.evaluate(() => {
      (globalThis as unknown as { jQuery: { fx: { off: boolean } } }).jQuery.fx.off = true;
    });
  }

  /** Clears the deployed flow and the editor. The page is reloaded only if a form is open. */
  async loadAnew(): Promise<void> {
    const isIdle = await this.page.locator(".red-ui-tray, .ui-dialog:visible").count();
    // Without a version, the editor does not warn of a deployment by somebody else.
    await this.page.evaluate(() => RED.nodes.version(null));
    await this.nodeRed.reset();
    if (isIdle > 0) await this.load();
    else await this.page.evaluate(loadFlows);
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

  /** Returns the ids of all nodes of a type, in the order in which they were made. */
  async ids(type: string): Promise<string[]> {
    return this.page.evaluate((wanted) => RED.nodes.filterNodes({ type: wanted }).map((node) => node.id), type);
  }

  /** Imports a flow, with its own tab, through the editor's dialog. */
  async importFlow(flow: object[]): Promise<void> {
    await this.page.evaluate(() => RED.actions.invoke("core:show-import-dialog"));
    const box = this.page.locator("#red-ui-clipboard-dialog-import-text");
    await box.waitFor();
    await box.fill(JSON.stringify(flow));
    // The dialog checks the text on keyup.
    await box.press("End");
    await this.page.locator("#red-ui-clipboard-dialog-ok").click();
    await box.waitFor({ state: "hidden" });
  }

  /** Shows the tab or subflow that a node is in. */
  async reveal(id: string): Promise<void> {
    await this.page.evaluate((wanted) => RED.view.reveal(wanted), id);
    await this.node(id).waitFor();
  }

  /** Copies all nodes of the tab, and pastes them at a place in the flow. */
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
  }

  node(id?: string): Locator {
    return this.page.locator(id ? `.red-ui-flow-node-group[id="${id}"]` : ".red-ui-flow-node-group");
  }

  /** Opens a node's form. */
  async edit(id?: string): Promise<Form> {
    // Under load, the editor may miss the double click.
    for (let attempt = 1; ; attempt++) {
      // A form that opens slowly covers the node.
      if ((await this.page.locator("#red-ui-editor-stack > .red-ui-tray").count()) === 0) {
        await this.node(id).first().dblclick();
      }
      try {
        await this.page.locator("#node-dialog-ok").waitFor({ timeout: 2000 });
        return await this.openedForm("node-input", "#node-dialog-ok");
      } catch (error) {
        if (attempt === 3) throw error;
      }
    }
  }

  /** Opens the form of a config node from the form that uses it, or a blank one for a new node. */
  async editConfig(property: string, button: "add" | "edit"): Promise<Form> {
    await this.page.locator(`#node-input-btn-${property}-${button}`).click();
    return this.openedForm("node-config-input", "#node-config-dialog-ok");
  }

  /** Opens the form of a configuration node, without the form of a node that uses it. */
  async editConfigNode(type: string, id: string): Promise<Form> {
    await this.page.evaluate(([of, known]) => RED.editor.editConfig("", of, known), [type, id] as const);
    return this.openedForm("node-config-input", "#node-config-dialog-ok");
  }

  private async openedForm(prefix: string, ok: string): Promise<Form> {
    await this.page.locator(ok).waitFor();
    await traysAtRest(this.page);
    return new Form(this.page, prefix, ok);
  }

  async deploy(): Promise<void> {
    const saved = this.page.waitForResponse((r) => r.url().endsWith("/flows") && r.request().method() === "POST");
    await this.page.locator("#red-ui-header-button-deploy").click();
    await saved;
  }

  /** Deploys a flow in place of the one that is there, and shows it as the editor does when it is opened. */
  async show(flow: NodeDef[], credentials?: Record<string, object>): Promise<void> {
    // Without a version, the editor does not warn of a deployment by somebody else.
    await this.page.evaluate(() => RED.nodes.version(null));
    await this.nodeRed.deploy(flow, credentials);
    await this.page.evaluate(loadFlows);
  }

  /** Returns the deployed flow. */
  async flows(): Promise<NodeDef[]> {
    const response = await fetch(`${this.nodeRed.url}/flows`);
    return (await response.json()) as NodeDef[];
  }

  /** Returns what the runtime tells the editor about a node's credentials. */
  async credentials(type: string, id: string): Promise<unknown> {
    return (await fetch(`${this.nodeRed.url}/credentials/${encodeURIComponent(type)}/${id}`)).json();
  }

  /** The nodes as a deploy would send them. */
  async held(): Promise<NodeDef[]> {
    return JSON.parse(await this.page.evaluate(() => JSON.stringify(RED.nodes.createCompleteNodeSet())));
  }

  /** True if there is something to deploy. */
  async hasChanges(): Promise<boolean> {
    return this.page.evaluate(() => RED.nodes.dirty());
  }

  /** Selects a node. A click could be the second one within the time of a double click, which opens the form. */
  async select(id: string): Promise<void> {
    await this.page.evaluate((wanted) => {
      RED.view.select(wanted);
      RED.view.focus();
    }, id);
  }

  /** Selects a node and deletes it with the Delete key. */
  async delete(id: string): Promise<void> {
    await this.select(id);
    await this.page.keyboard.press("Delete");
    await this.node(id).waitFor({ state: "detached" });
  }

  /** Undoes the last change. */
  async undo(): Promise<void> {
    await this.page.evaluate(() => RED.actions.invoke("core:undo"));
  }

  /** Returns a node's property as the editor has it, deployed or not. */
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

  /** Counts the code editors for JSON, visible or not. */
  async codeEditors(): Promise<number> {
    return this.page.evaluate(() => {
      const models = typeof monaco === "undefined" ? [] : monaco.editor.getModels();
      return models.filter((model) => model.getLanguageId() === "json").length;
    });
  }

  /** Returns the brightness of an element's text and of its background, from 0 to 255. */
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

  /** Returns the labels of the input and outputs of the first node of a type. */
  async portLabels(type: string): Promise<string[]> {
    return this.page.evaluate((wanted) => {
      const node = RED.nodes.filterNodes({ type: wanted })[0];
      const { inputLabels, outputLabels, outputs } = node._def;
      const ofInput = inputLabels ? [inputLabels.call(node, 0)] : [];
      return [...ofInput, ...Array.from({ length: outputs }, (_, i) => outputLabels.call(node, i))];
    }, type);
  }

  /** Returns a node type's help text as the editor shows it. */
  async help(type: string): Promise<string> {
    return this.page.evaluate((wanted) => RED.nodes.getNodeHelp(wanted), type);
  }

  /** Returns, by node id, the reasons why the editor marks a node as invalid. */
  async reasons(): Promise<Record<string, string[]>> {
    return this.page.evaluate(() => {
      const found: Record<string, string[]> = {};
      RED.nodes.eachNode((node) => void Object.assign(found, { [node.id]: node.validationErrors ?? [] }));
      RED.nodes.eachConfig((node) => void Object.assign(found, { [node.id]: node.validationErrors ?? [] }));
      return found;
    });
  }

  /** Returns the reasons why the editor marks nodes of this type as invalid. */
  async validationErrors(type: string): Promise<string[]> {
    return this.page.evaluate((wanted) => {
      const found: { validationErrors?: string[] }[] = [];
      // A callback that returns false would end the iteration.
      RED.nodes.eachNode((node) => void (node.type === wanted && found.push(node)));
      RED.nodes.eachConfig((node) => void (node.type === wanted && found.push(node)));
      return found.flatMap((node) => node.validationErrors ?? []);
    }, type);
  }
}

/** An open form of a node. Fields have the name of their property. */
export class Form {
  constructor(
    readonly page: Page,
    private readonly prefix: string,
    private readonly ok: string,
  ) {}

  input(property: string): Locator {
    return this.page.locator(`#${this.prefix}-${property}`);
  }

  /** Finds a row of the schema shown, counted from 0. */
  row(index: number): Locator {
    return this.page.locator(".huggingface-rows:visible .huggingface-row").nth(index);
  }

  rowField(index: number, property: "name" | "description" | "values"): Locator {
    return this.row(index).locator(`.huggingface-row-${property}`);
  }

  /** Returns the rows of the schema shown. */
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

  /** True if the rows can be edited now. */
  async rowsUsable(): Promise<boolean> {
    return this.page.locator(".huggingface-rows-box").evaluate((box) => !(box as HTMLElement).inert);
  }

  /** Returns the markers in the code editor, as line, column and text, in the order of the text. */
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

  /** Shows a tab of the form itself, with what is folded in it. */
  async tab(label: string): Promise<void> {
    await this.tabAsItIs(label);
    await this.unfold();
  }

  /** Shows a tab of the form itself, and opens nothing in it. */
  async tabAsItIs(label: string): Promise<void> {
    await this.show(this.page.locator(".huggingface-form .red-ui-tab", { hasText: label }));
  }

  /** Shows a tab of the form by its index from 0, in any language, with what is folded in it. */
  async tabAt(index: number): Promise<void> {
    await this.show(this.page.locator(".huggingface-form .red-ui-tab").nth(index));
    await this.unfold();
  }

  /** Opens the folds of the shown tab. */
  async unfold(): Promise<void> {
    const closed = this.page.locator(".huggingface-fold-button[aria-expanded=false]:visible");
    while ((await closed.count()) > 0) await closed.first().click();
  }

  /** Brings a field of the shown tab to light, as a user has to do before it can be filled in. */
  private async reach(property: string): Promise<void> {
    const place = this.page.locator(".huggingface-fold[hidden]", { has: this.input(property) });
    if ((await place.count()) > 0) await this.unfold();
    if (property !== "baseUrl" || (await this.input(property).isVisible())) return;
    await this.page.locator("#huggingface-config-server").selectOption("other");
  }

  private async show(tab: Locator): Promise<void> {
    // A second click on tabs within 400 ms counts as a double click, which does nothing.
    for (let click = 1; click <= 3; click++) {
      await tab.click();
      if (await tab.evaluate((element) => element.classList.contains("active"))) return;
    }
    throw new Error("the tab is not shown");
  }

  /** Returns all text of the form, visible or not. */
  async text(): Promise<string> {
    return (await this.page.locator(".huggingface-form").last().textContent()) ?? "";
  }

  async fill(property: string, value: string): Promise<void> {
    await this.reach(property);
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
    await this.reach(property);
    await this.typed(property).locator(".red-ui-typedInput-type-select").click();
    await this.page.locator(".red-ui-typedInput-options:visible a", { hasText: label }).click();
  }

  async fillTyped(property: string, value: string): Promise<void> {
    await this.reach(property);
    const field = this.typed(property).locator(".red-ui-typedInput-input");
    await field.fill(value);
    await field.press("Tab");
  }

  /** Opens the larger editor of a text, changes its content, and closes it again. */
  async expand(property: string, change: (text: string) => string): Promise<void> {
    const box = this.page.locator(".huggingface-text", { has: this.input(`${property}-text`) });
    await this.expandBy(box.locator("button"), change);
  }

  /** The same for the schema. */
  async expandSchema(change: (text: string) => string): Promise<void> {
    await this.expandBy(this.page.locator(".huggingface-schema-label:visible button"), change);
  }

  /** Opens a form on top of this one. */
  async openOver(button: Locator): Promise<void> {
    const depth = await this.page.evaluate(trayDepth);
    await button.click();
    await this.page.waitForFunction(`(${trayDepth})() === ${depth + 1}`);
    await traysAtRest(this.page);
  }

  /** Closes the form on top of this one with its changes. */
  async closeOver(): Promise<void> {
    const depth = await this.page.evaluate(trayDepth);
    await this.page.locator("#node-dialog-ok").last().click();
    await this.page.waitForFunction(`(${trayDepth})() === ${depth - 1}`);
    await traysAtRest(this.page);
  }

  private async expandBy(button: Locator, change: (text: string) => string): Promise<void> {
    await this.openOver(button);
    // The form's description has an editor too; the last model is the newest.
    const text = await this.page.evaluate(() => monaco.editor.getModels().at(-1)?.getValue() ?? "");
    await this.page.evaluate((changed) => monaco.editor.getModels().at(-1)?.setValue(changed), change(text));
    await this.closeOver();
  }

  /** Returns the lines of an editable list, each as the values of its fields. */
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

  /** Removes a line from an editable list; it fades out for a while. */
  async removeLine(property: string, index: number): Promise<void> {
    const line = this.input(`${property}-container`).locator("li").nth(index);
    await line.locator(".red-ui-editableList-item-remove").click();
  }

  /** Returns the labels of tabs that are cut off with a tray of this width, with 20 px on either side of the form. */
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

  /** Returns the choices that are wider than their select with a tray of this width; names of other nodes are not counted. */
  async cutChoices(width: number): Promise<string[]> {
    await this.overflowing(width - 40);
    return this.page.evaluate(() => {
      const form = Array.from(document.querySelectorAll<HTMLElement>(".huggingface-form")).at(-1);
      const context = document.createElement("canvas").getContext("2d") as CanvasRenderingContext2D;
      return Array.from(form?.querySelectorAll("select") ?? []).flatMap((select) => {
        if (!select.checkVisibility() || select.parentElement?.style.display) return [];
        const { font, paddingLeft, paddingRight } = getComputedStyle(select);
        context.font = font;
        const room = select.clientWidth - Number.parseFloat(paddingLeft) - Number.parseFloat(paddingRight);
        const texts = Array.from(select.options).map(({ text }) => text);
        return texts.filter((text) => context.measureText(text).width > room + 1);
      });
    });
  }

  /** Returns the JSON in the form's code editor. */
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
      // The newest editor belongs to the form on top.
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

  /** Returns a tree of nodes: each tab with its nodes, checked ones marked with a +. */
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

  /** Checks or unchecks a node in a tree. */
  async pick(property: string, label: string): Promise<void> {
    await this.input(`${property}-container`).locator(".red-ui-treeList-label", { hasText: label }).click();
  }

  async isMarkedInvalid(property: string): Promise<boolean> {
    return this.input(property).evaluate((element) => element.classList.contains("input-error"));
  }

  /** Creates the config node that a field of this form selects, with one of its fields filled in. */
  async editOther(property: string, field: string, value: string): Promise<void> {
    await this.page.locator(`#${this.prefix}-btn-${property}-add`).click();
    await this.page.locator(field).fill(value);
    await traysAtRest(this.page);
    // While its form is open, two buttons have this id.
    await this.page.locator(this.ok).last().click();
    await this.page.locator(field).waitFor({ state: "detached" });
    await traysAtRest(this.page);
  }

  /** Returns the elements that are wider than a form of this width. */
  async overflowing(width: number): Promise<string[]> {
    return this.page.evaluate((px) => {
      const form = Array.from(document.querySelectorAll<HTMLElement>(".huggingface-form")).at(-1);
      if (!form) return ["no form"];
      form.style.width = `${px}px`;
      RED.tray.resize();
      const found = form.scrollWidth > form.clientWidth ? ["the form as a whole"] : [];
      const right = form.getBoundingClientRect().right + 1;
      for (const element of Array.from(form.querySelectorAll<HTMLElement>("*"))) {
        // Code editors and the table of models scroll wide content.
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
    await traysAtRest(this.page);
  }
}

/** Node-RED 5 shows a tip a second after its settings came, and throws if its sidebar is not made by then. */
async function turnTipsOff(url: string): Promise<void> {
  const body = JSON.stringify({ editor: { view: { "view-show-tips": false } } });
  const response = await fetch(`${url}/settings/user`, { method: "POST", headers: JSON_TYPE, body });
  assert.ok(response.ok, `${response.status}`);
}

const JSON_TYPE = { "content-type": "application/json" };

/** Waits until an assertion passes, and fails with its error after too long. */
export async function eventually(check: () => Promise<void>, timeoutMs = 10_000): Promise<void> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > end) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Waits until no form slides in or out, since clicks would miss. */
export async function traysAtRest(page: Page): Promise<void> {
  await page.waitForFunction(() => {
    const stack = document.querySelector<HTMLElement>("#red-ui-editor-stack");
    const tray = Array.from(document.querySelectorAll<HTMLElement>("#red-ui-editor-stack > .red-ui-tray")).at(-1);
    const isShaded = document.querySelector<HTMLElement>("#red-ui-editor-shade")?.style.display !== "none";
    // The editor raises the stack when its tray has come to rest.
    return tray ? tray.style.right === "0px" && stack?.style.zIndex === "13" : !isShaded;
  });
}

/** Runs in the page. Counts the open forms, one on top of the other. */
function trayDepth(): number {
  const titles = Array.from(document.querySelectorAll(".red-ui-tray-breadcrumbs")).at(-1);
  return titles?.children.length ?? 0;
}

/** Runs in the page before all else. Switches animations off. */
function withoutAnimations(): void {
  // The editor waits for these times, in ms, without checking the animation.
  const slides = [150, 200, 250, 300];
  const { setTimeout } = window;
  window.setTimeout = ((run: () => void, ms = 0, ...args: unknown[]) =>
    setTimeout(run, slides.includes(ms) ? 0 : ms, ...args)) as typeof window.setTimeout;
  document.addEventListener("DOMContentLoaded", () => {
    const style = document.createElement("style");
    style.textContent = "* { transition: none !important; animation: none !important; }";
    document.head.append(style);
  });
}

/** Runs in the page. Shows what is deployed, as the editor does after a change of project. */
async function loadFlows(): Promise<void> {
  const response = await fetch("flows", { headers: { accept: "application/json", "Node-RED-API-Version": "v2" } });
  const { flows, rev } = (await response.json()) as { flows: object[]; rev: string };
  RED.nodes.clear();
  RED.history.clear();
  RED.nodes.version(rev);
  RED.nodes.import(flows);
  RED.nodes.dirty(false);
  RED.view.redraw(true);
}
