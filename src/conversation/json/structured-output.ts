import { type AssistantMessage, asRecord, FINISH_MEANINGS, sentence } from "../../client/internal";
import { ChatError } from "../errors";
import type { Message } from "../request/prompt";
import { findJson, jsonProblem } from "./find-json";
import { checkBudget, compileSchema, type Schema, type Validate } from "./schema";
import { schemaParams } from "./schema-mistake";

/** How a server is asked for replies that follow a schema: by a schema with a name, or by the bare schema as a `value`. */
export type Grammar = "openai" | "tgi";

/** What a reply must be where it is to be JSON. */
export interface JsonOutput {
  /** `response_format` of the request; undefined where only the prompt can ask for it. */
  responseFormat: unknown;
  /** The schema that the reply must follow; undefined for any object. */
  schema: Schema | undefined;
  /** What is wrong with a value. */
  validate: Validate;
}

/** A reply as JSON, or what is wrong with it. */
export type ReadOutput = { value: unknown } | { problems: string[] };

/**
 * Tells from `response_format` whether the reply is to be JSON. Both dialects are understood; the one with
 * the schema in `value` is sent as it is.
 *
 * @param grammar - the dialect in which the server is asked
 * @param hasTools - servers that take the bare schema refuse it together with tools
 * @returns undefined for a text, and for formats that nobody here knows
 * @throws ChatError `schema_missing`, `schema_invalid`
 */
export function readOutput(responseFormat: unknown, grammar: Grammar, hasTools: boolean): JsonOutput | undefined {
  const format = asRecord(responseFormat);
  const isTgi = grammar === "tgi";
  const finish = (schema: Schema | undefined, ask: unknown): JsonOutput => ({
    responseFormat: isTgi && hasTools ? undefined : ask,
    schema,
    validate: schema ? compile(schema) : checkObject,
  });
  switch (format?.["type"]) {
    case "json":
    case "json_object":
      if (format["value"] !== undefined) return finish(readSchema(format["value"]), format);
      return finish(undefined, isTgi ? { type: "json_object", value: { type: "object" } } : format);
    case "json_schema": {
      const named = asRecord(format["json_schema"] ?? format["value"]);
      const schema = readSchema(named?.["schema"]);
      return finish(schema, isTgi && format["value"] === undefined ? { type: "json_object", value: schema } : format);
    }
    default:
      return undefined;
  }
}

/** Reads the JSON of a reply. Of several that the text may mean the first one counts that fits the schema. A blank text may have it in its reasoning. */
export function readReply(text: string, output: JsonOutput, reasoning = ""): ReadOutput {
  const { validate } = output;
  // Some servers take JSON that was forced for reasoning. What is no such JSON are thoughts, and not worth a word.
  if (text.trim() === "" && reasoning.trim() !== "") {
    const read = readReply(reasoning, output);
    if ("value" in read) return read;
  }
  let problems: string[] | undefined;
  const budget = checkBudget();
  for (const value of findJson(text)) {
    const found = validate(value, budget);
    if (found.length === 0) return { value };
    problems ??= found;
  }
  return { problems: problems ?? [text.trim() === "" ? "the reply is empty" : whyNoJson(text)] };
}

/** Reads a reply that should be JSON. One that is not whole is not worth a repair, nor is a refusal. */
export function readJsonReply(message: AssistantMessage, finishReason: string | undefined, output: JsonOutput) {
  const { content, reasoning, refusal } = message;
  if (refusal) return { error: new ChatError("output_refused", { refusal: sentence(refusal) }) };
  switch (FINISH_MEANINGS.get(finishReason)) {
    case "cut":
      return { error: new ChatError("output_truncated", { reason: finishReason ?? "" }) };
    case "filtered":
      return { error: new ChatError("output_filtered", { reason: finishReason ?? "" }) };
    default:
      return readReply(content ?? "", output, reasoning);
  }
}

function whyNoJson(text: string): string {
  const problem = jsonProblem(text);
  return problem === undefined ? "the reply is not valid JSON" : `the reply cannot be used: ${problem}`;
}

/**
 * The messages of a request that has to ask for JSON in its prompt. The words go to the system message if there is one;
 * if not, to the user's last message, since not all models know system messages.
 */
export function askInPrompt(messages: Message[], { schema }: JsonOutput): Message[] {
  const words = schema
    ? `Reply with JSON only, without any other text, that follows this JSON schema:\n${JSON.stringify(schema)}`
    : "Reply with one JSON object only, without any other text.";
  const isSystem = ({ role }: Message) => role === "system" || role === "developer";
  const system = messages.findIndex(isSystem);
  const at = system >= 0 ? system : messages.findLastIndex(({ role }) => role === "user");
  const message = messages[at];
  if (!message) return [{ role: "system", content: words }, ...messages];
  return messages.with(at, { ...message, content: withText(message.content, words) });
}

/** Returns what is sent to a model whose reply is not valid. */
export function repairMessages(text: string, problems: string[]): Message[] {
  const list = problems.map((problem) => `- ${problem}`).join("\n");
  const request = `Your reply cannot be used:\n${list}\nReply once more, with the whole corrected JSON and no other text.`;
  // No server takes an empty message.
  const reply: Message[] = text.trim() === "" ? [] : [{ role: "assistant", content: text }];
  return [...reply, { role: "user", content: request }];
}

function withText(content: unknown, text: string): unknown {
  return Array.isArray(content) ? [...content, { type: "text", text }] : `${content}\n\n${text}`;
}

function readSchema(value: unknown): Schema {
  const schema = asRecord(value);
  if (!schema) throw new ChatError("schema_missing");
  return schema;
}

function compile(schema: Schema): Validate {
  try {
    return compileSchema(schema);
  } catch (error) {
    if (error instanceof ChatError) throw error;
    throw new ChatError("schema_invalid", schemaParams(error));
  }
}

const checkObject: Validate = (value) => (asRecord(value) ? [] : ["the value must be object"]);
