import { FUNCTION_NAME, functionProblems, isJsonObject, schemaText } from "./functions.js";
import type { EditedNode } from "./red.js";
import { text } from "./red.js";
import { describe } from "./schema-form.js";
import { schemaProblems } from "./schema-problems.js";

/** What the editor calls. Only if it has two parameters is the reason shown that it returns. */
export type Validator = (this: EditedNode, value: unknown, options?: unknown) => true | string;

/** A value that is known only at run time. */
const isVariable = (value: string) => /^\$\{[^}]+\}$/.test(value.trim());

/** Blank, or known only at run time. */
function isUnset(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return typeof value === "string" && (value.trim() === "" || isVariable(value));
}

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

/**
 * A validator for a JSON object, as text or object; blank stands for none.
 *
 * @param reserved names that may not stand in it, since they are set elsewhere
 */
export function jsonObject(property: string, reserved: readonly string[] = []): Validator {
  return function (value, _options) {
    const written = typeof value === "string" ? value.trim() : value;
    if (isUnset(written)) return true;
    const label = labelOf(this, property);
    if (!isJsonObject(written)) return text("validate.object", { label });
    const names = Object.keys(typeof written === "string" ? JSON.parse(written) : (written as object));
    const name = names.find((found) => reserved.includes(found));
    return name === undefined || text("validate.reserved", { label, name });
  };
}

/** A validator for a field that has one of several words. */
export function choice(property: string, words: readonly string[]): Validator {
  return function (value, _options) {
    if (isUnset(value) || words.includes(String(value))) return true;
    return text("validate.choice", { label: labelOf(this, property), words: words.join(", ") });
  };
}

/** A validator for a switch, which may stand as text. */
export function flag(property: string): Validator {
  return function (value, _options) {
    if (isUnset(value) || /^\s*(true|false|1|0)\s*$/i.test(String(value))) return true;
    return text("validate.flag", { label: labelOf(this, property) });
  };
}

/**
 * A validator for the name of a function or schema, as servers want it.
 *
 * @param matters whether the name is used at all
 * @param isNeeded whether it may not be blank where it is used
 */
export function identifier(property: string, matters: (node: EditedNode) => boolean, isNeeded: boolean): Validator {
  return function (value, _options) {
    const written = String(value ?? "").trim();
    if (!matters(this) || isVariable(written) || (written === "" && !isNeeded) || FUNCTION_NAME.test(written))
      return true;
    return text("validate.name", { label: labelOf(this, property) });
  };
}

/** A validator for the name of a context store: Node-RED takes its default one for a name that it does not know. */
export function contextStore(property: string): Validator {
  return function (value, _options) {
    const stores = RED.settings.context?.stores;
    const written = String(value ?? "").trim();
    if (!stores || isUnset(written) || stores.includes(written)) return true;
    return text("validate.store", { label: labelOf(this, property), name: written, stores: stores.join(", ") });
  };
}

/** A validator for the address of a server; blank stands for Hugging Face's. */
export function address(property: string): Validator {
  return function (value, _options) {
    const written = String(value ?? "").trim();
    if (isUnset(written)) return true;
    const label = labelOf(this, property);
    if (!/^https?:\/\//i.test(written) || /\s/.test(written) || !URL.canParse(written)) {
      return text("validate.address", { label });
    }
    const { username, password } = new URL(written);
    return (username === "" && password === "") || text("validate.addressSecret", { label });
  };
}

/** A validator for a list of models, or one; blank ones do not count. */
export function models(property: string): Validator {
  return function (value, _options) {
    const bad = [value ?? []].flat().find((model) => !/^\s*\S*\s*$/.test(String(model)));
    return bad === undefined || text("validate.models", { label: labelOf(this, property), name: String(bad) });
  };
}

/** Names that http allows for a header (RFC 9110, token). */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Set by the connection itself: the runtime refuses them. */
const RESERVED_HEADERS = [
  "connection",
  "content-length",
  "content-type",
  "expect",
  "host",
  "keep-alive",
  "proxy-authorization",
  "transfer-encoding",
  "upgrade",
];

/** Why a header of this name cannot be sent. */
export function headerProblem(header: string): string | undefined {
  if (!HEADER_NAME.test(header)) return text("validate.headerName", { name: header });
  return RESERVED_HEADERS.includes(header.toLowerCase())
    ? text("validate.headerReserved", { name: header })
    : undefined;
}

/** A validator for request headers: an object, or the text of one. */
export function headers(property: string): Validator {
  const isObject = jsonObject(property);
  return function (value, options) {
    const verdict = isObject.call(this, value, options);
    if (verdict !== true || isUnset(value)) return verdict;
    const names = Object.keys(typeof value === "string" ? JSON.parse(value) : (value as object));
    const problem = names.map(headerProblem).find((found) => found !== undefined);
    return problem === undefined || `${labelOf(this, property)}: ${problem}`;
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
  if (isUnset(value)) return true;
  const tools = [this.tools].flat().flatMap((id) => RED.nodes.node(String(id))?.name ?? []);
  const problem = functionProblems(value, tools)[0];
  if (!problem) return true;
  const name = problem.name || `#${problem.index + 1}`;
  const params = { label: labelOf(this, "functions"), name, problem: text(`functions.${problem.key}Bad`) };
  return text(problem.key === "list" ? "validate.functions" : "validate.function", params);
};
