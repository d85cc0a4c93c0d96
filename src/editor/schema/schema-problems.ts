import { type JsonNode, type JsonObject, type Problem, parseSource } from "./json-source.js";

const TYPES = ["string", "number", "integer", "boolean", "array", "object", "null"];

/** More would not be read. */
const MAX_PROBLEMS = 50;

type Check = (value: JsonNode, found: Problem[]) => void;

/**
 * Finds the mistakes in the text of a JSON schema: invalid JSON, duplicate names, and values that a
 * keyword does not accept (drafts 7 to 2020-12). Unknown keywords are not mistakes.
 *
 * @returns problems in the order of the text; none for a blank text
 */
export function schemaProblems(text: string): Problem[] {
  if (text.trim() === "") return [];
  const parsed = parseSource(text);
  if ("problem" in parsed) return [parsed.problem];
  const found: Problem[] = [];
  if (parsed.root.kind !== "object") found.push(at(parsed.root, "schema.object"));
  else checkSchema(parsed.root, found);
  return found.sort((a, b) => a.start - b.start).slice(0, MAX_PROBLEMS);
}

function at(node: JsonNode, key: string, params?: Problem["params"]): Problem {
  return { key, start: node.start, end: node.end, ...(params && { params }) };
}

const checkSchema: Check = (node, found) => {
  if (node.kind === "boolean") return;
  if (node.kind !== "object") {
    found.push(at(node, "schema.schema"));
    return;
  }
  checkKeys(node, found);
  for (const { key, value } of node.entries) {
    const before = found.length;
    KEYWORDS.get(key.value)?.(value, found);
    // Reports the keyword at the place of the mistake.
    for (const problem of found.slice(before)) problem.params ??= { keyword: key.value };
  }
};

function checkKeys(node: JsonObject, found: Problem[]): void {
  const seen = new Set<string>();
  for (const { key } of node.entries) {
    if (seen.has(key.value)) found.push(at(key, "schema.twice", { name: key.value }));
    seen.add(key.value);
  }
}

const checkMap: Check = (node, found) => {
  if (node.kind !== "object") {
    found.push(at(node, "schema.map"));
    return;
  }
  checkKeys(node, found);
  for (const { value } of node.entries) checkSchema(value, found);
};

const checkProperties: Check = (node, found) => {
  if (node.kind === "object") {
    for (const { key } of node.entries) {
      if (key.value.trim() === "") found.push(at(key, "schema.nameless", {}));
    }
  }
  checkMap(node, found);
};

const checkPatternProperties: Check = (node, found) => {
  if (node.kind === "object") for (const { key } of node.entries) checkPattern(key, found);
  checkMap(node, found);
};

const checkList: Check = (node, found) => {
  if (node.kind !== "array" || node.items.length === 0) found.push(at(node, "schema.list"));
  else for (const item of node.items) checkSchema(item, found);
};

const checkType: Check = (node, found) => {
  const names = node.kind === "array" && node.items.length > 0 ? node.items : [node];
  for (const name of names) {
    if (name.kind !== "string" || !TYPES.includes(name.value)) {
      found.push(at(name, "schema.type", { types: TYPES.join(", ") }));
    }
  }
};

const checkNames: Check = (node, found) => {
  if (node.kind !== "array") {
    found.push(at(node, "schema.names"));
    return;
  }
  const seen = new Set<string>();
  for (const item of node.items) {
    if (item.kind !== "string") found.push(at(item, "schema.names"));
    else if (seen.has(item.value)) found.push(at(item, "schema.twice", { name: item.value }));
    else seen.add(item.value);
  }
};

const checkPattern: Check = (node, found) => {
  if (node.kind !== "string") {
    found.push(at(node, "schema.text"));
    return;
  }
  try {
    // Ajv sets this flag, too.
    new RegExp(node.value, "u");
  } catch (error) {
    found.push(at(node, "schema.pattern", { reason: error instanceof Error ? error.message : String(error) }));
  }
};

/** Makes a check of a value's type and of its number. */
function kind(wanted: JsonNode["kind"], key: string, isGood: (value: number) => boolean = () => true): Check {
  return (node, found) => {
    if (node.kind !== wanted || (node.kind === "number" && !isGood(Number(node.raw)))) found.push(at(node, key));
  };
}

const checkValues: Check = (node, found) => {
  if (node.kind !== "array" || node.items.length === 0) found.push(at(node, "schema.values"));
};

const text = kind("string", "schema.text");
const flag = kind("boolean", "schema.flag");
const number = kind("number", "schema.number");
const count = kind("number", "schema.count", (value) => Number.isInteger(value) && value >= 0);

const KEYWORDS = new Map<string, Check>();
for (const [check, keywords] of [
  [checkType, "type"],
  [checkNames, "required"],
  [checkValues, "enum"],
  [checkPattern, "pattern"],
  [checkProperties, "properties"],
  [checkMap, "$defs definitions dependentSchemas"],
  [checkPatternProperties, "patternProperties"],
  [checkList, "anyOf oneOf allOf prefixItems"],
  [(node, found) => (node.kind === "array" ? checkList : checkSchema)(node, found), "items"],
  [
    checkSchema,
    "additionalProperties additionalItems contains propertyNames not if then else unevaluatedItems unevaluatedProperties",
  ],
  [count, "minLength maxLength minItems maxItems minProperties maxProperties minContains maxContains"],
  [number, "minimum maximum exclusiveMinimum exclusiveMaximum"],
  [kind("number", "schema.positive", (value) => value > 0), "multipleOf"],
  [flag, "uniqueItems readOnly writeOnly deprecated"],
  [text, "title description format $ref $id $schema $comment $anchor"],
  [kind("array", "schema.array"), "examples"],
] as [Check, string][]) {
  for (const keyword of keywords.split(" ")) KEYWORDS.set(keyword, check);
}
