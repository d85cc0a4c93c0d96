import { THINK_TAGS } from "./dialects";

/** The beginning of a reply that may have a tag; others need no parser. */
export const MAY_BE_TAG = new RegExp(`^[\\s${THINK_TAGS.map(({ open }) => `\\${open.charAt(0)}`).join("")}]`);

/**
 * Splits reasoning between tags, such as a leading `<think>…</think>`, off the text. Tags further on are the model's own
 * words and stay.
 */
export class ThinkTagParser {
  // start: nothing but white space or the beginning of a tag has come; `#held` is it.
  // thinking: inside; `#held` is what may be the beginning of the closing tag.
  // after: behind the closing tag, before the first character that is not white space.
  // text: the rest, which is as it comes.
  #state: "start" | "thinking" | "after" | "text" = "start";
  #held = "";
  /** The tag that ends the reasoning. */
  #close = "";
  /** What the latest `push` or `end` found to be reasoning. It comes before the text of the same delta. */
  reasoning = "";

  /** Whether something has come that was not returned yet. */
  get isHolding(): boolean {
    return this.#held !== "";
  }

  /** Whether all that comes from now on is text. */
  get isOver(): boolean {
    return this.#state === "text";
  }

  /** Takes the next delta of the content. @returns what of it, and of what was held back, is text */
  push(delta: string): string {
    this.reasoning = "";
    switch (this.#state) {
      case "text":
        return delta;
      case "start":
        return this.#start(this.#held + delta);
      case "thinking":
        return this.#think(this.#held + delta);
      case "after":
        return this.#endSpace(delta);
    }
  }

  /** Returns what was held back, as `push` does: nothing more will come. */
  end(): string {
    const held = this.#held;
    this.#held = "";
    this.reasoning = this.#state === "thinking" ? held : "";
    return this.#state === "thinking" ? "" : held;
  }

  #start(text: string): string {
    const start = text.trimStart();
    const tag = THINK_TAGS.find(({ open }) => start.startsWith(open));
    if (tag) {
      this.#state = "thinking";
      this.#held = "";
      this.#close = tag.close;
      return this.#think(start.slice(tag.open.length));
    }
    if (THINK_TAGS.some(({ open }) => open.startsWith(start))) {
      this.#held = text;
      return "";
    }
    this.#state = "text";
    this.#held = "";
    return text;
  }

  #think(text: string): string {
    const end = text.indexOf(this.#close);
    if (end >= 0) {
      this.reasoning = text.slice(0, end);
      this.#state = "after";
      this.#held = "";
      return this.#endSpace(text.slice(end + this.#close.length));
    }
    const keep = overlap(text, this.#close);
    this.#held = keep ? text.slice(-keep) : "";
    this.reasoning = keep ? text.slice(0, -keep) : text;
    return "";
  }

  #endSpace(delta: string): string {
    const text = delta.trimStart();
    if (text) this.#state = "text";
    return text;
  }
}

/** Counts the characters at the end of `text` that may be the beginning of `tag`. */
function overlap(text: string, tag: string): number {
  for (let length = Math.min(tag.length - 1, text.length); length > 0; length--) {
    if (tag.startsWith(text.slice(-length))) return length;
  }
  return 0;
}
