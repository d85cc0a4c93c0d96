import type { IncomingHttpHeaders } from "node:http";
import { firstHeader } from "../unknown";
import { bodyDecoder } from "./body-decoder";
import { type BodyKind, bodyKind, isBlankByte } from "./body-kind";
import { EventStream } from "./event-stream";
import { turns } from "./turns";
import { Unpacker } from "./unpacker";

/** What is handed on of one body in a turn: as much as one read of a socket brings. */
const BYTES_A_TURN = 65_536;
/** Of what waits, this part goes in one turn if it is more. */
const PART_A_TURN = 1 / 4;
/** So many times the longest document may wait: the connection itself cannot be held, see `Body`. */
const MOST_WAITING = 4;

/** Callbacks for the parts of a body. After `onEnd` or `onCrash` nothing more comes. */
export interface BodyCallbacks {
  /**
   * An event of a stream.
   *
   * @param isCut - the body has ended in it
   */
  onEvent(data: string, name: string | undefined, isCut: boolean): void;
  /** Something has been handed on that is no keep-alive. */
  onNews(): void;
  /** More bytes than allowed have come without making an event, or a document. */
  onTooLong(): void;
  /** The rest of the body cannot be unpacked. `onEnd` follows. */
  onBroken(error: Error): void;
  /** @param document - the whole of it if it was no stream of events */
  onEnd(document: string | undefined): void;
  /** A listener, or the reading itself, has thrown. */
  onCrash(error: unknown): void;
}

/**
 * Reads the body of an answer: unpacks it if need be, finds out whether it is a stream of events or one document, and
 * hands on the one or the other, in turns (`turns.ts`).
 *
 * What cannot be handed on yet waits here. A decoder is paused meanwhile; the connection is not: undici 7 fails an assertion
 * where a paused one is reset, and Node.js ends.
 */
export class Body {
  readonly #headers: IncomingHttpHeaders;
  readonly #listener: BodyCallbacks;
  readonly #maxLength: number;
  #form: BodyKind;
  #events: EventStream | undefined;
  #document: Buffer[] = [];
  // Since the last event: an endless line is kept nowhere.
  #bytesPending = 0;
  #hasEvent = false;

  #unpacker: Unpacker | undefined;
  #isFirst = true;

  /** It is not this body's turn; what comes waits. */
  #isHeld = false;
  #leftOfTurn = BYTES_A_TURN;
  /** Events of a read that are left because the turn ended in the middle of it. */
  #eventsWaiting: { data: string; name: string | undefined }[] = [];
  #bytesWaiting: Buffer[] = [];
  #waitingLength = 0;
  /** Called when all has been handed on and no more will come. */
  #atEnd: (() => void) | undefined;
  #isEnding = false;
  #isDestroyed = false;

  /**
   * @param isDocument - it is known to be no stream of events: the answer is an error
   * @param maxLength - bytes of a document, or of one event
   */
  constructor(headers: IncomingHttpHeaders, isDocument: boolean, maxLength: number, listener: BodyCallbacks) {
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
    const waits = this.#bytesWaiting.length > 0 || this.#eventsWaiting.length > 0 || this.#atEnd !== undefined;
    return waits || this.#unpacker?.isBusy === true;
  }

  /** Takes the next bytes as they came over the wire. @param now - by `performance.now()` */
  push(bytes: Buffer, now = performance.now()): void {
    if (this.#isFirst) {
      this.#isFirst = false;
      this.#startUnpacking();
    }
    if (this.#unpacker) this.#unpacker.write(bytes);
    else this.#read(bytes, now);
  }

  /** No more bytes will come. */
  end(): void {
    if (this.#unpacker) this.#unpacker.end();
    else this.#endWith(this.#end);
  }

  /** The connection has failed. @param then - called when all that has come is handed on, in place of `onEnd` */
  finish(then: () => void): void {
    // How the rest is unpacked is no matter now.
    this.#onBroken = () => {};
    this.#end = then;
    this.end();
  }

  /** Lets go of what it holds; nothing more is handed on. */
  destroy(): void {
    this.#isDestroyed = true;
    this.#isHeld = true;
    turns.leave(this.#resume);
    turns.waitingBytes -= this.#waitingLength;
    this.#waitingLength = 0;
    this.#bytesWaiting = [];
    this.#eventsWaiting = [];
    this.#atEnd = undefined;
    this.#unpacker?.destroy();
  }

  #startUnpacking(): void {
    const makeDecoder = () => bodyDecoder(firstHeader(this.#headers, "content-encoding"));
    const decoder = makeDecoder();
    if (!decoder) return;
    this.#unpacker = new Unpacker(decoder, makeDecoder, this.#maxLength, {
      onBytes: (bytes) => {
        this.#safely(() => this.#read(bytes, performance.now()));
        if (this.#isHeld) this.#unpacker?.pause();
      },
      onEnd: (error) => {
        this.#safely(() =>
          this.#endWith(() => {
            if (error) this.#onBroken(error);
            this.#end();
          }),
        );
      },
    });
  }

  #read(bytes: Buffer, now: number): void {
    if (this.#isDestroyed) return;
    if (this.#isHeld || turns.isOver) {
      this.#hold();
      this.#bytesWaiting.push(bytes);
      this.#waitingLength += bytes.length;
      turns.waitingBytes += bytes.length;
      if (this.#waitingLength > MOST_WAITING * this.#maxLength) this.#listener.onTooLong();
      return;
    }
    turns.begin(now);
    this.#takeOfTurn(bytes);
  }

  /** Takes a read as a whole, if time allows: what is left of one costs an object an event. */
  #takeOfTurn(bytes: Buffer): void {
    this.#leftOfTurn -= bytes.length;
    this.#take(bytes);
    if (this.#leftOfTurn <= 0) this.#hold();
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
    this.#form = bodyKind(first, firstHeader(this.#headers, "content-type") ?? "");
    if (this.#form !== "events") return;
    this.#events = new EventStream(this.#onEvent);
    for (const earlier of this.#document.splice(0)) this.#events.push(earlier);
  }

  #onEvent = (data: string, name: string | undefined): void => {
    this.#hasEvent = true;
    if (this.#isHeld) {
      if (!this.#isDestroyed) this.#eventsWaiting.push({ data, name });
      return;
    }
    this.#listener.onEvent(data, name, this.#isEnding);
    if (turns.spend()) this.#hold();
  };

  #hold(): void {
    if (this.#isHeld || this.#isDestroyed) return;
    this.#isHeld = true;
    turns.wait(this.#resume);
  }

  #resume = (): void => {
    this.#safely(() => {
      this.#isHeld = false;
      this.#leftOfTurn = Math.max(BYTES_A_TURN, this.#waitingLength * PART_A_TURN);
      if (this.#eventsWaiting.length > 0) this.#resumeEvents();
      if (!this.#isHeld && this.#bytesWaiting.length > 0) this.#resumeBytes();
      if (this.#isHeld || this.#isDestroyed) return;
      if (this.#atEnd) this.#conclude();
      else this.#unpacker?.resume();
    });
  };

  #resumeEvents(): void {
    const events = this.#eventsWaiting;
    let handed = 0;
    for (; !this.#isHeld && !this.#isDestroyed && handed < events.length; handed++) {
      const { data, name } = events[handed] as { data: string; name: string | undefined };
      this.#onEvent(data, name);
    }
    this.#hasEvent = false;
    this.#eventsWaiting.splice(0, handed);
    this.#listener.onNews();
  }

  #resumeBytes(): void {
    const waiting = this.#bytesWaiting;
    let handed = 0;
    while (!this.#isHeld && !this.#isDestroyed && handed < waiting.length) {
      const bytes = waiting[handed++] as Buffer;
      this.#waitingLength -= bytes.length;
      turns.waitingBytes -= bytes.length;
      this.#takeOfTurn(bytes);
    }
    this.#bytesWaiting.splice(0, handed);
  }

  #endWith(then: () => void): void {
    this.#atEnd = then;
    if (!this.#isHeld) this.#conclude();
  }

  #conclude(): void {
    const then = this.#atEnd;
    this.#atEnd = undefined;
    if (!this.#isDestroyed) then?.();
  }

  #onBroken = (error: Error): void => this.#listener.onBroken(error);

  /** What is done at the end: unless the connection has failed, the listener is told. */
  #end = (): void => {
    this.#isEnding = true;
    this.#events?.end();
    this.#listener.onEnd(this.#events ? undefined : this.text);
  };

  /** Streams and timers catch nothing, and what they do not catch ends the process. */
  #safely(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#listener.onCrash(error);
    }
  }
}

/** White space alone: some servers send it to keep a connection alive. */
function isBlank(bytes: Buffer): boolean {
  return bytes.every(isBlankByte);
}
