import { isUtf8 } from "node:buffer";
import { Transform, type TransformCallback } from "node:stream";
import zlib from "node:zlib";

/** A body is packed in a way that this Node.js cannot unpack. */
export class UnknownEncoding extends Error {
  constructor(readonly encoding: string) {
    super(`it is packed as ${encoding}`);
  }
}

/** Newer than the types: Node.js 22.15 and 23.8. */
const { createZstdDecompress } = zlib as unknown as { createZstdDecompress?: () => Transform };

/** How a coding is undone. */
interface Coding {
  /** The bytes that it begins with. Without them it begins with anything that is no text. */
  magic?: number[];
  /** @param first - the first bytes, at least two where there are as many */
  unpack: (first: Buffer) => Transform | undefined;
}

// Pieces come out as they come in, and what was cut off comes out as far as it goes.
const SYNC = { flush: zlib.constants.Z_SYNC_FLUSH, finishFlush: zlib.constants.Z_SYNC_FLUSH };
const GZIP: Coding = { magic: [0x1f, 0x8b], unpack: () => zlib.createGunzip(SYNC) };
const CODINGS: Record<string, Coding> = {
  gzip: GZIP,
  "x-gzip": GZIP,
  // RFC 9110 means zlib's format; some send deflate without its header.
  deflate: { unpack: (first) => (isZlib(first) ? zlib.createInflate(SYNC) : zlib.createInflateRaw(SYNC)) },
  br: { unpack: () => zlib.createBrotliDecompress({ flush: zlib.constants.BROTLI_OPERATION_FLUSH }) },
  zstd: { magic: [0x28, 0xb5, 0x2f, 0xfd], unpack: () => createZstdDecompress?.() },
};

/** As curl has it. Each is a stream of its own: thousands would overflow the stack, and one byte would become gigabytes. */
const MOST_CODINGS = 5;
/** Bytes that must all be text before a body counts as plain. Compressed data has other bytes earlier. */
const ENOUGH = 16;

/**
 * Undoes content encodings. None is asked for, but gateways compress all the same, and some say so of a body that is
 * plain, or twice of one that was packed once: then it is left alone.
 *
 * @param encoding - value of `content-encoding`, or several of them, which mean what one list would
 * @returns a stream that decodes and fails with `UnknownEncoding` where it cannot; undefined if there is nothing to undo
 */
export function bodyDecoder(encoding: string | string[] | undefined): Transform | undefined {
  const codings = String(encoding ?? "")
    .toLowerCase()
    .split(",")
    .map((coding) => coding.trim())
    .filter((coding) => coding !== "" && coding !== "identity");
  // By this name no coding is known.
  const known = codings.length > MOST_CODINGS ? [codings.join(", ")] : codings;
  return known.reduce<Transform | undefined>((next, coding) => new Decoder(coding, next), undefined);
}

/** Undoes one coding, if the body has it, and hands on to the next. */
class Decoder extends Transform {
  readonly #coding: string;
  readonly #next: Transform | undefined;
  #isDecided = false;
  #first: Buffer = Buffer.alloc(0);
  #unpacked: Transform | undefined;

  constructor(coding: string, next: Transform | undefined) {
    super();
    this.#coding = coding;
    this.#next = next;
    this.#next?.on("data", (bytes) => this.push(bytes)).on("error", (error) => this.destroy(error));
  }

  override _transform(bytes: Buffer, _: BufferEncoding, done: TransformCallback): void {
    if (this.#isDecided) {
      this.#take(bytes, done);
      return;
    }
    this.#first = Buffer.concat([this.#first, bytes]);
    if (this.#isEnough()) this.#decide(done);
    else done();
  }

  override _flush(done: TransformCallback): void {
    const end = () => {
      if (!this.#next) done();
      else this.#next.once("end", done).end();
    };
    const endUnpacked = () => {
      if (!this.#unpacked) end();
      else this.#unpacked.once("end", end).end();
    };
    if (this.#isDecided) endUnpacked();
    else this.#decide((error) => (error ? done(error) : endUnpacked()));
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    for (const stream of [this.#unpacked, this.#next]) {
      stream
        ?.removeAllListeners()
        .on("error", () => {})
        .destroy();
    }
    done(error);
  }

  #isEnough(): boolean {
    const { length } = this.#first;
    const magic = codingOf(this.#coding)?.magic;
    return magic ? length >= magic.length : length >= ENOUGH || (length > 1 && !isText(this.#first));
  }

  #decide(done: TransformCallback): void {
    this.#isDecided = true;
    const first = this.#first;
    const coding = codingOf(this.#coding);
    const isPacked = coding?.magic ? coding.magic.every((byte, at) => first[at] === byte) : !isText(first);
    if (isPacked) {
      this.#unpacked = coding?.unpack(first);
      if (!this.#unpacked) {
        done(new UnknownEncoding(this.#coding));
        return;
      }
      this.#unpacked.on("data", (bytes) => this.#hand(bytes)).on("error", (error) => this.destroy(error));
    }
    this.#take(first, done);
  }

  #take(bytes: Buffer, done: TransformCallback): void {
    if (this.#unpacked) {
      this.#unpacked.write(bytes, () => done());
    } else {
      this.#hand(bytes);
      done();
    }
  }

  #hand(bytes: Buffer): void {
    if (this.#next) this.#next.write(bytes);
    else this.push(bytes);
  }
}

function codingOf(name: string): Coding | undefined {
  return Object.hasOwn(CODINGS, name) ? CODINGS[name] : undefined;
}

/** The two bytes of zlib's header (RFC 1950). */
function isZlib(first: Buffer): boolean {
  const [method = 0, flags = 0] = first;
  return (method & 0x0f) === 8 && (method * 256 + flags) % 31 === 0;
}

/** Whether these bytes can begin a text; its last character may not be whole. */
function isText(bytes: Buffer): boolean {
  const start = bytes.subarray(0, ENOUGH);
  const isPlain = start.every((byte) => byte >= 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d);
  return isPlain && [0, 1, 2, 3].some((cut) => cut <= start.length && isUtf8(start.subarray(0, start.length - cut)));
}
