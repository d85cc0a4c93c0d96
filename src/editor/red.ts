/// <reference types="jquery" />

import type {
  CodeEditor,
  EditableList,
  EditedNode,
  EditorGlobal,
  ListOptions,
  Tabs,
  TrayButton,
} from "./editor-types.js";

export type { CodeEditor, EditableList, EditedNode, FlowNode, NodeForm, OpenForm, Tabs } from "./editor-types.js";

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

/** Returns a text that all forms share, in the editor's language. */
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
  // Without lines, it says so in its frame. Not before: the editor would keep the list at the height that it has then.
  element.dataset["empty"] = text("rows.none");
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
 * Makes the buttons of a tray that is opened over a form.
 *
 * @param read returns the choice while the tray is still open
 * @param done called with the choice after the tray has closed: only then is the form below in the page again, with its fields
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

/** Makes an element with attributes; texts are set as `textContent` only. */
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
 * Makes a code editor for JSON. Disables folding in Monaco, which asks a worker for foldable ranges, and reads the
 * text when the answer arrives without checking that it still exists ("Model is disposed").
 */
export function createJsonEditor(element: HTMLElement, value: string): CodeEditor {
  const editor = RED.editor.createEditor({ element: $(element), mode: "ace/mode/json", value });
  editor.updateOptions?.({ folding: false });
  return editor;
}

/**
 * Ends a code editor. Node-RED's own way disposes of Monaco's text during pending requests (marks),
 * which then fail. Detached from the text first, Monaco cancels them.
 */
export function destroyEditor(editor: CodeEditor): void {
  const model = editor.getModel?.();
  editor.setModel?.(null);
  editor.destroy();
  model?.dispose();
}

/** Makes a button of the forms' size. */
export function makeButton(label: string, icon: string, click: (event: MouseEvent) => void): HTMLButtonElement {
  const button = make("button", { type: "button", class: "red-ui-button" });
  button.append(make("i", { class: `fa ${icon}` }), ` ${label}`);
  button.addEventListener("click", click);
  return button;
}
