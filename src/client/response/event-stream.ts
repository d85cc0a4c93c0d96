import { StringDecoder } from "node:string_decoder";
import { createParser, type EventSourceMessage, type ParseError } from "eventsource-parser";

/** Called for every event that has data. `name` is absent for ordinary events. */
export type EventListener = (data: string, name: string | undefined) => void;

/**
 * Bytes of an event stream in, events out, however the bytes are cut.
 *
 * `error: {…}` as a field of its own is handed on as an event named `error`: some servers write their errors so, where a
 * parser by the book sees nothing.
 */
export class EventStream {
  readonly #decoder = new StringDecoder("utf8");
  readonly #parser;
  #isFirst = true;

  constructor(listener: EventListener) {
    this.#parser = createParser({
      onEvent: (event: EventSourceMessage) => {
        if (event.data !== "" || event.event === "error") listener(event.data, event.event);
      },
      onError: (error: ParseError) => {
        if (error.field === "error" && error.value) listener(error.value, "error");
      },
    });
  }

  /** Takes the next bytes; the listener runs for every event that they complete. */
  push(bytes: Buffer): void {
    let text = this.#decoder.write(bytes);
    if (text === "") return;
    if (this.#isFirst) {
      this.#isFirst = false;
      if (text.charCodeAt(0) === 0xfeff) text = text.slice(1);
    }
    this.#parser.feed(text);
  }

  /** No more bytes will come: an event whose last blank line is missing counts all the same. */
  end(): void {
    this.#parser.feed(`${this.#decoder.end()}\n\n`);
  }
}
