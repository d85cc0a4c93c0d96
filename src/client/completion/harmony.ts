import { overlap } from "./overlap";

/** The beginnings of a reply whose markers the server has left in its text. */
export const HARMONY_BEGINS = ["<|channel|>", "<|start|>assistant<|channel|>"];
const MESSAGE = "<|message|>";
/** In the header of a part that calls a function. */
const CALL = " to=functions.";
/** Markers that end a part of a reply. */
const ENDS = ["<|end|>", "<|return|>", "<|call|>", "<|start|>", "<|channel|>"];
/** What all of them begin with. */
const MARK = "<|";
/** In characters, between two markers. */
const LONGEST_HEADER = 300;

/** Splits a reply in parts such as `<|channel|>analysis<|message|>…<|end|>`: those of this channel are reasoning. */
export class HarmonyParser {
  #isBody = false;
  #isReasoning = false;
  #held = "";
  /** No body has come yet: the markers may be the model's own words. */
  #isFirst = true;
  /** All that comes from now on is text. */
  isOver = false;
  reasoning = "";

  get isHolding(): boolean {
    return this.#held !== "";
  }

  /** Takes the next delta. @returns what of it is text; the reasoning is in `reasoning` */
  push(delta: string): string {
    this.reasoning = "";
    let text = "";
    let rest = this.#held + delta;
    this.#held = "";
    const tell = (body: string) => {
      if (this.#isReasoning) this.reasoning += body;
      else text += body;
    };
    while (rest !== "" && !this.isOver) {
      if (this.#isBody) {
        const at = firstEnd(rest);
        if (at < 0) {
          const keep = Math.max(...ENDS.map((end) => overlap(rest, end)));
          tell(rest.slice(0, rest.length - keep));
          this.#held = keep ? rest.slice(-keep) : "";
          return text;
        }
        tell(rest.slice(0, at));
        rest = rest.slice(at);
        this.#isBody = false;
      } else {
        const at = rest.indexOf(MESSAGE);
        if (at < 0 && rest.length <= LONGEST_HEADER + MESSAGE.length) {
          this.#held = rest;
          return text;
        }
        if (at < 0 || at > LONGEST_HEADER) {
          this.isOver = true;
          return text + rest;
        }
        const header = rest.slice(0, at);
        const isCall = header.includes(CALL);
        // Without its header, a call that nobody reads would pass for a reply.
        if (isCall) text += header.replace("<|end|>", "") + MESSAGE;
        this.#isReasoning = !isCall && header.includes("<|channel|>analysis");
        rest = rest.slice(at + MESSAGE.length);
        this.#isBody = true;
        this.#isFirst = false;
      }
    }
    return text + rest;
  }

  /** Returns what was held back: nothing more will come. */
  end(): string {
    const held = this.#held;
    this.#held = "";
    this.reasoning = this.#isBody && this.#isReasoning ? held : "";
    if (this.#isBody) return this.#isReasoning ? "" : held;
    // The marker at the end of a reply, or a header without a body.
    return this.#isFirst ? held : "";
  }
}

/** Finds the first marker that ends a part, in one pass: a reply may have thousands of parts. @returns -1 for none */
function firstEnd(text: string): number {
  for (let at = text.indexOf(MARK); at >= 0; at = text.indexOf(MARK, at + 1)) {
    if (ENDS.some((end) => text.startsWith(end, at))) return at;
  }
  return -1;
}
