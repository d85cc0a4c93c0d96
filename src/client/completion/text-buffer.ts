/** Parts are joined into one flat string when they have this many characters, or are this many. */
const BLOCK_LENGTH = 65_536;
const BLOCK_PIECES = 4096;

/**
 * Collects a text that comes in many small parts. Adding to one string would keep every part alive as a node of a tree of
 * concatenations, some 50 bytes each. Joining them at every part would copy the text again and again.
 */
export class TextBuffer {
  readonly #blocks: string[] = [];
  #deltas: string[] = [];
  #pending = 0;
  length = 0;

  add(delta: string): void {
    this.#deltas.push(delta);
    this.length += delta.length;
    this.#pending += delta.length;
    if (this.#pending >= BLOCK_LENGTH || this.#deltas.length >= BLOCK_PIECES) this.#close();
  }

  toString(): string {
    this.#close();
    if (this.#blocks.length > 1) this.#blocks.splice(0, this.#blocks.length, this.#blocks.join(""));
    return this.#blocks[0] ?? "";
  }

  #close(): void {
    if (this.#deltas.length > 0) this.#blocks.push(this.#deltas.join(""));
    this.#deltas = [];
    this.#pending = 0;
  }
}
