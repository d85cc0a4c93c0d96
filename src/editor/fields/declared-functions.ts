import { FUNCTION_NAME } from "../../shared/limits.js";
import { parseSource } from "../schema/json-source.js";
import { schemaProblems } from "../schema/schema-problems.js";
import { shownText } from "../shown-text.js";

/** A function declared in the form, as it stands in a flow. */
export interface DeclaredFunction {
  name: string;
  description: string;
  /** the text of a JSON schema; a flow written by hand may hold the object */
  parameters: unknown;
}

/** A function that cannot be used: a key of the catalogue's section `functions`, and what is put into its text. */
export interface FunctionProblem {
  key: "list" | "name" | "twice" | "tool" | "parameters";
  index: number;
  name: string;
}

/**
 * Finds the problems of a node's functions.
 *
 * @param functions the property's value, whatever it is
 * @param tools the names of the tool nodes that the node may call, too
 * @returns one problem a function at most
 */
export function functionProblems(functions: unknown, tools: readonly string[] = []): FunctionProblem[] {
  if (functions === undefined || functions === "") return [];
  if (!Array.isArray(functions)) return [{ key: "list", index: 0, name: "" }];
  const entries = functions.map((entry: unknown) =>
    typeof entry === "object" && entry !== null ? (entry as Partial<DeclaredFunction>) : {},
  );
  return entries.flatMap(({ name, parameters }, index) => {
    const key = nameProblem(entries, index, tools) ?? (isSchemaText(parameters) ? undefined : ("parameters" as const));
    return key ? [{ key, index, name: shownText(name) }] : [];
  });
}

function nameProblem(
  entries: { name?: string }[],
  index: number,
  tools: readonly string[],
): FunctionProblem["key"] | undefined {
  const name = entries[index]?.name;
  if (typeof name !== "string" || !FUNCTION_NAME.test(name)) return "name";
  if (entries.some((other, at) => at < index && other.name === name)) return "twice";
  return tools.includes(name) ? "tool" : undefined;
}

function isSchemaText(parameters: unknown): boolean {
  const text = schemaText(parameters);
  return text !== undefined && schemaProblems(text).length === 0;
}

/**
 * Returns the text of a schema that a flow holds as text or as an object.
 *
 * @returns `undefined` for what is neither
 */
export function schemaText(value: unknown): string | undefined {
  if (value === undefined || value === null) return "";
  if (typeof value === "string") return value;
  return typeof value === "object" && !Array.isArray(value) ? JSON.stringify(value, null, 2) : undefined;
}

/** True if a value is a JSON object, or the text of one. */
export function isJsonObject(value: unknown): boolean {
  if (typeof value !== "string") return typeof value === "object" && value !== null && !Array.isArray(value);
  const parsed = parseSource(value);
  return "root" in parsed && parsed.root.kind === "object";
}
