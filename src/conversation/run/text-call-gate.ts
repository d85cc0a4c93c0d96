import { meantName, type OfferedTools } from "./call-names";

/** How models write calls as text, where the server does not read them. The longest of two that begin alike stands first. */
export const CALL_MARKERS = [
  { open: "<|tool_calls_section_begin|>", by: "Kimi K2", source: "huggingface.co/moonshotai/Kimi-K2-Instruct" },
  { open: "<|tool_calls_section_end|>", by: "Kimi K2", source: "huggingface.co/moonshotai/Kimi-K2-Instruct" },
  {
    open: "<|tool_call_begin|>",
    close: "<|tool_call_end|>",
    begins: /^\s*[\w$]/,
    by: "Kimi K2",
    source: "huggingface.co/moonshotai/Kimi-K2-Instruct",
  },
  {
    open: "<tool_call>",
    close: "</tool_call>",
    begins: /^\s*(?:[{[]|<(?:f|$))/,
    by: "Hermes, Qwen, Granite",
    source: "NousResearch/Hermes-Function-Calling",
  },
  {
    open: "<function=",
    close: "</function>",
    begins: /^[\w$]/,
    by: "Llama 3.1, Qwen3-Coder",
    source: "meta-llama/llama-models prompt_format.md",
  },
  {
    open: "[TOOL_CALLS]",
    close: "]",
    begins: /^\s*\[/,
    by: "Devstral",
    source: "huggingface.co/mistralai/Devstral-Small-2505",
  },
] as const satisfies { open: string; close?: string; begins?: RegExp; by: string; source: string }[];

type Marker = { open: string; close?: string; begins?: RegExp };
const MARKERS: readonly Marker[] = CALL_MARKERS;

/** Fields of a call that is a JSON object by itself. Another one makes it something else. */
const CALL_FIELDS = new Set(["name", "arguments", "parameters", "type", "id"]);

/** How far the text at the end of a reply may be calls. */
type Verdict = "maybe" | { textUntil: number };

/**
 * Takes the text of a reply piece by piece and holds back what may be calls, from the first marker on, or a whole reply
 * that is one JSON object. What it hands on is text for certain; a piece without a marker costs a look at its characters.
 */
export class TextCallGate {
  readonly #offered: OfferedTools;
  /** Calls that are whole. Nothing reads them before the end: that would copy all of them for each piece. */
  #calls = "";
  /** What follows them and may be a call. */
  #rest = "";
  /** Finds the end of the call in `#rest`. */
  #end: CallEnd | undefined;
  #object: CallObject | undefined;
  /** Only white space has come. */
  #isAtStart = true;
  /** A call was seen that is text after all. */
  wasText = false;

  constructor(offered: OfferedTools) {
    this.#offered = offered;
  }

  /** What may be calls. */
  get held(): string {
    return this.#calls + this.#rest;
  }

  /** @returns what is text */
  push(delta: string): string {
    if (this.#rest === "" && this.#calls === "") {
      const start = this.#start(delta, 0);
      if (start < 0) return delta;
      this.#rest = delta.slice(start);
      return delta.slice(0, start) + this.#release(this.#rest);
    }
    const before = this.#rest.length;
    this.#rest += delta;
    if (this.#end) {
      const end = this.#end.find(delta);
      if (end < 0) return "";
      this.#closeCall(before + end);
    }
    return this.#release(delta);
  }

  /** Gives up what is held. @returns it, as text */
  end(): string {
    const { held } = this;
    this.#calls = "";
    this.#rest = "";
    this.#end = undefined;
    this.#object = undefined;
    return held;
  }

  #closeCall(end: number): void {
    this.#calls += this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end);
    this.#end = undefined;
  }

  /** Finds where in a text a call may begin. @returns -1 for nowhere */
  #start(text: string, from: number): number {
    for (let at = from; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === 0x3c /* < */ || code === 0x5b /* [ */) {
        this.#isAtStart = false;
        // Most of these begin no marker, and there may be a million.
        if (at + 1 === text.length || MARKER_BEGINS.has(text.slice(at, at + 2))) return at;
        continue;
      }
      if (!this.#isAtStart || isSpace(code)) continue;
      this.#isAtStart = false;
      if (code !== 0x7b /* { */) continue;
      this.#object = new CallObject(this.#offered);
      return at;
    }
    return -1;
  }

  /** @param added - the end of what is held, which was not looked at yet */
  #release(added: string): string {
    let text = "";
    let fresh = added;
    for (;;) {
      const verdict = this.#object ? this.#object.push(fresh) : this.#readMarkers();
      if (verdict === "maybe") return text;
      const calls = this.#calls;
      const rest = this.#rest;
      this.end();
      if (calls !== "") this.wasText = true;
      const start = this.#start(rest, verdict.textUntil);
      if (start < 0) return text + calls + rest;
      text += calls + rest.slice(0, start);
      this.#rest = rest.slice(start);
      fresh = this.#rest;
    }
  }

  /** Reads one call after the other. */
  #readMarkers(): Verdict {
    for (;;) {
      let spaces = 0;
      while (spaces < this.#rest.length && isSpace(this.#rest.charCodeAt(spaces))) spaces++;
      if (spaces > 0) this.#closeCall(spaces);
      const rest = this.#rest;
      if (rest === "") return "maybe";
      const marker = MARKERS.find(({ open }) => rest.startsWith(open));
      if (!marker) {
        const isBeginning = rest.length < LONGEST_MARKER && MARKERS.some(({ open }) => open.startsWith(rest));
        return isBeginning ? "maybe" : { textUntil: this.#calls === "" ? 1 : 0 };
      }
      const { open, close, begins } = marker;
      if (close === undefined) {
        this.#closeCall(open.length);
        continue;
      }
      const inside = rest.slice(open.length);
      const beginning = inside.slice(0, LONGEST_MARKER);
      const shown = beginning.trim().length;
      if (shown > 0 && !begins?.test(beginning)) return { textUntil: open.length };
      // Two characters tell, and no more white space is waited for.
      if (shown < 2 && beginning.length < LONGEST_MARKER) return "maybe";
      this.#end = close === "]" ? new ListEnd() : new TagEnd(close);
      const end = this.#end.find(inside);
      if (end < 0) return "maybe";
      this.#closeCall(open.length + end);
    }
  }
}

/** Finds the end of a call in the pieces in which it comes. */
interface CallEnd {
  /** @returns the place behind the end in this piece; -1 if it is not in it */
  find(piece: string): number;
}

class TagEnd implements CallEnd {
  readonly #tag: string;
  /** The end of the pieces before, where the tag may begin. */
  #tail = "";

  constructor(tag: string) {
    this.#tag = tag;
  }

  find(piece: string): number {
    const text = this.#tail + piece;
    const found = text.indexOf(this.#tag);
    if (found >= 0) return found + this.#tag.length - this.#tail.length;
    this.#tail = text.slice(1 - this.#tag.length);
    return -1;
  }
}

class ListEnd implements CallEnd {
  readonly #brackets = new Brackets();

  find(piece: string): number {
    for (let at = 0; at < piece.length; at++) if (this.#brackets.read(piece.charCodeAt(at))) return at + 1;
    return -1;
  }
}

/** The first two characters of all markers. */
const MARKER_BEGINS = new Set(CALL_MARKERS.map(({ open }) => open.slice(0, 2)));
const LONGEST_MARKER = Math.max(...CALL_MARKERS.map(({ open }) => open.length));

const isSpace = (code: number): boolean => code === 0x20 || (code >= 0x09 && code <= 0x0d);

/** Counts the brackets of a JSON value. */
class Brackets {
  depth = 0;
  isInString = false;
  #isEscaped = false;

  /** @returns true for the bracket that closes the value */
  read(code: number): boolean {
    if (this.isInString) {
      if (this.#isEscaped) this.#isEscaped = false;
      else if (code === 0x5c /* \ */) this.#isEscaped = true;
      else if (code === 0x22 /* " */) this.isInString = false;
      return false;
    }
    if (code === 0x22) this.isInString = true;
    else if (code === 0x7b /* { */ || code === 0x5b /* [ */) this.depth++;
    else if (code === 0x7d /* } */ || code === 0x5d /* ] */) return --this.depth === 0;
    return false;
  }
}

/** Reads a JSON object as it comes, and tells as soon as it is no call of an offered tool. */
class CallObject {
  readonly #offered: OfferedTools;
  readonly #brackets = new Brackets();
  #length = 0;
  #isClosed = false;
  /** A string at the top level while it comes; undefined elsewhere. */
  #string: string | undefined;
  /** The last field at the top level. */
  #field = "";
  #isValue = false;

  constructor(offered: OfferedTools) {
    this.#offered = offered;
  }

  push(text: string): Verdict {
    const before = this.#length;
    this.#length += text.length;
    for (let at = 0; at < text.length; at++) {
      if (!this.#isStillCall(text.charCodeAt(at), text, at)) return { textUntil: Math.max(1, before + at) };
    }
    return "maybe";
  }

  #isStillCall(code: number, text: string, at: number): boolean {
    if (this.#isClosed) return isSpace(code);
    const brackets = this.#brackets;
    const wasInString = brackets.isInString;
    if (brackets.read(code)) this.#isClosed = true;
    if (brackets.depth !== 1) return true;
    if (brackets.isInString) {
      this.#string = wasInString ? this.#string + (text[at] as string) : "";
      return true;
    }
    if (wasInString) return this.#isStringOfCall(this.#string ?? "");
    if (code === 0x3a /* : */) this.#isValue = true;
    else if (code === 0x2c /* , */) this.#isValue = false;
    // An object has a field or its end behind the bracket.
    return this.#isValue || this.#field !== "" || code === 0x7b || code === 0x2c || isSpace(code);
  }

  #isStringOfCall(string: string): boolean {
    if (!this.#isValue) {
      this.#field = string;
      return CALL_FIELDS.has(string);
    }
    return this.#field !== "name" || this.#offered.has(meantName(string, this.#offered));
  }
}
