import type { ErrorObject } from "ajv";

/** What a keyword of a JSON schema must be, in the words of the form. */
export const SCHEMA_WORDS = {
  schema: "a schema should be here: an object, true or false",
  map: "__keyword__ must be an object",
  list: "__keyword__ must be a list of schemas",
  type: "not a type: it must be one of __types__",
  names: "__keyword__ must be a list of names",
  values: "__keyword__ must be a list of values",
  array: "__keyword__ must be a list",
  text: "__keyword__ must be a text",
  flag: "__keyword__ must be true or false",
  number: "__keyword__ must be a number",
  count: "__keyword__ must be a whole number, at least 0",
  positive: "__keyword__ must be a number above 0",
} as const;

type Problem = keyof typeof SCHEMA_WORDS;

const TYPES = "string, number, integer, boolean, array, object, null";

const PROBLEMS = new Map<string, Problem>();
for (const [problem, keywords] of [
  ["map", "properties $defs definitions patternProperties dependentSchemas"],
  ["list", "anyOf oneOf allOf prefixItems"],
  ["schema", "items additionalProperties additionalItems contains propertyNames not if then else"],
  ["schema", "unevaluatedItems unevaluatedProperties"],
  ["type", "type"],
  ["names", "required"],
  ["values", "enum"],
  ["count", "minLength maxLength minItems maxItems minProperties maxProperties minContains maxContains"],
  ["number", "minimum maximum exclusiveMinimum exclusiveMaximum"],
  ["positive", "multipleOf"],
  ["flag", "uniqueItems readOnly writeOnly deprecated"],
  ["text", "title description format pattern $ref $id $schema $comment $anchor"],
  ["array", "examples"],
] as [Problem, string][]) {
  for (const keyword of keywords.split(" ")) PROBLEMS.set(keyword, problem);
}

/** What is wrong with a schema: its message is the English sentence, `params` are for other languages. */
export class SchemaMistake extends Error {
  readonly params: { problem: string; keyword: string; place: string; types: string };

  constructor(problem: Problem, keyword: string, place: string) {
    const words = SCHEMA_WORDS[problem].replace("__keyword__", keyword).replace("__types__", TYPES);
    super(`${place}: ${words}`);
    this.params = { problem, keyword, place, types: TYPES };
  }
}

/**
 * Says what Ajv has found in a schema as the form does: Ajv's own sentences speak of the schema of schemas.
 *
 * @returns undefined for what the form has no words for
 */
export function schemaMistake(errors: readonly ErrorObject[]): SchemaMistake | undefined {
  // The first is the innermost; those behind it follow from it.
  const steps = (errors[0]?.instancePath ?? "").split("/").slice(1);
  for (let index = 0; index < steps.length; index++) {
    const keyword = steps[index] ?? "";
    const problem = PROBLEMS.get(keyword);
    if (!problem) return undefined;
    const isList = problem === "list" || (keyword === "items" && /^\d+$/.test(steps[index + 1] ?? ""));
    const isNested = problem === "map" || isList;
    const isLast = index + (isNested ? 2 : 1) >= steps.length;
    if (problem !== "schema" && !isNested) return at(steps.slice(0, index + 1), problem);
    if (isLast) {
      const isInside = isNested && index + 1 < steps.length;
      return at(steps.slice(0, index + (isInside ? 2 : 1)), isInside ? "schema" : problem, keyword);
    }
    if (isNested) index++;
  }
  return undefined;
}

function at(steps: string[], problem: Problem, keyword = steps.at(-1) ?? ""): SchemaMistake {
  const place = steps.map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~")).join(".");
  return new SchemaMistake(problem, keyword, place);
}

/** Returns what an error says of a schema that cannot be compiled. */
export function schemaParams(error: unknown): Record<string, string> {
  const reason = String((error as Error).message);
  return error instanceof SchemaMistake ? { reason, ...error.params } : { reason };
}
