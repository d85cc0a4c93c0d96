import type { Usage } from "../../client/internal";
import type { Message } from "../request/prompt";

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
/** Shorter prompts say nothing of how long ones are counted. */
const LEAST_COUNTED = 100;
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
  const calls = message?.role === "assistant" ? message["tool_calls"] : undefined;
  return Array.isArray(calls) ? calls.flatMap((call: { id?: unknown } | null) => call?.id ?? []) : [];
}

/**
 * Takes the oldest messages off until the limits hold. The system message stays, and a call stays with its results. What
 * is left begins with a message of the user, since many servers take it only so: in the middle of a long question its
 * first rounds go, and the question stays. If not even the question and the last message fit, nothing is left.
 *
 * @param correction - tokens that the server counts for one of the estimate
 */
export function trimHistory(messages: Message[], limits: HistoryLimits, correction: number): Message[] {
  const firstSaid = messages.findIndex((message) => !isSystem(message));
  const system = firstSaid < 0 ? messages : messages.slice(0, firstSaid);
  const units = firstSaid < 0 ? [] : unitsOf(messages.slice(firstSaid)).filter(([message]) => message?.role !== "tool");
  const left = new Room(limits, correction);
  left.take(system);
  let from = units.length;
  while (from > 0 && left.take(units[from - 1] as Message[])) from--;
  const firstUser = units.findIndex(([message], at) => at >= from && message?.role === "user");
  if (firstUser >= 0) return [...system, ...units.slice(firstUser).flat()];
  const question = units.findLastIndex(([message]) => message?.role === "user");
  if (question < 0) return [...system, ...units.slice(from).flat()];
  // In the middle of a long question.
  const room = new Room(limits, correction);
  room.take(system);
  const fits = room.take(units[question] as Message[]);
  let rest = units.length;
  while (fits && rest > question + 1 && room.take(units[rest - 1] as Message[])) rest--;
  return rest < units.length
    ? [...system, ...[units[question], ...units.slice(rest)].flatMap((unit) => unit ?? [])]
    : system;
}

/** Returns the messages that fit into the limits. */
class Room {
  #messages: number;
  #tokens: number;
  #length = LONGEST;
  readonly #correction: number;

  constructor({ messages, tokens = Number.POSITIVE_INFINITY }: HistoryLimits, correction: number) {
    this.#messages = messages;
    this.#tokens = tokens;
    this.#correction = correction;
  }

  /** @returns whether the messages fit with those before */
  take(messages: Message[]): boolean {
    this.#messages -= messages.length;
    this.#tokens -= estimateTokens(messages) * this.#correction;
    this.#length -= lengthOf(messages);
    return this.#messages >= 0 && this.#tokens >= 0 && this.#length >= 0;
  }
}

/** Messages that belong together: one, and the results of the calls in it. */
function unitsOf(messages: Message[]): Message[][] {
  const units: Message[][] = [];
  let isCalling = false;
  for (const message of messages) {
    if (message.role === "tool" && isCalling) {
      units.at(-1)?.push(message);
    } else {
      units.push([message]);
      isCalling = callIds(message).length > 0;
    }
  }
  return units;
}

const isSystem = ({ role }: Message): boolean => role === "system" || role === "developer";

function lengthOf(messages: Message[]): number {
  return messages.reduce((sum, message) => sum + JSON.stringify(message).length, 0);
}

/** Estimates the tokens of messages by their length. */
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
  const counted = usage?.["prompt_tokens"];
  const estimated = estimateTokens(sent);
  // What a short prompt costs is mostly the server's own template.
  if (typeof counted !== "number" || counted <= 0 || estimated < LEAST_COUNTED) return undefined;
  return Math.min(LARGEST_CORRECTION, Math.max(1 / LARGEST_CORRECTION, counted / estimated));
}
