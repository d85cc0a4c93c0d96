import { types } from "node:util";
import { asRecord, withoutUserInfo } from "../../client/internal";
import { ChatError } from "../errors";
import type { MediaPart } from "../tools";

/** Largest image or sound, in bytes. */
export const LARGEST_IMAGE = 10 * 1024 * 1024;

/** First bytes of the formats of images that models accept. */
const SIGNATURES: [type: string, matches: (bytes: Buffer) => boolean][] = [
  ["image/png", (bytes) => bytes.toString("latin1", 0, 8) === "\x89PNG\r\n\x1a\n"],
  ["image/jpeg", (bytes) => bytes.toString("latin1", 0, 3) === "\xff\xd8\xff"],
  ["image/gif", (bytes) => /^GIF8[79]a/.test(bytes.toString("latin1", 0, 6))],
  ["image/webp", (bytes) => /^RIFF[\s\S]{4}WEBP/.test(bytes.toString("latin1", 0, 12))],
];

/** First bytes of the formats of sound that the API names. An MP3 begins with a tag or with the header of a frame of layer III. */
const SOUND_SIGNATURES: [format: string, matches: (bytes: Buffer) => boolean][] = [
  ["wav", (bytes) => /^RIFF[\s\S]{4}WAVE/.test(bytes.toString("latin1", 0, 12))],
  ["mp3", (bytes) => /^(ID3|\xff[\xfa\xfb\xf2\xf3\xe2\xe3])/.test(bytes.toString("latin1", 0, 3))],
];

/**
 * Returns bytes as a content part of the API, if they are an image or a sound.
 *
 * @throws ChatError `image_too_big` or `sound_too_big` above 10 MB
 */
export function mediaPart(bytes: Buffer, name: string): MediaPart | undefined {
  if (typeOf(bytes)) return { type: "image_url", image_url: { url: imageUrl(bytes, name) } };
  const format = SOUND_SIGNATURES.find(([, matches]) => matches(bytes))?.[0];
  if (!format) return undefined;
  checkSize(bytes.length, name, "sound_too_big");
  return { type: "input_audio", input_audio: { data: bytes.toString("base64"), format } };
}

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
  if (Array.isArray(value)) return Array.from(value, (item, index) => readImage(item, `${name}[${index}]`));
  return [readImage(value, name)];
}

function readImage(value: unknown, name: string): unknown {
  const detail = asRecord(asRecord(value)?.["image_url"])?.["detail"];
  return {
    type: "image_url",
    image_url: { url: urlOf(value, name), ...(typeof detail === "string" && { detail }) },
  };
}

/** A path, an address of a file, or one without `https://`: what a browser or a file node would take. */
const LOOKS_LIKE_FILE =
  /^(file:\/\/\S|~?[\\/]|\.{1,2}[\\/]|[a-z]:[\\/])|^\S+\.(png|jpe?g|gif|webp|bmp|svg|heic)(\?\S*)?$/i;
/** In characters: what is longer is base64. */
const LONGEST_PATH = 1000;

function urlOf(value: unknown, name: string, isPart = false): string {
  const bytes = bytesOf(value);
  if (bytes) return bytesUrl(bytes, name);
  const record = asRecord(value);
  // Only one level: an object that contains itself has no end.
  const inner = isPart ? undefined : record?.["image_url"];
  if (inner !== undefined) return urlOf(asRecord(inner)?.["url"] ?? inner, name, true);
  if (typeof value !== "string") throw new ChatError("images_invalid", { name });
  if (/^https?:\/\/\S+$/i.test(value.trim())) return value.trim();
  checkNoPath(value, name);
  const base64 = /^data:[^,]*;base64,/i.test(value) ? value.slice(value.indexOf(",") + 1) : value;
  // Text that is not base64 becomes bytes that are not an image.
  return bytesUrl(Buffer.from(base64, "base64"), name);
}

/** @throws ChatError `image_path` for a path, which names a file that nobody has read */
export function checkNoPath(value: string, name: string): void {
  const text = value.length > LONGEST_PATH ? "" : value.trim();
  // Base64 may begin with a slash: that of a JPEG does.
  if (!LOOKS_LIKE_FILE.test(text) || typeOf(Buffer.from(text, "base64"))) return;
  // What looks like `camera.local/still.jpg` may begin with a password; a drive's path does not.
  const mayHoldPassword = /:.*@/s.test(text) && !/^[a-z]:[\\/]/i.test(text);
  throw new ChatError("image_path", { name, value: mayHoldPassword ? withoutUserInfo(text) : text });
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
  // Arrays of longer numbers are no bytes.
  if (types.isUint8Array(value) || types.isUint8ClampedArray(value) || value instanceof DataView) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  }
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
  if (!/^data:/i.test(url)) return;
  const padding = url.endsWith("==") ? 2 : url.endsWith("=") ? 1 : 0;
  checkSize(Math.floor(((url.length - url.indexOf(",") - 1) * 3) / 4) - padding, name);
}

/** True for bytes of a format that models accept. */
export function isImage(bytes: Buffer): boolean {
  return typeOf(bytes) !== undefined;
}

function typeOf(bytes: Buffer): string | undefined {
  return SIGNATURES.find(([, matches]) => matches(bytes))?.[0];
}

function checkSize(bytes: number, name: string, key: "image_too_big" | "sound_too_big" = "image_too_big"): void {
  if (bytes > LARGEST_IMAGE) throw new ChatError(key, { name, megabytes: Math.ceil(bytes / 1024 / 1024) });
}
