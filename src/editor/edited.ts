import type { EditedNode, OpenForm } from "./red.js";
import type { Validator } from "./validators.js";

/** What the loader in the html of our nodes and the two scripts share, since each script has modules of its own. */
interface Shared {
  /** set by `validators.js`: by name, what makes the validator of a property */
  validators?: Record<string, (property: string, ...options: never[]) => Validator>;
  /** set by `forms.js` */
  forms?: { openForm(node: EditedNode, isLate: boolean): OpenForm };
  /** the chat node whose form is open */
  edited?: EditedNode | undefined;
}

declare global {
  var huggingfaceEditor: Shared;
}

/** What another field says: that of the open form, else the property. */
function current(node: EditedNode, property: string): unknown {
  const field = node === globalThis.huggingfaceEditor.edited ? $(`#node-input-${property}`).val() : undefined;
  return field ?? node[property];
}

/** True if the name of a schema matters. */
export const isSchemaUsed = (node: EditedNode): boolean => current(node, "format") === "json_schema";
/** True if a schema may not be blank; `undefined` where it does not matter at all. */
export const isSchemaNeeded = (node: EditedNode): true | undefined => isSchemaUsed(node) || undefined;
/** True if the name of the function that must be called matters. */
export const isFunctionNamed = (node: EditedNode): boolean => current(node, "toolChoice") === "function";

/** Has the editor look at all fields of the form of ours that is open, if one is. */
export function markFields(): void {
  $(".huggingface-form").last().find("#node-input-name, #node-config-input-name").trigger("keyup");
}
