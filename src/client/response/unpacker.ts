import type { Transform } from "node:stream";
import { salvage } from "./salvage";

/** So many bytes of a packed body are kept for the case that it is damaged. */
const LONGEST_KEPT = 4 << 20;

/** Callbacks of an unpacker. Like those of streams, they must not throw. */
export interface UnpackerCallbacks {
  onBytes(bytes: Buffer): void;
  /** @param error - why the rest cannot be unpacked; undefined at a good end */
  onEnd(error: Error | undefined): void;
}

/**
 * Unpacks a body. Of one that is damaged, what comes before the damage still comes out: the reply may be whole without the
 * rest.
 */
export class Unpacker {
  readonly #makeDecoder: () => Transform | undefined;
  readonly #decoder: Transform;
  readonly #listener: UnpackerCallbacks;
  readonly #maxLength: number;
  /** All that came; undefined where it is too long. */
  #packed: Buffer[] | undefined = [];
  #packedLength = 0;
  #unpackedLength = 0;
  #hasFailed = false;
  #isSalvaging = false;
  #isDestroyed = false;

  /** @param maxLength - of the reply: damage behind more than that is no matter */
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

  /** Whether something has come that has not come out yet. */
  get isBusy(): boolean {
    return this.#isSalvaging || this.#decoder.writableLength > 0 || this.#decoder.readableLength > 0;
  }

  write(bytes: Buffer): void {
    if (this.#hasFailed) return;
    this.#packedLength += bytes.length;
    if (this.#packedLength > LONGEST_KEPT) this.#packed = undefined;
    this.#packed?.push(bytes);
    this.#decoder.write(bytes);
  }

  /** No more will come. */
  end(): void {
    if (!this.#hasFailed) this.#decoder.end();
  }

  pause(): void {
    this.#decoder.pause();
  }

  resume(): void {
    if (!this.#hasFailed) this.#decoder.resume();
  }

  /** Nothing more comes out. */
  destroy(): void {
    this.#isDestroyed = true;
    this.#packed = undefined;
    this.#decoder.removeAllListeners();
    this.#decoder.on("error", () => {});
    this.#decoder.destroy();
  }

  async #salvage(error: Error): Promise<void> {
    this.#hasFailed = true;
    this.#isSalvaging = true;
    let rest: Buffer | undefined;
    try {
      const packed = Buffer.concat(this.#packed ?? []);
      this.#packed = undefined;
      if (this.#unpackedLength <= this.#maxLength) {
        rest = await salvage(this.#makeDecoder, packed, this.#unpackedLength);
      }
    } catch {
      // Then what has come out is all there is. Nobody would catch it.
    }
    this.#isSalvaging = false;
    if (this.#isDestroyed) return;
    if (rest?.length) this.#listener.onBytes(rest);
    this.#listener.onEnd(error);
  }
}
