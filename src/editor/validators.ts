import { FUNCTION_NAME, RESERVED_HEADERS } from "../shared/limits.js";
import { functionProblems, isJsonObject, schemaText } from "./fields/declared-functions.js";
import type { EditedNode } from "./red.js";
import { text } from "./red.js";
import { type Problem, position } from "./schema/json-source.js";
import { schemaProblems } from "./schema/schema-problems.js";

/** What the editor calls. Only if it has two parameters is the reason shown that it returns. */
export type Validator = (this: EditedNode, value: unknown, options?: unknown) => true | string;

/** Finds what is wrong with a value: a sentence, or nothing. */
type Check = (node: EditedNode, value: unknown) => string | undefined;

/**
 * Makes a validator. The editor's sidebars take what it returns for html, and so they do with the message of an error and
 * the node's id beside it: a validator never throws, and a reason names a place, never a value that stands in the flow.
 */
function validator(property: string, check: Check): Validator {
  return function (value, _options) {
    try {
      return check(this, value) ?? true;
    } catch {
      // Text that cannot be made of an object, for one: `{ "toString": 1 }`.
      return text("validate.unreadable", { label: labelOf(this, property) });
    }
  };
}

/** A value that is known only at run time. */
export const isVariable = (value: string) => /^\$\{[^}]+\}$/.test(value.trim());

/** Blank, or known only at run time. */
function isUnset(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return typeof value === "string" && (value.trim() === "" || isVariable(value));
}

const labelOf = (node: EditedNode, property: string) => node._(`${node.type}.label.${property}`);

/** What an entry of a list or object is called in a reason: its place. */
const nth = (index: number) => `#${index + 1}`;

interface Range {
  min?: number;
  max?: number;
  integer?: boolean;
}

/** A validator for a number: blank stands for "not set", `${ENV}` for a value known at run time. */
export function number(property: string, { min = -Infinity, max = Infinity, integer = false }: Range = {}): Validator {
  return validator(property, (node, value) => {
    const written = String(value ?? "").trim();
    if (written === "" || isVariable(written)) return undefined;
    const n = Number(written);
    const isNumber = /^[+-]?(\d+\.?\d*|\.\d+)$/.test(written);
    if (isNumber && n >= min && n <= max && (!integer || Number.isInteger(n))) return undefined;
    const range = Number.isFinite(max) ? "Range" : Number.isFinite(min) ? "Min" : "";
    const params = { label: labelOf(node, property), min, max };
    return text(`validate.${integer ? "integer" : "number"}${range}`, params);
  });
}

/**
 * A validator for a JSON object, as text or object; blank stands for none.
 *
 * @param reserved names that may not stand in it, since they are set elsewhere
 */
export function jsonObject(property: string, reserved: readonly string[] = []): Validator {
  return validator(property, (node, value) => {
    const names = objectNames(value);
    const label = labelOf(node, property);
    if (!names) return text("validate.object", { label });
    const name = reserved.find((found) => names.includes(found));
    return name === undefined ? undefined : text("validate.reserved", { label, name });
  });
}

/** The names in a JSON object, as text or object; none for a blank one, `undefined` for what is no object. */
function objectNames(value: unknown): string[] | undefined {
  const written = typeof value === "string" ? value.trim() : value;
  if (isUnset(written)) return [];
  if (!isJsonObject(written)) return undefined;
  return Object.keys(typeof written === "string" ? JSON.parse(written) : (written as object));
}

/** A validator for a field that has one of several words. */
export function choice(property: string, words: readonly string[]): Validator {
  return validator(property, (node, value) => {
    if (isUnset(value) || words.includes(String(value))) return undefined;
    return text("validate.choice", { label: labelOf(node, property), words: words.join(", ") });
  });
}

/** A validator for a switch, which may stand as text. */
export function flag(property: string): Validator {
  return validator(property, (node, value) => {
    if (isUnset(value) || /^\s*(true|false|1|0)\s*$/i.test(String(value))) return undefined;
    return text("validate.flag", { label: labelOf(node, property) });
  });
}

/** A validator for the name of a model; the node's own catalogue says what is wrong. */
export function model(property: string, isNeeded: boolean): Validator {
  return validator(property, (node, value) => {
    const isGood = isNeeded ? /^\s*\S+\s*$/ : /^\s*\S*\s*$/;
    return isGood.test(String(value ?? "")) ? undefined : node._(`${node.type}.validate.model`);
  });
}

/** A validator for the name of a tool node, which is that of its function. */
export function toolName(property: string): Validator {
  return validator(property, (node, value) =>
    FUNCTION_NAME.test(String(value ?? "")) ? undefined : node._(`${node.type}.validate.name`),
  );
}

/**
 * A validator for the name of a function or schema, as servers want it.
 *
 * @param matters whether the name is used at all
 * @param isNeeded whether it may not be blank where it is used
 */
export function identifier(property: string, matters: (node: EditedNode) => boolean, isNeeded: boolean): Validator {
  return validator(property, (node, value) => {
    const written = String(value ?? "").trim();
    const isGood = isVariable(written) || (written === "" && !isNeeded) || FUNCTION_NAME.test(written);
    return isGood || !matters(node) ? undefined : text("validate.name", { label: labelOf(node, property) });
  });
}

/**
 * A validator for a typed input. Its own reasons quote what stands there: JSONata's whole words, those of a path one
 * character, which matters only where it could begin html.
 */
export function typedInput(property: string, { allowBlank = false } = {}): Validator {
  const isGood = RED.validators.typedInput({ typeField: `${property}Type`, allowBlank });
  return validator(property, (node, value) => {
    const label = labelOf(node, property);
    const verdict = isGood.call(node, value, { label });
    if (verdict === true) return undefined;
    const isPath = ["msg", "flow", "global"].includes(String(shown(`${property}Type`) ?? node[`${property}Type`]));
    return isPath && !/[<>&]/.test(verdict) ? verdict : text("validate.expression", { label });
  });
}

/** What the open form has in the field of a property. */
const shown = (property: string): unknown => $(`#node-input-${property}`).val();

/** A validator for the name of a context store: Node-RED takes its default one for a name that it does not know. */
export function contextStore(property: string): Validator {
  return validator(property, (node, value) => {
    const stores = RED.settings.context?.stores;
    const written = String(value ?? "").trim();
    if (!stores || isUnset(written) || stores.includes(written)) return undefined;
    return text("validate.store", { label: labelOf(node, property), stores: stores.join(", ") });
  });
}

/** A validator for the address of a server; blank stands for Hugging Face's. */
export function address(property: string): Validator {
  return validator(property, (node, value) => {
    const written = String(value ?? "").trim();
    if (isUnset(written)) return undefined;
    const label = labelOf(node, property);
    if (!/^https?:\/\//i.test(written) || /\s/.test(written) || !URL.canParse(written)) {
      return text("validate.address", { label });
    }
    const { username, password } = new URL(written);
    return username === "" && password === "" ? undefined : text("validate.addressSecret", { label });
  });
}

/** A validator for a list of models, or one; blank ones do not count. */
export function models(property: string): Validator {
  return validator(property, (node, value) => {
    const bad = [value ?? []].flat().findIndex((name) => !/^\s*\S*\s*$/.test(String(name)));
    return bad < 0 ? undefined : text("validate.models", { label: labelOf(node, property), name: nth(bad) });
  });
}

/** Names that http allows for a header (RFC 9110, token). */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/**
 * Says why a header of this name cannot be sent.
 *
 * @param name what the header is called in the reason
 */
export function headerProblem(header: string, name = `"${header}"`): string | undefined {
  if (!HEADER_NAME.test(header)) return text("validate.headerName", { name });
  return RESERVED_HEADERS.has(header.toLowerCase()) ? text("validate.headerReserved", { name }) : undefined;
}

/** A validator for request headers: an object, or the text of one. */
export function headers(property: string): Validator {
  return validator(property, (node, value) => {
    const names = objectNames(value);
    const label = labelOf(node, property);
    if (!names) return text("validate.object", { label });
    const problem = names.map((name, index) => headerProblem(name, nth(index))).find((found) => found !== undefined);
    return problem && `${label}: ${problem}`;
  });
}

/**
 * A validator for a JSON schema, as text or object.
 *
 * @param isNeeded whether it may not be blank; where it does not matter at all, it answers `undefined`
 */
export function schema(property: string, isNeeded: (node: EditedNode) => boolean | undefined): Validator {
  return validator(property, (node, value) => {
    const needed = isNeeded(node);
    const label = labelOf(node, property);
    const source = schemaText(value);
    if (needed === undefined || (source !== undefined && isVariable(source))) return undefined;
    if (source === undefined) return text("validate.object", { label });
    if (source.trim() === "") return needed ? text("validate.schemaMissing", { label }) : undefined;
    const problem = schemaProblems(source)[0];
    return problem && text("validate.schema", { label, problem: placed(source, problem) });
  });
}

/** Sentences for the mistakes whose own ones quote the schema. */
const WITHOUT_QUOTES: Record<string, string> = {
  "schema.twice": "rows.twice",
  "schema.pattern": "validate.pattern",
};

/** A mistake in a schema and its place, in words that do not quote it. */
function placed(source: string, { key, params, start }: Problem): string {
  const { line, column } = position(source, start);
  const plain = WITHOUT_QUOTES[key];
  return text("json.at", { line, column, problem: plain ? text(plain) : text(key, params) });
}

/** A validator for the functions that are declared in a form. */
export const functions = validator("functions", (node, value) => {
  if (isUnset(value)) return undefined;
  const tools = [node["tools"]].flat().flatMap((id) => RED.nodes.node(String(id))?.name ?? []);
  const problem = functionProblems(value, tools)[0];
  if (!problem) return undefined;
  const label = labelOf(node, "functions");
  const params = { label, name: nth(problem.index), problem: text(`functions.${problem.key}Bad`) };
  return text(problem.key === "list" ? "validate.functions" : "validate.function", params);
});
