import type { IncomingHttpHeaders } from "node:http";
import { asChatError, ChatError } from "../errors/chat-error";
import { errorInReply, type RequestContext, senselessReply, sentence } from "../errors/from-response";
import type { Redaction } from "../redaction";
import type { Progress, ReplyEvent } from "../response/verdict";
import type { DeltaListener, PartialCompletion } from "../types";
import { asRecord, firstHeader } from "../unknown";
import { CompletionAccumulator } from "./accumulator";
import { finishMeaning, HEADERS } from "./dialects";
import { FastDeltaPath } from "./fast-path";
import { redactCompletion } from "./redact-completion";
import { redactDeltas } from "./redact-deltas";

/** What a reply is read for. */
export interface ReaderInput {
  context: RequestContext;
  redaction: Redaction;
  listener: DeltaListener;
  /** Characters that a reply may have. */
  maxReplyLength: number;
}

/** Callbacks for what is found while a reply is read. */
export interface ReaderCallbacks {
  /** The end mark has come. */
  onDone(): void;
  /**
   * The reply has a fault.
   *
   * @param mayPass - whether the cause is of a kind that another attempt may mend
   * @param event - what has happened; absent for what the server says itself, and for a mistake of a listener
   */
  onFailure(error: ChatError, mayPass: boolean, event?: ReplyEvent): void;
}

/**
 * Reads a reply from the events of a stream, or from one document: hands its pieces on, puts them together, and finds what is
 * wrong with it.
 */
export class CompletionReader {
  readonly #input: ReaderInput;
  readonly #listener: ReaderCallbacks;
  readonly #builder: CompletionAccumulator;
  readonly #template = new FastDeltaPath();
  /** In between where there are secrets that a server may echo. */
  readonly #deltas: ReturnType<typeof redactDeltas> | undefined;
  #status = 0;
  /** The server has promised a stream of events. */
  #isStream = false;
  /** Characters kept beside the content. */
  #lengthBeside = 0;
  /** Characters of events that brought nothing: a stream of them has an end, too. */
  #lengthWasted = 0;
  /** A piece held a secret as a whole. */
  #wasHidden = false;
  /** `[DONE]` has come. */
  isDone = false;
  /** When the first text, reasoning or call came, by `performance.now()`; 0 before. */
  firstAt = 0;

  constructor(input: ReaderInput, listener: ReaderCallbacks) {
    this.#input = input;
    this.#listener = listener;
    if (input.redaction.needles.length > 0) this.#deltas = redactDeltas(input.listener, input.redaction);
    this.#builder = new CompletionAccumulator(this.#deltas ?? input.listener);
  }

  /** Whether text, reasoning or a call has come: from then on nothing is tried again. */
  get hasContent(): boolean {
    return this.#builder.hasContent;
  }

  /** Whether a finish reason has come. */
  get hasFinished(): boolean {
    return this.#builder.hasFinished;
  }

  /** Characters of text, reasoning and calls. */
  get contentSize(): number {
    return this.#builder.contentSize;
  }

  get progress(): Progress {
    const { hasChoice, hasContent, hasFinished } = this.#builder;
    if (this.isDone && (hasContent || hasFinished)) return "done";
    if (hasFinished) return "finished";
    if (hasContent) return "begun";
    return hasChoice ? "opened" : "head";
  }

  /** Takes what comes before the reply. */
  readHead(status: number, headers: IncomingHttpHeaders): void {
    this.#status = status;
    this.#isStream = /^text\/event-stream\b/i.test(firstHeader(headers, "content-type")?.trim() ?? "");
    const { redact } = this.#input.context;
    const requestId = firstHeader(headers, HEADERS.request_id.header);
    const provider = firstHeader(headers, HEADERS.provider.header);
    this.#builder.setOrigin(provider && redact(provider), requestId && redact(requestId));
  }

  /**
   * Takes an event of a stream.
   *
   * @param name - absent for ordinary events
   * @param isCut - the stream has ended in it
   */
  readEvent(data: string, name: string | undefined, isCut: boolean): void {
    if (data.charCodeAt(0) === 91 /* [ */ && data.trim() === "[DONE]") {
      this.isDone = true;
      this.#listener.onDone();
      return;
    }
    const delta = name === undefined ? this.#readFastDelta(data) : undefined;
    if (delta !== undefined) {
      this.#onDelta(delta, data.length);
      return;
    }
    const chunk = this.#parse(data);
    if (chunk) {
      this.#onChunk(chunk, name, data.length, false);
      this.#template.learn(data, chunk);
    } else {
      this.#onSenselessEvent(data, name, isCut);
    }
  }

  /** Takes a whole reply. */
  readDocument(text: string): void {
    const reply = this.#parse(text.replace(/^\uFEFF/, ""));
    if (reply) this.#onChunk(reply, undefined, text.length, true);
    // A stream that ends before its first event is no mistake of the address.
    else if (text.trim() === "" && this.#isStream) this.#onIncomplete();
    else this.#onSenseless(text.trim() || "empty");
  }

  /** The error of a reply that ends by its own finish reason, if that says so. */
  findFault(): ChatError | undefined {
    // All that some say of a failure.
    const { finishReason } = this.#builder;
    return finishMeaning(finishReason) === "failed" ? this.#reportedError(`${finishReason}.`) : undefined;
  }

  /** Hands on what is held back. @returns the error of a listener that does not take it, which is none of the connection */
  flush(): ChatError | undefined {
    try {
      this.#builder.end();
      this.#deltas?.end();
      return undefined;
    } catch (error) {
      return asChatError(error);
    }
  }

  /** What has come, without the secrets that a server may echo in it. */
  completion(): PartialCompletion {
    const completion = this.#builder.build();
    for (const field of this.#builder.leftOut) this.#input.listener.onLeftOut?.(field);
    return redactCompletion(completion, this.#input.redaction, this.#wasHidden);
  }

  /** The text of a chunk that brings nothing else and in which no secret is; undefined for one that has to be parsed. */
  #readFastDelta(data: string): string | undefined {
    const delta = this.#template.read(data);
    if (delta === undefined || delta.length < this.#input.redaction.shortest) return delta;
    return this.#input.redaction.reply(delta) === delta ? delta : undefined;
  }

  /** An object, without the secrets that a server may echo in it; undefined for all else. */
  #parse(text: string): Record<string, unknown> | undefined {
    try {
      const redacted = this.#input.redaction.reply(text);
      if (redacted !== text) this.#wasHidden = true;
      return asRecord(JSON.parse(redacted));
    } catch {
      return undefined;
    }
  }

  #onChunk(chunk: Record<string, unknown>, name: string | undefined, length: number, isWhole: boolean): void {
    const builder = this.#builder;
    const before = builder.contentSize;
    const sizeBefore = builder.size;
    try {
      if (chunk["error"] || name === "error" || !("choices" in chunk)) {
        const error = errorInReply(chunk, name, this.#input.context);
        if (error) {
          this.#listener.onFailure(error, error.cause.status !== undefined);
          return;
        }
      }
      builder.add(chunk, length, isWhole);
    } catch (error) {
      this.#listener.onFailure(asChatError(error), false);
      return;
    }
    const { size } = builder;
    this.#lengthBeside = size - builder.contentSize;
    this.#measure(before, isWhole ? 0 : Math.max(0, length - Math.max(0, size - sizeBefore)));
  }

  #onDelta(delta: string, length: number): void {
    const before = this.#builder.contentSize;
    try {
      this.#builder.addText(delta);
    } catch (error) {
      this.#listener.onFailure(asChatError(error), false);
      return;
    }
    this.#measure(before, length);
  }

  /**
   * @param before - characters of content before the latest chunk
   * @param rest - characters of the chunk that were not kept
   */
  #measure(before: number, rest: number): void {
    const { contentSize } = this.#builder;
    if (contentSize === before) this.#lengthWasted += rest;
    else if (this.firstAt === 0 && this.#builder.hasContent) this.firstAt = performance.now();
    const { maxReplyLength } = this.#input;
    const size = contentSize + this.#lengthBeside;
    if (size + this.#lengthWasted <= maxReplyLength) return;
    this.#listener.onFailure(tooLong(maxReplyLength), false, size > maxReplyLength ? undefined : "too long");
  }

  #onSenselessEvent(data: string, name: string | undefined, isCut: boolean): void {
    const { context } = this.#input;
    if (name === "error") this.#listener.onFailure(this.#reportedError(sentence(context.redact(data))), false);
    // That an event is cut is no nonsense; whether the reply is whole without it is found at its end.
    else if (!isCut) this.#onSenseless(data);
  }

  #onIncomplete(): void {
    const error = new ChatError("reply_incomplete", { host: this.#input.context.host }, { retryable: true });
    this.#listener.onFailure(error, false);
  }

  #onSenseless(shown: string): void {
    this.#listener.onFailure(senselessReply(shown, this.#status, this.#input.context), false, "damaged");
  }

  #reportedError(message: string): ChatError {
    return new ChatError("reply_error", { message, host: this.#input.context.host }, { retryable: true });
  }
}

/** The error of a reply that is longer than allowed. */
export function tooLong(maxReplyLength: number): ChatError {
  return new ChatError("reply_too_long", { megabytes: Math.round(maxReplyLength / 1024 / 1024) });
}
