import type { IncomingHttpHeaders } from "node:http";
import type { Transform } from "node:stream";
import { bodyDecoder } from "./body-decoder";
import { type BodyForm, bodyForm, isBlankByte } from "./body-form";
import { EventStream } from "./event-stream";
import { firstHeader } from "./json";
import { PacedBytes } from "./paced-bytes";

/** What a body is told of. After `onEnd` or `onBroken` nothing more comes. */
export interface BodyListener {
  /**
   * An event of a stream.
   *
   * @param isCut - the body has ended in it
   */
  onEvent(data: string, name: string | undefined, isCut: boolean): void;
  /** Something has come that is no keep-alive. */
  onNews(): void;
  /** More bytes than allowed have come without making an event, or a document. */
  onTooLong(): void;
  /** The body could not be unpacked. */
  onBroken(error: Error): void;
  /** @param document - the whole of it if it was no stream of events */
  onEnd(document: string | undefined): void;
}

/**
 * Reads the body of an answer: unpacks it if need be, finds out whether it is a stream of events or one document, and
 * hands on the one or the other.
 */
export class Body {
  readonly #headers: IncomingHttpHeaders;
  readonly #listener: BodyListener;
  readonly #maxLength: number;
  #form: BodyForm;
  #decoder: Transform | undefined;
  readonly #paced = new PacedBytes(
    (bytes) => this.#take(bytes),
    () => this.#end(),
  );
  #events: EventStream | undefined;
  #document: Buffer[] = [];
  // Since the last event: an endless line is kept nowhere.
  #bytesPending = 0;
  #hasEvent = false;
  #isFirst = true;
  #isEnding = false;

  /**
   * @param isDocument - it is known to be no stream of events: the answer is an error
   * @param maxLength - bytes of a document, or of one event
   */
  constructor(headers: IncomingHttpHeaders, isDocument: boolean, maxLength: number, listener: BodyListener) {
    this.#headers = headers;
    this.#form = isDocument ? "document" : "unknown";
    this.#maxLength = maxLength;
    this.#listener = listener;
  }

  /** What has come of a document so far. */
  get text(): string {
    return Buffer.concat(this.#document).toString("utf8");
  }

  /** Whether something has come that is still to be read. */
  get isWaiting(): boolean {
    return this.#paced.isWaiting;
  }

  /** Takes the next bytes as they came over the wire. */
  push(bytes: Buffer): void {
    if (this.#isFirst) {
      this.#isFirst = false;
      this.#startDecoding();
    }
    if (this.#decoder) this.#decoder.write(bytes);
    else this.#paced.push(bytes);
  }

  /** No more bytes will come. */
  end(): void {
    if (this.#decoder) this.#decoder.end();
    else this.#paced.end();
  }

  /** Hands on all that has come, for the connection has failed. @param then - called behind it, unless it is destroyed before */
  finish(then: () => void): void {
    this.#paced.drain();
    const decoder = this.#decoder;
    if (!decoder) {
      then();
      return;
    }
    if (decoder.destroyed) return;
    // What is unpacked already is on its way; how the rest ends is no matter now.
    const onEnd = () => {
      this.#paced.drain();
      then();
    };
    decoder.removeAllListeners("end").removeAllListeners("error").once("end", onEnd).once("error", onEnd).end();
  }

  /** Lets go of what it holds; nothing more is handed on. */
  destroy(): void {
    this.#paced.destroy();
    this.#decoder
      ?.removeAllListeners()
      .on("error", () => {})
      .destroy();
  }

  #startDecoding(): void {
    this.#decoder = bodyDecoder(firstHeader(this.#headers, "content-encoding"));
    this.#decoder?.on("data", (bytes: Buffer) => this.#paced.push(bytes));
    this.#decoder?.on("end", () => this.#paced.end());
    this.#decoder?.on("error", (error) => {
      this.#paced.drain();
      this.#listener.onBroken(error);
    });
  }

  #take(bytes: Buffer): void {
    this.#bytesPending += bytes.length;
    if (this.#form === "unknown") this.#recognise(bytes);
    if (this.#form === "events") {
      this.#events?.push(bytes);
      if (this.#hasEvent) {
        this.#hasEvent = false;
        this.#bytesPending = 0;
        this.#listener.onNews();
        return;
      }
    } else if (this.#form === "document" || !isBlank(bytes)) {
      this.#document.push(bytes);
      if (!isBlank(bytes)) this.#listener.onNews();
    }
    if (this.#bytesPending > this.#maxLength) this.#listener.onTooLong();
  }

  #recognise(bytes: Buffer): void {
    const first = this.#document.length > 0 ? Buffer.concat([...this.#document, bytes]) : bytes;
    this.#form = bodyForm(first, firstHeader(this.#headers, "content-type") ?? "");
    if (this.#form !== "events") return;
    this.#events = new EventStream((data, name) => {
      this.#hasEvent = true;
      this.#listener.onEvent(data, name, this.#isEnding);
    });
    for (const earlier of this.#document.splice(0)) this.#events.push(earlier);
  }

  #end(): void {
    this.#isEnding = true;
    this.#events?.end();
    this.#listener.onEnd(this.#events ? undefined : this.text);
  }
}

/** White space alone: some servers send it to keep a connection alive. */
function isBlank(bytes: Buffer): boolean {
  return bytes.every(isBlankByte);
}
