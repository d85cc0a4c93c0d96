import {
  get,
  type JsonNode,
  type JsonObject,
  type JsonString,
  makeArray,
  makeObject,
  makeString,
  remove,
  set,
  stringOf,
} from "./json-source.js";

export const ITEM_TYPES = ["any", "string", "number", "integer", "boolean", "object"] as const;
export const ROW_TYPES = ["string", "number", "integer", "boolean", "array", "object", "enum"] as const;

/** `other` stands for what a row cannot express: it is shown and kept, but cannot be chosen. */
export type RowType = (typeof ROW_TYPES)[number] | "other";
export type ItemType = (typeof ITEM_TYPES)[number] | "other";

/** The fields of a row, for one property. */
export interface RowFields {
  name: string;
  type: RowType;
  description: string;
  required: boolean;
  /** the values of an enum */
  values: readonly string[];
  /** the type of an array's items */
  items: ItemType;
}

/** Keywords that define a value's type; removed when another type is chosen for `other`. */
const TYPE_KEYWORDS = ["enum", "const", "anyOf", "oneOf", "allOf", "$ref", "items"];

/** Reads what a row can show of a property's schema. */
export function readFields(name: string, schema: JsonNode, required: boolean): RowFields {
  const type = readType(schema);
  return {
    name,
    type,
    description: stringOf(get(schema, "description")) ?? "",
    required,
    values: type === "enum" ? (enumValues(schema) ?? []) : [],
    items: type === "array" ? readItems(get(schema, "items")) : "string",
  };
}

function readType(schema: JsonNode): RowType {
  const type = get(schema, "type");
  const name = stringOf(type);
  if (get(schema, "enum")) return enumValues(schema) && (!type || name === "string") ? "enum" : "other";
  return ROW_TYPES.find((known) => known === name && known !== "enum") ?? "other";
}

/** Returns the values of an enum that has only strings. */
function enumValues(schema: JsonNode): string[] | undefined {
  const values = get(schema, "enum");
  if (values?.kind !== "array" || !values.items.every((item): item is JsonString => item.kind === "string")) return;
  return values.items.map(({ value }) => value);
}

function readItems(items: JsonNode | undefined): ItemType {
  if (!items || items.raw === "true") return "any";
  if (items.kind === "object" && items.entries.length === 0) return "any";
  const name = stringOf(get(items, "type"));
  return ITEM_TYPES.find((known) => known === name && known !== "any") ?? "other";
}

/** True if a description can be written into a property's schema without losing something else. */
export function isDescribable(schema: JsonNode | undefined): boolean {
  if (!schema) return true;
  const description = get(schema, "description");
  return (schema.kind === "object" && (!description || description.kind === "string")) || schema.kind === "boolean";
}

/** Makes the schema of a new property. */
export function newSchema(row: RowFields): JsonObject {
  const described = row.description === "" ? [] : [["description", makeString(row.description)] as const];
  return withType(makeObject(described), row);
}

/**
 * Returns the schema of a property after a change to its row.
 *
 * @param schema as it was read
 * @param was what its row said then
 * @param row what it says now
 * @returns the same schema if nothing changed; else one in which only that is different
 */
export function changeSchema(schema: JsonNode, was: RowFields, row: RowFields): JsonNode {
  let changed = schema;
  if (row.type !== was.type) {
    changed = row.type === "other" ? schema : withType(withoutType(asObject(schema), was.type), row);
  } else if (row.type === "enum" && !same(row.values, was.values)) {
    changed = set(asObject(schema), "enum", makeArray(row.values.map(makeString)));
  } else if (row.type === "array" && row.items !== was.items) {
    changed = withItems(asObject(schema), row.items);
  }
  if (row.description === was.description || !isDescribable(schema)) return changed;
  const object = asObject(changed);
  return row.description === ""
    ? remove(object, "description")
    : set(object, "description", makeString(row.description));
}

const same = (a: readonly string[], b: readonly string[]) => a.length === b.length && a.every((x, i) => x === b[i]);

/** Returns an object with the same meaning: `true` allows everything, `false` nothing. */
function asObject(schema: JsonNode): JsonObject {
  if (schema.kind === "object") return schema;
  return makeObject(schema.raw === "false" ? [["not", makeObject([])]] : []);
}

function withoutType(schema: JsonObject, was: RowType): JsonObject {
  if (was === "other") return remove(schema, "not", ...TYPE_KEYWORDS);
  if (was === "enum") return remove(schema, "enum");
  return was === "array" ? remove(schema, "items") : schema;
}

function withType(schema: JsonObject, row: RowFields): JsonObject {
  const name = row.type === "enum" ? "string" : row.type;
  const typed = set(schema, "type", makeString(name), "first");
  if (row.type === "enum") return set(typed, "enum", makeArray(row.values.map(makeString)));
  return row.type === "array" ? withItems(typed, row.items) : typed;
}

function withItems(schema: JsonObject, type: ItemType): JsonObject {
  if (type === "any" || type === "other") return remove(schema, "items");
  const items = get(schema, "items");
  const typed = stringOf(get(items, "type")) !== undefined && items?.kind === "object";
  return set(schema, "items", typed ? set(items, "type", makeString(type)) : makeObject([["type", makeString(type)]]));
}

/** Writes the values of an enum as one line: with commas, and quotes where a value would be misread. */
export function showValues(values: readonly string[]): string {
  return values
    .map((value) => (/^[^\s",]([^",\n\r\t]*[^\s",])?$/.test(value) ? value : JSON.stringify(value)))
    .join(", ");
}

/** Reads such a line. Blanks between commas are ignored; a blank value is written `""`. */
export function readValues(line: string): string[] {
  const parts = line.match(/"(?:[^"\\]|\\.)*"|[^",]+|"/g) ?? [];
  return parts.flatMap((part) => {
    const text = part.trim();
    if (text === "") return [];
    if (!/^".*"$/s.test(text) || text.length < 2) return [text];
    try {
      return [JSON.parse(text) as string];
    } catch {
      return [text.slice(1, -1)];
    }
  });
}
