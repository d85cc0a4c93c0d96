import { type AssistantMessage, asRecord, asText, type ToolCall, thrownText, toJson } from "../client/internal";
import { FUNCTION_NAME } from "../shared/limits";
import { ChatError } from "./errors";
import { jsonProblem, MOST_WRAPPED, readWrittenJson } from "./json/find-json";
import { compileSchema, type Schema, type Validate } from "./json/schema";
import { schemaParams } from "./json/schema-mistake";
import type { TimeBudget } from "./json/time-budget";
import { checkEnvironment, readObject } from "./request/fields";

/** Calls of one round that count. Each may start a flow. */
export const MOST_CALLS = 128;
/** In characters, of a name that the model has made up. */
const LONGEST_NAME = 1000;

/** A function that a model may call and that is carried out here. */
export interface Tool {
  name: string;
  description: string;
  /** JSON schema of the arguments; undefined for none. */
  parameters: Schema | undefined;
  /** True for a schema of somebody else, who checks the arguments too: one that cannot be read lets them pass. */
  isForeign?: boolean;
  strict: boolean;
  /**
   * Carries out a call whose arguments are valid.
   *
   * @returns what the model is told: a text, or a text with images or sound
   * @throws whatever went wrong; its message is told to the model
   */
  run(call: ParsedCall, signal: AbortSignal): Promise<string | ToolAnswer>;
}

/** What a tool gives back where that is not text alone. */
export interface ToolAnswer {
  /** May be blank. */
  text: string;
  /** Content parts as the API writes them, `image_url` or `input_audio`: a `tool` message has no place for them. */
  parts: MediaPart[];
}

/** A content part with an image or sound. */
export type MediaPart = { type: string } & Record<string, unknown>;

/** A call with its arguments parsed. */
export interface ParsedCall {
  id: string;
  name: string;
  arguments: unknown;
}

/** A call that was carried out, as the report tells it. */
export type CallReport = ParsedCall & { ms: number } & ({ result: string } | { error: string });

/** What came of a call: its report, and the images and sound that it gave. */
export type CallOutcome = CallReport & { parts?: MediaPart[] };

/** A function as the API declares it. */
export interface Declaration {
  type: "function";
  function: { name: string; description?: string; parameters?: unknown; strict?: boolean };
}

/** Declares a tool as the request does. */
export function declare({ name, description, parameters, strict }: Omit<Tool, "run" | "isForeign">): Declaration {
  return {
    type: "function",
    function: {
      name,
      ...(description && { description }),
      parameters: parameters ?? { type: "object", properties: {} },
      ...(strict && { strict }),
    },
  };
}

/**
 * Reads the declarations of a message: as the API has them, or short as `{ name, description, parameters }`.
 *
 * @throws ChatError `tool_not_declared`
 */
export function readDeclarations(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new ChatError("tool_not_declared", { index: "" });
  return Array.from(value, (item, index) => {
    const object = asRecord(item);
    if (object && typeof object["type"] === "string") return object;
    if (!object || !asText(object["name"])) throw new ChatError("tool_not_declared", { index: `[${index}]` });
    return { type: "function", function: object };
  });
}

/**
 * Reads the functions that are declared in the form: `{ name, description, parameters }`, the parameters as JSON schema.
 *
 * @throws ChatError `invalid_input` for what declares no function
 */
export function readFunctions(value: unknown): Declaration[] {
  if (!Array.isArray(value)) throw new ChatError("functions_not_list");
  return value.map((item) => {
    const fields = asRecord(item);
    if (!fields) throw new ChatError("functions_not_list");
    const name = asText(fields["name"]) ?? "";
    checkEnvironment(fields["description"], "description");
    const parameters = readParameters(name, fields["parameters"]);
    return declare({ name, description: asText(fields["description"]) ?? "", parameters, strict: false });
  });
}

/**
 * Checks the name of a function and reads the schema of its arguments, which may stand as JSON text.
 *
 * @returns undefined for a function that takes none
 * @throws ChatError `function_name`, `tool_schema`
 */
export function readParameters(name: string, parameters: unknown): Schema | undefined {
  checkEnvironment(name, "toolName");
  if (!FUNCTION_NAME.test(name)) throw new ChatError("function_name", { name });
  try {
    const schema = readObject(parameters, "parameters");
    if (Object.keys(schema).length === 0) return undefined;
    compileSchema(schema);
    return schema;
  } catch (error) {
    if (error instanceof ChatError && ["module_failed", "env_missing"].includes(error.key)) throw error;
    // Its own sentence may have advice, and ends with a full stop.
    const reason = error instanceof ChatError && String(error.params["reason"] ?? error.message).replace(/\.$/, "");
    throw new ChatError("tool_schema", { name, ...(reason ? { reason } : schemaParams(error)) });
  }
}

/** @throws ChatError `tool_twice` if two declarations have one name */
export function checkNames(declarations: unknown[]): void {
  const seen = new Set<string>();
  for (const declaration of declarations) {
    const name = asText(asRecord(asRecord(declaration)?.["function"])?.["name"]);
    if (name === undefined) continue;
    if (seen.has(name)) throw new ChatError("tool_twice", { name });
    seen.add(name);
  }
}

/** True if a request offers a function of this name. */
export function isDeclared(tools: unknown, name: string): boolean {
  return (
    Array.isArray(tools) &&
    tools.some((tool: { function?: { name?: unknown } } | null) => tool?.function?.name === name)
  );
}

/** Returns a call of a declared function with `{}` for arguments that say nothing, where the function needs none. */
export function withoutBlankArguments(call: ParsedCall, tools: unknown): ParsedCall {
  const named = (Array.isArray(tools) ? tools : []).map((tool) => asRecord(asRecord(tool)?.["function"]));
  const declared = named.find((tool) => tool?.["name"] === call.name);
  const required = asRecord(declared?.["parameters"])?.["required"];
  const needsNone = declared !== undefined && !(Array.isArray(required) && required.length > 0);
  return needsNone && isBlank(call.arguments) ? { ...call, arguments: {} } : call;
}

/** Takes the calls off a message that are too many. @returns how many */
export function dropCalls(message: AssistantMessage): number {
  const calls = message.tool_calls ?? [];
  if (calls.length <= MOST_CALLS) return 0;
  message.tool_calls = calls.slice(0, MOST_CALLS);
  return calls.length - MOST_CALLS;
}

/**
 * Parses the arguments of a call; what is no JSON, or must not be used, stays text. Some models write JSON into a JSON
 * string, now and then twice.
 */
export function parseCall({ id, function: { name, arguments: text } }: ToolCall): ParsedCall {
  const parsed = readWrittenJson(text);
  if (!parsed) return { id, name, arguments: text };
  let inner: unknown = parsed.value;
  for (let level = 0; level < MOST_WRAPPED && typeof inner === "string"; level++) inner = readWrittenJson(inner)?.value;
  const isEmpty = Array.isArray(inner) && inner.length === 0;
  return { id, name, arguments: asRecord(inner) ?? (isEmpty ? inner : parsed.value) };
}

/**
 * A call as it is sent back. Arguments that are no object become an empty one: some servers parse those of the whole
 * history, and a question with a broken call in it could never go on.
 */
export function sendableCall(call: ToolCall): ToolCall {
  if (asRecord(readWrittenJson(call.function.arguments)?.value)) return call;
  const args = toJson(asRecord(parseCall(call).arguments) ?? {});
  return { ...call, function: { ...call.function, arguments: args } };
}

/**
 * Carries out a call and says what came of it. Nothing is thrown: a model can mend a call when it is told what is wrong.
 *
 * @param tool - undefined for a name that nobody knows
 * @param budget - time that the checks of the arguments of all calls of a round share
 */
export async function runTool(
  tool: Tool | undefined,
  { arguments: args, ...rest }: ParsedCall,
  names: string[],
  signal: AbortSignal,
  budget: TimeBudget,
): Promise<CallOutcome> {
  const startedAt = performance.now();
  const call: ParsedCall = { ...rest, arguments: isNoArguments(args, tool) ? {} : args };
  const report = { ...call, ms: 0 };
  const end = () => Math.round(performance.now() - startedAt);
  try {
    if (!tool) {
      const name = call.name.slice(0, LONGEST_NAME);
      throw new Error(`There is no function ${name}. Functions: ${names.join(", ")}.`);
    }
    const wrong = argumentProblems(tool, call.arguments, budget);
    if (wrong.length > 0) throw new Error(`Wrong arguments: ${wrong.join("; ")}.`);
    const answer = await tool.run(call, signal);
    if (typeof answer === "string") return { ...report, result: answer, ms: end() };
    const { text, parts } = answer;
    return { ...report, result: text || countParts(parts), ms: end(), ...(parts.length > 0 && { parts }) };
  } catch (error) {
    return { ...report, error: thrownText(error), ms: end() };
  }
}

/** True for the arguments of a call that brings none, and for what stands for none where the function needs none. */
function isNoArguments(args: unknown, tool: Tool | undefined): boolean {
  if (args === undefined || args === null) return true;
  const required = tool?.parameters?.["required"];
  return !(Array.isArray(required) && required.length > 0) && isBlank(args);
}

/** True for what some models write in place of no arguments: `null`, `[]`, `""`, or such a text. */
function isBlank(args: unknown): boolean {
  if (args === undefined || args === null) return true;
  if (Array.isArray(args)) return args.length === 0;
  return typeof args === "string" && ["", "[]", "null", '""'].includes(args.trim());
}

function argumentProblems(tool: Tool, args: unknown, budget: TimeBudget): string[] {
  if (typeof args === "string") return [jsonProblem(args) ?? "they are not a valid JSON object"];
  const validate = tool.parameters && readSchema(tool.parameters, tool.isForeign === true);
  if (validate) return validate(args, budget);
  return asRecord(args) ? [] : ["the value must be object"];
}

/** @returns undefined for a schema that cannot be read, where that is nobody's mistake here */
function readSchema(schema: Schema, isForeign: boolean): Validate | undefined {
  try {
    return compileSchema(schema);
  } catch (error) {
    if (isForeign && !(error instanceof ChatError)) return undefined;
    throw error;
  }
}

/** Says in words what images and sound a tool has given: "2 images, 1 sound". */
function countParts(parts: MediaPart[]): string {
  const images = parts.filter(({ type }) => type === "image_url").length;
  const counts: [count: number, what: string][] = [
    [images, "image"],
    [parts.length - images, "sound"],
  ];
  const said = counts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}${count > 1 ? "s" : ""}`);
  return said.join(", ");
}

/** Returns what the model is told of a call. */
export function toolMessage(report: CallReport): { role: "tool"; tool_call_id: string; content: string } {
  const content = "error" in report ? `Error: ${report.error}` : report.result;
  return { role: "tool", tool_call_id: report.id, content };
}

/** Returns what the last result of a round adds where calls were dropped; blank for none. */
export function droppedNote(count: number): string {
  return count > 0
    ? `\n\n(${count} further calls were dropped: at most ${MOST_CALLS} in a round are carried out.)`
    : "";
}
