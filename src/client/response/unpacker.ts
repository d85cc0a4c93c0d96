import type { Transform } from "node:stream";
import { Pieces } from "./pieces";
import { salvage } from "./salvage";

/** Bytes of a packed body that are kept, in case it is damaged. */
const LONGEST_KEPT = 4 << 20;

/** Callbacks of an unpacker. Like those of streams, they must not throw. */
export interface UnpackerCallbacks {
  onBytes(bytes: Buffer): void;
  /** @param error - why the rest cannot be unpacked; undefined at a good end */
  onEnd(error: Error | undefined): void;
}

/**
 * Unpacks a body. If it is damaged, everything before the damage still comes out: the reply may be whole without the rest.
 */
export class Unpacker {
  readonly #makeDecoder: () => Transform | undefined;
  readonly #decoder: Transform;
  readonly #listener: UnpackerCallbacks;
  readonly #maxLength: number;
  /** The packed bytes so far; undefined if there are too many. */
  #packed: Pieces | undefined = new Pieces();
  #packedLength = 0;
  #unpackedLength = 0;
  /** The decoder unpacks a piece. Others wait here, not in its own list, which takes 200 bytes for each. */
  #isWriting = false;
  readonly #waiting = new Pieces();
  /** Pieces that have waited, and how many of them the decoder has got. */
  #next: Buffer[] = [];
  #written = 0;
  #isEnding = false;
  #hasFailed = false;
  #isSalvaging = false;
  #isDestroyed = false;

  /** @param maxLength - of the reply: damage further on does not matter */
  constructor(
    decoder: Transform,
    makeDecoder: () => Transform | undefined,
    maxLength: number,
    listener: UnpackerCallbacks,
  ) {
    this.#decoder = decoder;
    this.#makeDecoder = makeDecoder;
    this.#maxLength = maxLength;
    this.#listener = listener;
    decoder.on("data", (bytes: Buffer) => {
      this.#unpackedLength += bytes.length;
      listener.onBytes(bytes);
    });
    decoder.on("end", () => listener.onEnd(undefined));
    decoder.on("error", (error) => this.#salvage(error));
  }

  /** True if bytes have come that are not unpacked yet. */
  get isBusy(): boolean {
    return this.#isSalvaging || this.#isWriting || this.#decoder.writableLength > 0 || this.#decoder.readableLength > 0;
  }

  write(bytes: Buffer): void {
    if (this.#hasFailed) return;
    this.#packedLength += bytes.length;
    if (this.#packedLength > LONGEST_KEPT) this.#packed = undefined;
    this.#packed?.add(bytes);
    this.#waiting.add(bytes);
    if (!this.#isWriting) this.#writeNext();
  }

  /** Ends the body. */
  end(): void {
    this.#isEnding = true;
    if (!this.#hasFailed && !this.#isWriting) this.#decoder.end();
  }

  pause(): void {
    this.#decoder.pause();
  }

  resume(): void {
    if (!this.#hasFailed) this.#decoder.resume();
  }

  /** Drops everything; nothing more comes out. */
  destroy(): void {
    this.#isDestroyed = true;
    this.#packed = undefined;
    this.#waiting.take();
    this.#next = [];
    this.#written = 0;
    this.#decoder.removeAllListeners();
    this.#decoder.on("error", () => {});
    this.#decoder.destroy();
  }

  /** Writes piece by piece: a few bytes may become megabytes, and the decoder can be paused only between two writes. */
  #writeNext(): void {
    if (this.#written === this.#next.length) {
      this.#next = this.#waiting.take();
      this.#written = 0;
    }
    const bytes = this.#next[this.#written++];
    if (!bytes) {
      this.#written = 0;
      if (this.#isEnding) this.#decoder.end();
      return;
    }
    this.#isWriting = true;
    this.#decoder.write(bytes, (error) => {
      this.#isWriting = false;
      if (!error && !this.#hasFailed && !this.#isDestroyed) this.#writeNext();
    });
  }

  async #salvage(error: Error): Promise<void> {
    this.#hasFailed = true;
    this.#isSalvaging = true;
    let rest: Buffer | undefined;
    try {
      const packed = this.#packed?.join() ?? Buffer.alloc(0);
      this.#packed = undefined;
      if (this.#unpackedLength <= this.#maxLength) {
        rest = await salvage(this.#makeDecoder, packed, this.#unpackedLength);
      }
    } catch {
      // What has come out is all there is. Nobody would catch this.
    }
    this.#isSalvaging = false;
    if (this.#isDestroyed) return;
    if (rest?.length) this.#listener.onBytes(rest);
    this.#listener.onEnd(error);
  }
}
