import type { EditedNode } from "../red.js";
import { shownText } from "../shown-text.js";

type Field = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

/** A switch that a flow file holds as text or number; `undefined` for what is known only at run time. */
function readSwitch(value: unknown): boolean | undefined {
  const text = shownText(value).trim().toLowerCase();
  if (text === "true" || text === "1") return true;
  return text === "false" || text === "0" ? false : undefined;
}

function isSwitch(field: Field): field is HTMLInputElement {
  return field instanceof HTMLInputElement && field.type === "checkbox";
}

/** The editor ticks every text that is not blank, "false" too. */
function showSwitch(field: HTMLInputElement, value: unknown): void {
  if (typeof value === "boolean" || value === undefined || value === null || value === "") return;
  const isOn = readSwitch(value);
  field.checked = isOn ?? false;
  field.indeterminate = isOn === undefined;
  field.title = isOn === undefined ? shownText(value) : "";
}

/** A select shows nothing for a value that is none of its options. */
function showChoice(field: HTMLSelectElement, value: unknown): void {
  if (value === undefined || value === null || value === "") return;
  const text = shownText(value);
  if (![...field.options].some((option) => option.value === text)) field.add(new Option(text, text));
  field.value = text;
}

const shownBy = (field: Field): unknown => (isSwitch(field) && !field.indeterminate ? field.checked : field.value);

/**
 * A flow file may hold a value in a way of its own: a switch as text, `${ENV}` for a choice, an object for its text; one
 * of an older version lacks some. The form shows what it comes to, and the property stays as it is as long as its field is
 * not changed.
 *
 * To be called before other code looks at the fields.
 *
 * @returns what the form calls when it is saved, after the fields have their last values
 */
export function keepGiven(node: EditedNode): () => void {
  const { category, defaults } = RED.nodes.getType(node.type);
  const prefix = category === "config" ? "node-config-input" : "node-input";
  // A new config node has nothing yet: all comes from its fields.
  const isNew = !RED.nodes.node(node.id);
  const given: { field: Field; before: unknown }[] = [];
  for (const [name, { type }] of Object.entries(defaults)) {
    const field = document.getElementById(`${prefix}-${name}`) as Field | null;
    const value = node[name];
    // The editor itself makes the lists of config nodes.
    if (!field || type !== undefined || (value === undefined && isNew)) continue;
    if (isSwitch(field)) showSwitch(field, value);
    else if (field instanceof HTMLSelectElement) showChoice(field, value);
    // A text is what its field says.
    else if (typeof value === "string") continue;
    else if (typeof value === "object" && value !== null) field.value = JSON.stringify(value);
    given.push({ field, before: shownBy(field) });
  }
  return () => {
    for (const { field, before } of given) {
      // Without its field, which the editor finds by the id, it leaves a property alone.
      if (shownBy(field) === before) field.removeAttribute("id");
    }
  };
}
