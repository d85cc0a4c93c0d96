import { createConnectionTest } from "./connection-test.js";
import { createFunctionList } from "./functions-list.js";
import { pickModel } from "./model-picker.js";
import type { EditedNode } from "./red.js";
import { createSchemaForm } from "./schema-form.js";
import { createTryIt } from "./try-it.js";
import { functions, jsonObject, number, schema } from "./validators.js";

/**
 * What the forms in `nodes/*.html` use of this folder. Their scripts are plain and cannot import; the editor runs them
 * once this module, which each of them names as a script of its own, is loaded.
 */
const huggingfaceForms = {
  number,
  jsonObject,
  schema,
  functions,
  fillMissing,
  createSchemaForm,
  createFunctionList,
  createConnectionTest,
  createTryIt,
  pickModel,
};

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

Object.assign(globalThis, { huggingfaceForms });
