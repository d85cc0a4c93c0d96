import { asRecord, asText, type ToolCall } from "../../client/internal";
import { readWrittenJson } from "../json/find-json";
import { callIds, unitsOf } from "../memory/history";
import { type Message, partsOf } from "../request/prompt";
import { type CallOutcome, droppedNote, type MediaPart, sendableCall, toolMessage } from "../tools";

/** What a model is told of a call that nobody has carried out. */
export const NOT_CARRIED_OUT = "Error: not carried out.";
/** Characters of arguments that are no object, as the result quotes them. */
const LONGEST_QUOTE = 200;

/**
 * Returns the results of a round as they are sent back. Images and sound are not in them: they follow in a message of the
 * user, and each result says which are its own.
 *
 * @param calls - of the round, as the model wrote them
 * @param dropped - further calls, of which the last result tells
 */
export function resultsOf(calls: ToolCall[], outcomes: CallOutcome[], dropped: number): Message[] {
  const byId = new Map(calls.map((call) => [call.id, call]));
  const what = kindOf(outcomes.flatMap(({ parts = [] }) => parts));
  let partsBefore = 0;
  return outcomes.map((outcome, at) => {
    const { parts = [] } = outcome;
    const message = toolMessage(outcome);
    if (parts.length > 0) message.content += `\n${seeBelow(what, partsBefore + 1, partsBefore + parts.length)}`;
    partsBefore += parts.length;
    const call = byId.get(outcome.id);
    if (call && !asRecord(outcome.arguments)) message.content += quotedArguments(call);
    if (at === outcomes.length - 1) message.content += droppedNote(dropped);
    return message;
  });
}

/** Returns the word for the images and sounds of a round. */
function kindOf(parts: MediaPart[]): string {
  const images = parts.filter(({ type }) => type === "image_url").length;
  if (images === parts.length) return "image";
  return images === 0 ? "sound" : "attachment";
}

/** Says which of those below are of a result. */
function seeBelow(what: string, first: number, last: number): string {
  return first === last ? `(See ${what} ${first} below.)` : `(See ${what}s ${first} to ${last} below.)`;
}

/** Quotes arguments in whose place an empty object is sent back; blank where they say nothing. */
function quotedArguments(call: ToolCall): string {
  const { arguments: text } = call.function;
  const saysNothing = text.trim() === "null" || !/[^\s"[\]{}]/.test(text);
  if (saysNothing || sendableCall(call).function.arguments !== "{}") return "";
  return `\nThe arguments were: ${quote(text)}`;
}

function quote(text: string): string {
  // Not half of a surrogate pair.
  return text.slice(0, LONGEST_QUOTE).replace(/[\uD800-\uDBFF]$/, "");
}

/** Returns results for calls that nobody has carried out. */
export function openResults(calls: ToolCall[], dropped: number): Message[] {
  return calls.map((call, at) => ({
    role: "tool",
    tool_call_id: call.id,
    content: NOT_CARRIED_OUT + quotedArguments(call) + (at === calls.length - 1 ? droppedNote(dropped) : ""),
  }));
}

/** Returns the calls that have no result. @param unit - a message and the results behind it */
export function openCalls([message, ...results]: Message[]): ToolCall[] {
  const answered = new Set(results.map(({ tool_call_id }) => tool_call_id));
  const calls = message?.["tool_calls"] as ToolCall[] | undefined;
  return calls?.filter(({ id }) => !answered.has(id)) ?? [];
}

/** Returns the calls of a round that was cut short which had come as a whole: at most the last one had not. */
export function wholeCalls(calls: ToolCall[], finishReason: string | undefined): ToolCall[] {
  const last = calls.at(-1);
  if (!last || finishReason !== undefined) return calls;
  const isWhole = asRecord(readWrittenJson(last.function.arguments)?.value) !== undefined;
  return isWhole ? calls : calls.slice(0, -1);
}

/**
 * Turns results that come too late into one message of the user, together with the question behind them. Late is what answers
 * no open call at the end of the history: servers reject it as a result.
 */
export function withLateResults(history: Message[], prompt: Message[]): { messages: Message[]; late?: Message } {
  const [last, ...answers] = unitsOf(history).at(-1) ?? [];
  const open = new Set(callIds(last));
  for (const { tool_call_id } of answers) open.delete(tool_call_id);
  const results = prompt.filter(({ role, tool_call_id }) => role === "tool" && !open.delete(tool_call_id));
  if (results.length === 0) return { messages: prompt };
  const calls = new Map(history.flatMap(calledFunctions));
  const parts = results.flatMap(({ tool_call_id, content }) => {
    const call = calls.get(tool_call_id) ?? "a call";
    return [{ type: "text", text: `(late result of ${call})` }, ...partsOf(content)];
  });
  const inTime = prompt.filter((message) => message.role === "tool" && !results.includes(message));
  const others = prompt.filter(({ role }) => role !== "tool");
  const question = others.find(({ role }) => role === "user");
  const late = { ...question, role: "user", content: inOneText([...parts, ...partsOf(question?.content ?? [])]) };
  if (!question) lateResults.add(late);
  return {
    messages: [...inTime, ...(question ? others.with(others.indexOf(question), late) : [...others, late])],
    late,
  };
}

/** Messages with late results and no question: the model is asked nothing new. */
export const lateResults = new WeakSet<Message>();

/** Returns the calls of a message: the id of each, and its name with the arguments, which tell it from others of that name. */
function calledFunctions(message: Message): [id: unknown, call: string][] {
  const calls = callIds(message).length > 0 ? (message["tool_calls"] as unknown[]) : [];
  return calls.map((call) => {
    const { id, function: called } = asRecord(call) ?? {};
    const name = asText(asRecord(called)?.["name"]) ?? "a call";
    const text = asText(asRecord(called)?.["arguments"]) ?? "{}";
    return [id, text === "{}" ? name : `${name} ${quote(text)}`];
  });
}

/** Joins parts if all are text and nothing else. */
function inOneText(parts: { type: string; [field: string]: unknown }[]): unknown {
  const isText = (part: object) => Object.keys(part).every((name) => name === "type" || name === "text");
  const areTexts = parts.every((part) => part.type === "text" && isText(part));
  return areTexts ? parts.map(({ text }) => text).join("\n") : parts;
}
