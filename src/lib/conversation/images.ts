import { ChatError } from "../client";

/** Largest image, in bytes. */
export const LARGEST_IMAGE = 10 * 1024 * 1024;

/** The first bytes of the formats that models take. */
const SIGNATURES: [type: string, matches: (bytes: Buffer) => boolean][] = [
  ["image/png", (bytes) => bytes.toString("latin1", 0, 8) === "\x89PNG\r\n\x1a\n"],
  ["image/jpeg", (bytes) => bytes.toString("latin1", 0, 3) === "\xff\xd8\xff"],
  ["image/gif", (bytes) => /^GIF8[79]a/.test(bytes.toString("latin1", 0, 6))],
  ["image/webp", (bytes) => /^RIFF[\s\S]{4}WEBP/.test(bytes.toString("latin1", 0, 12))],
];

/**
 * An image as the data URI in which the API takes it.
 *
 * @throws ChatError `prompt_buffer` if the bytes are no PNG, JPEG, GIF or WebP, `image_too_big` above 10 MB
 */
export function imageUrl(bytes: Buffer, name: string): string {
  const type = SIGNATURES.find(([, matches]) => matches(bytes))?.[0];
  if (!type) throw new ChatError("prompt_buffer", { name });
  checkSize(bytes.length, name);
  return `data:${type};base64,${bytes.toString("base64")}`;
}

/**
 * Checks an image that stands in a message as data URI; others are the server's to fetch.
 *
 * @throws ChatError `image_too_big`
 */
export function checkImageSize(url: string, name: string): void {
  if (/^data:/i.test(url)) checkSize(Math.floor(((url.length - url.indexOf(",") - 1) * 3) / 4), name);
}

function checkSize(bytes: number, name: string): void {
  if (bytes > LARGEST_IMAGE) throw new ChatError("image_too_big", { name, megabytes: Math.ceil(bytes / 1024 / 1024) });
}
