/** What a body is read as: an event stream, one document (JSON, or an error), or not to be told yet. */
export type BodyForm = "unknown" | "events" | "document";

const FIELDS = ["data:", "event:", "id:", "retry:"];

/**
 * Tells what a body is by its first characters. They count for more than the content type, which is wrong too often:
 * servers answer a request for a stream with JSON, and the other way round.
 *
 * @param first - the bytes that have come so far
 */
export function bodyForm(first: Buffer, contentType: string): BodyForm {
  const start = first
    .toString("utf8", 0, 1024)
    .replace(/^\uFEFF/, "")
    .trimStart();
  if (/^[{[<]/.test(start)) return "document";
  if (/^text\/event-stream/i.test(contentType)) return start === "" ? "unknown" : "events";
  if (/^(data|event|id|retry)?:/.test(start)) return "events";
  return FIELDS.some((field) => field.startsWith(start)) ? "unknown" : "document";
}
