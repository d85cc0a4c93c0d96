import {
  type JsonNode,
  type JsonObject,
  makeArray,
  makeBoolean,
  makeObject,
  makeString,
  type Problem,
  parseSource,
  printJson,
} from "./json-source.js";

/** The values found at one place of an example. */
interface Shape {
  /** names of types, in order of appearance */
  readonly types: Set<string>;
  /** the number of objects */
  objects: number;
  readonly properties: Map<string, { shape: Shape; seen: number }>;
  items?: Shape;
}

const newShape = (): Shape => ({ types: new Set(), objects: 0, properties: new Map() });

/**
 * Makes a JSON schema that allows an example and similar values: objects have only the properties of the example,
 * all of them required (as strict mode demands) unless some objects of an array lack them; arrays contain what the
 * example's arrays contain.
 *
 * @param text the example as JSON
 * @returns the schema's text, or what is wrong with the example
 */
export function schemaFromExample(text: string): { schema: string } | { problem: Problem } {
  const parsed = parseSource(text);
  if ("problem" in parsed) return parsed;
  const shape = newShape();
  look(shape, parsed.root);
  return { schema: printJson(schemaOf(shape)) };
}

function look(shape: Shape, node: JsonNode): void {
  shape.types.add(node.kind === "number" && !/[.eE]/.test(node.raw) ? "integer" : node.kind);
  if (node.kind === "array") {
    shape.items ??= newShape();
    for (const item of node.items) look(shape.items, item);
  }
  if (node.kind !== "object") return;
  shape.objects++;
  // The last value of a duplicate key counts, as in `JSON.parse`.
  for (const [name, value] of new Map(node.entries.map((entry) => [entry.key.value, entry.value]))) {
    const property = shape.properties.get(name) ?? { shape: newShape(), seen: 0 };
    property.seen++;
    look(property.shape, value);
    shape.properties.set(name, property);
  }
}

function schemaOf(shape: Shape): JsonObject {
  const types = [...shape.types].filter((type) => type !== "integer" || !shape.types.has("number"));
  if (types.length === 0) return makeObject([]);
  if (types.length === 1) return schemaOfType(shape, types[0] as string);
  // null last, as most people write an optional value.
  types.sort((a, b) => Number(a === "null") - Number(b === "null"));
  if (!types.includes("object") && !types.includes("array")) {
    return makeObject([["type", makeArray(types.map(makeString))]]);
  }
  return makeObject([["anyOf", makeArray(types.map((type) => schemaOfType(shape, type)))]]);
}

function schemaOfType(shape: Shape, type: string): JsonObject {
  const typed = ["type", makeString(type)] as const;
  if (type === "array") return makeObject([typed, ["items", schemaOf(shape.items ?? newShape())]]);
  if (type !== "object") return makeObject([typed]);
  const properties = [...shape.properties];
  const required = properties.filter(([, { seen }]) => seen === shape.objects);
  // Ajv ignores this name in `properties`, so a closed object would refuse it.
  const isOpen = shape.properties.has("__proto__");
  return makeObject([
    typed,
    ["properties", makeObject(properties.map(([name, property]) => [name, schemaOf(property.shape)]))],
    ["required", makeArray(required.map(([name]) => makeString(name)))],
    ...(isOpen ? [] : [["additionalProperties", makeBoolean(false)] as const]),
  ]);
}
