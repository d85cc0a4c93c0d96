import { asRecord } from "../../client/internal";
import type { Schema } from "./schema";

/** Keywords that a server may refuse, and that a plain schema has no more: those that `plainSchema` reads or leaves out. */
const DEMANDING = new Set([
  "$ref",
  "$defs",
  "$schema",
  "$id",
  "definitions",
  "format",
  "pattern",
  "patternProperties",
  "propertyNames",
  "additionalProperties",
  "unevaluatedProperties",
  "dependentRequired",
  "dependentSchemas",
  "prefixItems",
  "contains",
  "anyOf",
  "oneOf",
  "allOf",
  "not",
  "if",
  "const",
  "default",
  "examples",
]);
/** Keywords whose values are kept as they are. */
const PLAIN = ["type", "description", "enum", "minimum", "maximum", "minItems", "maxItems"];
/** Levels of a plain schema: one that refers to itself has no end. */
const DEEPEST = 12;
/** Parts of a plain schema: references may double with each level. */
const MOST_PARTS = 2000;

/** True if `plainSchema` takes something away from a schema. */
export function isDemanding(schema: unknown): boolean {
  const open: unknown[] = [schema];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    const record = asRecord(value);
    if (Array.isArray(record?.["type"])) return true;
    for (const keyword in record) if (DEMANDING.has(keyword) && record[keyword] !== undefined) return true;
    // One by one: as arguments of one call, 150,000 would overflow the stack.
    for (const item of Object.values(value as object)) if (typeof item === "object" && item !== null) open.push(item);
  }
  return false;
}

/**
 * Writes a schema in the few words that every server knows: types, properties, items, descriptions and lists of values.
 * References are written out, of several choices the first one stays. It allows more and less than the schema, so arguments
 * are still checked against that one.
 */
export function plainSchema(schema: Schema): Schema {
  let parts = 0;
  const plain = (value: unknown, level: number): Schema => {
    const record = resolve(value, schema);
    if (!record || level > DEEPEST || ++parts > MOST_PARTS) return {};
    const merged = merge(record, schema);
    const result: Schema = {};
    for (const keyword of PLAIN) if (merged[keyword] !== undefined) result[keyword] = merged[keyword];
    if (merged["const"] !== undefined) result["enum"] = [merged["const"]];
    if (Array.isArray(result["type"])) result["type"] = result["type"].find((type) => type !== "null") ?? "string";
    const format = merged["format"];
    if (typeof format === "string") {
      result["description"] = [result["description"], `(format: ${format})`].filter(Boolean).join(" ");
    }
    const properties = asRecord(merged["properties"]);
    if (properties) {
      result["type"] ??= "object";
      const entries = Object.entries(properties).filter(([name]) => name !== "__proto__");
      result["properties"] = Object.fromEntries(entries.map(([name, item]) => [name, plain(item, level + 1)]));
      const known = new Set<unknown>(entries.map(([name]) => name));
      const required = [merged["required"] ?? []].flat().filter((name) => known.has(name));
      if (required.length > 0) result["required"] = required;
    }
    if (asRecord(merged["items"])) result["items"] = plain(merged["items"], level + 1);
    return result;
  };
  return { type: "object", ...plain(schema, 0) };
}

/** Follows references within the schema; undefined for what leads nowhere. */
function resolve(value: unknown, root: Schema): Schema | undefined {
  let record = asRecord(value);
  for (let step = 0; record?.["$ref"] !== undefined; step++) {
    const { $ref, ...beside } = record;
    const target = step < DEEPEST ? find(String($ref), root) : undefined;
    record = target && { ...target, ...beside };
  }
  return record;
}

function find(reference: string, root: Schema): Schema | undefined {
  if (!reference.startsWith("#")) return undefined;
  const steps = reference
    .slice(1)
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  let found: Schema | undefined = root;
  for (const step of steps) found = found && Object.hasOwn(found, step) ? asRecord(found[step]) : undefined;
  return found;
}

/** Puts what a schema says of all, and of the first of its choices that is not null, into one. */
function merge({ allOf, anyOf, oneOf, ...record }: Schema, root: Schema): Schema {
  const all = Array.isArray(allOf) ? allOf : [];
  const choices = [anyOf, oneOf].flatMap((list) => {
    const choice = Array.isArray(list) ? list.find((item) => resolve(item, root)?.["type"] !== "null") : undefined;
    return choice === undefined ? [] : [choice];
  });
  let merged: Schema = record;
  for (const part of [...all, ...choices]) {
    const found = resolve(part, root);
    if (!found) continue;
    const properties = { ...asRecord(found["properties"]), ...asRecord(merged["properties"]) };
    const required = [...new Set([merged["required"] ?? [], found["required"] ?? []].flat())];
    const { allOf: _all, anyOf: _any, oneOf: _one, ...rest } = found;
    merged = { ...rest, ...merged, ...(Object.keys(properties).length > 0 && { properties, required }) };
  }
  return merged;
}
