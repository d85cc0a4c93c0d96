import { createChatForm } from "./chat-form.js";
import { createConfigForm } from "./config-form.js";
import { markFields } from "./edited.js";
import { keepGiven } from "./fields/given-values.js";
import { createFolds } from "./fold.js";
import { createMcpForm } from "./mcp-form.js";
import { type EditedNode, type NodeForm, type OpenForm, text, widget } from "./red.js";
import { createToolForm } from "./tool-form.js";

/** Becomes `resources/forms.js`, which the loader in the html of our nodes loads with the first form. */

const FORMS: Record<string, (node: EditedNode) => NodeForm> = {
  "huggingface-config": createConfigForm,
  "huggingface-chat": createChatForm,
  "huggingface-tool": createToolForm,
  "huggingface-mcp": createMcpForm,
};

/**
 * Sets up the form of a node after the editor has inserted its template and values.
 *
 * @param isLate true if the editor has already prepared the form, since this script loaded late
 * @returns the functions for the editor's callbacks: `resize`, `save` and `cancel`
 */
function openForm(node: EditedNode, isLate: boolean): OpenForm {
  const missing = fillMissing(node);
  const keep = keepGiven(node);
  const form = (FORMS[node.type] as (node: EditedNode) => NodeForm)(node);
  // The editor compares the node before and after it is saved: it has to be as it was given.
  missing.takeBack();
  nameFields();
  const folds = createFolds(node);
  const close = () => {
    folds.close();
    form.close();
  };
  if (isLate) finishForm(node);
  return {
    resize: form.resize,
    save: () => {
      form.save();
      keep();
      missing.leaveOut();
      close();
    },
    cancel: close,
  };
}

/**
 * A flow that was written by hand, or by an older version, lacks properties: the form shows what holds for them.
 *
 * @returns `takeBack` removes them from the node, once the form has read them; `leaveOut` does not save those that nobody
 * has changed in the form
 */
function fillMissing(node: EditedNode): { takeBack(): void; leaveOut(): void } {
  const { category, defaults } = RED.nodes.getType(node.type);
  const isConfig = category === "config";
  const prefix = isConfig ? "node-config-input" : "node-input";
  // A new config node has nothing yet: all comes from its fields.
  const isNew = !RED.nodes.node(node.id);
  const missing: { name: string; value: unknown; input: JQuery }[] = [];
  for (const [name, { value: fresh, missing: older = fresh, type }] of Object.entries(defaults)) {
    if (node[name] !== undefined) continue;
    const value = isNew ? fresh : older;
    const input = $(`#${prefix}-${name}`);
    if (!isNew) missing.push({ name, value, input });
    if (typeof value === "object") node[name] = structuredClone(value);
    else if (!isConfig) node[name] = value;
    if (typeof value === "boolean") input.prop("checked", value);
    else if (typeof value !== "object" && type === undefined) input.val(String(value));
  }
  const isUnchanged = ({ name, value, input }: (typeof missing)[number]): boolean => {
    if (typeof value === "object" || input.length === 0) return JSON.stringify(node[name]) === JSON.stringify(value);
    if (typeof value === "boolean") return input.prop("checked") === value;
    // The editor's word for no configuration node.
    return String(input.val() ?? "").replace("_ADD_", "") === String(value);
  };
  return {
    takeBack: () => {
      for (const { name } of missing) delete node[name];
    },
    leaveOut: () => {
      for (const property of missing.filter(isUnchanged)) {
        // Without its field, which the editor finds by the id, it leaves a property alone.
        property.input.removeAttr("id");
        delete node[property.name];
      }
    },
  };
}

/** Repeats what the editor does with a prepared form: inserts texts, triggers change events, and marks invalid values. */
function finishForm(node: EditedNode): void {
  $(".huggingface-form").last().i18n();
  const { category, defaults, credentials = {} } = RED.nodes.getType(node.type);
  const prefix = category === "config" ? "node-config-input" : "node-input";
  for (const name of [...Object.keys(defaults), ...Object.keys(credentials)]) {
    const field = $(`#${prefix}-${name}`);
    // As in the editor, since every change would validate all fields.
    field.attr("skipValidation", "true");
    if (field.data("noderedTypedInput") === undefined) field.trigger("change");
    else field.trigger("change", [widget(field).typedInput("type"), widget(field).typedInput("value")]);
    field.removeAttr("skipValidation");
  }
  markFields();
  RED.tray.resize();
}

/**
 * Names the fields of the editor's own widgets after their row, for screen readers. By reference, since
 * the editor inserts the texts only afterwards.
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

globalThis.huggingfaceEditor.forms = { openForm };
