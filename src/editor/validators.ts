import { functionProblems, isJsonObject, schemaText } from "./functions.js";
import type { EditedNode } from "./red.js";
import { text } from "./red.js";
import { describe } from "./schema-form.js";
import { schemaProblems } from "./schema-problems.js";

/** What the editor calls. Only if it has two parameters is the reason shown that it returns. */
export type Validator = (this: EditedNode, value: unknown, options?: unknown) => true | string;

/** A value that is known only at run time. */
const isVariable = (value: string) => /^\$\{[^}]+\}$/.test(value.trim());

const labelOf = (node: EditedNode, property: string) => node._(`${node.type}.label.${property}`);

interface Range {
  min?: number;
  max?: number;
  integer?: boolean;
}

/** A validator for a number: blank stands for "not set", `${ENV}` for a value known at run time. */
export function number(property: string, { min = -Infinity, max = Infinity, integer = false }: Range = {}): Validator {
  return function (value, _options) {
    const written = String(value ?? "").trim();
    if (written === "" || isVariable(written)) return true;
    const n = Number(written);
    const isNumber = /^[+-]?(\d+\.?\d*|\.\d+)$/.test(written);
    if (isNumber && n >= min && n <= max && (!integer || Number.isInteger(n))) return true;
    const range = Number.isFinite(max) ? "Range" : Number.isFinite(min) ? "Min" : "";
    const params = { label: labelOf(this, property), min, max };
    return text(`validate.${integer ? "integer" : "number"}${range}`, params);
  };
}

/** A validator for a JSON object, as text or object; blank stands for none. */
export function jsonObject(property: string): Validator {
  return function (value, _options) {
    const written = typeof value === "string" ? value.trim() : value;
    if (written === "" || (typeof written === "string" && isVariable(written)) || isJsonObject(written)) return true;
    return text("validate.object", { label: labelOf(this, property) });
  };
}

/**
 * A validator for a JSON schema, as text or object.
 *
 * @param isNeeded whether it may not be blank; where it does not matter at all, it answers `undefined`
 */
export function schema(property: string, isNeeded: (node: EditedNode) => boolean | undefined): Validator {
  return function (value, _options) {
    const needed = isNeeded(this);
    const label = labelOf(this, property);
    const source = schemaText(value);
    if (needed === undefined || (source !== undefined && isVariable(source))) return true;
    if (source === undefined) return text("validate.object", { label });
    if (source.trim() === "") return !needed || text("validate.schemaMissing", { label });
    const problem = schemaProblems(source)[0];
    return !problem || text("validate.schema", { label, problem: describe(source, problem) });
  };
}

/** A validator for the functions that are declared in a form. */
export const functions: Validator = function (value, _options) {
  const tools = [this.tools].flat().flatMap((id) => RED.nodes.node(String(id))?.name ?? []);
  const problem = functionProblems(value, tools)[0];
  if (!problem) return true;
  const name = problem.name || `#${problem.index + 1}`;
  const params = { label: labelOf(this, "functions"), name, problem: text(`functions.${problem.key}Bad`) };
  return text(problem.key === "list" ? "validate.functions" : "validate.function", params);
};
