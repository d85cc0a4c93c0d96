import { types } from "node:util";
import { asRecord } from "../../client/internal";
import { ChatError } from "../errors";
import { bytesOf, checkImageSize, imageUrl } from "./media";

/** A message as the API writes it, with fields that we do not know. */
export interface Message {
  role: string;
  content: unknown;
  [field: string]: unknown;
}

/** A prompt that has been read. */
export interface Prompt {
  messages: Message[];
  /** The other API fields of a pasted request body. */
  fields: Record<string, unknown>;
  /** True if the body brings a schema for the reply, which is ignored. */
  ignoresSchema?: true;
}

const ROLES = new Set(["system", "developer", "user", "assistant", "tool", "function"]);
const ROLE_ALIASES: Record<string, string> = { human: "user", ai: "assistant" };
/** Fields that a pasted body must not set, since it may come from a stranger. */
const IGNORED_FIELDS = new Set([
  "messages",
  "conversation",
  "system",
  "stream",
  "tools",
  "tool_choice",
  "parallel_tool_calls",
  "functions",
  "function_call",
  "stream_options",
]);

/**
 * Reads a prompt in any of its forms: text, number or boolean, an image, a message, an array of messages, a request
 * body, or any other object, which is sent as JSON text.
 *
 * @param value - never changed; the result shares nothing with it
 * @param name - its source, for errors
 * @throws ChatError `invalid_input` for what cannot be sent; nothing is dropped in silence
 */
export function readPrompt(value: unknown, name: string): Prompt {
  try {
    return readAny(value, name);
  } catch (error) {
    // The stack has overflowed: the value contains itself, or is nested too deep.
    if (error instanceof RangeError) throw promptError(value, name);
    throw error;
  }
}

function readAny(value: unknown, name: string): Prompt {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
    const text = String(value);
    if (text.trim() === "") throw new ChatError("prompt_empty", { name });
    return fromUser(text);
  }
  const bytes = bytesOf(value);
  if (bytes) return fromUser([{ type: "image_url", image_url: { url: imageUrl(bytes, name) } }]);
  if (Array.isArray(value)) return fromArray(value, name);
  const object = asRecord(value);
  if (!object) throw promptError(value, name);
  if (Array.isArray(object["messages"])) return fromBody(object, object["messages"], name);
  if (isMessage(object)) return { messages: [readMessage(object, name)], fields: {} };
  return fromUser(toJson(object, name));
}

/** Puts the system prompt first, unless the prompt has one of its own. */
export function withSystem(messages: Message[], system: unknown): Message[] {
  const text = systemText(system);
  if (text.trim() === "") return messages;
  if (messages.some(({ role }) => role === "system" || role === "developer")) return messages;
  return [{ role: "system", content: text }, ...messages];
}

/**
 * Adds images to the last message of the user, or as a message of their own if there is none. A prompt that ends with the
 * result of a call continues a question that has its images already: new ones follow the result.
 *
 * @param history - the messages before the prompt
 */
export function withImages(messages: Message[], images: unknown[], history: Message[] = []): Message[] {
  if (images.length === 0) return messages;
  if (messages.at(-1)?.role === "tool") {
    const known = new Set([...history, ...messages].flatMap(imageUrls));
    const added = images.filter((image) => !known.has(urlOf(image)));
    return added.length > 0 ? [...messages, { role: "user", content: added }] : messages;
  }
  const at = messages.findLastIndex(({ role }) => role === "user");
  const message = messages[at];
  if (!message) return [...messages, { role: "user", content: images }];
  const { content } = message;
  const parts = Array.isArray(content) ? content : [{ type: "text", text: content }];
  return messages.with(at, { ...message, content: [...parts, ...images] });
}

function imageUrls({ content }: Message): unknown[] {
  return Array.isArray(content) ? content.map(urlOf).filter((url) => url !== undefined) : [];
}

function urlOf(part: unknown): unknown {
  return asRecord(asRecord(part)?.["image_url"])?.["url"];
}

/** Copies messages, so that nobody else can change them. */
export function copyMessages(messages: Message[]): Message[] {
  return copy(messages);
}

/** Returns a system prompt as it is sent; blank for none. */
export function systemText(system: unknown): string {
  return typeof system === "string" || system == null ? (system ?? "") : toJson(system, "system");
}

function fromUser(content: unknown): Prompt {
  return { messages: [{ role: "user", content }], fields: {} };
}

function fromArray(items: unknown[], name: string): Prompt {
  if (items.length === 0) throw new ChatError("prompt_empty", { name });
  // Readings such as [21.5, 22] are data. But if one item is a message, the others are mistakes.
  if (!items.some(isMessage)) return fromUser(toJson(items, name));
  return { messages: items.map((item, index) => readMessage(item, `${name}[${index}]`)), fields: {} };
}

function fromBody(body: Record<string, unknown>, messages: unknown[], name: string): Prompt {
  if (messages.length === 0) throw new ChatError("prompt_empty", { name: `${name}.messages` });
  const ignoresSchema = hasSchema(body["response_format"]);
  const isIgnored = (field: string) => IGNORED_FIELDS.has(field) || (field === "response_format" && ignoresSchema);
  return {
    messages: messages.map((item, index) => readMessage(item, `${name}.messages[${index}]`)),
    fields: copy(Object.fromEntries(Object.entries(body).filter(([field]) => !isIgnored(field)))),
    ...(ignoresSchema && { ignoresSchema }),
  };
}

/** True if a format has a schema, the only object in any dialect. Compiling those of strangers may cost much time. */
function hasSchema(responseFormat: unknown): boolean {
  return Object.values(asRecord(responseFormat) ?? {}).some((value) => typeof value === "object" && value !== null);
}

function isMessage(value: unknown): boolean {
  const object = asRecord(value);
  if (!object || typeof object["role"] !== "string") return false;
  return (
    "content" in object ||
    "tool_calls" in object ||
    ROLES.has(object["role"]) ||
    Object.hasOwn(ROLE_ALIASES, object["role"])
  );
}

function readMessage(value: unknown, name: string): Message {
  const object = asRecord(value);
  if (!object) throw new ChatError("message_not_object", { name });
  const given = typeof object["role"] === "string" ? object["role"] : "";
  const role = Object.hasOwn(ROLE_ALIASES, given) ? (ROLE_ALIASES[given] ?? given) : given;
  if (!ROLES.has(role)) throw new ChatError("message_role", { name, role });
  if (role === "tool" && !object["tool_call_id"]) throw new ChatError("message_tool_call_id", { name });
  const { content } = object;
  if (content === null || content === undefined) {
    // A message that only calls tools has no content.
    const hasCalls = Array.isArray(object["tool_calls"])
      ? object["tool_calls"].length > 0
      : Boolean(object["function_call"]);
    if (role !== "assistant" || !hasCalls) throw new ChatError("message_content", { name });
    return { ...copy(object), role, content: null };
  }
  const { content: _, ...others } = object;
  return { ...copy(others), role, content: readContent(content, name) };
}

function readContent(content: unknown, name: string): unknown {
  if (typeof content === "string") return content;
  if (Array.isArray(content)) return content.map((part, index) => readPart(part, `${name}.content[${index}]`));
  if (typeof content === "number" || typeof content === "boolean") return String(content);
  if (typeof content === "object") return toJson(content, name);
  throw new ChatError("message_content", { name });
}

/** Checks text and images. The server judges other parts, such as audio and video. */
function readPart(part: unknown, name: string): unknown {
  if (typeof part === "string") return { type: "text", text: part };
  const object = asRecord(part);
  if (!object || typeof object["type"] !== "string") throw new ChatError("message_part", { name });
  if (object["type"] === "text" && typeof object["text"] !== "string") throw new ChatError("message_part", { name });
  if (object["type"] !== "image_url") return copy(object);
  const image = typeof object["image_url"] === "string" ? { url: object["image_url"] } : asRecord(object["image_url"]);
  if (typeof image?.["url"] !== "string" || !/^(https?:\/\/|data:image\/)/i.test(image["url"])) {
    throw new ChatError("message_image", { name });
  }
  checkImageSize(image["url"], name);
  return { ...object, image_url: { ...image } };
}

/** Copies a value as JSON, so that nobody changes a history that is kept elsewhere. */
function copy<T>(value: T): T {
  if (Array.isArray(value)) return value.map(copy) as T;
  const object = Object.prototype.toString.call(value) === "[object Object]" ? asRecord(value) : undefined;
  if (!object || typeof object["toJSON"] === "function") return value;
  return Object.fromEntries(Object.entries(object).map(([name, item]) => [name, copy(item)])) as T;
}

/** True for objects that become `{}` in JSON, which would lose their content. */
function isOpaque(value: unknown): boolean {
  return (
    types.isMap(value) ||
    types.isSet(value) ||
    types.isNativeError(value) ||
    types.isRegExp(value) ||
    types.isPromise(value)
  );
}

function toJson(value: unknown, name: string): string {
  if (isOpaque(value)) throw promptError(value, name);
  try {
    const text = JSON.stringify(value);
    if (text !== undefined) return text;
  } catch {
    // circular, or a BigInt inside
  }
  throw promptError(value, name);
}

function promptError(value: unknown, name: string): ChatError {
  if (value === undefined || value === null) return new ChatError("prompt_empty", { name });
  return new ChatError("prompt_unsendable", { name, type: typeof value });
}
