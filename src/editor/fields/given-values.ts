import type { EditedNode } from "../red.js";
import { shownText } from "../shown-text.js";

type Field = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

/** Reads a boolean that a flow file holds as text or number; `undefined` if it is known only at run time. */
function readSwitch(value: unknown): boolean | undefined {
  const text = shownText(value).trim().toLowerCase();
  if (text === "true" || text === "1") return true;
  return text === "false" || text === "0" ? false : undefined;
}

function isSwitch(field: Field): field is HTMLInputElement {
  return field instanceof HTMLInputElement && field.type === "checkbox";
}

/** Corrects checkboxes: the editor checks them for every text that is not blank, even "false". */
function showSwitch(field: HTMLInputElement, value: unknown): void {
  if (typeof value === "boolean" || value === undefined || value === null || value === "") return;
  const isOn = readSwitch(value);
  field.checked = isOn ?? false;
  field.indeterminate = isOn === undefined;
  field.title = isOn === undefined ? shownText(value) : "";
}

/** Adds an option for an unknown value, for which a select would show nothing. */
function showChoice(field: HTMLSelectElement, value: unknown): void {
  if (value === undefined || value === null || value === "") return;
  const text = shownText(value);
  if (![...field.options].some((option) => option.value === text)) field.add(new Option(text, text));
  field.value = text;
}

const shownBy = (field: Field): unknown => (isSwitch(field) && !field.indeterminate ? field.checked : field.value);

/**
 * Shows unusual values of a flow file: a boolean as text, `${ENV}` for a choice, an object for its text, a property
 * missing in an older version. The form shows their meaning, and the property stays unchanged while its field is
 * not changed.
 *
 * Must be called before other code reads the fields.
 *
 * @returns a function that the form calls when it is saved, after the fields have their last values
 */
export function keepGiven(node: EditedNode): () => void {
  const { category, defaults } = RED.nodes.getType(node.type);
  const prefix = category === "config" ? "node-config-input" : "node-input";
  // A new config node has no values yet: all come from its fields.
  const isNew = !RED.nodes.node(node.id);
  const given: { field: Field; before: unknown }[] = [];
  for (const [name, { type }] of Object.entries(defaults)) {
    const field = document.getElementById(`${prefix}-${name}`) as Field | null;
    const value = node[name];
    // The editor itself fills the lists of config nodes.
    if (!field || type !== undefined || (value === undefined && isNew)) continue;
    if (isSwitch(field)) showSwitch(field, value);
    else if (field instanceof HTMLSelectElement) showChoice(field, value);
    // A string is the same in its field.
    else if (typeof value === "string") continue;
    else if (typeof value === "object" && value !== null) field.value = JSON.stringify(value);
    given.push({ field, before: shownBy(field) });
  }
  return () => {
    for (const { field, before } of given) {
      // The editor finds a field by its id, and without one leaves the property unchanged.
      if (shownBy(field) === before) field.removeAttribute("id");
    }
  };
}
