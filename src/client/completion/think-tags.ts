const OPEN = "<think>";
const CLOSE = "</think>";

/** Where the parts of a reply go. */
export interface TextSink {
  text(delta: string): void;
  reasoning(delta: string): void;
}

/**
 * Keeps a leading `<think>…</think>` out of the text. Models like DeepSeek-R1 write their reasoning so when the
 * server does not split it off; tags further on are the model's own words and stay.
 */
export class ThinkTagParser {
  // start: nothing but white space or the beginning of "<think>" has come; `#held` is it.
  // thinking: inside; `#held` is what may be the beginning of "</think>".
  // after: behind the end tag, before the first character that is no white space.
  // text: the rest, handed on as it comes.
  #state: "start" | "thinking" | "after" | "text" = "start";
  #held = "";
  readonly #sink: TextSink;

  constructor(sink: TextSink) {
    this.#sink = sink;
  }

  /** Whether something has come that is not handed on yet. */
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

  /** Hands on what was held back: nothing more will come. */
  end(): void {
    const held = this.#held;
    this.#held = "";
    if (!held) return;
    if (this.#state === "thinking") this.#sink.reasoning(held);
    else this.#sink.text(held);
  }

  #begin(text: string): void {
    const start = text.trimStart();
    if (start.startsWith(OPEN)) {
      this.#state = "thinking";
      this.#held = "";
      this.#think(start.slice(OPEN.length));
    } else if (OPEN.startsWith(start)) {
      this.#held = text;
    } else {
      this.#state = "text";
      this.#held = "";
      this.#sink.text(text);
    }
  }

  #think(text: string): void {
    const end = text.indexOf(CLOSE);
    if (end >= 0) {
      if (end > 0) this.#sink.reasoning(text.slice(0, end));
      this.#state = "after";
      this.#held = "";
      const rest = text.slice(end + CLOSE.length);
      if (rest) this.push(rest);
      return;
    }
    const keep = overlap(text, CLOSE);
    this.#held = keep ? text.slice(-keep) : "";
    const delta = keep ? text.slice(0, -keep) : text;
    if (delta) this.#sink.reasoning(delta);
  }
}

/** How many characters at the end of `text` may be the beginning of `tag`. */
function overlap(text: string, tag: string): number {
  for (let length = Math.min(tag.length - 1, text.length); length > 0; length--) {
    if (tag.startsWith(text.slice(-length))) return length;
  }
  return 0;
}
