import { asRecord, toText } from "./json";
import { TextBuffer } from "./text-buffer";
import { type TextSink, ThinkSplitter } from "./think-splitter";
import { type ToolCall, ToolCallMerger } from "./tool-calls";

/** The assistant's message as the API writes it; reasoning is kept apart from the content. */
export interface AssistantMessage {
  role: "assistant";
  content: string | null;
  reasoning?: string;
  tool_calls?: ToolCall[];
}

/** Token counts under the API's own names. */
export type Usage = Record<string, unknown>;

/** One reply of a server, put together. What the server did not say is absent. */
export interface Completion {
  id?: string;
  created?: number;
  model?: string;
  /** The provider behind the router that answered. */
  provider?: string;
  request_id?: string;
  finish_reason?: string;
  message: AssistantMessage;
  /** Reasoning under the server's own names, as it wants it back inside a tool loop. */
  echo?: Record<string, unknown>;
  usage?: Usage;
  /** What it has cost, in USD. */
  cost?: number;
  logprobs?: unknown;
  /** Top-level fields of the server that have no place of their own, such as citations. */
  extra?: Record<string, unknown>;
  /** HTTP requests made. */
  attempts: number;
  timing: Timing;
}

/** All in milliseconds, but for the rate. */
export interface Timing {
  /** Waited for a slot. */
  queued_ms: number;
  /** From the question to the first piece of the reply. */
  first_ms?: number;
  /** From the question to the end. */
  total_ms: number;
  tokens_per_second?: number;
}

const REASONING_FIELDS = ["reasoning_content", "reasoning", "reasoning_text", "thinking", "reasoning_details"];

/** What has been read of a reply so far. */
export type PartialCompletion = Omit<Completion, "attempts" | "timing">;

/** Called for every piece of a reply, in its order. What it throws ends the question with the error `internal`. */
export interface PieceListener {
  onText?(piece: string): void;
  onReasoning?(piece: string): void;
}

/**
 * Puts a completion together from the chunks of a stream, or from a whole reply, and hands the pieces on as they
 * come. `index` of a choice is not looked at: old TGI counts tokens in it.
 */
export class CompletionBuilder implements TextSink {
  readonly #listener: PieceListener;
  readonly #text = new TextBuffer();
  readonly #reasoning = new TextBuffer();
  readonly #calls = new ToolCallMerger();
  readonly #splitter = new ThinkSplitter(this);
  /** The server says its usage where the API has it; what Groq says beside it does not count then. */
  #hasUsage = false;
  readonly #known: PartialCompletion = { message: { role: "assistant", content: "" } };
  #logprobs: unknown[] | undefined;
  /** Name of the field that the reasoning came in. */
  #reasoningField: string | undefined;
  #reasoningDetails: unknown[] | undefined;
  /** Whether text, reasoning or a call has come: from here on nothing is tried again. */
  hasContent = false;
  /** Whether a choice has come, even an empty one. */
  hasChoice = false;
  /** Characters kept of text, reasoning and calls. */
  size = 0;

  constructor(listener: PieceListener) {
    this.#listener = listener;
  }

  get finishReason(): string | undefined {
    return this.#known.finish_reason;
  }

  get hasFinished(): boolean {
    return this.#known.finish_reason !== undefined;
  }

  /** Takes one chunk of a stream or one whole `chat.completion`. */
  add(chunk: Record<string, unknown>): void {
    this.#addFields(chunk);
    const choices = chunk.choices;
    const choice = Array.isArray(choices) ? asRecord(choices[0]) : undefined;
    if (!choice) return;
    this.hasChoice = true;
    // A last chunk may repeat the whole message beside an empty delta.
    const delta = asRecord(choice.delta) ?? (this.hasContent ? undefined : asRecord(choice.message));
    if (delta) this.#addDelta(delta);
    // Some servers write "" for "not yet".
    if (choice.finish_reason != null && choice.finish_reason !== "")
      this.#known.finish_reason = toText(choice.finish_reason);
    if (choice.logprobs != null) this.#addLogprobs(choice.logprobs);
  }

  /** Takes a piece of the content: all that is new in a chunk which is like the one before. */
  addText(piece: string): void {
    if (piece) this.#splitter.push(piece);
  }

  /** Hands on what was held back. Call it once, when no more will come. */
  end(): void {
    this.#splitter.end();
  }

  /** What the headers say of who answered. */
  setOrigin(provider: string | undefined, requestId: string | undefined): void {
    if (provider) this.#known.provider = provider;
    if (requestId) this.#known.request_id = requestId;
  }

  build(): PartialCompletion {
    const message: AssistantMessage = { role: "assistant", content: this.#text.toString() };
    if (this.#reasoning.length > 0) message.reasoning = this.#reasoning.toString();
    if (this.#calls.size > 0) {
      message.tool_calls = this.#calls.build();
      if (message.content === "") message.content = null;
    }
    const completion: PartialCompletion = { ...this.#known, message };
    const echo = this.#echo();
    if (echo) completion.echo = echo;
    if (this.#logprobs) completion.logprobs = { content: this.#logprobs };
    return completion;
  }

  text(piece: string): void {
    this.hasContent = true;
    this.size += piece.length;
    this.#text.add(piece);
    this.#listener.onText?.(piece);
  }

  reasoning(piece: string): void {
    this.hasContent = true;
    this.size += piece.length;
    this.#reasoning.add(piece);
    this.#listener.onReasoning?.(piece);
  }

  #addDelta(delta: Record<string, unknown>): void {
    if (hasMoreThanContent(delta)) this.#addReasoning(delta);
    const content = delta.content;
    if (typeof content === "string") {
      if (content) this.#splitter.push(content);
    } else if (content != null) {
      this.#addParts(Array.isArray(content) ? content : [content]);
    }
    // What a model says when it will not answer has a field of its own.
    if (typeof delta.refusal === "string" && delta.refusal) this.#splitter.push(delta.refusal);
    const calls = delta.tool_calls ?? delta.function_call;
    if (calls != null) {
      this.size += this.#calls.add(calls);
      if (this.#calls.size > 0) this.hasContent = true;
    }
  }

  /** Reasoning goes by several names; a server that uses two at once says the same in both. */
  #addReasoning(delta: Record<string, unknown>): void {
    const details = delta.reasoning_details;
    if (Array.isArray(details) && details.length > 0) {
      this.#reasoningDetails ??= [];
      for (const detail of details) this.#reasoningDetails.push(detail);
    }
    const name = REASONING_FIELDS.find((field) => delta[field]);
    if (name === undefined) return;
    this.#reasoningField ??= name;
    const text = joinText(delta[name]);
    if (text) this.reasoning(text);
  }

  #echo(): Record<string, unknown> | undefined {
    if (this.#reasoningDetails) return { reasoning_details: this.#reasoningDetails };
    return this.#reasoningField ? { [this.#reasoningField]: this.#reasoning.toString() } : undefined;
  }

  #addParts(parts: unknown[]): void {
    for (const part of parts) {
      const record = asRecord(part);
      const thinking = record && (record.thinking ?? record.reasoning);
      if (thinking !== undefined && thinking !== null) {
        const text = joinText(thinking);
        if (text) this.reasoning(text);
      } else {
        const text = joinText(part);
        if (text) this.#splitter.push(text);
      }
    }
  }

  /** All but the choices. It runs for every chunk, so it makes nothing that it does not keep. */
  #addFields(chunk: Record<string, unknown>): void {
    const known = this.#known;
    for (const name in chunk) {
      const value = chunk[name];
      if (value === null || value === undefined || value === "") continue;
      switch (name) {
        case "choices":
        case "object":
        case "obfuscation": // random padding against traffic analysis
        case "__proto__": // would be no field of `extra`, but what it inherits from
          break;
        case "id":
          if (known.id === undefined) known.id = toText(value);
          break;
        case "created":
          if (known.created === undefined && typeof value === "number") known.created = value;
          break;
        case "model":
          if (known.model === undefined) known.model = toText(value);
          break;
        case "usage":
          if (typeof value === "object") known.usage = value as Usage;
          if (value) this.#hasUsage = true;
          break;
        case "provider":
          if (typeof value === "string") known.provider ??= value;
          break;
        default:
          known.extra ??= {};
          known.extra[name] = value;
          if (name === "x_groq") this.#addGroqUsage(value);
      }
    }
  }

  #addGroqUsage(value: unknown): void {
    const usage = asRecord(asRecord(value)?.usage);
    if (usage && !this.#hasUsage) this.#known.usage = usage;
  }

  #addLogprobs(value: unknown): void {
    const content = asRecord(value)?.content;
    if (Array.isArray(content)) {
      this.#logprobs ??= [];
      for (const entry of content) this.#logprobs.push(entry);
    } else if (!this.#logprobs) {
      this.#known.logprobs = value;
    }
  }
}

/** Most deltas are a piece of text and nothing else, which need not be searched for what reasoning may be called. */
function hasMoreThanContent(delta: Record<string, unknown>): boolean {
  for (const name in delta) if (name !== "content") return true;
  return false;
}

/** The text of a string, a part, or an array of parts; encrypted reasoning has none. */
function joinText(value: unknown): string {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value.map(joinText).join("");
  const part = asRecord(value);
  return part ? joinText(part.text ?? part.summary ?? part.thinking ?? "") : "";
}
