import { createChatForm, isFunctionNamed, isSchemaNeeded, isSchemaUsed } from "./chat-form.js";
import { createConfigForm } from "./config-form.js";
import { keepGiven } from "./given-values.js";
import { type EditedNode, type NodeForm, text } from "./red.js";
import { createToolForm } from "./tool-form.js";
import * as validators from "./validators.js";

/**
 * What the forms in `nodes/*.html` use of this folder. Their scripts are plain and cannot import; the editor runs them
 * once this module, which each of them names as a script of its own, is loaded.
 */
const huggingfaceForms = {
  ...validators,
  isSchemaUsed,
  isSchemaNeeded,
  isFunctionNamed,
  openForm,
};

const FORMS: Record<string, (node: EditedNode) => NodeForm> = {
  "huggingface-config": createConfigForm,
  "huggingface-chat": createChatForm,
  "huggingface-tool": createToolForm,
};

/**
 * Brings the form of a node to life, when the editor has put in its template and the values.
 *
 * @returns what the editor's callbacks are to call: `resize`, `save` and `cancel`
 */
function openForm(node: EditedNode): { resize(): void; save(): void; cancel(): void } {
  fillMissing(node);
  const keep = keepGiven(node);
  const form = (FORMS[node.type] as (node: EditedNode) => NodeForm)(node);
  nameFields();
  return {
    resize: form.resize,
    save: () => {
      form.save();
      keep();
      form.close();
    },
    cancel: form.close,
  };
}

/** A flow that was written by hand, or by an older version, lacks properties: the form shows what holds for them. */
function fillMissing(node: EditedNode): void {
  const { category, defaults } = RED.nodes.getType(node.type);
  const prefix = category === "config" ? "node-config-input" : "node-input";
  for (const [name, { value, type }] of Object.entries(defaults)) {
    if (node[name] !== undefined) continue;
    if (typeof value === "object") node[name] = structuredClone(value);
    else if (category !== "config") node[name] = value;
    const input = $(`#${prefix}-${name}`);
    if (typeof value === "boolean") input.prop("checked", value);
    else if (typeof value !== "object" && type === undefined) input.val(String(value));
  }
}

/**
 * The editor's own widgets have fields without a name for screen readers: they get that of their row. By reference, since
 * the editor puts the texts in only afterwards.
 */
function nameFields(): void {
  for (const field of document.querySelectorAll(".huggingface-form .red-ui-typedInput-input")) {
    const property = field.closest(".huggingface-field")?.querySelector("input")?.id;
    const label = field.closest(".form-row")?.querySelector("label");
    if (!label || !property) continue;
    label.id = `${property}-label`;
    field.setAttribute("aria-labelledby", label.id);
  }
  for (const box of document.querySelectorAll(".huggingface-form .red-ui-treeList-checkbox")) {
    box.setAttribute("aria-label", box.closest(".red-ui-treeList-label")?.textContent?.trim() ?? "");
  }
  for (const button of document.querySelectorAll(".huggingface-form .red-ui-typedInput-option-expand")) {
    button.setAttribute("aria-label", text("rows.expand"));
  }
}

Object.assign(globalThis, { huggingfaceForms });
