import { DEMO_URL } from "../shared/limits.js";
import type { EditedNode, OpenForm } from "./red.js";
import type { Validator } from "./validators.js";

/** Shared by the loader in our nodes' html and the two scripts, since each script has its own modules. */
interface Shared {
  /** set by `validators.js`: makers of validators, by name */
  validators?: Record<string, (property: string, ...options: never[]) => Validator>;
  /** set by `forms.js` */
  forms?: { openForm(node: EditedNode, isLate: boolean): OpenForm };
  /** the chat node whose form is open */
  edited?: EditedNode | undefined;
  /** the configuration whose form is open, maybe above that of a chat node */
  editedConfig?: EditedNode | undefined;
  /** id of the chat node whose form is to open at its last questions */
  questionsOf?: string | undefined;
}

declare global {
  var huggingfaceEditor: Shared;
}

/** Returns the value of another field: in the open form, otherwise the property. */
function current(node: EditedNode, property: string): unknown {
  const { edited, editedConfig } = globalThis.huggingfaceEditor;
  if (node === edited) return $(`#node-input-${property}`).val() ?? node[property];
  if (node === editedConfig) return $(`#node-config-input-${property}`).val() ?? node[property];
  return node[property];
}

/** True for a configuration whose server is the demo, which needs no model. */
export const isDemo = (node: EditedNode): boolean => String(current(node, "baseUrl") ?? "").trim() === DEMO_URL;

/** True if the name of a schema matters. */
export const isSchemaUsed = (node: EditedNode): boolean => current(node, "format") === "json_schema";
/** True if a schema may not be blank; `undefined` where it does not matter at all. */
export const isSchemaNeeded = (node: EditedNode): true | undefined => isSchemaUsed(node) || undefined;
/** True if the name of the function that must be called matters. */
export const isFunctionNamed = (node: EditedNode): boolean => current(node, "toolChoice") === "function";

/** Makes the editor validate all fields of our open form, if there is one. */
export function markFields(): void {
  $(".huggingface-form").last().find("#node-input-name, #node-config-input-name").trigger("keyup");
}
