import { asRecord, asText, type Completion, toJson } from "../../client/internal";
import type { CallOutcome, ParsedCall } from "../tools";
import type { Attributes } from "./listeners";

/** In characters, of one text. */
const LONGEST_TEXT = 10_000;
/** In characters, of all messages of a request: the newest ones count. */
const LONGEST = 100_000;

/** Content parts with bytes in them, by their kind in OpenTelemetry's conventions. The bytes stay out. */
const MEDIA: Record<string, string> = { image_url: "image", input_audio: "audio" };

/** The messages of a request, as OpenTelemetry's conventions write them; without images and sound. */
export function inputContent(messages: readonly unknown[]): Attributes {
  const written: string[] = [];
  let length = 0;
  for (const message of messages.toReversed()) {
    const text = toJson(asMessage(asRecord(message) ?? {}));
    length += text.length;
    if (length > LONGEST) break;
    written.unshift(text);
  }
  return { "gen_ai.input.messages": `[${written.join(",")}]` };
}

/** The message of a reply. */
export function outputContent(completion: Partial<Completion> | undefined): Attributes {
  if (!completion?.message) return {};
  const { message, finish_reason } = completion;
  const { reasoning } = message;
  const { role, parts } = asMessage({ ...message });
  const thoughts = reasoning ? [{ type: "reasoning", content: cut(reasoning) }] : [];
  const whole = { role, parts: [...thoughts, ...parts], ...(finish_reason && { finish_reason }) };
  return { "gen_ai.output.messages": toJson([whole]) };
}

/** The arguments of a call. */
export function callContent({ arguments: args }: ParsedCall): Attributes {
  return { "gen_ai.tool.call.arguments": cut(toJson(args)) };
}

/** What came of a call. */
export function resultContent(outcome: CallOutcome): Attributes {
  return { "gen_ai.tool.call.result": cut("error" in outcome ? outcome.error : outcome.result) };
}

function asMessage(message: Record<string, unknown>): { role: string; parts: object[] } {
  const { role, content, tool_call_id, tool_calls } = message;
  const name = asText(role) ?? "";
  if (name === "tool") {
    const response = cut(asText(content) ?? toJson(content));
    return { role: name, parts: [{ type: "tool_call_response", id: tool_call_id, response }] };
  }
  const texts = Array.isArray(content) ? content.map(asPart) : content ? [asPart(content)] : [];
  const calls = Array.isArray(tool_calls) ? tool_calls.map(asCall) : [];
  return { role: name, parts: [...texts, ...calls] };
}

function asPart(part: unknown): object {
  if (typeof part === "string") return { type: "text", content: cut(part) };
  const fields = asRecord(part) ?? {};
  const modality = MEDIA[String(fields["type"])];
  if (modality) return { type: "blob", modality };
  const text = asText(fields["text"]);
  return text === undefined ? { type: String(fields["type"]) } : { type: "text", content: cut(text) };
}

function asCall(call: unknown): object {
  const { id, function: called } = asRecord(call) ?? {};
  const { name, arguments: args } = asRecord(called) ?? {};
  return { type: "tool_call", id, name, arguments: cut(asText(args) ?? "") };
}

function cut(text: string): string {
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text;
}
