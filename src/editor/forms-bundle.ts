import { createChatForm } from "./chat-form.js";
import { createConfigForm } from "./config-form.js";
import { markFields } from "./edited.js";
import { keepGiven } from "./fields/given-values.js";
import { type EditedNode, type NodeForm, type OpenForm, text, widget } from "./red.js";
import { createToolForm } from "./tool-form.js";

/** What becomes `resources/forms.js`, which the loader in the html of our nodes loads with the first form. */

const FORMS: Record<string, (node: EditedNode) => NodeForm> = {
  "huggingface-config": createConfigForm,
  "huggingface-chat": createChatForm,
  "huggingface-tool": createToolForm,
};

/**
 * Brings the form of a node to life, when the editor has put in its template and the values.
 *
 * @param isLate whether the editor is through with the form already, since this script was still on its way
 * @returns what the editor's callbacks are to call: `resize`, `save` and `cancel`
 */
function openForm(node: EditedNode, isLate: boolean): OpenForm {
  fillMissing(node);
  const keep = keepGiven(node);
  const form = (FORMS[node.type] as (node: EditedNode) => NodeForm)(node);
  nameFields();
  if (isLate) finishForm(node);
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

/** Does what the editor does with a form that it has prepared: texts, news of the values, and marks of those that are wrong. */
function finishForm(node: EditedNode): void {
  $(".huggingface-form").last().i18n();
  const { category, defaults, credentials = {} } = RED.nodes.getType(node.type);
  const prefix = category === "config" ? "node-config-input" : "node-input";
  for (const name of [...Object.keys(defaults), ...Object.keys(credentials)]) {
    const field = $(`#${prefix}-${name}`);
    // As the editor does: every change would check all fields.
    field.attr("skipValidation", "true");
    if (field.data("noderedTypedInput") === undefined) field.trigger("change");
    else field.trigger("change", [widget(field).typedInput("type"), widget(field).typedInput("value")]);
    field.removeAttr("skipValidation");
  }
  markFields();
  RED.tray.resize();
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

globalThis.huggingfaceEditor.forms = { openForm };
