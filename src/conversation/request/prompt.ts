import { asRecord, toJson } from "../../client/internal";
import { ChatError } from "../errors";
import { findJson } from "../json/find-json";
import { bytesOf, checkImageSize, checkNoPath, imageUrl } from "./media";
import { checkItems, contentOf, copyAsJson, isTooLong, textOf, unsendable } from "./text-of";

/** A message as the API writes it, with fields that we do not know. */
export interface Message {
  role: string;
  content: unknown;
  [field: string]: unknown;
}

/** A prompt that has been read. */
export interface Prompt {
  messages: Message[];
  /** The other API fields of a pasted request body; absent for any other prompt. */
  fields?: Record<string, unknown>;
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
 * Reads a prompt in any of its forms: text, number or boolean, a Buffer, a message, an array of messages, a request
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
    if (error instanceof RangeError) throw unsendable(value, name);
    throw error;
  }
}

function readAny(value: unknown, name: string): Prompt {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
    const text = String(value);
    if (text.trim() === "") throw new ChatError("prompt_empty", { name });
    return fromUser(text);
  }
  if (bytesOf(value)) {
    const content = contentOf(value, name);
    if (typeof content === "string" && content.trim() === "") throw new ChatError("prompt_empty", { name });
    return fromUser(content);
  }
  if (Array.isArray(value)) return fromArray(value, name);
  const object = asRecord(value);
  if (!object) throw unsendable(value, name);
  if (Array.isArray(object["messages"])) return fromBody(object, object["messages"], name);
  if (isMessage(object)) return { messages: [readMessage(object, name)] };
  return fromUser(contentOf(object, name));
}

/** Puts the system prompt first, unless the prompt has one of its own. */
export function withSystem(messages: Message[], system: unknown): Message[] {
  const text = systemText(system);
  if (text.trim() === "") return messages;
  if (messages.some(({ role }) => role === "system" || role === "developer")) return messages;
  return [{ role: "system", content: text }, ...messages];
}

/**
 * Adds images and sound to the last message of the user, or as a message of their own if there is none. Those that the
 * conversation has are not added again. New ones follow the result of a call, if the prompt ends with one.
 *
 * @param history - the messages before the prompt
 */
export function withImages(messages: Message[], images: unknown[], history: Message[] = []): Message[] {
  if (images.length === 0) return messages;
  const known = new Set([...history, ...messages].flatMap(mediaIn));
  const added = images.filter((part) => !known.has(dataOf(part)));
  if (added.length === 0) return messages;
  if (messages.at(-1)?.role === "tool") return [...messages, { role: "user", content: added }];
  const at = messages.findLastIndex(({ role }) => role === "user");
  const message = messages[at];
  if (!message) return [...messages, { role: "user", content: added }];
  return messages.with(at, { ...message, content: [...partsOf(message.content), ...added] });
}

/** Returns the content of a message as parts. */
export function partsOf(content: unknown): { type: string; [field: string]: unknown }[] {
  return Array.isArray(content) ? content : [{ type: "text", text: content }];
}

function mediaIn({ content }: Message): unknown[] {
  return Array.isArray(content) ? content.map(dataOf).filter((data) => data !== undefined) : [];
}

/** Returns what tells an image or sound from another. */
function dataOf(part: unknown): unknown {
  const fields = asRecord(part);
  return asRecord(fields?.["image_url"])?.["url"] ?? asRecord(fields?.["input_audio"])?.["data"];
}

/** True for a prompt without words, which images can stand for. */
export function isBlank(prompt: unknown): boolean {
  return prompt === undefined || prompt === null || (typeof prompt === "string" && prompt.trim() === "");
}

/** True if a prompt is the reply that a report tells of, as text or as the JSON in it: one chat node behind another. */
export function isReply(prompt: unknown, completion: unknown): boolean {
  const content = asRecord(asRecord(completion)?.["message"])?.["content"];
  if (typeof content !== "string" || content === "") return false;
  if (prompt === content) return true;
  if (typeof prompt !== "object" || prompt === null || isTooLong(prompt)) return false;
  const json = toJson(prompt);
  for (const value of findJson(content)) if (toJson(value) === json) return true;
  return false;
}

/** Copies messages, so that nobody else can change them. */
export function copyMessages(messages: Message[]): Message[] {
  return copyAsJson(messages, "messages");
}

/** Returns a system prompt as it is sent; blank for none. */
export function systemText(system: unknown): string {
  return system == null ? "" : textOf(system, "system");
}

function fromUser(content: unknown): Prompt {
  return { messages: [{ role: "user", content }] };
}

function fromArray(items: unknown[], name: string): Prompt {
  checkItems(items, name);
  if (items.length === 0) throw new ChatError("prompt_empty", { name });
  // Readings such as [21.5, 22] are data. But if one item is a message, the others are mistakes.
  if (!items.some(isMessage)) return fromUser(contentOf(items, name));
  return { messages: readEach(items, readMessage, name) };
}

function fromBody(body: Record<string, unknown>, messages: unknown[], name: string): Prompt {
  if (messages.length === 0) throw new ChatError("prompt_empty", { name: `${name}.messages` });
  const ignoresSchema = hasSchema(body["response_format"]);
  const isIgnored = (field: string) => IGNORED_FIELDS.has(field) || (field === "response_format" && ignoresSchema);
  return {
    messages: readEach(messages, readMessage, `${name}.messages`),
    fields: copyAsJson(Object.fromEntries(Object.entries(body).filter(([field]) => !isIgnored(field))), name),
    ...(ignoresSchema && { ignoresSchema }),
  };
}

/** Reads the items of an array, also those that are missing: `delete` leaves a hole, which `map` goes past. */
function readEach<T>(items: unknown[], read: (item: unknown, name: string) => T, name: string): T[] {
  return Array.from(items, (item, index) => read(item, `${name}[${index}]`));
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
    return { ...copyAsJson(object, name), role, content: null };
  }
  const { content: _, ...others } = object;
  return { ...copyAsJson(others, name), role, content: readContent(content, role, name) };
}

function readContent(content: unknown, role: string, name: string): unknown {
  if (typeof content === "string") return content;
  if (Array.isArray(content)) return readEach(content, readPart, `${name}.content`);
  if (typeof content === "number" || typeof content === "boolean") return String(content);
  // Only messages of the user have a place for images and sound.
  if (typeof content === "object") return (role === "user" ? contentOf : textOf)(content, `${name}.content`);
  throw new ChatError("message_content", { name });
}

/** Checks text and images. The server judges other parts, such as audio and video. */
function readPart(part: unknown, name: string): unknown {
  if (typeof part === "string") return { type: "text", text: part };
  if (bytesOf(part)) {
    const content = contentOf(part, name);
    return typeof content === "string" ? { type: "text", text: content } : content[0];
  }
  const object = asRecord(part);
  if (!object || typeof object["type"] !== "string") throw new ChatError("message_part", { name });
  if (object["type"] === "image_url") {
    const { image_url, ...others } = object;
    return { ...copyAsJson(others, name), image_url: readImageUrl(image_url, name) };
  }
  if (object["type"] === "input_audio") return readSound(object, name);
  const copy = copyAsJson(object, name);
  if (copy["type"] === "text" && typeof copy["text"] !== "string") throw new ChatError("message_part", { name });
  return copy;
}

function readImageUrl(value: unknown, name: string): Record<string, unknown> {
  const image = asRecord(value);
  const isPart = image !== undefined && "url" in image;
  const url = isPart ? image["url"] : value;
  const bytes = bytesOf(url);
  const address = bytes ? imageUrl(bytes, name) : url;
  if (typeof address !== "string") throw new ChatError("message_image", { name });
  if (!/^(https?:\/\/|data:image\/)/i.test(address)) {
    checkNoPath(address, name);
    throw new ChatError("message_image", { name });
  }
  checkImageSize(address, name);
  if (!isPart) return { url: address };
  const { url: _, ...others } = image;
  return { ...copyAsJson(others, `${name}.image_url`), url: address };
}

/** Bytes of a sound go as base64. */
function readSound(part: Record<string, unknown>, name: string): Record<string, unknown> {
  const bytes = bytesOf(asRecord(part["input_audio"])?.["data"]);
  if (!bytes) return copyAsJson(part, name);
  const sound = { ...asRecord(part["input_audio"]), data: bytes.toString("base64") };
  return copyAsJson({ ...part, input_audio: sound }, name);
}
