import { type AssistantMessage, asRecord, asText, ownId, type ToolCall, toJson } from "../../client/internal";
import { readWrittenJson } from "../json/find-json";
import { checkBudget, compileSchema, type Schema } from "../json/schema";
import { MOST_CALLS } from "../tools";
import { meantName, type OfferedTools } from "./call-names";
import { TextCallGate } from "./text-call-gate";

/** A call as it stands in a text. */
interface WrittenCall {
  name: string;
  /** An object, a JSON text of one, or texts by name. */
  args: unknown;
  /** The arguments are texts, whatever their types. */
  isText?: true;
}

/** Finds the calls in a reply that the model has written as text, since its server did not read them. */
export class TextCalls {
  readonly #offered: OfferedTools;
  readonly #gate: TextCallGate;
  readonly #onText: ((delta: string) => void) | undefined;

  /** @param onText - takes the text, without what is held back */
  constructor(offered: OfferedTools, onText: ((delta: string) => void) | undefined) {
    this.#offered = offered;
    this.#gate = new TextCallGate(offered);
    this.#onText = onText;
  }

  /** Takes the next piece of the text. */
  push = (delta: string): void => {
    const text = this.#gate.push(delta);
    if (text !== "") this.#onText?.(text);
  };

  /** Hands on what is held back. */
  flush(): void {
    const held = this.#gate.end();
    if (held !== "") this.#onText?.(held);
  }

  /**
   * Ends a reply: its message gets the calls that are good, and loses their text. All else is handed on as text.
   *
   * @returns true if a call stays text
   */
  finish(message: AssistantMessage): boolean {
    const { held } = this.#gate;
    const content = message.content ?? "";
    const isAtEnd = held !== "" && content.endsWith(held);
    const written = isAtEnd && !message.tool_calls?.length ? readCalls(held) : undefined;
    const calls = written && goodCalls(written, this.#offered);
    if (calls) {
      const before = content.slice(0, -held.length);
      message.content = before.trim() === "" ? null : before;
      message.tool_calls = calls;
      this.#gate.end();
      return false;
    }
    this.flush();
    return (
      this.#gate.wasText ||
      written !== undefined ||
      looksLikeCall(held) ||
      isForeignCall(content) ||
      isUnreadCall(content, this.#offered)
    );
  }
}

/** True for what is held to the end and begins as a call does. */
function looksLikeCall(held: string): boolean {
  return /^(?:<tool_call>\s*[{[<]|<function=[\w$]|<\|tool_call_begin\|>|\[TOOL_CALLS\]\s*\[)/.test(held);
}

/** True for a whole reply that is a call of no offered tool. */
function isForeignCall(content: string): boolean {
  const text = content.trim();
  return text.startsWith("{") && text.endsWith("}") && CALL_FIELD.test(text) && readCalls(text) !== undefined;
}

/** True for a call of an offered tool in a form that is known, and not read. */
function isUnreadCall(content: string, offered: OfferedTools): boolean {
  return UNREAD_CALLS.some((pattern) =>
    [...content.matchAll(pattern)].some(([, name = ""]) => offered.has(meantName(name, offered))),
  );
}

const UNREAD_CALLS = [
  /<tool_call>\s*([\w.-]+)\s*<(?:arg_key|\/tool_call)>/g,
  /\[TOOL_CALLS\]\s*([\w.-]+)\s*(?:\{|\[(?:ARGS|CALL_ID)\])/g,
  /<\|(?:channel|start)\|>\w+ to=functions\.([\w-]+)/g,
];

const CALL_FIELD = /"(?:arguments|parameters)"\s*:/;

/** Returns the calls if every one is that of an offered tool, with arguments that fit. */
function goodCalls(written: WrittenCall[], offered: OfferedTools): ToolCall[] | undefined {
  const budget = checkBudget();
  const calls: ToolCall[] = [];
  for (const { name: writtenName, args, isText } of written) {
    const name = meantName(writtenName, offered);
    if (!offered.has(name)) return undefined;
    const schema = offered.get(name);
    const value = isText ? typed(asRecord(args) ?? {}, schema) : asObject(args);
    // Those that are too many are dropped anyway.
    if (!value || (calls.length < MOST_CALLS && !fits(value, schema, budget))) return undefined;
    calls.push({ id: ownId(), type: "function", function: { name, arguments: toJson(value) } });
  }
  return calls.length > 0 ? calls : undefined;
}

function asObject(args: unknown): Record<string, unknown> | undefined {
  return asRecord(typeof args === "string" ? readWrittenJson(args)?.value : args);
}

/** A call in its own field may have arguments that no schema names. One in a text is more likely no call then. */
function fits(args: Record<string, unknown>, schema: Schema | undefined, budget: ReturnType<typeof checkBudget>) {
  if (!schema) return true;
  const properties = asRecord(schema["properties"]);
  const isOpen = !properties || schema["additionalProperties"] || schema["patternProperties"] !== undefined;
  if (!isOpen && Object.keys(args).some((name) => !Object.hasOwn(properties, name))) return false;
  try {
    return compileSchema(schema)(args, budget).length === 0;
  } catch {
    return false;
  }
}

/** Gives arguments that were written between tags the types of their schema: there everything is text. */
function typed(args: Record<string, unknown>, schema: Schema | undefined): Record<string, unknown> {
  const properties = asRecord(schema?.["properties"]);
  return Object.fromEntries(
    Object.entries(args).map(([name, text]) => {
      const type = asRecord(properties?.[name])?.["type"];
      const read = type === "string" ? undefined : readWrittenJson(String(text).trim());
      return [name, read ? read.value : text];
    }),
  );
}

/** Reads a text that is calls and nothing else. @returns undefined if it is more, or less */
function readCalls(text: string): WrittenCall[] | undefined {
  const whole = text.trim();
  if (whole.startsWith("{")) {
    const call = readObjectCall(readWrittenJson(whole)?.value);
    return call && [call];
  }
  const calls: WrittenCall[] = [];
  let rest = whole.replaceAll(/<\|tool_calls_section_(?:begin|end)\|>/g, "").trim();
  // A tag around calls may have no end, where the next one begins: one within the other would be a level for each.
  let isInTag = false;
  let isTagBlank = false;
  while (rest !== "") {
    const [tag] = TAG.exec(rest) ?? [];
    if (tag) {
      const isEnd = tag === TAG_END;
      if (isEnd && (!isInTag || isTagBlank)) return undefined;
      isInTag = !isEnd;
      isTagBlank = !isEnd;
    }
    const read = tag ? { calls: [], length: tag.length } : readFirst(rest);
    if (!read) return undefined;
    if (!tag) isTagBlank = false;
    // Not as arguments of one call: a list may be longer than the stack.
    for (const call of read.calls) calls.push(call);
    rest = rest.slice(read.length).trim();
  }
  return calls.length > 0 && !isTagBlank ? calls : undefined;
}

const TAG_END = "</tool_call>";
/** A tag around calls that have marks of their own. */
const TAG = /^<\/tool_call>|^<tool_call>(?!\s*[{[])/;

function readFirst(text: string): { calls: WrittenCall[]; length: number } | undefined {
  for (const [pattern, read] of FORMS) {
    const found = pattern.exec(text);
    if (!found) continue;
    const calls = read(found[1] ?? "", found[2] ?? "");
    return calls && { calls, length: found[0].length };
  }
  return undefined;
}

/** The forms that have marks. A model may leave out the last one: at many servers it ends the reply. */
const FORMS: [RegExp, (first: string, second: string) => WrittenCall[] | undefined][] = [
  [
    /^<tool_call>([\s\S]*?)(?:<\/tool_call>|$)/,
    (calls) => (calls.trimStart().startsWith("[") ? readList(calls) : readCalls(calls)),
  ],
  [/^<function=([^>\s]+)>([\s\S]*?)(?:<\/function>|$)/, (name, inside) => readTagged(name, inside)],
  [
    // Not `\s*` around the name: where no arguments follow, it would be tried at each place of a long run of spaces.
    /^<\|tool_call_begin\|>([^<]+)<\|tool_call_argument_begin\|>([\s\S]*?)(?:<\|tool_call_end\|>|$)/,
    // `functions.get_weather:0`; the number counts the calls.
    (name, args) => [{ name: name.trim().replace(/:\d+$/, ""), args }],
  ],
  [/^\[TOOL_CALLS\]\s*(\[[\s\S]*\])/, (list) => readList(list)],
];

function readList(text: string): WrittenCall[] | undefined {
  const list = readWrittenJson(text)?.value;
  if (!Array.isArray(list)) return undefined;
  const calls = list.map(readObjectCall);
  return calls.every((call) => call !== undefined) ? calls : undefined;
}

function readTagged(name: string, inside: string): WrittenCall[] | undefined {
  const text = inside.trim();
  if (text.startsWith("{")) return [{ name, args: text }];
  const args: Record<string, unknown> = {};
  for (let rest = text; rest !== ""; ) {
    const [open = "", key = ""] = PARAMETER.exec(rest) ?? [];
    const end = rest.indexOf(PARAMETER_END);
    if (open === "" || end < open.length) return undefined;
    const value = withoutBreaks(rest.slice(open.length, end));
    Object.defineProperty(args, key, { value, enumerable: true, configurable: true, writable: true });
    rest = rest.slice(end + PARAMETER_END.length).trimStart();
  }
  return [{ name, args, isText: true }];
}

const PARAMETER = /^<parameter=([^>\s]+)>/;
const PARAMETER_END = "</parameter>";

/** Takes off the line breaks between a value and its tags. */
function withoutBreaks(value: string): string {
  const begun = value.startsWith("\n") ? value.slice(1) : value;
  return begun.endsWith("\n") ? begun.slice(0, -1) : begun;
}

/** Reads `{ name, arguments }`, or with `parameters`. */
function readObjectCall(value: unknown): WrittenCall | undefined {
  const call = asRecord(value);
  const name = asText(call?.["name"]);
  const args = call?.["arguments"] ?? call?.["parameters"];
  return name !== undefined && args !== undefined && args !== null ? { name, args } : undefined;
}
