import { CHAT_FIELDS } from "../../shared/chat-fields";
import type { Field } from "../../shared/field";
import { ChatError } from "../errors";
import { type Fields, readBoolean, readChoice, readNumber, readStop, readText } from "./fields";
import { sendable } from "./text-of";

/** The fields of the form that a request carries. */
export const FORM_FIELDS = CHAT_FIELDS.filter((field) => "api" in field);
/** Numbers that the API takes and the form has no field for. */
const OTHER_NUMBERS = ["max_completion_tokens", "top_k", "min_p", "repetition_penalty", "top_logprobs", "n"];
/** How fields of a request are read, by their names in the API. */
const KINDS = new Map<string, Pick<Field, "kind" | "choices">>([
  ...OTHER_NUMBERS.map((name) => [name, { kind: "number" }] as const),
  ["model", { kind: "text" }],
  ...FORM_FIELDS.map((field) => [field.api, field] as const),
]);
/** Fields that are not sent if they are `null`, so that a message can take back what the node sets. */
export const KNOWN = new Set([
  ...KINDS.keys(),
  "stream_options",
  "tools",
  "tool_choice",
  "response_format",
  "chat_template_kwargs",
]);
/** The API's names of fields that a message may bring by the form's name: `maxTokens`. */
export const API_NAMES = new Map<string, string>([
  ...FORM_FIELDS.filter(({ name, api }) => name !== api).map(({ name, api }) => [name, api] as const),
  ["toolChoice", "tool_choice"],
  ["toolName", "tool_choice"],
  ["format", "response_format"],
  ["schema", "response_format"],
  ["schemaName", "response_format"],
]);
/** The form's names of what no message can set; none of them is a name of the API. */
export const NODE_ONLY: ReadonlySet<string> = new Set<(typeof CHAT_FIELDS)[number]["name"]>([
  ...(["repairs", "chunk", "chunkInterval", "chunkLanguage", "streamReasoning", "onError", "statusShows"] as const),
  ...(["mcpTools", "approval", "approvalTimeout", "maxSteps", "toolTimeout"] as const),
  ...(["maxMessages", "maxHistoryTokens"] as const),
]);
/** Only the configuration may set these: a message can come from anywhere. */
const FORBIDDEN = ["token", "headers", "baseUrl"];

/**
 * Checks the fields that we know and leaves the others as they are. Blank means not set; 0 is a value.
 *
 * @param place - the object they belong to, for errors; undefined for the form
 */
export function cleanFields(fields: Fields, place: string | undefined): Fields {
  const clean: Fields = {};
  for (const [name, value] of Object.entries(fields)) {
    const fullName = place ? `${place}.${name}` : name;
    if (FORBIDDEN.includes(name)) throw new ChatError("option_forbidden", { name: fullName });
    // Assigning `__proto__` would set the prototype.
    if (value === undefined || name === "__proto__") continue;
    if (isBlank(name, value)) continue;
    clean[name] = cleanField(name, value, fullName);
  }
  if (typeof clean["n"] === "number" && clean["n"] > 1) throw new ChatError("n_not_one");
  return clean;
}

/** True for what means not set, in fields that we know: an unknown field may be blank. */
function isBlank(name: string, value: unknown): boolean {
  if (typeof value !== "string" || !KNOWN.has(name)) return false;
  return value === "" || (KINDS.get(name)?.kind === "text" && value.trim() === "");
}

function cleanField(name: string, value: unknown, fullName: string): unknown {
  if (value === null) return value;
  const { kind, choices = [] } = KINDS.get(name) ?? {};
  switch (kind) {
    case "number":
      return readNumber(value, fullName);
    case "flag":
      return readBoolean(value, fullName);
    case "choice":
      return readChoice(value, fullName, choices);
    case "stop":
      return readStop(value, fullName);
    case "text":
      return readText(value, fullName).trim();
    default:
      return sendable(value, fullName);
  }
}
