import { StringDecoder } from "node:string_decoder";
import { createParser, type EventSourceMessage, type ParseError } from "eventsource-parser";
import { turns } from "./turns";

/** Takes the events of a stream. */
export interface EventReader {
  /**
   * @param name - undefined for ordinary events
   * @param isCut - the stream has ended inside the event
   */
  readEvent(data: string, name: string | undefined, isCut: boolean): void;
}

/** The largest byte that is a whole character. */
const LAST_ASCII = 0x7f;

/**
 * Turns the bytes of an event stream into events, however the bytes are cut, and hands them on until the turn is over
 * (`turns.ts`).
 *
 * `error: {…}` as a field of its own is handed on as an event named `error`: some servers write their errors so, where a
 * parser by the book sees nothing.
 */
export class EventStream {
  readonly #decoder = new StringDecoder("utf8");
  readonly #parser;
  readonly #reader: EventReader;
  readonly #onTurnOver: () => void;
  #isFirst = true;
  /** The bytes so far may end inside a character. */
  #isInside = false;
  #isEnding = false;
  /** Events wait until `resume`. */
  isPaused = false;
  /** An event has come since this was last set to false. */
  hasNews = false;
  /** Events of a read in whose middle the turn ended. */
  #waiting: EventSourceMessage[] = [];

  /** @param onTurnOver - called when the turn ends between two events; pauses the stream */
  constructor(reader: EventReader, onTurnOver: () => void) {
    this.#reader = reader;
    this.#onTurnOver = onTurnOver;
    this.#parser = createParser({ onEvent: this.#onEvent, onError: this.#onError });
  }

  /** True if events wait. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** Takes the next bytes; the reader gets every event that they complete. */
  push(bytes: Buffer): void {
    // Most reads end with a line, and `toString` costs less than the decoder.
    const endsInside = (bytes[bytes.length - 1] ?? 0) > LAST_ASCII;
    let text = endsInside || this.#isInside ? this.#decoder.write(bytes) : bytes.toString("utf8");
    this.#isInside = endsInside;
    if (text === "") return;
    if (this.#isFirst) {
      this.#isFirst = false;
      if (text.charCodeAt(0) === 0xfeff) text = text.slice(1);
    }
    this.#parser.feed(text);
  }

  /** Ends the stream: an event whose last blank line is missing counts all the same. */
  end(): void {
    this.#isEnding = true;
    this.#parser.feed(`${this.#decoder.end()}\n\n`);
  }

  /** Hands on the events that wait, until the turn is over. */
  resume(): void {
    this.isPaused = false;
    const events = this.#waiting;
    let handed = 0;
    while (!this.isPaused && handed < events.length) this.#onEvent(events[handed++] as EventSourceMessage);
    // A reader that failed has emptied the list.
    if (events === this.#waiting) events.splice(0, handed);
  }

  /** Drops the events that wait. */
  clear(): void {
    this.#waiting = [];
  }

  #onEvent = (event: EventSourceMessage): void => {
    if (event.data === "" && event.event !== "error") return;
    this.hasNews = true;
    if (this.isPaused) {
      this.#waiting.push(event);
      return;
    }
    this.#reader.readEvent(event.data, event.event, this.#isEnding);
    if (turns.spend()) this.#onTurnOver();
  };

  #onError = ({ field, value }: ParseError): void => {
    if (field === "error" && value) this.#onEvent({ data: value, event: "error", id: undefined });
  };
}

/** What a body is read as: an event stream, one document (JSON, or an error), or not known yet. */
export type BodyKind = "unknown" | "event-stream" | "json";

/** Bytes that are looked at. */
const LONGEST_START = 1024;
const FIELDS = ["data:", "event:", "id:", "retry:"];

/**
 * Detects what a body is by its first characters. They count for more than the content type, which is often wrong: servers
 * respond to a request for a stream with JSON, and the other way round.
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

/** True for white space between the parts of a document or of a stream. */
export function isBlankByte(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
