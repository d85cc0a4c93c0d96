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
      reasoning.release();
      text.push(piece);
    },
    onReasoning: (piece) => {
      text.release();
      reasoning.push(piece);
    },
    end: () => {
      reasoning.release();
      text.release();
    },
  };
}

class PieceRedactor {
  readonly #redaction: Redaction;
  readonly #next: (piece: string) => void;
  /** The end of what has come, which may be the beginning of a secret. */
  #held = "";
  /** So many characters of it have been handed on all the same. */
  #shown = 0;

  constructor(redaction: Redaction, next: (piece: string) => void) {
    this.#redaction = redaction;
    this.#next = next;
  }

  push(piece: string): void {
    const joined = this.#held + piece;
    // A secret that is whole in one piece has been replaced before it was parsed.
    const text = this.#held === "" ? piece : this.#redaction.reply(joined);
    let shown = 0;
    while (shown < this.#shown && text[shown] === joined[shown]) shown++;
    const end = secretBegin(text, this.#redaction.needles);
    this.#held = end < text.length ? text.slice(end) : "";
    this.#shown = Math.max(0, shown - end);
    if (end > shown) this.#next(end - shown < text.length ? text.slice(shown, end) : text);
  }

  /** Hands on what is held back, which can wait no longer. If it was a secret's beginning, the rest of it is still found. */
  release(): void {
    if (this.#held.length === this.#shown) return;
    const rest = this.#held.slice(this.#shown);
    this.#shown = this.#held.length;
    this.#next(rest);
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
