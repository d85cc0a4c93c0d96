import { isTooDeep } from "../nesting";
import type { AssistantMessage, DeltaListener, PartialCompletion } from "../types";
import { asRecord } from "../unknown";
import { firstOf, PART_TEXTS, REASONING_FIELDS, REASONING_PARTS } from "./dialects";
import { CompletionMetadata } from "./metadata";
import { TextBuffer } from "./text-buffer";
import { MAY_BE_TAG, ThinkTagParser } from "./think-tags";
import { ToolCallMerger } from "./tool-call-deltas";

/** Levels of content parts that are read. No server nests them deep. */
const DEEPEST_PART = 20;

/**
 * Puts a completion together from the chunks of a stream, or from a whole reply, and hands the deltas on as they come.
 * Ignores the `index` of a choice: some servers count tokens in it.
 */
export class CompletionAccumulator {
  readonly #listener: DeltaListener;
  readonly #text = new TextBuffer();
  readonly #reasoning = new TextBuffer();
  #calls: ToolCallMerger | undefined;
  /** Undefined until something comes that may be a think tag. */
  #thinkTags: ThinkTagParser | undefined;
  readonly #fields = new CompletionMetadata();
  /** No think tag can come any more. */
  #isPastThinking = false;
  /** Name of the field that the reasoning came in. */
  #reasoningField: string | undefined;
  #reasoningDetails: unknown[] | undefined;
  /** Text, reasoning or a call has come: from here on nothing is retried. */
  hasContent = false;
  /** A choice has come, even an empty one. */
  hasChoice = false;
  /** Characters of text, reasoning and calls. */
  contentSize = 0;
  /** Characters of lists that were kept, such as log probabilities. */
  #listSize = 0;
  /** Names of fields that `build` left out because they are nested too deep. */
  leftOut: string[] = [];

  constructor(listener: DeltaListener) {
    this.#listener = listener;
  }

  /** Characters that are kept, of all kinds. */
  get size(): number {
    return this.contentSize + this.#fields.size + this.#listSize;
  }

  get finishReason(): string | undefined {
    return this.#fields.finishReason;
  }

  get hasFinished(): boolean {
    return this.#fields.finishReason !== undefined;
  }

  /**
   * Takes one chunk of a stream or one whole `chat.completion`.
   *
   * @param length - of its JSON text, in characters: fields beside the message count by it
   * @param isWhole - it is a whole reply
   */
  add(chunk: Record<string, unknown>, length = 0, isWhole = false): void {
    this.#fields.add(chunk, length);
    const choices = chunk["choices"];
    const choice = Array.isArray(choices) ? asRecord(choices[0]) : undefined;
    if (!choice) return;
    this.hasChoice = true;
    const before = this.contentSize;
    const delta = this.#deltaOf(choice, isWhole);
    let hasList = delta !== undefined && this.#addDelta(delta);
    // Some servers write "" for "not yet".
    if (choice["finish_reason"] != null && choice["finish_reason"] !== "") {
      this.#fields.setFinishReason(choice["finish_reason"], length);
    }
    if (choice["logprobs"] != null && this.#fields.addLogprobs(choice["logprobs"], length)) hasList = true;
    // What else was kept of the chunk is part of its text.
    if (hasList) this.#listSize += Math.max(0, length - (this.contentSize - before));
  }

  /** Takes a delta of the content. */
  addText(delta: string): void {
    if (delta === "") return;
    if (!this.#isPastThinking && (this.#thinkTags || MAY_BE_TAG.test(delta))) {
      this.#thinkTags ??= new ThinkTagParser();
      this.#split(this.#thinkTags.push(delta), this.#thinkTags.reasoning);
      return;
    }
    this.#isPastThinking = true;
    this.hasContent = true;
    this.contentSize += delta.length;
    this.#text.add(delta);
    this.#listener.onText?.(delta);
  }

  /** Hands on what was held back. Called once, when no more will come. */
  end(): void {
    if (this.#thinkTags) this.#split(this.#thinkTags.end(), this.#thinkTags.reasoning);
  }

  /** Takes what the headers say of who replied. */
  setOrigin(provider: string | undefined, requestId: string | undefined): void {
    this.#fields.setOrigin(provider, requestId);
  }

  build(): PartialCompletion {
    const message: AssistantMessage = { role: "assistant", content: this.#text.toString() };
    if (this.#reasoning.length > 0) message.reasoning = this.#reasoning.toString();
    if (this.#calls && this.#calls.size > 0) {
      message.tool_calls = this.#calls.build();
      if (message.content === "") message.content = null;
    }
    const { fields, leftOut } = this.#fields.build();
    this.leftOut = leftOut;
    const completion: PartialCompletion = { ...fields, message };
    const reasoningToReturn = this.#reasoningToReturn();
    if (reasoningToReturn) completion.reasoningToReturn = reasoningToReturn;
    return completion;
  }

  #split(text: string, reasoning: string): void {
    if (reasoning) this.#addReasoningText(reasoning);
    // Behind the first text, a tag is one of the model's own words.
    if (text !== "") this.#isPastThinking = true;
    this.addText(text);
  }

  #addReasoningText(delta: string): void {
    this.hasContent = true;
    this.contentSize += delta.length;
    this.#reasoning.add(delta);
    this.#listener.onReasoning?.(delta);
  }

  /** A last chunk may repeat the whole message beside an empty delta; a whole reply may have both, too. */
  #deltaOf(choice: Record<string, unknown>, isWhole: boolean): Record<string, unknown> | undefined {
    const delta = asRecord(choice["delta"]);
    if (delta && (choice["message"] === undefined || !isBlank(delta))) return delta;
    const mayBeWhole = isWhole || !delta || choice["finish_reason"] != null;
    const isFirst = !this.hasContent && !this.#thinkTags?.isHolding;
    return mayBeWhole && isFirst ? (asRecord(choice["message"]) ?? delta) : delta;
  }

  /** @returns true if a list of it was kept that is not counted yet */
  #addDelta(delta: Record<string, unknown>): boolean {
    const hasDetails = hasMoreThanContent(delta) && this.#addReasoning(delta);
    const content = delta["content"];
    if (typeof content === "string") {
      this.addText(content);
    } else if (content != null) {
      this.#addParts(Array.isArray(content) ? content : [content]);
    }
    // What a model says when it refuses has a field of its own.
    if (typeof delta["refusal"] === "string" && delta["refusal"]) this.addText(delta["refusal"]);
    const calls = delta["tool_calls"] ?? delta["function_call"];
    if (calls != null) {
      this.#calls ??= new ToolCallMerger();
      this.contentSize += this.#calls.add(calls);
      if (this.#calls.size > 0) this.hasContent = true;
    }
    return hasDetails;
  }

  /**
   * Takes reasoning, which has several names. A server that uses two at once says the same in both.
   *
   * @returns true if it came as a list of details, which is kept
   */
  #addReasoning(delta: Record<string, unknown>): boolean {
    const details = delta["reasoning_details"];
    const hasDetails = Array.isArray(details) && details.length > 0;
    if (hasDetails) {
      this.#reasoningDetails ??= [];
      for (const detail of details) this.#reasoningDetails.push(detail);
    }
    const name = REASONING_FIELDS.find((field) => delta[field]);
    if (name === undefined) return hasDetails;
    this.#reasoningField ??= name;
    const text = joinText(delta[name]);
    if (text) this.#addReasoningText(text);
    return hasDetails;
  }

  #reasoningToReturn(): Record<string, unknown> | undefined {
    if (this.#reasoningDetails) {
      if (!isTooDeep(this.#reasoningDetails)) return { reasoning_details: this.#reasoningDetails };
      this.leftOut.push("reasoning_details");
    }
    const field = this.#reasoningField;
    return field && field !== "reasoning_details" ? { [field]: this.#reasoning.toString() } : undefined;
  }

  #addParts(parts: unknown[]): void {
    for (const part of parts) {
      const record = asRecord(part);
      const thinking = record && firstOf(record, REASONING_PARTS);
      if (thinking !== undefined) {
        const text = joinText(thinking);
        if (text) this.#addReasoningText(text);
      } else {
        const text = joinText(part);
        this.addText(text);
      }
    }
  }
}

/** True for a delta with more than content. Most have no more, and need not be searched for the names of reasoning. */
function hasMoreThanContent(delta: Record<string, unknown>): boolean {
  for (const name in delta) if (name !== "content") return true;
  return false;
}

/** True for a delta beside a message that brings nothing. */
function isBlank(delta: Record<string, unknown>): boolean {
  for (const [name, value] of Object.entries(delta)) {
    const isEmpty = value === null || value === "" || (Array.isArray(value) && value.length === 0);
    if (name !== "role" && !isEmpty) return false;
  }
  return true;
}

/** Returns the text of a string, a part, or an array of parts. Encrypted reasoning has none. */
function joinText(value: unknown, levels = DEEPEST_PART): string {
  if (typeof value === "string") return value;
  if (levels === 0) return "";
  if (Array.isArray(value)) return value.map((part) => joinText(part, levels - 1)).join("");
  const part = asRecord(value);
  return part ? joinText(firstOf(part, PART_TEXTS), levels - 1) : "";
}
