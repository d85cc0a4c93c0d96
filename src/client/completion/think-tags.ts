import { THINK_TAGS } from "./dialects";
import { HARMONY_BEGINS, HarmonyParser } from "./harmony";
import { overlap } from "./overlap";
import { TextBuffer } from "./text-buffer";

/** The beginning of a reply that may have a tag; others need no parser. */
export const MAY_BE_TAG = new RegExp(`^[\\s${THINK_TAGS.map(({ open }) => `\\${open.charAt(0)}`).join("")}]`);

/** A text that may hold a closing tag. */
export const MAY_CLOSE = new RegExp(THINK_TAGS.map(({ close }) => close).join("|"));

/** Characters in front of a delta in which a closing tag may have begun. */
const LONGEST_BEGINNING = Math.max(...THINK_TAGS.map(({ close }) => close.length)) - 1;

/**
 * Splits reasoning between tags, such as a leading `<think>…</think>`, off the text. Tags further on are the model's own
 * words and stay.
 */
export class ThinkTagParser {
  // start: nothing but white space or the beginning of a tag has come; `#held` is it.
  // thinking: inside; `#held` is what may be the beginning of the closing tag.
  // untagged: no tag stands at the beginning of a reply that may be reasoning nevertheless; `#untagged` is all of it.
  // after: behind the closing tag, before the first character that is not white space.
  // harmony: the reply has its own markers, to its end.
  // text: the rest, which is as it comes.
  #state: "start" | "thinking" | "untagged" | "after" | "harmony" | "text" = "start";
  #held = "";
  /** Nothing but white space has come. */
  #isHeldBlank = true;
  readonly #isEndExpected: boolean;
  #untagged: TextBuffer | undefined;
  /** The end of `#untagged`, where a closing tag may have begun. */
  #tail = "";
  #harmony: HarmonyParser | undefined;
  /** The tag that ends the reasoning. */
  #close = "";
  /** What the latest `push` or `end` found to be reasoning. It comes before the text of the same delta. */
  reasoning = "";

  /** @param isEndExpected - the model is known to write the closing tag alone: what comes before it is held back */
  constructor(isEndExpected = false) {
    this.#isEndExpected = isEndExpected;
  }

  /** Whether something has come that was not returned yet. */
  get isHolding(): boolean {
    return this.#held !== "" || this.untaggedLength > 0 || this.#harmony?.isHolding === true;
  }

  /** Characters that are held back until a closing tag shows that they are reasoning. */
  get untaggedLength(): number {
    return this.#untagged?.length ?? 0;
  }

  /** Whether all that comes from now on is text. */
  get isOver(): boolean {
    return this.#state === "text";
  }

  /** Whether the reply has neither tags nor markers at its beginning. */
  get isWithoutTags(): boolean {
    return this.#close === "" && !this.#harmony;
  }

  /** Takes the next delta of the content. @returns what of it, and of what was held back, is text */
  push(delta: string): string {
    this.reasoning = "";
    switch (this.#state) {
      case "text":
        return delta;
      case "start":
        // Models that are stuck write white space alone: looking at all of it for each delta is O(n²).
        if (this.#isHeldBlank && delta.trim() === "") {
          this.#held += delta;
          return "";
        }
        this.#isHeldBlank = false;
        return this.#start(this.#held + delta);
      case "thinking":
        return this.#think(this.#held + delta);
      case "untagged":
        return this.#findEnd(delta);
      case "after":
        return this.#endSpace(delta);
      case "harmony":
        return this.#readHarmony(delta);
    }
  }

  /** Returns what was held back, as `push` does: nothing more will come. */
  end(): string {
    if (this.#harmony) {
      const rest = this.#harmony.end();
      this.reasoning = this.#harmony.reasoning;
      return rest;
    }
    const held = this.#untagged?.toString() ?? this.#held;
    this.#untagged = undefined;
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
    if (HARMONY_BEGINS.some((begin) => start.startsWith(begin))) {
      this.#state = "harmony";
      this.#held = "";
      this.#harmony = new HarmonyParser();
      return this.#readHarmony(start);
    }
    if (
      HARMONY_BEGINS.some((begin) => begin.startsWith(start)) ||
      THINK_TAGS.some(({ open }) => open.startsWith(start))
    ) {
      this.#held = text;
      return "";
    }
    this.#held = "";
    if (this.#isEndExpected) {
      this.#state = "untagged";
      return this.#findEnd(text);
    }
    this.#state = "text";
    return text;
  }

  /** Looks for a lone closing tag. Only the first one counts: if it is not alone on its line, all is text. */
  #findEnd(delta: string): string {
    this.#untagged ??= new TextBuffer();
    this.#untagged.add(delta);
    const recent = this.#tail + delta;
    if (!THINK_TAGS.some(({ close }) => recent.includes(close))) {
      this.#tail = recent.slice(-LONGEST_BEGINNING);
      return "";
    }
    const all = this.#untagged.toString();
    this.#untagged = undefined;
    const split = splitAtLoneEnd(all);
    if (!split) {
      this.#state = "text";
      return all;
    }
    this.#close = split.close;
    this.reasoning = split.reasoning;
    this.#state = "after";
    return this.#endSpace(split.text);
  }

  #readHarmony(delta: string): string {
    const harmony = this.#harmony as HarmonyParser;
    const text = harmony.push(delta);
    this.reasoning = harmony.reasoning;
    if (harmony.isOver) this.#state = "text";
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

/**
 * Finds a `</think>` whose beginning the server has kept to itself: only white space stands before it on its line, and it
 * is the first one.
 *
 * @returns the reasoning before it, the tag, and the text behind it; undefined for none
 */
export function splitAtLoneEnd(text: string): { reasoning: string; close: string; text: string } | undefined {
  for (const { close } of THINK_TAGS) {
    const at = text.indexOf(close);
    if (at < 0) continue;
    const line = text.slice(text.lastIndexOf("\n", at) + 1, at);
    if (line.trim() === "")
      return { reasoning: text.slice(0, at).trim(), close, text: text.slice(at + close.length).trimStart() };
  }
  return undefined;
}
