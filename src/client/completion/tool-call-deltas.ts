import { randomInt } from "node:crypto";
import { isTooDeep, writeJson } from "../nesting";
import type { ToolCall } from "../types";
import { asRecord, asText, parseJson } from "../unknown";
import { CALL_ARGUMENTS, firstOf } from "./dialects";
import { withoutRepeated } from "./repeated-calls";

/** What a call takes beside its text, in characters: a list of a million tiny calls has its limit, too. */
const CALL_LENGTH = 100;
const ID_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const ID_LENGTH = 9;

/** Collects one call. */
class OpenCall {
  index: number | undefined;
  id = "";
  name = "";
  #text = "";
  /** The latest piece that may be all arguments once more, and where it begins in the text; 0 for none. */
  #again = 0;
  /** Arguments that came as objects, and the JSON text of the last one. */
  readonly #objects: Record<string, unknown>[] = [];
  #objectText = "";
  /** Number of the latest delta that named it. */
  namedIn = 0;
  /** Its input is text of any kind, not JSON. */
  isCustom = false;
  #depth = 0;
  #isString = false;
  #isEscaped = false;
  /** True once the outermost bracket of the arguments is closed. */
  isComplete = false;

  get hasArguments(): boolean {
    return this.#text !== "" || this.#objects.length > 0;
  }

  /** @param isNamed - a piece with the name beside it goes on with its call */
  addText(text: string, isNamed: boolean): void {
    if (!isNamed && this.#text !== "" && mayBeObject(text)) {
      if (this.isComplete && asRecord(parseJson(text))) {
        this.#text = text;
        this.#again = 0;
        return;
      }
      this.#again = this.#text.length;
    } else if (text.trim() !== "") {
      this.#again = 0;
    }
    this.#text += text;
    // Only the new piece: reading all of it again each time is O(n²).
    for (let at = 0; at < text.length && !this.isComplete; at++) this.#read(text[at] as string);
  }

  /** @returns the characters added */
  addObject(object: Record<string, unknown>): number {
    const text = toArguments(object);
    // As text it is safe to keep: whoever parses it checks the depth.
    if (isTooDeep(object)) this.#text += text;
    else this.#objects.push(object);
    this.#objectText = text;
    this.isComplete = true;
    return text.length;
  }

  arguments(): string {
    if (this.isCustom) return JSON.stringify(this.#text);
    // An empty object may come before the text.
    if (this.#text.trim() !== "") return this.#againOrText();
    if (this.#objects.length === 1) return this.#objectText;
    return JSON.stringify(Object.fromEntries(this.#objects.flatMap(Object.entries)));
  }

  /** Returns the last piece where it is an object by itself behind what was broken off, not a value inside of that. */
  #againOrText(): string {
    if (this.#again === 0 || /[:,[]\s*$/.test(this.#text.slice(0, this.#again).slice(-20))) return this.#text;
    if (parseJson(this.#text) !== undefined) return this.#text;
    const again = this.#text.slice(this.#again);
    return asRecord(parseJson(again)) ? again : this.#text;
  }

  #read(char: string): void {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (char === '"') this.#isString = !this.#isString;
    else if (this.#isString) this.#isEscaped = char === "\\";
    else if (char === "{" || char === "[") this.#depth++;
    else if (char === "}" || char === "]") this.isComplete = --this.#depth === 0;
  }
}

/** One call of one delta. */
interface CallDelta {
  index: number | undefined;
  id: string;
  name: string;
  /** Text or an object; undefined for none. */
  args: string | Record<string, unknown> | undefined;
  /** It is of the type `custom`. */
  isCustom: boolean;
}

/**
 * Merges the deltas of tool calls, from a stream or a whole message. The first index may be 1 or missing; the id may be
 * repeated, blank or a number; the arguments may be text in pieces or an object.
 */
export class ToolCallMerger {
  readonly #calls: OpenCall[] = [];
  /** The latest call of each index, and of each id. */
  readonly #byIndex = new Map<number, OpenCall>();
  readonly #byId = new Map<string, OpenCall>();
  /** Deltas so far. */
  #deltas = 0;
  #size = 0;

  /** Calls that have a name. */
  get size(): number {
    return this.#size;
  }

  /**
   * Takes the `tool_calls` of one delta.
   *
   * @returns the characters added, for the limit on a reply's size
   */
  add(deltas: unknown): number {
    this.#deltas++;
    // Some servers stream the one call bare.
    const list = Array.isArray(deltas) ? deltas : [deltas];
    let added = 0;
    for (const delta of list) {
      const record = asRecord(delta);
      if (record) added += this.#addOne(readDelta(record));
    }
    return added;
  }

  /**
   * Returns the calls, each once. One without an id gets one, since its result must name it.
   *
   * @param isCut - the reply was cut off: arguments of the last call that have not begun are blank, not those of a call
   *   without any
   */
  build(isCut = false): ToolCall[] {
    // Some servers send empty entries.
    const named = this.#calls.filter((call) => call.name !== "");
    // The index is the place in the list; some servers leave it out.
    if (named.every((call) => call.index !== undefined)) named.sort((a, b) => (a.index ?? 0) - (b.index ?? 0));
    const calls = withoutRepeated(named);
    const last = calls.at(-1);
    if (isCut && last && !last.call.hasArguments) last.args = "";
    const seen = new Set<string>();
    return calls.map(({ call, args }) => {
      if (!call.id || seen.has(call.id)) call.id = ownId();
      seen.add(call.id);
      return { id: call.id, type: "function", function: { name: call.name, arguments: args } };
    });
  }

  #addOne(delta: CallDelta): number {
    const { index, id, name, args } = delta;
    const before = this.#calls.length;
    const call = this.#find(delta);
    if (delta.isCustom) call.isCustom = true;
    let added = (this.#calls.length - before) * CALL_LENGTH;
    if (index !== undefined) {
      call.index ??= index;
      this.#byIndex.set(index, call);
    }
    // Later deltas may have a blank id, or another one. The first one counts.
    if (id && !call.id) {
      call.id = id;
      added += id.length;
      this.#byId.set(id, call);
    }
    // Later deltas may have a blank name, or repeat it. Another name is the next piece of it.
    if (name && name !== call.name) {
      if (!call.name) this.#size++;
      call.name += name;
      added += name.length;
    }
    if (name) call.namedIn = this.#deltas;
    if (typeof args === "string") {
      call.addText(args, name !== "");
      added += args.length;
    } else if (args) {
      added += call.addObject(args);
    }
    return added;
  }

  #find(delta: CallDelta): OpenCall {
    const known = this.#known(delta);
    if (known && !this.#isAnother(known, delta)) return known;
    const call = new OpenCall();
    this.#calls.push(call);
    return call;
  }

  /** Finds the call that a delta continues, if it does not begin another. */
  #known({ index, id, name }: CallDelta): OpenCall | undefined {
    const last = this.#calls.at(-1);
    if (index !== undefined) {
      const known = this.#byIndex.get(index);
      if (id && known?.id !== id) {
        const named = this.#byId.get(id);
        // Several calls at one index, told apart by their ids; or the rest of a call at another index.
        if (named && (known ? named.index === index : !name)) return named;
      }
      // The index may come later than the name.
      return known ?? (!name && last?.index === undefined ? last : undefined);
    }
    if (!id) return last;
    // The id may come later than the name.
    return this.#byId.get(id) ?? (!name && !last?.id ? last : undefined);
  }

  /**
   * True if a delta begins another call although it has the index or the id of a known one: some servers write index 0,
   * or the id "0", for all calls. Only a delta with a name begins a call.
   */
  #isAnother(known: OpenCall, { index, id, name, args }: CallDelta): boolean {
    if (!name || !known.name) return false;
    if (id && known.id && id !== known.id) return true;
    const isNamedTwice = known.namedIn === this.#deltas;
    if (isNamedTwice && (index === undefined || name !== known.name)) return true;
    if (name !== known.name) return index === undefined || known.hasArguments;
    // The same name again: nothing can follow complete arguments.
    return known.isComplete && ((args !== undefined && args !== "") || (id !== "" && id === known.id));
  }
}

/** Returns the calls of a delta, or the one in the old field: an empty list does not hide it. */
export function callsIn(delta: Record<string, unknown>): unknown {
  const calls = delta["tool_calls"];
  return Array.isArray(calls) && calls.length === 0 ? delta["function_call"] : (calls ?? delta["function_call"]);
}

/** Makes an id of 9 letters and digits: the strictest servers take no other. */
export function ownId(): string {
  return Array.from({ length: ID_LENGTH }, () => ID_CHARACTERS[randomInt(ID_CHARACTERS.length)]).join("");
}

function readDelta(delta: Record<string, unknown>): CallDelta {
  const custom = asRecord(delta["custom"]);
  const fn = custom ?? asRecord(delta["function"]) ?? delta;
  return {
    index: readIndex(delta["index"]),
    id: asText(delta["id"]) ?? "",
    name: asText(fn["name"]) ?? "",
    args: readArguments(custom ? custom["input"] : firstOf(fn, CALL_ARGUMENTS)),
    isCustom: custom !== undefined,
  };
}

function readIndex(value: unknown): number | undefined {
  const index = asText(value) === undefined ? undefined : Number(value);
  return Number.isFinite(index) ? index : undefined;
}

function readArguments(value: unknown): CallDelta["args"] {
  if (value === undefined || value === null) return undefined;
  return typeof value === "string" ? value : (asRecord(value) ?? toArguments(value));
}

function toArguments(value: unknown): string {
  return isTooDeep(value) ? writeJson(value) : JSON.stringify(value);
}

/** True if a piece may be a whole object: that is tried only for those. */
function mayBeObject(text: string): boolean {
  const trimmed = text.trim();
  return trimmed.startsWith("{") && trimmed.endsWith("}");
}
