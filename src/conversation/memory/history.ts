import type { Usage } from "../../client/internal";
import { SEE_BELOW } from "../../shared/limits";
import type { Message } from "../request/prompt";
import { IMAGE_TOKENS, MESSAGE_TOKENS, tokensOfText } from "../tokens";

/** How much of a conversation is remembered. */
export interface HistoryLimits {
  messages: number;
  /** Tokens; undefined for no limit. */
  tokens: number | undefined;
}

/** What a conversation may take in a store, in characters: images stand in it as text. */
const LONGEST = 16 * 1024 * 1024;
/** From these limits on, blocks of messages go: for fewer a block would be most of what is remembered. */
const LEAST_FOR_BLOCKS = { messages: 20, tokens: 4000 };
/** What a block leaves of a limit. */
const LEFT_BY_BLOCK = 2 / 3;
/** Shorter prompts say nothing of how long ones are counted. */
const LEAST_COUNTED = 100;
/** The server's count corrects the estimate by this factor at most. */
const LARGEST_CORRECTION = 5;

/**
 * Takes the oldest messages off until the limits hold. The system message stays, and a call stays with its results. What
 * is left begins with a message of the user, since many servers take it only so: in the middle of a long question its
 * first rounds go, and the question stays. If not even the question and the last message fit, nothing is left.
 *
 * Where a large limit is passed, a third of it goes at once. The next requests then begin alike, and a server finds their
 * beginning in its prompt cache; with one message less each time it never would.
 *
 * @param correction - tokens that the server counts for one of the estimate
 */
export function trimHistory(messages: Message[], limits: HistoryLimits, correction: number): Message[] {
  const firstSaid = messages.findIndex((message) => !isSystem(message));
  const system = firstSaid < 0 ? messages : messages.slice(0, firstSaid);
  const units = firstSaid < 0 ? [] : unitsOf(messages.slice(firstSaid)).filter(([message]) => message?.role !== "tool");
  const costs = [system, ...units].map((unit) => costOf(unit, correction));
  const least = withBlocks(limits, costs);
  const left = new Room(least);
  left.take(costs[0]);
  let from = units.length;
  // The costs begin with that of the system message.
  while (from > 0 && left.take(costs[from])) from--;
  const firstUser = units.findIndex(([message], at) => at >= from && message?.role === "user");
  if (firstUser >= 0) return [...system, ...units.slice(firstUser).flat()];
  const question = units.findLastIndex(([message]) => message?.role === "user");
  if (question < 0) return [...system, ...units.slice(from).flat()];
  // In the middle of a long question.
  for (const room of [new Room(least), new Room(limits)]) {
    room.take(costs[0]);
    const fits = room.take(costs[question + 1]);
    let rest = units.length;
    while (fits && rest > question + 1 && room.take(costs[rest])) rest--;
    if (rest < units.length) return [...system, ...(units[question] ?? []), ...units.slice(rest).flat()];
  }
  return system;
}

/** What messages take of the limits. */
interface Cost {
  messages: number;
  tokens: number;
  /** Characters. */
  length: number;
}

function costOf(messages: Message[], correction: number): Cost {
  const tokens = estimateTokens(messages) * correction;
  return { messages: messages.length, tokens, length: lengthOf(messages) };
}

/** Returns the limits, and two thirds of each large one that is passed. */
function withBlocks({ messages, tokens }: HistoryLimits, costs: Cost[]): HistoryLimits {
  const sum = (name: keyof Cost) => costs.reduce((total, cost) => total + cost[name], 0);
  const limit = (most: number, name: "messages" | "tokens") =>
    most >= LEAST_FOR_BLOCKS[name] && sum(name) > most ? Math.floor(most * LEFT_BY_BLOCK) : most;
  return { messages: limit(messages, "messages"), tokens: tokens === undefined ? undefined : limit(tokens, "tokens") };
}

/** Takes messages as long as they fit into the limits. */
class Room {
  #messages: number;
  #tokens: number;
  #length = LONGEST;

  constructor({ messages, tokens = Number.POSITIVE_INFINITY }: HistoryLimits) {
    this.#messages = messages;
    this.#tokens = tokens;
  }

  /** @returns whether the messages fit with those before */
  take({ messages, tokens, length }: Cost = { messages: 0, tokens: 0, length: 0 }): boolean {
    this.#messages -= messages;
    this.#tokens -= tokens;
    this.#length -= length;
    return this.#messages >= 0 && this.#tokens >= 0 && this.#length >= 0;
  }
}

/** Messages that belong together: one, and the results of the calls in it with their images. */
export function unitsOf(messages: Message[]): Message[][] {
  const units: Message[][] = [];
  let isCalling = false;
  for (const message of messages) {
    const unit = units.at(-1);
    if (unit && isCalling && (message.role === "tool" || showsImages(message, unit.at(-1)))) {
      unit.push(message);
    } else {
      units.push([message]);
      isCalling = callIds(message).length > 0;
    }
  }
  return units;
}

/** True for what stands between the results of a round and the images of these, and for the images. */
function showsImages({ role, content }: Message, before: Message | undefined): boolean {
  if (role === "user") return before?.role === "assistant" && before.content === SEE_BELOW;
  return content === SEE_BELOW && before?.role === "tool";
}

/** The ids of the calls in a message. */
export function callIds(message: Message | undefined): unknown[] {
  const calls = message?.role === "assistant" ? message["tool_calls"] : undefined;
  return Array.isArray(calls) ? calls.flatMap((call: { id?: unknown } | null) => call?.id ?? []) : [];
}

export const isSystem = ({ role }: Message): boolean => role === "system" || role === "developer";

function lengthOf(messages: Message[]): number {
  return messages.reduce((sum, message) => sum + JSON.stringify(message).length, 0);
}

/** Estimates the tokens of messages by their length. */
export function estimateTokens(messages: readonly unknown[]): number {
  return messages.reduce((sum: number, message) => sum + MESSAGE_TOKENS + tokensOf(message), 0);
}

function tokensOf(value: unknown): number {
  if (typeof value === "string") return tokensOfText(value);
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
  const counted = usage?.["prompt_tokens"];
  const estimated = estimateTokens(sent);
  // What a short prompt costs is mostly the server's own template.
  if (typeof counted !== "number" || counted <= 0 || estimated < LEAST_COUNTED) return undefined;
  return Math.min(LARGEST_CORRECTION, Math.max(1 / LARGEST_CORRECTION, counted / estimated));
}
