import { asRecord, type ChatRequest } from "../../client/internal";
import { CHAT_FIELDS } from "../../shared/chat-fields";
import { ChatError } from "../errors";
import { type Grammar, type JsonOutput, readOutput } from "../json/structured-output";
import type { Request } from "../run/round";
import { closeBeforeImages, joinHistory } from "../run/sendable-history";
import { checkNames, type Declaration, readDeclarations } from "../tools";
import { checkEnvironment, type Fields, formReader, readBoolean, readObject, readText } from "./fields";
import { readImages } from "./media";
import { isBlank, type Message, type Prompt, readPrompt, systemText, withImages, withSystem } from "./prompt";
import { API_NAMES, cleanFields, FORM_FIELDS, KNOWN, NODE_ONLY } from "./request-fields";
import { readSounds } from "./sound";
import { holdsNothing, kindOf } from "./text-of";
import { addTemplateKwargs } from "./thinking";

/** Fields of the chat node's form; blank ones are not set. */
export type FormOptions = Partial<Record<(typeof CHAT_FIELDS)[number]["name"], unknown>>;

/** The options that a message brings, split into our own and fields of the API. */
export interface MessageOptions {
  /** Where they come from, for messages. */
  source: string;
  system?: unknown;
  conversation?: unknown;
  stream?: boolean;
  /** A question that the conversation has answered under this key is answered again from memory. */
  idempotencyKey?: string;
  messages?: unknown;
  fields: Fields;
  /** Names of the form among them, which servers do not know: they go out as they are, with a warning. */
  formNames?: FormName[];
}

/** A name of the form, and what the API calls the same: blank for what only the node can set. */
export interface FormName {
  name: string;
  apiName: string;
}

export interface RequestInput {
  prompt: unknown;
  /** Source of the prompt, for errors. */
  promptName: string;
  system: unknown;
  /** The remembered messages of the conversation. */
  history?: Message[];
  /** Images that join the prompt, and their source for errors. */
  images?: unknown;
  imagesName?: string;
  /** Sound that joins the prompt, and its source for errors. */
  audio?: unknown;
  audioName?: string;
  form: FormOptions;
  options: MessageOptions;
  /** The configuration's model, for a question that names no other. */
  defaultModel: string;
  /** Whether the server is asked to stream. */
  serverStreams: boolean;
  /** Tells whether the server may know `chat_template_kwargs`. */
  mayKnowTemplates?: () => boolean;
  /** Dialect in which the server is asked for JSON by a schema. */
  grammar: Grammar;
  /** Functions that are offered. Those of the message replace them. */
  tools?: Declaration[];
  toolChoice?: ToolChoice;
}

/** The form's tool choice: one of the API's words, or `function` with a name. */
export interface ToolChoice {
  choice: unknown;
  name: unknown;
}

/** The body of a request, and what its reply must be if it is JSON. */
export interface Question {
  request: Request;
  output: JsonOutput | undefined;
  /** Messages at the beginning that are not part of the conversation: the system prompt of form or message. */
  added: number;
  /** True if the prompt brings a schema for the reply, which is ignored. */
  ignoresSchema?: true;
}

const readField = formReader(CHAT_FIELDS);
/**
 * Reads the options that a message brings.
 *
 * @param source - where they come from, for messages
 * @throws ChatError `invalid_input` for what it may not hold
 */
export function readMessageOptions(value: unknown, source: string): MessageOptions {
  if (value === undefined || value === null) return { source, fields: {} };
  const object = asRecord(value);
  if (!object || holdsNothing(object)) {
    throw new ChatError("options_not_object", { type: Array.isArray(value) ? "array" : kindOf(value) });
  }
  const { system, conversation, stream, idempotency_key: key, messages, ...rest } = object;
  const result: MessageOptions = { source, fields: cleanFields(rest, source) };
  const formNames = Object.keys(rest).flatMap((name) => {
    const apiName = API_NAMES.get(name) ?? (NODE_ONLY.has(name) ? "" : undefined);
    return apiName === undefined ? [] : [{ name, apiName }];
  });
  if (formNames.length > 0) result.formNames = formNames;
  if (system !== undefined) result.system = system;
  if (conversation !== undefined) result.conversation = conversation;
  if (messages !== undefined && messages !== null) result.messages = messages;
  if (key !== undefined && key !== null && key !== "")
    result.idempotencyKey = readText(key, `${source}.idempotency_key`);
  if (stream !== undefined && stream !== null && stream !== "") {
    result.stream = readBoolean(stream, `${source}.stream`);
  }
  return result;
}

/**
 * Makes the request of a question. The first of these that has a field wins: the options of the message, the form, the
 * form's extra fields, a request body as prompt.
 *
 * @throws ChatError `invalid_input`
 */
export function buildRequest(input: RequestInput): Question {
  const { options, form } = input;
  const prompt = promptOf(input);
  const merged: Fields = {
    ...(prompt.fields && cleanFields(prompt.fields, input.promptName)),
    ...readExtra(form.extra),
    ...formFields(form),
    // A format that the message replaces need not be valid.
    ...(options.fields["response_format"] === undefined && formatField(form)),
    ...options.fields,
  };
  if (merged["reasoning_effort"] === "none" && input.mayKnowTemplates?.()) addTemplateKwargs(merged);
  const model = merged["model"] ?? input.defaultModel;
  if (typeof model !== "string" || model.trim() === "") throw new ChatError("model_missing");
  // The model comes first, so that a router can tell the provider from the beginning of the body
  // (huggingface_hub `_providers/_common.py`).
  const images = input.images === undefined ? [] : readImages(input.images, input.imagesName ?? "images");
  const sounds = input.audio === undefined ? [] : readSounds(input.audio, input.audioName ?? "audio");
  const messages = withImages(prompt.messages, [...images, ...sounds], input.history);
  if (messages.length === 0) throw new ChatError("prompt_empty", { name: input.promptName });
  const joined = input.history ? joinHistory(input.history, messages) : messages;
  const conversation = messages.length > prompt.messages.length ? closeBeforeImages(joined) : joined;
  const request: Request = {
    model: model.trim(),
    messages: withSystem(conversation, options.system ?? input.system),
    stream: input.serverStreams,
  };
  if (input.serverStreams) request["stream_options"] = { include_usage: true };
  for (const [name, value] of Object.entries(merged)) {
    if (name === "model") continue;
    if (value === null && KNOWN.has(name)) delete request[name];
    else request[name] = value;
  }
  addTools(request, input);
  // Servers refuse it without a stream.
  if (!input.serverStreams) delete request["stream_options"];
  const format = request["response_format"];
  const output = format === undefined ? undefined : readOutput(format, input.grammar, request["tools"] !== undefined);
  if (output?.responseFormat) request["response_format"] = output.responseFormat;
  else if (output) delete request["response_format"];
  // The system prompt comes back with the messages of a reply and is still not part of the conversation.
  const [first] = request.messages;
  const isOwn = first?.role === "system" && first.content === systemText(options.system ?? input.system);
  return { request, output, added: isOwn ? 1 : 0, ...(prompt.ignoresSchema && { ignoresSchema: true }) };
}

/** Reads the prompt. Where there are images or sound it may be blank. */
function promptOf({ options, prompt, promptName, images, audio }: RequestInput): Prompt {
  if (options.messages !== undefined) return readPrompt({ messages: asMessages(options) }, options.source);
  return isBlank(prompt) && !(isBlank(images) && isBlank(audio)) ? { messages: [] } : readPrompt(prompt, promptName);
}

/** Adds the tools, and the choice if there are any. An empty list is not sent. */
function addTools(request: ChatRequest, { options, tools = [], toolChoice }: RequestInput): void {
  const asked = request["tools"] === undefined ? [] : readDeclarations(request["tools"]);
  // Tools of the message replace the node's; those of the extra fields are added.
  const offered = options.fields["tools"] == null ? [...tools, ...asked] : asked;
  delete request["tools"];
  if (offered.length === 0) {
    delete request["tool_choice"];
    delete request["parallel_tool_calls"];
    return;
  }
  checkNames(offered);
  request["tools"] = offered;
  if (request["tool_choice"] === undefined && toolChoice) setToolChoice(request, toolChoice);
}

function setToolChoice(request: ChatRequest, { choice, name }: ToolChoice): void {
  const word = readField.choice({ toolChoice: choice || "auto" }, "toolChoice");
  if (word === "none" || word === "required") request["tool_choice"] = word;
  if (word !== "function") return;
  checkEnvironment(name, "toolName");
  if (typeof name !== "string" || name.trim() === "") throw new ChatError("tool_name_missing");
  request["tool_choice"] = { type: "function", function: { name: name.trim() } };
}

function asMessages({ messages, source }: MessageOptions): unknown[] {
  if (Array.isArray(messages)) return messages;
  throw new ChatError("message_not_object", { name: `${source}.messages` });
}

/** The fields of a form are checked with its first question: a node keeps its form until it is deployed again. */
const fieldsOfForms = new WeakMap<FormOptions, Fields>();

function formFields(form: FormOptions): Fields {
  const known = fieldsOfForms.get(form);
  if (known) return known;
  const fields = readFormFields(form);
  fieldsOfForms.set(form, fields);
  return fields;
}

function readFormFields(form: FormOptions): Fields {
  const fields: Fields = {};
  for (const { name, api } of FORM_FIELDS) fields[api] = form[name];
  if (Array.isArray(form.stop)) {
    const stop = form.stop.filter((sequence) => sequence !== "");
    fields["stop"] = stop.length > 0 ? stop : undefined;
  }
  fields["model"] = typeof form.model === "number" ? String(form.model) : (form.model ?? undefined);
  return cleanFields(fields, undefined);
}

/** Reads the form's reply format as the API writes it. */
function formatField({ format, schemaName, schema, strict }: FormOptions): Fields {
  if (format == null || format === "text") return {};
  const type = readField.choice({ format }, "format");
  if (type === "json_object") return { response_format: { type } };
  const read = readObject(schema, "schema");
  if (Object.keys(read).length === 0) throw new ChatError("schema_missing");
  const name = readText(schemaName, "schemaName");
  return { response_format: { type, json_schema: { name, schema: read, strict: readBoolean(strict, "strict") } } };
}

function readExtra(extra: unknown): Fields {
  if (extra === undefined || extra === "{}") return {};
  const fields = readObject(extra, "extra");
  for (const name of ["messages", "stream"]) {
    if (name in fields) throw new ChatError("extra_reserved", { name });
  }
  return cleanFields(fields, "extra");
}
