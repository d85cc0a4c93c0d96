import {
  get,
  type JsonArray,
  type JsonEntry,
  type JsonNode,
  type JsonObject,
  makeArray,
  makeBoolean,
  makeObject,
  makeString,
  type Problem,
  parseSource,
  printJson,
  remove,
  set,
  stringOf,
  withEntries,
} from "./json-source.js";
import { changeSchema, newSchema, type RowFields, readFields } from "./schema-row.js";

/** A row of the form, and the property that it was read from. */
export interface Row extends RowFields {
  readonly origin?: { readonly entry: JsonEntry; readonly was: RowFields };
}

/** A schema as rows. They are always written into the text that was read, so that intermediate states leave no trace. */
export interface SchemaRows {
  readonly text: string;
  /** undefined for a blank text */
  readonly root?: JsonObject;
  readonly rows: readonly Row[];
}

/** Why a text has no rows: it is not JSON, or not the schema of an object with named properties. */
export type NoRows = { problem: Problem } | { unfit: true };

/** Reads the text of a schema. */
export function readRows(text: string): SchemaRows | NoRows {
  if (text.trim() === "") return { text, rows: [] };
  const parsed = parseSource(text);
  if ("problem" in parsed) return parsed;
  const { root } = parsed;
  const type = get(root, "type");
  const properties = get(root, "properties");
  const required = get(root, "required");
  if (root.kind !== "object" || (type && stringOf(type) !== "object")) return { unfit: true };
  if ((properties && properties.kind !== "object") || (required && required.kind !== "array")) return { unfit: true };
  const names = new Set(required?.items.map(stringOf));
  const rows = (properties?.entries ?? []).map((entry) => {
    const name = entry.key.value;
    const was = readFields(name, entry.value, names.has(name));
    return { ...was, origin: { entry, was } };
  });
  return { text, root, rows };
}

/**
 * Writes rows into the text that was read.
 *
 * @param read the text, and its rows as they were
 * @param rows as they are now; those with an `origin` change the property that they were read from
 * @param closed whether a schema that is new allows no other properties
 * @returns the text, identical if nothing changed; else with only that changed
 */
export function writeRows(read: SchemaRows, rows: readonly Row[], { closed = false } = {}): string {
  const { text, root } = read;
  const entries = rows.map(writeEntry);
  const old = get(root, "properties") as JsonObject | undefined;
  const sameEntries = entries.length === (old?.entries.length ?? 0) && entries.every((e, i) => e === old?.entries[i]);
  const oldRequired = get(root, "required") as JsonArray | undefined;
  const required = writeRequired(oldRequired, read.rows, rows);
  if (sameEntries && required === oldRequired) return text;

  let changed = root && root.entries.length > 0 ? root : makeObject([]);
  if (!old && !get(changed, "type")) changed = set(changed, "type", makeString("object"), "first");
  if (!sameEntries) changed = set(changed, "properties", withEntries(entries, old));
  if (required !== oldRequired) changed = required ? set(changed, "required", required) : remove(changed, "required");
  if (closed && !root?.entries.length) changed = set(changed, "additionalProperties", makeBoolean(false));
  const printed = printJson(changed, text);
  return root ? text.slice(0, root.start) + printed + text.slice(root.end) : printed;
}

function writeEntry({ origin, ...row }: Row): JsonEntry {
  if (!origin) return { key: makeString(row.name), value: newSchema(row) };
  const { entry, was } = origin;
  const value = changeSchema(entry.value, was, row);
  if (value === entry.value && row.name === was.name) return entry;
  return { key: row.name === was.name ? entry.key : makeString(row.name), value };
}

/** Updates the required list. Names keep their places; a name without a row stays, unless an optional row has it now. */
function writeRequired(
  old: JsonArray | undefined,
  before: readonly Row[],
  rows: readonly Row[],
): JsonArray | undefined {
  const known = new Set(before.map(({ name }) => name));
  const optional = new Set(rows.map(({ name }) => name));
  for (const { name, required } of rows) if (required) optional.delete(name);
  const placed = new Set<string>();
  const items: JsonNode[] = [];
  for (const item of old?.items ?? []) {
    const name = stringOf(item);
    if (name === undefined || !known.has(name)) {
      if (name === undefined || !optional.has(name)) items.push(item);
      if (name !== undefined) placed.add(name);
      continue;
    }
    for (const heir of rows) {
      if (heir.origin?.was.name !== name || !heir.required) continue;
      if (heir.name !== name && placed.has(heir.name)) continue;
      if (heir.name === name && items.at(-1) === item) continue;
      placed.add(heir.name);
      items.push(heir.name === name ? item : makeString(heir.name));
    }
  }
  for (const { name, required } of rows) {
    if (!required || placed.has(name)) continue;
    placed.add(name);
    items.push(makeString(name));
  }
  if (old && items.length === old.items.length && items.every((item, index) => item === old.items[index])) return old;
  return items.length > 0 ? makeArray(items) : undefined;
}

/** Returns the problem of a row's name, as a key of the catalogue's section `rows`. */
export function nameProblem(rows: readonly RowFields[], index: number): "nameless" | "twice" | undefined {
  const name = rows[index]?.name;
  if (name?.trim() === "") return "nameless";
  return rows.some((row, other) => other !== index && row.name === name) ? "twice" : undefined;
}

/** Returns the names of a schema's properties, for a summary; `undefined` if the text cannot be shown as rows. */
export function propertyNames(text: string): string[] | undefined {
  const read = readRows(text);
  return "rows" in read ? read.rows.map(({ name }) => name) : undefined;
}
