import { SEE_BELOW } from "../../shared/limits";
import { asRecord, asText } from "../unknown";
import { valueFor } from "./schema-value";

/** Characters of a question that are quoted. */
const MOST_QUOTED = 80;

/** What the demo says to a request. */
export interface DemoReply {
  /** The text in pieces, as a model writes them. */
  deltas: string[];
  /** A call in place of a text. */
  call?: { name: string; arguments: string };
  usage: { prompt_tokens: number; completion_tokens: number; total_tokens: number };
}

type Fields = Record<string, unknown>;

/**
 * Makes the reply to a request: a few sentences that name the question, one call of the first tool, or JSON that fits.
 *
 * @param body - of the request, as the chat-completions API has it
 */
export function demoReply(body: Fields): DemoReply {
  const messages = (Array.isArray(body["messages"]) ? body["messages"] : []).map((message) => asRecord(message) ?? {});
  const call = callFor(body, messages);
  const text = call ? "" : (jsonFor(body) ?? sentences(messages));
  const prompt = tokensOf(JSON.stringify(messages));
  const completion = tokensOf(text + (call?.arguments ?? ""));
  return {
    deltas: text.match(/\s*\S+/g) ?? [],
    ...(call && { call }),
    usage: { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion },
  };
}

/** The first tool, or the one that is demanded, is called once for a question. */
function callFor(body: Fields, messages: Fields[]): DemoReply["call"] {
  const tools = (Array.isArray(body["tools"]) ? body["tools"] : []).map((tool) =>
    asRecord(asRecord(tool)?.["function"]),
  );
  const choice = body["tool_choice"];
  const wanted = asRecord(asRecord(choice)?.["function"])?.["name"];
  const tool = tools.find((each) => each && (wanted === undefined || each["name"] === wanted));
  const isAnswered = messages.slice(questionIn(messages)).some(({ role }) => role === "tool");
  if (!tool || choice === "none" || isAnswered) return undefined;
  const values = valueFor(tool["parameters"] ?? { type: "object" });
  return { name: String(tool["name"]), arguments: JSON.stringify(asRecord(values) ?? {}) };
}

function jsonFor(body: Fields): string | undefined {
  const format = asRecord(body["response_format"]);
  if (format?.["type"] === "json_schema") return JSON.stringify(valueFor(asRecord(format["json_schema"])?.["schema"]));
  if (format?.["type"] !== "json_object") return undefined;
  return JSON.stringify("value" in format ? valueFor(format["value"]) : { reply: "This is a demo, not a model." });
}

function sentences(messages: Fields[]): string {
  const at = questionIn(messages);
  const results = messages.slice(at).filter(({ role }) => role === "tool");
  const said = [`You asked: “${quoted(textOf(messages[at]?.["content"]))}”.`];
  for (const { content } of results.slice(0, 3)) said.push(`The tool returned: ${quoted(textOf(content))}.`);
  said.push(
    "This is a demo inside Node-RED: no model has read your question, and nothing has left this machine.",
    "Your flow works. For real replies, choose a server in the configuration.",
  );
  return said.join(" ");
}

/** Finds the question: images that a tool has returned follow in a message of the user, too. */
function questionIn(messages: Fields[]): number {
  return messages.findLastIndex(({ role }, at) => role === "user" && messages[at - 1]?.["content"] !== SEE_BELOW);
}

function quoted(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  const characters = [...line];
  return characters.length > MOST_QUOTED ? `${characters.slice(0, MOST_QUOTED).join("")}…` : line;
}

/** Returns the text of a message's content; a part that is none is named. */
function textOf(content: unknown): string {
  if (!Array.isArray(content)) return asText(content) ?? "";
  const parts = content.map((part) => {
    const { type, text } = asRecord(part) ?? {};
    return asText(text) ?? `[${String(type)}]`;
  });
  return parts.join(" ");
}

/** Some four characters are a token. */
function tokensOf(text: string): number {
  return Math.ceil(text.length / 4);
}
