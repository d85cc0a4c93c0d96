import { isTooDeep } from "../nesting";
import type { AssistantMessage, DeltaListener, PartialCompletion, PromptProgress } from "../types";
import { asRecord } from "../unknown";
import { isBlank } from "./blank-delta";
import { FINISH_MEANINGS, firstOf, REASONING_FIELDS, REASONING_PARTS } from "./dialects";
import { MessageFields } from "./message-fields";
import { CompletionMetadata } from "./metadata";
import { joinText } from "./part-text";
import { TextBuffer } from "./text-buffer";
import { MAY_BE_TAG, MAY_CLOSE, splitAtLoneEnd, ThinkTagParser } from "./think-tags";
import { callsIn, ToolCallMerger } from "./tool-call-deltas";

/** The field that the servers which fill it want back with calls, even if it is blank. */
const BLANK_REASONING = "reasoning_content";

/** A field of its own, or the content: between tags, or in its parts. */
type ReasoningSource = "field" | "content";

/**
 * Puts a completion together from the chunks of a stream, or from a whole reply, and hands the deltas on as they come.
 * Ignores the `index` of a choice: some servers count tokens in it.
 */
export class CompletionAccumulator {
  readonly #listener: DeltaListener;
  readonly #text = new TextBuffer();
  readonly #reasoning = new TextBuffer();
  /** Where the reasoning comes from that is told as it comes. */
  #reasoningSource: ReasoningSource | undefined;
  /** Reasoning from another place, which may be the same once more: told at the end if it is not. */
  readonly #otherReasoning = new TextBuffer();
  #calls: ToolCallMerger | undefined;
  /** Undefined until something comes that may be a think tag. */
  #thinkTags: ThinkTagParser | undefined;
  readonly #isEndExpected: boolean;
  /** Characters that the parser holds back: they are counted, and counted anew when it returns them. */
  #untaggedLength = 0;
  /** The reasoning ended in a tag that had no beginning. Known once it is built. */
  hasLoneEnd = false;
  readonly #fields = new CompletionMetadata();
  /** No think tag can come any more, and no marker. */
  #isPastThinking = false;
  /** Name of the field that the reasoning came in. */
  #reasoningField: string | undefined;
  #reasoningDetails: unknown[] | undefined;
  /** Reasoning came, and it was blank. */
  #hasBlankReasoning = false;
  #messageFields: MessageFields | undefined;
  /** Reasoning of a field, where the content had some, too. */
  #fieldReasoning: string | undefined;
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

  constructor(listener: DeltaListener, isEndExpected = false) {
    this.#listener = listener;
    this.#isEndExpected = isEndExpected;
  }

  /** Characters that are kept, of all kinds. */
  get size(): number {
    return this.contentSize + this.#fields.size + this.#listSize;
  }

  get finishReason(): string | undefined {
    return this.#fields.finishReason;
  }

  get hasCalls(): boolean {
    return this.#calls !== undefined && this.#calls.size > 0;
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
    // Some servers write them beside the delta.
    if (choice["annotations"] != null && this.#addFields({ annotations: choice["annotations"] })) hasList = true;
    // Some servers write "" for "not yet".
    if (choice["finish_reason"] != null && choice["finish_reason"] !== "") {
      this.#fields.setFinishReason(choice["finish_reason"], length);
    }
    if (choice["logprobs"] != null && this.#fields.addLogprobs(choice["logprobs"], length)) hasList = true;
    // What else was kept of the chunk is part of its text.
    if (hasList) this.#listSize += Math.max(0, length - (this.contentSize - before));
  }

  /** Takes a field beside the choices of a chunk. @param length - of the chunk as JSON text */
  addField(name: string, value: unknown, length: number): void {
    this.#fields.addField(name, value, length);
  }

  /** Takes a delta of the content. */
  addText(delta: string): void {
    if (delta === "") return;
    if (!this.#isPastThinking && (this.#thinkTags || this.#isEndExpected || MAY_BE_TAG.test(delta))) {
      this.#thinkTags ??= new ThinkTagParser(this.#isEndExpected && this.#reasoningSource === undefined);
      this.#split(this.#thinkTags, this.#thinkTags.push(delta));
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
    if (this.#thinkTags) this.#split(this.#thinkTags, this.#thinkTags.end());
    if (this.#otherReasoning.length === 0) return;
    const other = this.#otherReasoning.toString();
    const told = this.#reasoning.toString();
    this.#fieldReasoning = this.#reasoningSource === "field" ? told : other;
    if (other.trim() !== told.trim()) this.#tellReasoning(other);
  }

  /** Takes what the headers say of who replied. */
  setOrigin(provider: string | undefined, requestId: string | undefined): void {
    this.#fields.setOrigin(provider, requestId);
  }

  /** Returns what the server has said of its reading of the prompt since the last call. */
  takePromptProgress(): PromptProgress | undefined {
    const progress = this.#fields.promptProgress;
    this.#fields.promptProgress = undefined;
    return progress;
  }

  build(): PartialCompletion {
    const message: AssistantMessage = { role: "assistant", content: this.#text.toString() };
    if (this.#reasoning.length > 0) message.reasoning = this.#reasoning.toString();
    // A reply with a beginning of its own thoughts has had the end of them.
    const mayEnd = MAY_CLOSE.test(message.content ?? "") && this.#thinkTags?.isWithoutTags !== false;
    const split = mayEnd ? splitAtLoneEnd(message.content ?? "") : undefined;
    this.hasLoneEnd = split !== undefined;
    if (split) {
      message.content = split.text;
      if (split.reasoning && message.reasoning?.trim() !== split.reasoning)
        message.reasoning = (message.reasoning ?? "") + split.reasoning;
    }
    if (this.#calls && this.#calls.size > 0) {
      message.tool_calls = this.#calls.build(FINISH_MEANINGS.get(this.#fields.finishReason) === "cut");
      if (message.content === "") message.content = null;
    }
    const { fields, leftOut } = this.#fields.build();
    this.leftOut = [...leftOut, ...(this.#messageFields?.addTo(message) ?? [])];
    const completion: PartialCompletion = { ...fields, message };
    const reasoningToReturn = this.#reasoningToReturn();
    if (reasoningToReturn) completion.reasoningToReturn = reasoningToReturn;
    return completion;
  }

  #split({ reasoning, isOver, untaggedLength }: ThinkTagParser, text: string): void {
    this.contentSize += untaggedLength - this.#untaggedLength;
    this.#untaggedLength = untaggedLength;
    if (untaggedLength > 0) this.hasContent = true;
    if (reasoning) this.#addReasoningText(reasoning, "content");
    // Behind the first text, a tag is one of the model's own words.
    if (isOver) this.#isPastThinking = true;
    if (text !== "") this.#tellText(text);
  }

  #tellText(delta: string): void {
    this.hasContent = true;
    this.contentSize += delta.length;
    this.#text.add(delta);
    this.#listener.onText?.(delta);
  }

  #addReasoningText(delta: string, source: ReasoningSource): void {
    this.hasContent = true;
    this.contentSize += delta.length;
    this.#reasoningSource ??= source;
    if (source === this.#reasoningSource) this.#tellReasoning(delta);
    else this.#otherReasoning.add(delta);
  }

  #tellReasoning(delta: string): void {
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
    const hasMore = hasMoreThanContent(delta);
    let hasList = hasMore && this.#addReasoning(delta);
    const content = delta["content"];
    if (typeof content === "string") {
      this.addText(content);
    } else if (content != null) {
      this.#addParts(Array.isArray(content) ? content : [content]);
    }
    if (!hasMore) return false;
    const refusal = delta["refusal"];
    if (typeof refusal === "string" && refusal) {
      this.#messageFields ??= new MessageFields();
      this.#messageFields.addRefusal(refusal);
      this.addText(refusal);
    }
    if ((delta["annotations"] ?? delta["images"] ?? delta["audio"]) != null && this.#addFields(delta)) hasList = true;
    const calls = callsIn(delta);
    if (calls != null) {
      this.#calls ??= new ToolCallMerger();
      this.contentSize += this.#calls.add(calls);
      if (this.#calls.size > 0) this.hasContent = true;
    }
    return hasList;
  }

  /** Takes what is neither text nor reasoning. @returns true if something of it was kept */
  #addFields(fields: Record<string, unknown>): boolean {
    this.#messageFields ??= new MessageFields();
    const isKept = this.#messageFields.add(fields);
    if (isKept && (fields["images"] ?? fields["audio"]) != null) this.hasContent = true;
    return isKept;
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
    if (name === undefined) {
      if (delta[BLANK_REASONING] === "") this.#hasBlankReasoning = true;
      return hasDetails;
    }
    this.#reasoningField ??= name;
    const text = joinText(delta[name]);
    if (text) this.#addReasoningText(text, "field");
    return hasDetails;
  }

  #reasoningToReturn(): Record<string, unknown> | undefined {
    if (this.#reasoningDetails) {
      if (!isTooDeep(this.#reasoningDetails)) return { reasoning_details: this.#reasoningDetails };
      this.leftOut.push("reasoning_details");
    }
    const field = this.#reasoningField;
    if (field === undefined) return this.#hasBlankReasoning ? { [BLANK_REASONING]: "" } : undefined;
    return field === "reasoning_details" ? undefined : { [field]: this.#fieldReasoning ?? this.#reasoning.toString() };
  }

  #addParts(parts: unknown[]): void {
    for (const part of parts) {
      const record = asRecord(part);
      const thinking = record && firstOf(record, REASONING_PARTS);
      if (thinking !== undefined) {
        const text = joinText(thinking);
        if (text) this.#addReasoningText(text, "content");
      } else {
        this.addText(joinText(part));
      }
    }
  }
}

/** True for a delta with more than content. Most have no more, and need not be searched for the names of reasoning. */
function hasMoreThanContent(delta: Record<string, unknown>): boolean {
  for (const name in delta) if (name !== "content") return true;
  return false;
}
