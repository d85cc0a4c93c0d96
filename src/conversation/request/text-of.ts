import { isUtf8 } from "node:buffer";
import { types } from "node:util";
import { asRecord } from "../../client/internal";
import { ChatError } from "../errors";
import type { MediaPart } from "../tools";
import { bytesOf, mediaPart } from "./media";

/** A value as the API takes it: text, and the images and sound in it as content parts. */
export interface Written {
  /** Blank for a value that is an image or sound itself. */
  text: string;
  parts: MediaPart[];
}

/**
 * Writes a value as text, by the one rule for all places where a value becomes text. A text stays as it is, a Buffer is its
 * text, and an image or sound a part. Anything else is JSON, where the same holds for Buffers inside.
 *
 * @param name - the source of the value, for errors
 * @throws ChatError `prompt_buffer` for other bytes, `prompt_unsendable` for what JSON would lose or cannot write
 */
export function writeValue(value: unknown, name: string): Written {
  if (typeof value === "string") return { text: value, parts: [] };
  const bytes = bytesOf(value);
  if (bytes) {
    const part = mediaPart(bytes, name);
    return part ? { text: "", parts: [part] } : { text: utf8(bytes, name), parts: [] };
  }
  const parts: MediaPart[] = [];
  try {
    const text = JSON.stringify(isJson(value, new Set()) ? value : toPlain(value, name, parts));
    if (text !== undefined) return { text, parts };
  } catch (error) {
    if (error instanceof ChatError) throw error;
    // It contains itself, is nested too deep, or holds a BigInt. Of several lines only the first says what is wrong.
    throw unsendable(value, name, String((error as Error).message).split("\n")[0]);
  }
  throw unsendable(value, name);
}

/**
 * Writes a value where only text can be sent.
 *
 * @throws ChatError as `writeValue`, and `media_no_place` for an image or sound
 */
export function textOf(value: unknown, name: string): string {
  const { text, parts } = writeValue(value, name);
  if (parts.length > 0) throw new ChatError("media_no_place", { name });
  return text;
}

/** Returns a value as the content of a user message: text, or parts where there is an image or sound. */
export function contentOf(value: unknown, name: string): string | unknown[] {
  const { text, parts } = writeValue(value, name);
  if (parts.length === 0) return text;
  return text === "" ? parts : [{ type: "text", text }, ...parts];
}

/**
 * Copies a value as JSON would, so that nobody changes what is kept elsewhere.
 *
 * @throws ChatError `prompt_buffer`, `prompt_unsendable`, `media_no_place`
 */
export function copyAsJson<T>(value: T, name: string): T {
  const parts: MediaPart[] = [];
  const copy = toPlain(value, name, parts);
  if (parts.length > 0) throw new ChatError("media_no_place", { name });
  return copy as T;
}

/**
 * Returns a value of a request's field as it is, or with texts for the bytes in it.
 *
 * @throws ChatError `prompt_buffer`, `prompt_unsendable`, `media_no_place`
 */
export function sendable(value: unknown, name: string): unknown {
  if (isUnknownToJson(value)) throw unsendable(value, name);
  return isJson(value, new Set()) ? value : copyAsJson(value, name);
}

/** True for an object without fields that is none of JSON's: a Map, a date, bytes. */
export function holdsNothing(value: object): boolean {
  if (bytesOf(value) || isOpaque(value)) return true;
  return !isPlain(value) && Object.keys(value).length === 0;
}

/** Most items of a list. A longer one is nearly all holes: somebody has used a time or an id as index. */
const MOST_ITEMS = 10_000_000;

/**
 * Checks the length of a list before anything iterates over it: holes take as long as items, which may be minutes.
 *
 * @throws ChatError `list_too_long`
 */
export function checkItems(list: unknown[], name: string): void {
  if (isTooLong(list)) throw new ChatError("list_too_long", { name, count: list.length });
}

/** True for a list that must not be iterated over. */
export function isTooLong(value: object): boolean {
  return Array.isArray(value) && value.length > MOST_ITEMS;
}

/** @throws ChatError for a value that cannot be sent */
export function unsendable(value: unknown, name: string, reason?: string): ChatError {
  if (value === undefined || value === null) return new ChatError("prompt_empty", { name });
  return new ChatError("prompt_unsendable", { name, type: kindOf(value), ...(reason && { reason }) });
}

function utf8(bytes: Buffer, name: string): string {
  // No text has a NUL; as UTF-8 it would pass.
  if (!isUtf8(bytes) || bytes.includes(0)) throw new ChatError("prompt_buffer", { name });
  const text = bytes.toString("utf8");
  return text.startsWith("\ufeff") ? text.slice(1) : text;
}

/** True if JSON loses nothing of a value. Each object is looked at once, so that one that contains itself has an end. */
function isJson(value: unknown, seen: Set<unknown>): boolean {
  if (typeof value !== "object" || value === null || seen.has(value)) return !isUnknownToJson(value);
  seen.add(value);
  if (Array.isArray(value)) {
    if (isTooLong(value)) return false;
    for (const item of value) if (typeof item !== "string" && !isJson(item, seen)) return false;
    return true;
  }
  // Most are plain, which is soon told.
  if (Object.getPrototypeOf(value) !== Object.prototype || "toJSON" in value || "data" in value) {
    if (bytesOf(value) || isOpaque(value)) return false;
    // What `toJSON` returns may hold bytes. Dates are common and hold none.
    if (hasToJson(value)) return types.isDate(value);
  }
  for (const item of Object.values(value)) if (typeof item !== "string" && !isJson(item, seen)) return false;
  return true;
}

/** True for what JSON leaves out, or turns into `null` in a list. */
function isUnknownToJson(value: unknown): boolean {
  return typeof value === "function" || typeof value === "symbol";
}

/** Copies a value with texts for the bytes in it; images and sound are added to `parts`. */
function toPlain(value: unknown, name: string, parts: MediaPart[]): unknown {
  const path: (string | number)[] = [];
  /** The objects that the value is part of. */
  const above = new Set<unknown>();
  /** Images and sounds so far: looking for them among the parts each time is O(n²). */
  const counts: Record<string, number> = {};
  const where = () => name + path.map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`)).join("");
  const copy = (item: unknown, step: string | number): unknown => {
    const isObject = typeof item === "object" && item !== null;
    if (!isObject && !isUnknownToJson(item)) return item;
    path.push(step);
    if (!isObject) throw unsendable(item, where());
    const copied = copyOf(item, step);
    path.pop();
    return copied;
  };
  const copyOf = (item: object, step: string | number): unknown => {
    const bytes = bytesOf(item);
    if (bytes) {
      try {
        return textOfBytes(bytes, name, parts, counts);
      } catch {
        // Only an error needs the path, which is long in a deep value.
        return textOfBytes(bytes, where(), parts, counts);
      }
    }
    if (isOpaque(item) || above.has(item)) throw unsendable(item, where());
    if (hasToJson(item)) {
      const json = item.toJSON(String(step));
      if (isUnknownToJson(json)) throw unsendable(json, where());
      if (json !== item) return typeof json === "object" && json !== null ? copyOf(json, step) : json;
    }
    if (Array.isArray(item)) checkItems(item, where());
    above.add(item);
    const copied = Array.isArray(item) ? item.map(copy) : Object.fromEntries(fieldsOf(item).map(copyField));
    above.delete(item);
    return copied;
  };
  const copyField = ([key, inner]: [string, unknown]) => [key, copy(inner, key)];
  return typeof value === "object" && value !== null ? copyOf(value, "") : value;
}

function fieldsOf(value: object): [string, unknown][] {
  return Object.entries(value).filter(([key, inner]) => key !== "toJSON" || typeof inner !== "function");
}

/** Returns what stands for bytes in JSON. */
function textOfBytes(bytes: Buffer, name: string, parts: MediaPart[], counts: Record<string, number>): string {
  const part = mediaPart(bytes, name);
  if (!part) return utf8(bytes, name);
  parts.push(part);
  const what = part.type === "image_url" ? "image" : "sound";
  const count = (counts[what] ?? 0) + 1;
  counts[what] = count;
  return `(${what} ${count})`;
}

function hasToJson(value: object): value is { toJSON(key: string): unknown } {
  return typeof (value as { toJSON?: unknown }).toJSON === "function";
}

/** True for objects whose content JSON would lose: errors, promises, maps, and others that become `{}` though they are none. */
function isOpaque(value: object): boolean {
  if (Array.isArray(value) || hasToJson(value)) return false;
  if (types.isNativeError(value) || types.isPromise(value) || types.isMap(value) || types.isSet(value)) return true;
  if (ArrayBuffer.isView(value)) return true;
  return !isPlain(value) && Object.keys(value).length === 0;
}

/** Plain objects may come from another realm: function nodes have one. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Returns what a value is, in the words of JavaScript: `Map`, `Error`, `function`. */
export function kindOf(value: unknown): string {
  const name = asRecord(value)?.constructor?.name;
  return typeof name === "string" && name !== "" ? name : typeof value;
}
