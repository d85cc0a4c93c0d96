import type { Usage } from "../client";
import type { Message } from "./prompt";

/** How much of a conversation is remembered. */
export interface HistoryLimits {
  messages: number;
  /** Tokens; undefined for no limit. */
  tokens: number | undefined;
}

/** What a conversation may take in a store, in characters: images stand in it as text. */
const LONGEST = 16 * 1024 * 1024;
/** What an image costs, whatever its length as text: servers scale it to a size of their own. */
const IMAGE_TOKENS = 1000;
/** Role, separators and the like. */
const MESSAGE_TOKENS = 4;
/** A token has about so many bytes, in English as in Chinese. */
const BYTES_PER_TOKEN = 4;
/** The server's count corrects the estimate by this factor at most. */
const LARGEST_CORRECTION = 5;

/**
 * Puts a prompt behind what is remembered. A prompt with an assistant's message in it is a whole conversation and takes
 * the place of the history; a system message in it takes the place of the one in the history.
 */
export function joinHistory(history: Message[], prompt: Message[]): Message[] {
  if (prompt.some(({ role }) => role === "assistant")) return answerOpenCalls(prompt);
  const system = prompt.filter(isSystem);
  if (system.length === 0) return answerOpenCalls([...history, ...prompt]);
  const isSaid = (message: Message) => !isSystem(message);
  return answerOpenCalls([...system, ...history.filter(isSaid), ...prompt.filter(isSaid)]);
}

/** Gives every call without a result one: servers take no conversation in which a call stays open. */
function answerOpenCalls(messages: Message[]): Message[] {
  return unitsOf(messages).flatMap((unit) => {
    const answered = new Set(unit.map(({ tool_call_id }) => tool_call_id));
    const open = callIds(unit[0]).filter((id) => !answered.has(id));
    return [...unit, ...open.map((id) => ({ role: "tool", tool_call_id: id, content: "Error: not carried out." }))];
  });
}

function callIds(message: Message | undefined): unknown[] {
  const calls = message?.role === "assistant" ? message.tool_calls : undefined;
  return Array.isArray(calls) ? calls.map((call: { id?: unknown } | null) => call?.id) : [];
}

/**
 * Takes the oldest messages off until the limits hold. The system message stays, a call stays with its results, and what
 * is left begins with a message of the user where there is one, since many servers want it so. The last message stays,
 * whatever its size.
 *
 * @param correction - tokens that the server counts for one of the estimate
 */
export function trimHistory(messages: Message[], limits: HistoryLimits, correction: number): Message[] {
  const firstSaid = messages.findIndex((message) => !isSystem(message));
  const system = firstSaid < 0 ? messages : messages.slice(0, firstSaid);
  const units = firstSaid < 0 ? [] : unitsOf(messages.slice(firstSaid));
  const left = {
    messages: limits.messages - system.length,
    tokens: (limits.tokens ?? Number.POSITIVE_INFINITY) - estimateTokens(system) * correction,
    length: LONGEST - lengthOf(system),
  };
  let from = units.length;
  while (from > 0) {
    const unit = units[from - 1] as Message[];
    left.messages -= unit.length;
    left.tokens -= estimateTokens(unit) * correction;
    left.length -= lengthOf(unit);
    const fits = left.messages >= 0 && left.tokens >= 0 && left.length >= 0;
    if (!fits && from < units.length) break;
    from--;
    if (!fits) break;
  }
  const kept = units.slice(from);
  const firstUser = kept.findIndex(([message]) => message?.role === "user");
  const isOrphan = ([message]: Message[]) => message?.role === "tool";
  return [
    ...system,
    ...kept
      .slice(Math.max(0, firstUser))
      .filter((unit) => !isOrphan(unit))
      .flat(),
  ];
}

/** Messages that belong together: one, and the results of the calls in it. */
function unitsOf(messages: Message[]): Message[][] {
  const units: Message[][] = [];
  for (const message of messages) {
    const last = units.at(-1);
    if (message.role === "tool" && last && last[0]?.role !== "tool") last.push(message);
    else units.push([message]);
  }
  return units;
}

const isSystem = ({ role }: Message): boolean => role === "system" || role === "developer";

function lengthOf(messages: Message[]): number {
  return messages.reduce((sum, message) => sum + JSON.stringify(message).length, 0);
}

/** How many tokens messages have, by their length. */
export function estimateTokens(messages: readonly unknown[]): number {
  return messages.reduce((sum: number, message) => sum + MESSAGE_TOKENS + tokensOf(message), 0);
}

function tokensOf(value: unknown): number {
  if (typeof value === "string") return Buffer.byteLength(value) / BYTES_PER_TOKEN;
  if (typeof value !== "object" || value === null) return 1;
  if ((value as { type?: unknown }).type === "image_url") return IMAGE_TOKENS;
  return Object.values(value).reduce((sum: number, item) => sum + tokensOf(item), 0);
}

/**
 * What the estimate has to be multiplied with to come to what the server has counted.
 *
 * @param sent - messages of the request, and the tools in it
 * @returns undefined if the server has not said how many tokens they were
 */
export function tokenCorrection(usage: Usage | undefined, sent: readonly unknown[]): number | undefined {
  const counted = usage?.prompt_tokens;
  const estimated = estimateTokens(sent);
  if (typeof counted !== "number" || counted <= 0 || estimated <= 0) return undefined;
  return Math.min(LARGEST_CORRECTION, Math.max(1 / LARGEST_CORRECTION, counted / estimated));
}
