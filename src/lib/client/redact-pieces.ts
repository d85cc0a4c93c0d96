import type { PieceListener } from "./completion";
import type { Redaction } from "./redact";

/**
 * Keeps secrets out of a reply that is handed on in pieces: a secret mostly comes in several, token by token. The end of a
 * piece that may be the beginning of a secret waits for the next one.
 *
 * @returns the listener that takes the pieces, and what hands on the rest when no more will come
 */
export function redactPieces(listener: PieceListener, redaction: Redaction): PieceListener & { end(): void } {
  const text = new PieceRedactor(redaction, (piece) => listener.onText?.(piece));
  const reasoning = new PieceRedactor(redaction, (piece) => listener.onReasoning?.(piece));
  return {
    onText: (piece) => {
      reasoning.end();
      text.push(piece);
    },
    onReasoning: (piece) => {
      text.end();
      reasoning.push(piece);
    },
    end: () => {
      reasoning.end();
      text.end();
    },
  };
}

class PieceRedactor {
  readonly #redaction: Redaction;
  readonly #next: (piece: string) => void;
  #held = "";

  constructor(redaction: Redaction, next: (piece: string) => void) {
    this.#redaction = redaction;
    this.#next = next;
  }

  push(piece: string): void {
    // A secret that is whole in one piece has been replaced before it was parsed.
    const text = this.#held === "" ? piece : this.#redaction.reply(this.#held + piece);
    const end = secretBegin(text, this.#redaction.needles);
    this.#held = end < text.length ? text.slice(end) : "";
    if (end > 0) this.#next(end < text.length ? text.slice(0, end) : text);
  }

  end(): void {
    const held = this.#held;
    this.#held = "";
    if (held !== "") this.#next(held);
  }
}

/** Where a text ends with the beginning of a secret; its length if it does not. Runs for every piece. */
function secretBegin(text: string, needles: readonly string[]): number {
  let begin = text.length;
  for (const needle of needles) {
    const first = needle[0] as string;
    let at = text.indexOf(first, Math.max(0, text.length - needle.length + 1));
    while (at >= 0 && at < begin) {
      if (needle.startsWith(text.slice(at))) begin = at;
      else at = text.indexOf(first, at + 1);
    }
  }
  return begin;
}
