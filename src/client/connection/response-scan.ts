import { DEEPEST_JSON } from "../../shared/limits";
import { ChatError } from "../errors/chat-error";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const LETTER_I = 0x69;
const LETTER_D = 0x64;

/**
 * Watches the JSON of a response while it comes, before a library reads it: one that is nested too deep would exhaust the
 * stack of code that is not ours. Looks at bytes, and makes no text of them.
 */
export class ResponseScan {
  /** True if an event of the stream has an id, by which a server can continue it. */
  isResumable = false;
  readonly #isEventStream: boolean;
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  /** Bytes since the beginning of the line, up to three. */
  #column = 0;
  #isLineOfI = false;

  constructor(isEventStream: boolean) {
    this.#isEventStream = isEventStream;
  }

  /** @throws ChatError `answer_too_deep` */
  add(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (this.#isEventStream) this.#readLine(byte);
      if (this.#isInString) {
        if (this.#isEscaped) this.#isEscaped = false;
        else if (byte === BACKSLASH) this.#isEscaped = true;
        else if (byte === QUOTE) this.#isInString = false;
      } else if (byte === QUOTE) this.#isInString = true;
      // Brackets and braces differ from their closing ones by 2.
      else if (byte === 0x5b || byte === 0x7b) {
        if (++this.#depth > DEEPEST_JSON) throw new ChatError("answer_too_deep", { levels: DEEPEST_JSON });
      } else if ((byte === 0x5d || byte === 0x7d) && this.#depth > 0) this.#depth--;
    }
  }

  /** A line end is in no string of JSON, and a blank line ends an event. */
  #readLine(byte: number): void {
    if (byte === NEWLINE || byte === RETURN) {
      if (this.#column === 0) this.#depth = 0;
      this.#column = 0;
      this.#isInString = false;
      this.#isEscaped = false;
      return;
    }
    if (this.#column === 0) this.#isLineOfI = byte === LETTER_I;
    else if (this.#column === 1 && this.#isLineOfI && byte === LETTER_D) this.isResumable = true;
    if (this.#column < 2) this.#column++;
  }
}
