import type { Completion, ToolCall } from "../../client/internal";
import { SEE_BELOW } from "../../shared/limits";
import { repairMessages } from "../json/structured-output";
import { callIds, isSystem, unitsOf } from "../memory/history";
import type { Message } from "../request/prompt";
import { type CallOutcome, sendableCall } from "../tools";
import { asSent, strictId } from "./for-model";
import {
  lateResults,
  NOT_CARRIED_OUT,
  openCalls,
  openResults,
  resultsOf,
  wholeCalls,
  withLateResults,
} from "./tool-results";

/** Assistant messages that close a round, since no server takes a user message behind a result or another question. */
const STOPPED = "(stopped)";
const NO_ANSWER = "(no answer)";
/** Ends of a model's name by which the router chooses the provider itself. */
const ROUTER_POLICY = /:(fastest|cheapest|preferred)$/;
/** Models whose provider is kept with a conversation. Messages may name any number. */
const MOST_PROVIDERS = 20;

/** Who has made a reply. */
export interface Writer {
  model: string;
  /** The one that has served the model; only at the router. */
  provider: string | undefined;
  /** The other server that was asked, whose models are others; undefined for the conversation's own. */
  server?: string | undefined;
}

/** What is known of the messages of a conversation beside them, since they hold fields of the API only. */
export interface Origins {
  /** The messages that are remembered, with the name of the model that wrote each; null for what no model wrote. */
  writers: Map<Message, string | null>;
  /** By model: the provider that served it last. */
  providers: Map<string, string>;
}

/** What the stop of a question kept of it. */
export type Kept = "question" | "nothing";

/**
 * The messages of a question as its rounds go on: those that are kept, remembered and handed out, and those that a
 * model gets. This is the one place that makes a history that every server takes; what the flow passed in stays as it is.
 */
export class SendableHistory {
  /** The question, and what came of it; without failed repairs. */
  readonly messages: Message[];
  readonly origins: Origins;
  /** The same with the replies that the model is to repair. */
  readonly #sent: Message[];
  readonly #remembered: ReadonlyMap<Message, unknown>;
  readonly #length: number;

  /** @param origins - what is known of the remembered ones among the messages */
  constructor(messages: readonly Message[], origins: Origins = { writers: new Map(), providers: new Map() }) {
    this.messages = [...messages];
    this.#sent = [...messages];
    this.#length = messages.length;
    this.origins = { writers: new Map(origins.writers), providers: new Map(origins.providers) };
    this.#remembered = origins.writers;
  }

  /** The conversation without this question. */
  get before(): Message[] {
    const asked = this.messages.slice(0, this.#length);
    const isBefore = (message: Message) => message.role === "assistant" || this.#remembered.has(message);
    const end = asked.findLastIndex(isBefore) + 1;
    return asked.filter((message, at) => at < end || isSystem(message));
  }

  /** Returns the messages as a model gets them. */
  sentTo(model: string, server?: string): Message[] {
    const { writers } = this.origins;
    const reader = servedBy({ model, provider: this.providerOf(model, server), server });
    let isForeign = false;
    return this.#sent.map((message) => {
      if (message.role === "tool") {
        return isForeign ? { ...message, tool_call_id: strictId(message["tool_call_id"]) } : message;
      }
      const writer = writers.get(message);
      isForeign = typeof writer === "string" && writer !== reader;
      return typeof writer === "string" && message["tool_calls"] ? asSent(message, isForeign) : message;
    });
  }

  /** Returns who served a model last. */
  providerOf(model: string, server: string | undefined): string | undefined {
    return this.origins.providers.get(at(model, server));
  }

  /** Forgets the provider of a model, which has not answered in time. */
  dropProvider(model: string, server: string | undefined): void {
    this.origins.providers.delete(at(model, server));
  }

  /** Notes who serves a model, for the next request. */
  served({ model, provider, server }: Writer): void {
    if (provider === undefined) return;
    const { providers } = this.origins;
    const name = at(model, server);
    // The newest stands last.
    providers.delete(name);
    providers.set(name, provider);
    for (const oldest of [...providers.keys()].slice(0, -MOST_PROVIDERS)) providers.delete(oldest);
  }

  /** Adds the last message of a question: a text, or calls that nobody here carries out. */
  addReply(completion: Completion, writer: Writer): void {
    const { content, tool_calls } = completion.message;
    if (tool_calls?.length) this.#addCalling(completion, tool_calls, content, writer);
    else this.#addText(content ?? "", NO_ANSWER, writer);
  }

  /**
   * Adds a round of which calls were carried out. Others in it stay open, at the end.
   *
   * @param outcomes - in the order of the calls
   * @param dropped - further calls of the round, of which the last result tells
   */
  addCalls(completion: Completion, writer: Writer, outcomes: CallOutcome[], dropped: number): void {
    const { content, tool_calls = [] } = completion.message;
    const results = resultsOf(tool_calls, outcomes, dropped);
    const parts = outcomes.flatMap((outcome) => outcome.parts ?? []);
    if (parts.length === 0) {
      this.#addCalling(completion, tool_calls, content, writer);
      this.#add(...results);
      return;
    }
    // Nothing may stand between a call and its result: calls that are still open go behind the images.
    const answered = new Set(outcomes.map(({ id }) => id));
    const isAnswered = ({ id }: ToolCall) => answered.has(id);
    const open = tool_calls.filter((call) => !isAnswered(call));
    this.#addCalling(completion, tool_calls.filter(isAnswered), content, writer);
    this.#add(...results, closing(SEE_BELOW), { role: "user", content: parts });
    if (open.length > 0) this.#addCalling(completion, open, null, writer);
  }

  /** Adds a reply that goes back to the model, with what is wrong with it. Nobody remembers it. */
  addRepair(text: string, problems: string[]): void {
    this.#sent.push(...repairMessages(text.trim() === "" ? NO_ANSWER : text, problems));
  }

  /** Adds a reply that could not be used, and what the model is told of it. Nobody remembers them. */
  addFailedTry(reply: string, request: string): void {
    this.#sent.push(closing(reply.trim() === "" ? NO_ANSWER : reply), { role: "user", content: request });
  }

  /**
   * Ends a question that was stopped: it is kept with what had come, if a text or a whole call had. One that brings the
   * results of calls goes on with a question, and is kept: the model must not be told that they were not carried out.
   *
   * @param completion - the round that was cut short; undefined between two rounds
   * @param dropped - further calls of that round
   */
  stop(completion: Completion | undefined, writer: Writer, dropped = 0): Kept {
    const { content = null, tool_calls = [] } = completion?.message ?? {};
    const calls = wholeCalls(tool_calls, completion?.finish_reason);
    if (completion && calls.length > 0) {
      this.#addCalling(completion, calls, content, writer);
      this.#add(...openResults(calls, dropped));
    } else if (content?.trim()) {
      this.#addText(content, STOPPED, writer);
      return "question";
    } else if (this.#sent.length === this.#length && !bringsResults(this.#sent)) {
      return "nothing";
    }
    const own = this.messages.slice(this.#length);
    const last = own.findLastIndex(({ role }) => role === "assistant");
    if (last >= 0) this.#add(...openResults(openCalls(own.slice(last)), 0));
    this.#add(closing(STOPPED));
    return "question";
  }

  #add(...messages: Message[]): void {
    this.messages.push(...messages);
    this.#sent.push(...messages);
  }

  #addText(text: string, otherwise: string, writer: Writer): void {
    if (text.trim() === "") this.#add(closing(otherwise));
    else this.#addWritten({ role: "assistant", content: text }, writer);
  }

  #addCalling({ reasoningToReturn }: Completion, calls: ToolCall[], content: string | null, writer: Writer): void {
    const tool_calls = calls.map(sendableCall);
    this.#addWritten({ role: "assistant", content, tool_calls, ...reasoningToReturn }, writer);
  }

  #addWritten(message: Message, writer: Writer): void {
    this.origins.writers.set(message, servedBy(writer));
    this.served(writer);
    this.#add(message);
  }
}

/** Names who serves a model: with the provider, where the model's name leaves that open. */
function servedBy({ model, provider, server }: Writer): string {
  const open = model.replace(ROUTER_POLICY, "");
  return at(provider === undefined || open.includes(":") ? model : `${open}:${provider}`, server);
}

/** Names a model of another server. */
function at(model: string, server: string | undefined): string {
  return server === undefined ? model : `${model}@${server}`;
}

/** True for a question that ends with the results of calls, or with these and images, in time or too late. */
export function bringsResults(messages: Message[]): boolean {
  const last = messages.at(-1);
  if (last && lateResults.has(last)) return true;
  const end = messages.at(-2)?.content === SEE_BELOW ? -3 : -1;
  return messages.at(end)?.role === "tool";
}

const closing = (content: string): Message => ({ role: "assistant", content });

/**
 * Puts a prompt behind what is remembered. A prompt with an assistant's message in it is a whole conversation and takes
 * the place of the history; a system message in it takes the place of the one in the history.
 */
export function joinHistory(history: Message[], prompt: Message[]): Message[] {
  if (prompt.some(({ role }) => role === "assistant")) return closeRounds(prompt);
  const hasResults = prompt.some(({ role }) => role === "tool");
  const { messages, late } = hasResults ? withLateResults(history, prompt) : { messages: prompt };
  const system = messages.filter(isSystem);
  const isSaid = (message: Message) => !isSystem(message);
  const said = system.length > 0 ? messages.filter(isSaid) : messages;
  const before = system.length > 0 ? history.filter(isSaid) : history;
  return closeRounds([...system, ...before, ...said], (next) => next === said[0] || next === late);
}

/** Makes a history that an earlier version has stored one that every server takes. */
export function closeOldRounds(messages: Message[]): Message[] {
  const isEmpty = ({ role, content, tool_calls }: Message) =>
    role === "assistant" && tool_calls === undefined && typeof content === "string" && content.trim() === "";
  return closeRounds(
    messages.map((message) => (isEmpty(message) ? closing(NO_ANSWER) : message)),
    () => true,
  );
}

/**
 * Gives every call without a result one. Between that and a question, a message of the assistant closes the round.
 *
 * @param isJoint - true for a question in front of which a round is closed whatever it ends with
 */
function closeRounds(messages: Message[], isJoint: (next: Message) => boolean = () => false): Message[] {
  const units = unitsOf(messages);
  return units.flatMap((unit, at) => {
    const answered = new Set(unit.map(({ tool_call_id }) => tool_call_id));
    const open = callIds(unit[0]).filter((id) => !answered.has(id));
    const results = open.map((id) => ({ role: "tool", tool_call_id: id, content: NOT_CARRIED_OUT }));
    const closed: Message[] = [...unit, ...results];
    const next = units[at + 1]?.[0];
    const isOpen = ["user", "tool"].includes(closed.at(-1)?.role ?? "");
    if (next?.role === "user" && isOpen && (results.length > 0 || isJoint(next))) closed.push(closing(NO_ANSWER));
    return closed;
  });
}

/** Closes the results at the end of a conversation before images of the same message are joined to it. */
export function closeBeforeImages(messages: Message[]): Message[] {
  return messages.at(-2)?.role === "tool" ? messages.toSpliced(-1, 0, closing(SEE_BELOW)) : messages;
}
