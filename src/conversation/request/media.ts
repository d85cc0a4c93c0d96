import { types } from "node:util";
import { asRecord } from "../../client/internal";
import { ChatError } from "../errors";

/** Largest image, in bytes. */
export const LARGEST_IMAGE = 10 * 1024 * 1024;

/** First bytes of the formats that models accept. */
const SIGNATURES: [type: string, matches: (bytes: Buffer) => boolean][] = [
  ["image/png", (bytes) => bytes.toString("latin1", 0, 8) === "\x89PNG\r\n\x1a\n"],
  ["image/jpeg", (bytes) => bytes.toString("latin1", 0, 3) === "\xff\xd8\xff"],
  ["image/gif", (bytes) => /^GIF8[79]a/.test(bytes.toString("latin1", 0, 6))],
  ["image/webp", (bytes) => /^RIFF[\s\S]{4}WEBP/.test(bytes.toString("latin1", 0, 12))],
];

/**
 * Writes an image as a data URI.
 *
 * @throws ChatError `prompt_buffer` if the bytes are not PNG, JPEG, GIF or WebP, `image_too_big` above 10 MB
 */
export function imageUrl(bytes: Buffer, name: string): string {
  const type = typeOf(bytes);
  if (!type) throw new ChatError("prompt_buffer", { name });
  checkSize(bytes.length, name);
  return `data:${type};base64,${bytes.toString("base64")}`;
}

/**
 * Reads the images of a message: one or several, each as Buffer, http or https address, data URI, base64 text, or a content
 * part of the API. Addresses are sent as they are; nothing is fetched.
 *
 * @param name - their source, for errors
 * @returns content parts of the API
 * @throws ChatError `images_invalid`, `image_too_big`
 */
export function readImages(value: unknown, name: string): unknown[] {
  if (value === undefined || value === null || value === "") return [];
  if (Array.isArray(value)) return value.map((item, index) => readImage(item, `${name}[${index}]`));
  return [readImage(value, name)];
}

function readImage(value: unknown, name: string): unknown {
  return { type: "image_url", image_url: { url: urlOf(value, name) } };
}

function urlOf(value: unknown, name: string, isPart = false): string {
  const bytes = bytesOf(value);
  if (bytes) return bytesUrl(bytes, name);
  const record = asRecord(value);
  // Only one level: an object that contains itself has no end.
  const inner = isPart ? undefined : record?.["image_url"];
  if (inner !== undefined) return urlOf(asRecord(inner)?.["url"] ?? inner, name, true);
  if (typeof value !== "string") throw new ChatError("images_invalid", { name });
  if (/^https?:\/\/\S+$/i.test(value.trim())) return value.trim();
  const base64 = /^data:[^,]*;base64,/i.test(value) ? value.slice(value.indexOf(",") + 1) : value;
  checkImageSize(`data:,${base64}`, name);
  // Text that is not base64 becomes bytes that are not an image.
  return bytesUrl(Buffer.from(base64, "base64"), name);
}

function bytesUrl(bytes: Buffer, name: string): string {
  if (!typeOf(bytes)) throw new ChatError("images_invalid", { name });
  return imageUrl(bytes, name);
}

/**
 * Returns the bytes of a Buffer, of any other view of bytes, or of a Buffer that was written as JSON.
 *
 * @returns undefined for anything else
 */
export function bytesOf(value: unknown): Buffer | undefined {
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (types.isAnyArrayBuffer(value)) return Buffer.from(value);
  const record = asRecord(value);
  return record?.["type"] === "Buffer" && Array.isArray(record["data"]) ? Buffer.from(record["data"]) : undefined;
}

/**
 * Checks the size of an image that is a data URI. The server fetches others.
 *
 * @throws ChatError `image_too_big`
 */
export function checkImageSize(url: string, name: string): void {
  if (/^data:/i.test(url)) checkSize(Math.floor(((url.length - url.indexOf(",") - 1) * 3) / 4), name);
}

function typeOf(bytes: Buffer): string | undefined {
  return SIGNATURES.find(([, matches]) => matches(bytes))?.[0];
}

function checkSize(bytes: number, name: string): void {
  if (bytes > LARGEST_IMAGE) throw new ChatError("image_too_big", { name, megabytes: Math.ceil(bytes / 1024 / 1024) });
}
