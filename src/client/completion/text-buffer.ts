/** Pieces are joined into one flat string when they have this many characters, or are this many. */
const BLOCK_LENGTH = 65_536;
const BLOCK_PIECES = 4096;

/**
 * Collects a text that comes in many small pieces. Adding to one string would keep every piece alive as a node of a
 * tree of concatenations (some 50 bytes a piece); joining all at every piece would copy the text again and again.
 */
export class TextBuffer {
  readonly #blocks: string[] = [];
  #pieces: string[] = [];
  #pending = 0;
  length = 0;

  add(piece: string): void {
    this.#pieces.push(piece);
    this.length += piece.length;
    this.#pending += piece.length;
    if (this.#pending >= BLOCK_LENGTH || this.#pieces.length >= BLOCK_PIECES) this.#close();
  }

  toString(): string {
    this.#close();
    if (this.#blocks.length > 1) this.#blocks.splice(0, this.#blocks.length, this.#blocks.join(""));
    return this.#blocks[0] ?? "";
  }

  #close(): void {
    if (this.#pieces.length > 0) this.#blocks.push(this.#pieces.join(""));
    this.#pieces = [];
    this.#pending = 0;
  }
}
