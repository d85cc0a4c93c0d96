import { DEMO_URL, FUNCTION_NAME, LIMIT_PERIODS, LIMIT_UNITS, RESERVED_HEADERS } from "../shared/limits.js";
import { functionProblems, isJsonObject, schemaText } from "./fields/declared-functions.js";
import type { EditedNode } from "./red.js";
import { text } from "./red.js";
import { type Problem, position } from "./schema/json-source.js";
import { schemaProblems } from "./schema/schema-problems.js";

/** A validator as the editor calls it. The editor shows the reason only if the function has two parameters. */
export type Validator = (this: EditedNode, value: unknown, options?: unknown) => true | string;

/** Returns a sentence about what is wrong with a value, or undefined. */
type Check = (node: EditedNode, value: unknown) => string | undefined;

/**
 * Makes a validator. The editor's sidebars treat its result as html, and also the message of an error that it throws. So a
 * validator never throws, and a reason names a place and never quotes a value of the flow.
 */
function validator(property: string, check: Check): Validator {
  return function (value, _options) {
    try {
      return check(this, value) ?? true;
    } catch {
      // For example, `{ "toString": 1 }` cannot become text.
      return text("validate.unreadable", { label: labelOf(this, property) });
    }
  };
}

/** True for `${NAME}`, which is known only at run time. */
export const isVariable = (value: string) => /^\$\{[^}]+\}$/.test(value.trim());

/** True if a value is blank, or known only at run time. */
function isUnset(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return typeof value === "string" && (value.trim() === "" || isVariable(value));
}

const labelOf = (node: EditedNode, property: string) => node._(`${node.type}.label.${property}`);

/** Names an entry of a list or object by its place. */
const nth = (index: number) => `#${index + 1}`;

interface Range {
  min?: number;
  max?: number;
  integer?: boolean;
}

/** Validates a number; blank is not set. */
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
 * Validates a JSON object, as text or object; blank is none.
 *
 * @param reserved names that it must not have, since they are set elsewhere
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

/** Returns the names in a JSON object, as text or object; none for a blank value, `undefined` if it is not an object. */
function objectNames(value: unknown): string[] | undefined {
  const written = typeof value === "string" ? value.trim() : value;
  if (isUnset(written)) return [];
  if (!isJsonObject(written)) return undefined;
  return Object.keys(typeof written === "string" ? JSON.parse(written) : (written as object));
}

/** Validates one of several words. */
export function choice(property: string, words: readonly string[]): Validator {
  return validator(property, (node, value) => {
    if (isUnset(value) || words.includes(String(value))) return undefined;
    return text("validate.choice", { label: labelOf(node, property), words: words.join(", ") });
  });
}

/** Validates a boolean, or the text of one. */
export function flag(property: string): Validator {
  return validator(property, (node, value) => {
    if (isUnset(value) || /^\s*(true|false|1|0)\s*$/i.test(String(value))) return undefined;
    return text("validate.flag", { label: labelOf(node, property) });
  });
}

/**
 * Validates the name of a model. The reason is in the node's own catalogue.
 *
 * @param isNeeded tells whether it must not be blank
 */
export function model(property: string, isNeeded: (node: EditedNode) => boolean): Validator {
  return validator(property, (node, value) => {
    const written = String(value ?? "").trim();
    if (written === "" && isNeeded(node)) {
      // As Node-RED says it of a required property.
      return RED._("validator.errors.missing-required-prop", { prop: labelOf(node, property) });
    }
    return /\s/.test(written) ? node._(`${node.type}.validate.model`) : undefined;
  });
}

/** Validates the configuration that is asked otherwise: another one, from which no way leads back. */
export function otherwise(property: string): Validator {
  return validator(property, (node, value) => {
    const seen = new Set([node.id]);
    for (let id = String(value ?? ""); id !== "" && id !== "_ADD_"; ) {
      if (seen.has(id)) return text("validate.otherwiseCircle", { label: labelOf(node, property) });
      seen.add(id);
      const other = RED.nodes.node(id);
      if (String(other?.["baseUrl"] ?? "").trim() === DEMO_URL) {
        return text("validate.otherwiseDemo", { label: labelOf(node, property) });
      }
      id = String(other?.[property] ?? "");
    }
    return undefined;
  });
}

/** Validates the name of a tool node, which is that of its function. */
export function toolName(property: string): Validator {
  return validator(property, (node, value) =>
    FUNCTION_NAME.test(String(value ?? "")) ? undefined : node._(`${node.type}.validate.name`),
  );
}

/**
 * Validates the name of a function or schema.
 *
 * @param matters tells whether the name is used at all
 * @param isNeeded whether it must not be blank if it is used
 */
export function identifier(property: string, matters: (node: EditedNode) => boolean, isNeeded: boolean): Validator {
  return validator(property, (node, value) => {
    const written = String(value ?? "").trim();
    const isGood = isVariable(written) || (written === "" && !isNeeded) || FUNCTION_NAME.test(written);
    return isGood || !matters(node) ? undefined : text("validate.name", { label: labelOf(node, property) });
  });
}

/** A text that was meant as the name of a property, or as a template. */
const LITERAL = /^\s*(msg\.|flow\.|global\.|\{\{)/;

/**
 * Validates a typed input. Node-RED's own reasons quote the value: those for JSONata whole words, those for a path one
 * character, which matters only if html could begin with it.
 */
export function typedInput(property: string, { allowBlank = false, isKey = false } = {}): Validator {
  // A blank key is none, whatever its type.
  const isGood = RED.validators.typedInput({ typeField: `${property}Type`, allowBlank: allowBlank || isKey });
  return validator(property, (node, value) => {
    const label = labelOf(node, property);
    const type = String(shown(`${property}Type`) ?? node[`${property}Type`] ?? "str");
    if (isKey && type === "str" && LITERAL.test(String(value))) return text("validate.keyLiteral", { label });
    const verdict = isGood.call(node, value, { label });
    if (verdict === true) return undefined;
    const isPath = ["msg", "flow", "global"].includes(type);
    return isPath && !/[<>&]/.test(verdict) ? verdict : text("validate.expression", { label });
  });
}

/** Returns the value in the open form. */
const shown = (property: string): unknown => $(`#node-input-${property}`).val();

/** Validates the name of a context store. At run time, Node-RED replaces an unknown one by its default store. */
export function contextStore(property: string): Validator {
  return validator(property, (node, value) => {
    const stores = RED.settings.context?.stores;
    const written = String(value ?? "").trim();
    if (!stores || isUnset(written) || stores.includes(written)) return undefined;
    return text("validate.store", { label: labelOf(node, property), stores: stores.join(", ") });
  });
}

/**
 * Validates the address of a server.
 *
 * @param needed false if blank is Hugging Face's, and the demo is one, too
 */
export function address(property: string, needed = false): Validator {
  return validator(property, (node, value) => {
    const written = String(value ?? "").trim();
    if (!needed && (isUnset(written) || written === DEMO_URL)) return undefined;
    if (needed && isVariable(written)) return undefined;
    const label = labelOf(node, property);
    if (!/^https?:\/\//i.test(written) || /\s/.test(written) || !URL.canParse(written)) {
      return text("validate.address", { label });
    }
    const { username, password } = new URL(written);
    return username === "" && password === "" ? undefined : text("validate.addressSecret", { label });
  });
}

/** Validates one model or a list of them; blank ones are ignored. */
export function models(property: string): Validator {
  return validator(property, (node, value) => {
    const bad = [value ?? []].flat().findIndex((name) => !/^\s*\S*\s*$/.test(String(name)));
    return bad < 0 ? undefined : text("validate.models", { label: labelOf(node, property), name: nth(bad) });
  });
}

/** Validates limits: a list of `{ amount, unit, per }`. */
export function limits(property: string): Validator {
  return validator(property, (node, value) => {
    if (isUnset(value)) return undefined;
    const bad = [value].flat().findIndex((row) => !isLimit(row));
    return bad < 0 ? undefined : text("validate.limits", { label: labelOf(node, property), name: nth(bad) });
  });
}

function isLimit(row: unknown): boolean {
  const { amount, unit, per } = (row ?? {}) as Record<string, unknown>;
  const written = String(amount ?? "").trim();
  const isGood = isUnset(written) || (/^\+?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(written) && Number(written) >= 0);
  const isKnown = (word: unknown, words: readonly unknown[]) => words.includes(word) || isVariable(String(word));
  return isGood && isKnown(unit, LIMIT_UNITS) && isKnown(per, LIMIT_PERIODS);
}

/** Header names that HTTP allows (RFC 9110, token). */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/**
 * Returns why a header of this name cannot be sent.
 *
 * @param name what the header is called in the reason
 */
export function headerProblem(header: string, name = `"${header}"`): string | undefined {
  if (!HEADER_NAME.test(header)) return text("validate.headerName", { name });
  return RESERVED_HEADERS.has(header.toLowerCase()) ? text("validate.headerReserved", { name }) : undefined;
}

/** Validates request headers: an object, or the text of one. */
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
 * Validates a JSON schema, as text or object.
 *
 * @param isNeeded tells whether it must not be blank, `undefined` if the schema is not used
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

/** Texts for mistakes whose own texts quote the schema. */
const WITHOUT_QUOTES: Record<string, string> = {
  "schema.twice": "rows.twice",
  "schema.pattern": "validate.pattern",
};

/** Describes a mistake in a schema and its place, without a quote. */
function placed(source: string, { key, params, start }: Problem): string {
  const { line, column } = position(source, start);
  const plain = WITHOUT_QUOTES[key];
  return text("json.at", { line, column, problem: plain ? text(plain) : text(key, params) });
}

/** Validates the functions that are declared in a form. */
export const functions = validator("functions", (node, value) => {
  if (isUnset(value)) return undefined;
  const tools = [node["tools"]].flat().flatMap((id) => RED.nodes.node(String(id))?.name ?? []);
  const problem = functionProblems(value, tools)[0];
  if (!problem) return undefined;
  const label = labelOf(node, "functions");
  const params = { label, name: nth(problem.index), problem: text(`functions.${problem.key}Bad`) };
  return text(problem.key === "list" ? "validate.functions" : "validate.function", params);
});
