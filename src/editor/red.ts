/// <reference types="jquery" />

import type { HeaderCredentials } from "./fields/header-rows.js";

/** What the forms use of Node-RED's editor; the published types lack much of it. */
interface EditorGlobal {
  _(key: string, params?: Record<string, string | number>): string;
  nodes: {
    node(id: string): FlowNode | null | undefined;
    filterNodes(filter: { type: string }): FlowNode[];
    eachNode(callback: (node: FlowNode) => void): void;
    eachConfig(callback: (node: FlowNode) => void): void;
    eachWorkspace(callback: (tab: { id: string; label: string }) => void): void;
    subflow(id: unknown): { id: string; name?: string } | undefined;
    getType(type: string): NodeType;
  };
  editor: {
    createEditor(options: { element: JQuery; mode: string; value: string }): CodeEditor;
    /** Opens a text in a tray of its own. */
    editText(options: { mode: string; value: string; focus: boolean; complete(text: string): void }): void;
    validateNode(node: FlowNode): boolean;
  };
  view: { redraw(): void };
  tabs: { create(options: { id: string; onchange(tab: { id: string }): void }): Tabs };
  sidebar: { config: { refresh(): void } };
  settings: { context?: { default: string; stores: string[] } };
  validators: {
    typedInput(options: {
      typeField: string;
      allowBlank: boolean;
    }): (this: EditedNode, value: unknown, options: { label: string }) => true | string;
  };
  tray: {
    show(options: TrayOptions): void;
    close(done?: () => void): void;
    resize(): void;
  };
}

/** A type of node, as it is registered. */
interface NodeType {
  category: string;
  defaults: Record<string, { value: unknown; type?: string }>;
  credentials?: Record<string, object>;
}

/** A code editor, whether it is Monaco or Ace. */
export interface CodeEditor {
  getValue(): string;
  setValue(text: string, cursor?: number): void;
  getSession(): { on(event: "change", listener: () => void): void };
  /** Monaco's only */
  getModel?(): { dispose(): void } | null;
  setModel?(model: null): void;
  updateOptions?(options: { folding: boolean }): void;
  resize(): void;
  destroy(): void;
}

interface TrayButton {
  id: string;
  text: string;
  class?: string;
  click(): void;
}

interface TrayOptions {
  title: string;
  /** In pixels; `Infinity` for all that there is. */
  width?: number;
  buttons: TrayButton[];
  open(tray: JQuery): void;
  resize(): void;
  close(): void;
}

/** Tabs within a form. */
export interface Tabs {
  addTab(tab: { id: string; label: string }): void;
  activateTab(id: string): void;
  resize(): void;
}

/** A node as the editor has it, deployed or not. */
export interface FlowNode {
  id: string;
  type: string;
  name?: string;
  model?: string;
  z?: string;
  /** disabled */
  d?: boolean;
  /** What the editor knows of them: of a stored password, only that it is there. */
  credentials?: { token?: string; has_token?: boolean } & HeaderCredentials;
  [property: string]: unknown;
}

/** What the form of a node needs beyond its template, as long as it is open. */
export interface NodeForm {
  resize(): void;
  /** puts values where the editor looks for the properties, or on the node itself */
  save(): void;
  /** ends what would go on, or stay in memory */
  close(): void;
}

/** What the editor's callbacks ask of an open form. */
export interface OpenForm {
  resize(): void;
  save(): void;
  cancel(): void;
}

/** A node that is edited, or checked. */
export interface EditedNode extends FlowNode {
  _(key: string, params?: Record<string, string | number>): string;
}

interface ListOptions<T> {
  addButton: string;
  height: "auto";
  removable: boolean;
  sortable: boolean;
  scrollOnAdd: boolean;
  addItem(content: JQuery, index: number, data: T): void;
  removeItem(): void;
  sortItems(): void;
}

/** A list whose lines can be added, removed and sorted. */
export interface EditableList<T> {
  add(data: T): void;
  /** the data of its lines, in their order; without a line that is fading out */
  data(): T[];
  clear(): void;
}

declare global {
  interface JQuery {
    /** Puts in the texts that `data-i18n` names. */
    i18n(): void;
  }
  var RED: EditorGlobal;
  var monaco: { editor: { setModelMarkers(model: unknown, owner: string, markers: object[]): void } } | undefined;
}

/**
 * Makes the tabs of a form, and shows the first. Their contents are the elements `<type>-tab-<name>`, their labels in the
 * node's catalogue.
 */
export function createTabs(type: string, names: string[], node: EditedNode, shown: () => void): Tabs {
  const tabs = RED.tabs.create({
    id: `${type}-tabs`,
    onchange: ({ id }) => {
      $(`#${type}-tabs-content`).children().hide();
      $(`#${id}`).show();
      shown();
      RED.tray.resize();
    },
  });
  for (const name of names) tabs.addTab({ id: `${type}-tab-${name}`, label: node._(`${type}.tab.${name}`) });
  tabs.activateTab(`${type}-tab-${names[0]}`);
  return tabs;
}

/** A text that all forms share, in the editor's language. */
export function text(key: string, params?: Record<string, string | number>): string {
  return RED._(`@hf-flows/node-red-huggingface/huggingface-config:huggingface-config.${key}`, params);
}

/** The editor's own widgets of jQuery. */
interface Widgets {
  typedInput(options: { types: (string | object)[]; typeField?: string }): JQuery;
  typedInput(method: "type" | "value"): string;
  treeList(options: { autoSelect: boolean; data: object[] }): JQuery;
  treeList(method: "data" | "filter", argument?: unknown): unknown;
  searchBox(options: { style: "compact"; delay: number; change(): void }): JQuery;
  searchBox(method: "count", text: string): void;
}

/** An element with the methods of the editor's widgets. */
export function widget(element: JQuery): Widgets {
  return element as unknown as Widgets;
}

/** Makes a list of an `<ol>`. A line that the user adds comes with empty data. */
export function editableList<T extends object>(
  element: HTMLElement,
  options: Partial<ListOptions<T>>,
): EditableList<T> {
  const list = $(element) as JQuery & { editableList(options: object | string, argument?: object): JQuery };
  list.editableList({ height: "auto", removable: true, sortable: true, scrollOnAdd: false, ...options });
  return {
    add: (data) => void list.editableList("addItem", data),
    data: () =>
      list
        .children()
        .not(".red-ui-editableList-item-deleting")
        .get()
        .map((line) => $(line).children(".red-ui-editableList-item-content").data("data") as T),
    clear: () => void list.editableList("empty"),
  };
}

/** Alt with an arrow moves a line, as the handle does with the mouse; the delete button gets a name. */
export function makeLineAccessible(content: JQuery, moved: () => void): void {
  const line = content.closest("li");
  line.find(".red-ui-editableList-item-remove").attr("aria-label", RED._("common.label.delete"));
  line.find(".red-ui-editableList-item-handle").attr("title", text("rows.move"));
  line.on("keydown", (event) => {
    if (!event.altKey || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
    const other = event.key === "ArrowUp" ? line.prev() : line.next();
    event.preventDefault();
    if (other.length === 0) return;
    const focused = document.activeElement;
    if (event.key === "ArrowUp") line.insertBefore(other);
    else line.insertAfter(other);
    if (focused instanceof HTMLElement) focused.focus();
    moved();
  });
}

/**
 * The buttons of a tray that is opened over a form.
 *
 * @param read reads what was chosen, while the tray is still there
 * @param done takes it when the tray is gone: until then the form below is not in the page, and would not find its own fields
 */
export function dialogButtons<T>(read: () => T, done: (value: T) => void): TrayButton[] {
  return [
    { id: "node-dialog-cancel", text: RED._("common.label.cancel"), click: () => RED.tray.close() },
    {
      id: "node-dialog-ok",
      text: RED._("common.label.done"),
      class: "primary",
      click: () => {
        const value = read();
        RED.tray.close(() => done(value));
      },
    },
  ];
}

/** An element with attributes; texts as `textContent` only. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/**
 * Makes a code editor for JSON. Without folding in Monaco: it asks a worker for what can be folded, and looks at the
 * text when the answer comes, without a look whether the text is still there ("Model is disposed").
 */
export function createJsonEditor(element: HTMLElement, value: string): CodeEditor {
  const editor = RED.editor.createEditor({ element: $(element), mode: "ace/mode/json", value });
  editor.updateOptions?.({ folding: false });
  return editor;
}

/**
 * Ends a code editor. The editor's own way takes Monaco's text away under requests that are still under way (marks),
 * which then fail: parted from the text first, Monaco gives them up.
 */
export function destroyEditor(editor: CodeEditor): void {
  const model = editor.getModel?.();
  editor.setModel?.(null);
  editor.destroy();
  model?.dispose();
}

/** A button of the forms' size. */
export function makeButton(label: string, icon: string, click: () => void): HTMLButtonElement {
  const button = make("button", { type: "button", class: "red-ui-button red-ui-button-small" });
  button.append(make("i", { class: `fa ${icon}` }), ` ${label}`);
  button.addEventListener("click", click);
  return button;
}
