/** What a body is read as: an event stream, one document (JSON, or an error), or not to be told yet. */
export type BodyKind = "unknown" | "event-stream" | "json";

/** In bytes: more are not looked at. */
const LONGEST_START = 1024;
const FIELDS = ["data:", "event:", "id:", "retry:"];

/**
 * Tells what a body is by its first characters. They count for more than the content type, which is wrong too often:
 * servers answer a request for a stream with JSON, and the other way round.
 *
 * @param first - the bytes that have come so far
 */
export function bodyKind(first: Buffer, contentType: string): BodyKind {
  const begin = first.findIndex((byte) => !isBlankByte(byte));
  if (begin < 0) return "unknown";
  const start = first
    .toString("utf8", begin, begin + LONGEST_START)
    .replace(/^\uFEFF/, "")
    .trimStart();
  if (/^[{[<]/.test(start)) return "json";
  if (/^text\/event-stream/i.test(contentType)) return start === "" ? "unknown" : "event-stream";
  if (/^(data|event|id|retry)?:/.test(start)) return "event-stream";
  return FIELDS.some((field) => field.startsWith(start)) ? "unknown" : "json";
}

/** White space between the parts of a document, and of a stream. */
export function isBlankByte(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
