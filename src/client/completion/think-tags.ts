import { THINK_TAGS } from "./dialects";

/** Takes the parts of a reply. */
export interface TextSink {
  text(delta: string): void;
  reasoning(delta: string): void;
}

/**
 * Splits reasoning between tags, such as a leading `<think>…</think>`, off the text. Tags further on are the model's own
 * words and stay.
 */
export class ThinkTagParser {
  // start: nothing but white space or the beginning of a tag has come; `#held` is it.
  // thinking: inside; `#held` is what may be the beginning of the closing tag.
  // after: behind the closing tag, before the first character that is not white space.
  // text: the rest, handed on as it comes.
  #state: "start" | "thinking" | "after" | "text" = "start";
  #held = "";
  /** The tag that ends the reasoning. */
  #close = "";
  readonly #sink: TextSink;

  constructor(sink: TextSink) {
    this.#sink = sink;
  }

  /** True if something has come that is not handed on yet. */
  get isHolding(): boolean {
    return this.#held !== "";
  }

  /** Takes the next piece of the content. */
  push(delta: string): void {
    switch (this.#state) {
      case "text":
        this.#sink.text(delta);
        return;
      case "start":
        this.#begin(this.#held + delta);
        return;
      case "thinking":
        this.#think(this.#held + delta);
        return;
      case "after": {
        const text = delta.trimStart();
        if (!text) return;
        this.#state = "text";
        this.#sink.text(text);
      }
    }
  }

  /** Hands on what is held back: nothing more will come. */
  end(): void {
    const held = this.#held;
    this.#held = "";
    if (!held) return;
    if (this.#state === "thinking") this.#sink.reasoning(held);
    else this.#sink.text(held);
  }

  #begin(text: string): void {
    const start = text.trimStart();
    const tag = THINK_TAGS.find(({ open }) => start.startsWith(open));
    if (tag) {
      this.#state = "thinking";
      this.#held = "";
      this.#close = tag.close;
      this.#think(start.slice(tag.open.length));
    } else if (THINK_TAGS.some(({ open }) => open.startsWith(start))) {
      this.#held = text;
    } else {
      this.#state = "text";
      this.#held = "";
      this.#sink.text(text);
    }
  }

  #think(text: string): void {
    const end = text.indexOf(this.#close);
    if (end >= 0) {
      if (end > 0) this.#sink.reasoning(text.slice(0, end));
      this.#state = "after";
      this.#held = "";
      const rest = text.slice(end + this.#close.length);
      if (rest) this.push(rest);
      return;
    }
    const keep = overlap(text, this.#close);
    this.#held = keep ? text.slice(-keep) : "";
    const delta = keep ? text.slice(0, -keep) : text;
    if (delta) this.#sink.reasoning(delta);
  }
}

/** Counts the characters at the end of `text` that may be the beginning of `tag`. */
function overlap(text: string, tag: string): number {
  for (let length = Math.min(tag.length - 1, text.length); length > 0; length--) {
    if (tag.startsWith(text.slice(-length))) return length;
  }
  return 0;
}
