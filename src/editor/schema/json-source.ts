import { DEEPEST_JSON } from "../../shared/limits.js";

/**
 * JSON with its formatting: every value knows its place in the text and is written back unchanged, however
 * large its numbers and whatever the order of its keys. `JSON.parse` would lose duplicate keys, the order
 * of keys that look like numbers, and all positions.
 */
export type JsonNode = JsonObject | JsonArray | JsonString | JsonOther;

interface Written {
  /** offsets in the parsed text; 0 for a new value */
  start: number;
  end: number;
  /** the original text; absent for a new or changed value */
  raw?: string;
}
export interface JsonObject extends Written {
  kind: "object";
  entries: readonly JsonEntry[];
}
export interface JsonArray extends Written {
  kind: "array";
  items: readonly JsonNode[];
}
export interface JsonString extends Written {
  kind: "string";
  value: string;
}
export interface JsonOther extends Written {
  kind: "number" | "boolean" | "null";
  raw: string;
}
export interface JsonEntry {
  key: JsonString;
  value: JsonNode;
}

/** A mistake at a place of a text: a key of the catalogue's section `json` or `schema`, and its parameters. */
export interface Problem {
  key: string;
  params?: Record<string, string | number>;
  start: number;
  end: number;
}

const SPACE = /[ \t\r\n]*/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON allows none in a string
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])/y;
const WORD = /[^\s,:[\]{}"]+|./suy;

class Failure extends Error {
  constructor(readonly problem: Problem) {
    super(problem.key);
  }
}

/**
 * Reads a JSON text.
 *
 * @returns its value, or the first mistake and its place; never throws
 */
export function parseSource(text: string): { root: JsonNode } | { problem: Problem } {
  try {
    return { root: new Parser(text).document() };
  } catch (error) {
    if (error instanceof Failure) return { problem: error.problem };
    throw error;
  }
}

class Parser {
  private at = 0;
  private depth = 0;

  constructor(private readonly text: string) {}

  document(): JsonNode {
    const root = this.value();
    this.skipSpace();
    if (this.at < this.text.length) this.fail("rest");
    return root;
  }

  private value(): JsonNode {
    this.skipSpace();
    const start = this.at;
    const char = this.text[start];
    if (char === "{") return this.object(start);
    if (char === "[") return this.array(start);
    if (char === '"') return this.string();
    const number = this.match(NUMBER);
    if (number !== undefined) return { kind: "number", raw: number, start, end: this.at };
    for (const [raw, kind] of WORDS) {
      if (this.peekWord() === raw) {
        this.at += raw.length;
        return { kind, raw, start, end: this.at };
      }
    }
    return this.fail("value");
  }

  private object(start: number): JsonObject {
    const entries: JsonEntry[] = [];
    this.list("}", () => {
      this.skipSpace();
      if (this.text[this.at] !== '"') this.fail("key");
      const key = this.string();
      this.skipSpace();
      if (this.text[this.at] !== ":") this.fail("colon");
      this.at++;
      entries.push({ key, value: this.value() });
    });
    return { kind: "object", entries, start, end: this.at, raw: this.text.slice(start, this.at) };
  }

  private array(start: number): JsonArray {
    const items: JsonNode[] = [];
    this.list("]", () => items.push(this.value()));
    return { kind: "array", items, start, end: this.at, raw: this.text.slice(start, this.at) };
  }

  /** Reads what is between brackets, with commas; the opening bracket is next. */
  private list(close: string, readItem: () => void): void {
    if (++this.depth > DEEPEST_JSON) this.fail("deep");
    this.at++;
    this.skipSpace();
    if (this.text[this.at] !== close) {
      readItem();
      this.skipSpace();
      while (this.text[this.at] === ",") {
        this.at++;
        readItem();
        this.skipSpace();
      }
      if (this.text[this.at] !== close) this.fail(close === "}" ? "objectEnd" : "arrayEnd");
    }
    this.at++;
    this.depth--;
  }

  private string(): JsonString {
    const start = this.at;
    const raw = this.match(STRING) ?? this.fail("string");
    return { kind: "string", value: JSON.parse(raw) as string, raw, start, end: this.at };
  }

  private match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }

  private peekWord(): string {
    WORD.lastIndex = this.at;
    return WORD.exec(this.text)?.[0] ?? "";
  }

  private skipSpace(): void {
    this.match(SPACE);
  }

  private fail(key: string): never {
    const ended = this.at >= this.text.length;
    const end = ended ? this.at : this.at + this.peekWord().length;
    throw new Failure({ key: `json.${ended ? "end" : key}`, start: this.at, end });
  }
}

const WORDS = [
  ["true", "boolean"],
  ["false", "boolean"],
  ["null", "null"],
] as const;

/** Returns the line and column of an offset, both counted from 1 as in editors. */
export function position(text: string, offset: number): { line: number; column: number } {
  const lines = text.slice(0, offset).split(/\r\n|\r|\n/);
  return { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
}

/** Returns the value of a key; the last one of duplicates, as in `JSON.parse`. */
export function get(object: JsonNode | undefined, key: string): JsonNode | undefined {
  return object?.kind === "object" ? object.entries.findLast((entry) => entry.key.value === key)?.value : undefined;
}

/** Returns the text of a string, otherwise `undefined`. */
export function stringOf(node: JsonNode | undefined): string | undefined {
  return node?.kind === "string" ? node.value : undefined;
}

/** Makes a new string. */
export function makeString(value: string): JsonString {
  return { kind: "string", value, start: 0, end: 0 };
}

/** Makes a new array. */
export function makeArray(items: readonly JsonNode[]): JsonArray {
  return { kind: "array", items, start: 0, end: 0 };
}

/** Makes a new object with its keys in this order. */
export function makeObject(entries: readonly (readonly [string, JsonNode])[]): JsonObject {
  return withEntries(
    entries.map(([key, value]) => ({ key: makeString(key), value })),
    undefined,
  );
}

/** Makes a new boolean. */
export function makeBoolean(value: boolean): JsonOther {
  return { kind: "boolean", raw: String(value), start: 0, end: 0 };
}

/** Copies an object with other entries. */
export function withEntries(entries: readonly JsonEntry[], old: JsonObject | undefined): JsonObject {
  return { kind: "object", entries, start: old?.start ?? 0, end: old?.end ?? 0 };
}

/** Copies an object with a key's value replaced; a new key comes first or last. */
export function set(object: JsonObject, key: string, value: JsonNode, place: "first" | "last" = "last"): JsonObject {
  const index = object.entries.findLastIndex((entry) => entry.key.value === key);
  const old = object.entries[index];
  if (old?.value === value) return object;
  if (old) return withEntries(object.entries.with(index, { key: old.key, value }), object);
  const added = { key: makeString(key), value };
  return withEntries(place === "first" ? [added, ...object.entries] : [...object.entries, added], object);
}

/** Returns the object without these keys; itself if it has none of them. */
export function remove(object: JsonObject, ...keys: string[]): JsonObject {
  const kept = object.entries.filter((entry) => !keys.includes(entry.key.value));
  return kept.length === object.entries.length ? object : withEntries(kept, object);
}

/**
 * Writes a value: unchanged parts as they were, the rest with one entry a line.
 *
 * @param like the text that it came from, whose indent and line ends are used
 */
export function printJson(node: JsonNode, like = ""): string {
  const indent = /\n([ \t]+)\S/.exec(like)?.[1] ?? "  ";
  const newline = like.includes("\r\n") ? "\r\n" : "\n";

  const list = (open: string, lines: string[], close: string, depth: number): string => {
    if (lines.length === 0) return open + close;
    const inner = newline + indent.repeat(depth + 1);
    return open + inner + lines.join(`,${inner}`) + newline + indent.repeat(depth) + close;
  };
  const print = (value: JsonNode, depth: number): string => {
    if (value.raw !== undefined) return value.raw;
    if (value.kind === "string") return JSON.stringify(value.value);
    if (value.kind === "object") {
      const lines = value.entries.map((entry) => `${print(entry.key, 0)}: ${print(entry.value, depth + 1)}`);
      return list("{", lines, "}", depth);
    }
    if (value.kind !== "array") return value.raw;
    const items = value.items.map((item) => print(item, depth + 1));
    const isPlain = value.items.every(({ kind }) => kind !== "object" && kind !== "array");
    return isPlain ? `[${items.join(", ")}]` : list("[", items, "]", depth);
  };
  return print(node, 0);
}
