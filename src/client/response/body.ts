import type { IncomingHttpHeaders } from "node:http";
import { firstHeader } from "../unknown";
import { bodyDecoder } from "./body-decoder";
import { type BodyKind, bodyKind, type EventReader, EventStream, isBlankByte } from "./event-stream";
import { Pieces } from "./pieces";
import { turns } from "./turns";
import { Unpacker } from "./unpacker";

/** Bytes of one body that are read in a turn: as many as one read of a socket brings. */
const BYTES_A_TURN = 65_536;
/** The part of the waiting bytes that is read in a turn, if that is more. */
const PART_A_TURN = 1 / 4;
/** Waiting bytes may be this many times the longest document: the connection itself cannot be paused, see `Body`. */
const MOST_WAITING = 4;

/** Takes the parts of a body. After `onEnd` or `onCrash` nothing more comes. */
export interface BodyCallbacks {
  /** More bytes than allowed have come without making an event, or a document. */
  onTooLong(): void;
  /** The rest of the body cannot be unpacked. `onEnd` follows. */
  onBroken(error: Error): void;
  /** @param document - the whole of it if it was no stream of events */
  onEnd(document: string | undefined): void;
  /** A callback, or the reading itself, has thrown. */
  onCrash(error: unknown): void;
}

/** What a body is read as, and its limits. */
export interface BodyOptions {
  headers: IncomingHttpHeaders;
  /** It cannot be a stream of events: the response is an error. */
  isDocument: boolean;
  /** Bytes that a document, or one event, may have. */
  maxLength: number;
  /** Takes the events of a stream. */
  reader: EventReader;
}

/**
 * Reads the body of a response: unpacks it if necessary, detects whether it is a stream of events or one document, and
 * hands that on, in turns (`turns.ts`).
 *
 * Bytes that have to wait for their turn wait here. A decoder is paused meanwhile. The connection is not: undici 7 fails an
 * assertion if a paused connection is reset, and Node.js exits.
 */
export class Body {
  readonly #options: BodyOptions;
  readonly #callbacks: BodyCallbacks;
  #kind: BodyKind;
  #events: EventStream | undefined;
  #document: Pieces | undefined;
  // Since the last event: an endless line is kept nowhere.
  #bytesPending = 0;

  #unpacker: Unpacker | undefined;
  #isFirst = true;
  /** When bytes came last, by `performance.now()`. */
  arrivedAt = 0;
  /** When something came last that is no keep-alive, by `performance.now()`; it may have been read later. 0 for nothing yet. */
  newsAt = 0;

  /** It is not this body's turn; bytes wait. */
  #isPaused = false;
  #leftOfTurn = BYTES_A_TURN;
  #bytesWaiting: Pieces | undefined;
  #waitingLength = 0;
  /** Called when all has been handed on and no more will come. */
  #atEnd: (() => void) | undefined;
  #isDestroyed = false;

  constructor(options: BodyOptions, callbacks: BodyCallbacks) {
    this.#options = options;
    this.#callbacks = callbacks;
    this.#kind = options.isDocument ? "json" : "unknown";
  }

  /** The document so far. */
  get text(): string {
    return this.#document?.join().toString("utf8") ?? "";
  }

  /** True if bytes or events have come that are not read yet. */
  get isWaiting(): boolean {
    const waits = this.#waitingLength > 0 || this.#events?.isWaiting === true || this.#atEnd !== undefined;
    return waits || this.#unpacker?.isBusy === true;
  }

  /** Takes the next bytes as they came over the wire. @param now - by `performance.now()` */
  push(bytes: Buffer, now = performance.now()): void {
    this.arrivedAt = now;
    if (this.#isFirst) {
      this.#isFirst = false;
      this.#startUnpacking();
    }
    if (this.#unpacker) {
      this.#unpacker.write(bytes);
    } else if (this.#isPaused || turns.isOver) {
      this.#keep(bytes);
    } else {
      turns.readingSince = now;
      this.#take(bytes);
    }
  }

  /** Ends the body: no more bytes will come. */
  end(): void {
    if (this.#unpacker) this.#unpacker.end();
    else this.#endWith(this.#end);
  }

  /** Ends the body after the connection failed. @param then - called in place of `onEnd` when all that has come is handed on */
  finish(then: () => void): void {
    // Damage in the rest does not matter now.
    this.#onBroken = () => {};
    this.#end = then;
    this.end();
  }

  /** Drops everything that waits; nothing more is handed on. */
  destroy(): void {
    this.#isDestroyed = true;
    this.#isPaused = true;
    if (this.#events) this.#events.isPaused = true;
    this.#events?.clear();
    turns.leave(this.#resume);
    turns.waitingBytes -= this.#waitingLength;
    this.#waitingLength = 0;
    this.#bytesWaiting = undefined;
    this.#atEnd = undefined;
    this.#unpacker?.destroy();
  }

  #startUnpacking(): void {
    const { "content-encoding": encoding } = this.#options.headers;
    if (encoding === undefined) return;
    const makeDecoder = () => bodyDecoder(encoding);
    const decoder = makeDecoder();
    if (!decoder) return;
    this.#unpacker = new Unpacker(decoder, makeDecoder, this.#options.maxLength, {
      onBytes: (bytes) => {
        this.#safely(() => this.#takeUnpacked(bytes));
        if (this.#isPaused) this.#unpacker?.pause();
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

  #takeUnpacked(bytes: Buffer): void {
    if (this.#isPaused || turns.isOver) {
      this.#keep(bytes);
    } else {
      turns.readingSince = performance.now();
      this.#take(bytes);
    }
  }

  #keepDocument(bytes: Buffer): void {
    this.#document ??= new Pieces();
    this.#document.add(bytes);
  }

  /** Keeps bytes for a later turn. */
  #keep(bytes: Buffer): void {
    if (this.#isDestroyed) return;
    this.#pause();
    this.#bytesWaiting ??= new Pieces();
    this.#bytesWaiting.add(bytes);
    this.#waitingLength += bytes.length;
    turns.waitingBytes += bytes.length;
    if (this.#waitingLength > MOST_WAITING * this.#options.maxLength) this.#callbacks.onTooLong();
  }

  /** Reads bytes, as a whole if time allows: each event that has to wait costs an object. */
  #take(bytes: Buffer): void {
    this.#leftOfTurn -= bytes.length;
    this.#bytesPending += bytes.length;
    if (this.#kind === "unknown") this.#recognise(bytes);
    const events = this.#events;
    if (events) {
      events.push(bytes);
      if (events.hasNews) {
        events.hasNews = false;
        this.#bytesPending = 0;
        this.newsAt = this.arrivedAt;
      }
    } else {
      this.#addToDocument(bytes);
    }
    if (this.#bytesPending > this.#options.maxLength) this.#callbacks.onTooLong();
    if (this.#leftOfTurn <= 0) this.#pause();
  }

  #addToDocument(bytes: Buffer): void {
    if (this.#isDestroyed) return;
    const hasNews = !bytes.every(isBlankByte);
    // Endless white space before the first character would be kept for ever.
    if (this.#kind === "json" || hasNews) this.#keepDocument(bytes);
    if (hasNews) this.newsAt = this.arrivedAt;
  }

  #recognise(bytes: Buffer): void {
    const first = this.#document ? Buffer.concat([this.#document.join(), bytes]) : bytes;
    this.#kind = bodyKind(first, firstHeader(this.#options.headers, "content-type") ?? "");
    if (this.#kind !== "event-stream") return;
    this.#events = new EventStream(this.#options.reader, () => this.#pause());
    for (const earlier of this.#document?.take() ?? []) this.#events.push(earlier);
  }

  #pause(): void {
    if (this.#isPaused || this.#isDestroyed) return;
    this.#isPaused = true;
    if (this.#events) this.#events.isPaused = true;
    turns.wait(this.#resume);
  }

  #resume = (): void => {
    this.#safely(() => {
      this.#isPaused = false;
      this.#leftOfTurn = Math.max(BYTES_A_TURN, this.#waitingLength * PART_A_TURN);
      this.#resumeEvents();
      if (!this.#isPaused && this.#waitingLength > 0) this.#resumeBytes();
      if (this.#isPaused || this.#isDestroyed) return;
      if (this.#atEnd) this.#conclude();
      else this.#unpacker?.resume();
    });
  };

  #resumeEvents(): void {
    const events = this.#events;
    if (!events) return;
    if (events.isWaiting) this.newsAt = this.arrivedAt;
    events.resume();
    events.hasNews = false;
  }

  #resumeBytes(): void {
    const waiting = this.#bytesWaiting?.take() ?? [];
    let handed = 0;
    while (!this.#isPaused && !this.#isDestroyed && handed < waiting.length) {
      const bytes = waiting[handed++] as Buffer;
      this.#waitingLength -= bytes.length;
      turns.waitingBytes -= bytes.length;
      this.#take(bytes);
    }
    if (!this.#isDestroyed && handed < waiting.length) this.#bytesWaiting?.putBack(waiting.slice(handed));
  }

  #endWith(then: () => void): void {
    this.#atEnd = then;
    if (!this.#isPaused) this.#conclude();
  }

  #conclude(): void {
    const then = this.#atEnd;
    this.#atEnd = undefined;
    if (!this.#isDestroyed) then?.();
  }

  #onBroken = (error: Error): void => this.#callbacks.onBroken(error);

  /** Runs at the end, unless the connection failed. */
  #end = (): void => {
    this.#events?.end();
    this.#callbacks.onEnd(this.#events ? undefined : this.text);
  };

  /** Streams and timers do not catch what this throws, and the process would exit. */
  #safely(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#callbacks.onCrash(error);
    }
  }
}
