import vm from "node:vm";
import { asRecord } from "../unknown";

/** Levels of a schema that are filled; a schema may contain itself. */
const DEEPEST = 8;
/** Elements of a list, and characters of a text, that a schema may demand. */
const MOST = 1000;
/** Schemas that are looked at for one value: one that contains itself in many places has no end. */
const MOST_LOOKS = 5000;
/** For the patterns of all texts: one may take years. */
const PATTERNS_MS = 50;

/** What a text in a known format looks like. */
const FORMATS: Record<string, string> = {
  date: "2026-01-31",
  time: "12:00:00Z",
  "date-time": "2026-01-31T12:00:00Z",
  duration: "PT1H",
  email: "demo@example.com",
  hostname: "example.com",
  ipv4: "192.0.2.1",
  ipv6: "2001:db8::1",
  uri: "https://example.com/",
  uuid: "00000000-0000-4000-8000-000000000000",
};
/** Texts that are tried where a pattern must match. */
const GUESSES = [
  "demo",
  "Demo",
  "DEMO",
  "a",
  "A",
  "0",
  "1",
  "00",
  "0000",
  "12:00",
  "2026-01-31",
  "demo@example.com",
  "A-1",
  "#000000",
];

type Schema = Record<string, unknown>;

/** What one value may cost. */
interface Work {
  root: unknown;
  looks: number;
  patternsMs: number;
}

/**
 * Makes a value that fits a JSON schema, the same one each time. Patterns are guessed; what no guess fits stays a word.
 *
 * @param schema - JSON schema as a model gets it
 */
export function valueFor(schema: unknown): unknown {
  return fill(schema, { root: schema, looks: MOST_LOOKS, patternsMs: PATTERNS_MS }, 0);
}

function fill(schema: unknown, work: Work, level: number): unknown {
  const given = asRecord(schema);
  if (!given || level > DEEPEST || --work.looks < 0) return "demo";
  const flat = flatten(given, work, level);
  if ("const" in flat) return flat["const"];
  for (const name of ["enum", "examples"]) {
    const list = flat[name];
    if (Array.isArray(list) && list.length > 0) return list[0];
  }
  if ("default" in flat) return flat["default"];
  return make(typeOf(flat), flat, work, level);
}

function make(type: string, schema: Schema, work: Work, level: number): unknown {
  switch (type) {
    case "object":
      return makeObject(schema, work, level);
    case "array":
      return makeArray(schema, work, level);
    case "integer":
      return makeNumber(schema, 1);
    case "number":
      return makeNumber(schema, undefined);
    case "boolean":
      return true;
    case "null":
      return null;
    default:
      return makeText(schema, work);
  }
}

/** Puts what `$ref`, `allOf` and the first choice of `anyOf` or `oneOf` say into one schema. */
function flatten(schema: Schema, work: Work, level: number): Schema {
  if (level > DEEPEST) return schema;
  const choice = [schema["anyOf"], schema["oneOf"]].find((list) => Array.isArray(list) && list.length > 0);
  const parts = [
    typeof schema["$ref"] === "string" ? lookUp(schema["$ref"], work.root) : undefined,
    ...(Array.isArray(schema["allOf"]) ? schema["allOf"] : []),
    Array.isArray(choice) ? (choice.find((part) => asRecord(part)?.["type"] !== "null") ?? choice[0]) : undefined,
  ];
  let flat = schema;
  for (const part of parts) {
    const more = asRecord(part);
    if (more && --work.looks > 0) flat = join(flat, flatten(more, work, level + 1));
  }
  return flat;
}

function join(one: Schema, other: Schema): Schema {
  const joined: Schema = { ...other, ...one };
  const properties = { ...asRecord(other["properties"]), ...asRecord(one["properties"]) };
  if (Object.keys(properties).length > 0) joined["properties"] = properties;
  const required = [one["required"], other["required"]].flatMap((names) => (Array.isArray(names) ? names : []));
  if (required.length > 0) joined["required"] = required;
  return joined;
}

/** @param pointer - a JSON pointer into the schema itself, such as `#/$defs/place` */
function lookUp(pointer: string, root: unknown): unknown {
  if (!pointer.startsWith("#")) return undefined;
  const steps = decoded(pointer.slice(1)).split("/").slice(1);
  return steps.reduce<unknown>((value, step) => {
    const name = step.replaceAll("~1", "/").replaceAll("~0", "~");
    return Array.isArray(value) ? value[Number(name)] : asRecord(value)?.[name];
  }, root);
}

/** Decodes the percent escapes of a text. Returns a text with invalid escapes unchanged. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function typeOf(schema: Schema): string {
  const { type } = schema as { type?: unknown };
  if (typeof type === "string") return type;
  if (Array.isArray(type)) return String(type.find((name) => name !== "null") ?? "null");
  if ("properties" in schema || "required" in schema) return "object";
  if ("items" in schema || "prefixItems" in schema) return "array";
  return "minimum" in schema || "maximum" in schema ? "number" : "string";
}

function makeObject(schema: Schema, work: Work, level: number): Schema {
  const properties = asRecord(schema["properties"]) ?? {};
  const required = Array.isArray(schema["required"]) ? schema["required"].map(String) : [];
  // A schema that contains itself ends where its fields may be left out.
  const names = isRoomy(work, level) ? [...Object.keys(properties), ...required] : required;
  return Object.fromEntries(
    [...new Set(names)].map((name) => [name, name in properties ? fill(properties[name], work, level + 1) : "demo"]),
  );
}

function makeArray(schema: Schema, work: Work, level: number): unknown[] {
  const first = Array.isArray(schema["prefixItems"]) ? schema["prefixItems"] : [];
  const least = numberOf(schema["minItems"]) ?? (isRoomy(work, level) ? 1 : 0);
  const count = Math.min(MOST, Math.max(least, first.length), numberOf(schema["maxItems"]) ?? MOST);
  const items: unknown[] = [];
  while (items.length < count && work.looks > 0) {
    items.push(fill(first[items.length] ?? schema["items"], work, level + 1));
  }
  return items;
}

/** True where there is room for more than what a schema demands. */
function isRoomy({ looks }: Work, level: number): boolean {
  return level < DEEPEST / 2 && looks > MOST_LOOKS / 2;
}

function makeNumber(schema: Schema, whole: number | undefined): number {
  const step = numberOf(schema["multipleOf"]) ?? whole ?? 0;
  const gap = step || 0.5;
  const above = numberOf(schema["exclusiveMinimum"]);
  const below = numberOf(schema["exclusiveMaximum"]);
  const least = Math.max(
    numberOf(schema["minimum"]) ?? Number.NEGATIVE_INFINITY,
    above === undefined ? Number.NEGATIVE_INFINITY : above + gap,
  );
  const most = Math.min(
    numberOf(schema["maximum"]) ?? Number.POSITIVE_INFINITY,
    below === undefined ? Number.POSITIVE_INFINITY : below - gap,
  );
  const wanted = Math.min(most, Math.max(least, 1));
  if (step === 0) return wanted;
  const value = Math.ceil(wanted / step) * step;
  return value > most ? Math.floor(most / step) * step : value;
}

function makeText(schema: Schema, work: Work): string {
  const least = Math.min(MOST, numberOf(schema["minLength"]) ?? 0);
  const most = numberOf(schema["maxLength"]) ?? MOST;
  const format = FORMATS[String(schema["format"])];
  if (format !== undefined) return format;
  const fitting = (text: string) => text.padEnd(least, ".").slice(0, most);
  const { pattern } = schema as { pattern?: unknown };
  if (typeof pattern !== "string") return fitting("demo");
  return guess(pattern, GUESSES.map(fitting), work) ?? fitting("demo");
}

/** Finds the first text that a pattern matches, in what is left of the time. */
function guess(pattern: string, texts: string[], work: Work): string | undefined {
  const timeout = Math.floor(work.patternsMs);
  if (timeout < 1) return undefined;
  const startedAt = performance.now();
  try {
    const script = "texts.find((text) => new RegExp(pattern, 'u').test(text))";
    return vm.runInNewContext(script, { pattern, texts }, { timeout });
  } catch {
    return undefined;
  } finally {
    work.patternsMs -= performance.now() - startedAt;
  }
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}
