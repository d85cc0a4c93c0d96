/** Smaller pieces are joined: each is an object of some 100 bytes beside its own. An event of a stream is larger, and not copied. */
const SMALL_PIECE = 64;
/** Small pieces that wait until they are joined. */
const MOST_SMALL = 256;

/**
 * Keeps bytes in the pieces in which they come. Servers choose the size of these: a body of 16 MB that comes byte by byte
 * would take a gigabyte.
 */
export class Pieces {
  #pieces: Buffer[] = [];
  /** Small pieces at the end. */
  #small = 0;

  add(bytes: Buffer): void {
    this.#pieces.push(bytes);
    this.#small = bytes.length < SMALL_PIECE ? this.#small + 1 : 0;
    if (this.#small < MOST_SMALL) return;
    this.#pieces.push(Buffer.concat(this.#pieces.splice(-MOST_SMALL)));
    this.#small = 0;
  }

  /** Returns all bytes in one. */
  join(): Buffer {
    return this.#pieces.length === 1 ? (this.#pieces[0] as Buffer) : Buffer.concat(this.#pieces);
  }

  /** Returns all pieces, and keeps none. */
  take(): Buffer[] {
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#small = 0;
    return pieces;
  }

  /** Puts pieces back in front of those that have come since. */
  putBack(pieces: Buffer[]): void {
    this.#pieces = [...pieces, ...this.#pieces];
  }
}
