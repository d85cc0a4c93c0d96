/// <reference types="jquery" />

import type { HeaderCredentials } from "./fields/header-rows.js";

/** The parts of Node-RED's editor that the forms use; the published types lack many. */
export interface EditorGlobal {
  _(key: string, params?: Record<string, string | number>): string;
  nodes: {
    /** Makes an id. */
    id(): string;
    node(id: string): FlowNode | null | undefined;
    dirty(isDirty: boolean): void;
    filterNodes(filter: { type: string }): FlowNode[];
    eachNode(callback: (node: FlowNode) => void): void;
    eachConfig(callback: (node: FlowNode) => void): void;
    eachWorkspace(callback: (tab: { id: string; label: string }) => void): void;
    subflow(id: unknown): Subflow | undefined;
    getType(type: string): NodeType;
  };
  editor: {
    createEditor(options: { element: JQuery; mode: string; value: string }): CodeEditor;
    /** Opens a text in a tray of its own. */
    editText(options: { mode: string; value: string; focus: boolean; complete(text: string): void }): void;
    validateNode(node: FlowNode): boolean;
    edit(node: FlowNode): void;
    /** Opens the form of a configuration node, `_ADD_` for a new one, whose id goes into the field `<prefix>-<name>`. */
    editConfig(name: string, type: string, id: string, prefix: string, context: EditedNode): void;
  };
  events: {
    on(name: string, listener: () => void): void;
    off(name: string, listener: () => void): void;
    emit(name: string, argument: unknown): void;
  };
  history: { peek(): { dirty: boolean }; replace(event: object): void };
  view: {
    redraw(): void;
    selection(): { nodes?: FlowNode[] };
    reveal(id: string): void;
    /** Adds nodes to the flow that is shown, and hangs them on the mouse, or with `touchImport` leaves them where they are. */
    importNodes(
      nodes: FlowNode[],
      options: { generateIds: boolean; addFlow: boolean; notify: boolean; touchImport: boolean },
    ): void;
    select(selection: { nodes: FlowNode[] }): void;
    focus(): void;
  };
  workspaces: { show(id: string): void };
  actions?: { add(name: string, run: () => void, options?: { label: string }): void };
  clipboard: { copyText(text: string, element: JQuery, message: string): void };
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

/** A subflow's own side. `env` has the properties that an instance sets, here with their defaults. */
export interface Subflow {
  id: string;
  name?: string;
  env?: { name: string; type: string; value?: unknown }[];
}

/** A type of node, as it is registered. */
export interface NodeType {
  category: string;
  /** `value` is a new node's; `missing`, if it differs, that of a node without the property. */
  defaults: Record<string, { value: unknown; missing?: unknown; type?: string }>;
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

export interface TrayButton {
  id: string;
  text: string;
  class?: string;
  click(): void;
}

export interface TrayOptions {
  title: string;
  /** In pixels; `Infinity` for all available space. */
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
  x?: number;
  y?: number;
  z?: string;
  /** disabled */
  d?: boolean;
  /** As the editor knows them: of a stored password, only that it exists. */
  credentials?: { token?: string; has_token?: boolean } & HeaderCredentials;
  [property: string]: unknown;
}

/** The parts of an open form beyond its template. */
export interface NodeForm {
  resize(): void;
  /** copies values to the fields that the editor reads, or to the node itself */
  save(): void;
  /** ends requests, and frees memory */
  close(): void;
}

/** The functions of an open form for the editor's callbacks. */
export interface OpenForm {
  resize(): void;
  save(): void;
  cancel(): void;
}

/** A node that is edited, or checked. */
export interface EditedNode extends FlowNode {
  _(key: string, params?: Record<string, string | number>): string;
}

export interface ListOptions<T> {
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
  /** the data of its lines in order, without lines that are fading out */
  data(): T[];
  clear(): void;
}
