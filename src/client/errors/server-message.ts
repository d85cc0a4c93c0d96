import type { IncomingHttpHeaders } from "node:http";
import { HEADERS } from "../completion/dialects";
import { asRecord, asText, firstHeader, parseJson, toJson } from "../unknown";
import { ERROR_ITEMS, ERROR_MESSAGES, ERRORS_BEHIND } from "./error-dialects";

/** Errors within errors that are read: a gateway may stand behind another one. */
const DEEPEST = 3;

/** In characters: the beginning of a page in which its first words are looked for, and how much of them is shown. */
const LONGEST_INTRO = 2000;
const LONGEST_WORDS = 80;

const TITLE = /<title[^<>]*>([^<]*)<\/title>/i;

/** What a server says about an error. */
export interface ServerMessage {
  message: string;
  code?: string;
  type?: string;
}

/** Reads the body of an error, and its headers where the body says nothing. */
export function readServerMessage(body: string, headers: IncomingHttpHeaders): ServerMessage {
  const text = body.trim();
  const json = parseJson(text);
  const read = json === undefined ? { message: "" } : readJson(json);
  if (read.message) return read;
  const header = firstHeader(headers, HEADERS.error_message.header);
  const code = read.code ?? firstHeader(headers, HEADERS.error_code.header);
  const message = header || (json === undefined ? plainText(text) : "");
  return { ...read, message, ...(code && { code }) };
}

/** Returns the title of a web page, else its first words; undefined for any other text. */
export function pageTitle(text: string): string | undefined {
  if (!/^\s*<[a-z!?]/i.test(text)) return undefined;
  const title = TITLE.exec(text)?.[1]?.trim();
  return (
    title ||
    text
      .slice(0, LONGEST_INTRO)
      .replace(/<[^<>]*(>|$)/g, " ")
      .replace(/\s+/g, " ")
      .trim()
      .slice(0, LONGEST_WORDS)
  );
}

function readJson(json: unknown, levels = DEEPEST): ServerMessage {
  if (typeof json === "string") return { message: json };
  // Some wrap the one error into an array.
  const body = asRecord(Array.isArray(json) ? json[0] : json);
  if (!body) return { message: "" };
  const own = readOwn(body);
  const behind = levels > 0 ? readBehind(body, own.message, levels - 1) : undefined;
  return behind?.message ? { ...own, ...behind } : own;
}

/** Reads what a gateway passes on: an error that its provider sent, or a message that is JSON itself. */
function readBehind(body: Record<string, unknown>, message: string, levels: number): ServerMessage | undefined {
  for (const { path } of ERRORS_BEHIND) {
    const value = valueAt(body, path);
    if (typeof value === "string") return readText(value, levels);
    if (asRecord(value)) return readJson(value, levels);
  }
  return /^\s*[[{]/.test(message) ? readParsed(message, levels) : undefined;
}

function readText(text: string, levels: number): ServerMessage {
  return readParsed(text, levels) ?? { message: plainText(text.trim()) };
}

function readParsed(text: string, levels: number): ServerMessage | undefined {
  const json = parseJson(text);
  return json === undefined || typeof json === "number" ? undefined : readJson(json, levels);
}

function valueAt(body: Record<string, unknown>, path: readonly string[]): unknown {
  return path.reduce<unknown>((inside, field) => asRecord(inside)?.[field], body);
}

function readOwn(body: Record<string, unknown>): ServerMessage {
  const error = asRecord(body["error"]);
  const source = error ?? body;
  const server: ServerMessage = { message: messageIn(body) || nested(error?.["message"] ?? error ?? body["message"]) };
  const code = asText(source["code"]) || asText(body["code"]);
  const type = asText(source["type"]) || asText(body["error_type"]);
  if (code) server.code = code;
  if (type) server.type = type;
  return server;
}

function messageIn(body: Record<string, unknown>): string {
  for (const { path, as } of ERROR_MESSAGES) {
    const value = valueAt(body, path);
    const isText = as === "words" ? typeof value === "string" : as !== "list";
    const message = (isText && asText(value)) || (as !== "text" && texts(value));
    if (message) return message;
  }
  return "";
}

/** Joins a list of texts and `ERROR_ITEMS`; blank for anything else. `loc` is the place of a wrong value. */
function texts(value: unknown): string {
  if (!Array.isArray(value)) return "";
  return value
    .map((item) => {
      const record = asRecord(item);
      if (!record) return asText(item) ?? "";
      const { loc } = record;
      const place = Array.isArray(loc) ? ` (${loc.map((part) => asText(part) ?? "?").join(".")})` : "";
      const field = ERROR_ITEMS.find(({ field }) => asText(record[field]));
      return field ? asText(record[field.field]) + place : "";
    })
    .filter(Boolean)
    .join("; ");
}

function nested(value: unknown): string {
  const record = asRecord(value);
  return record && Object.keys(record).length > 0 ? toJson(record) : "";
}

function plainText(text: string): string {
  if (!/^\s*</.test(text)) return text;
  return TITLE.exec(text)?.[1]?.trim() ?? "";
}
