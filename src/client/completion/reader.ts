import type { IncomingHttpHeaders } from "node:http";
import { asChatError, ChatError } from "../errors/chat-error";
import {
  callsMissing,
  errorInReply,
  type RequestContext,
  senselessReply,
  sentence,
  tooLong,
} from "../errors/from-response";
import type { Redaction } from "../redaction";
import type { Progress, ReplyEvent } from "../response/verdict";
import type { PartialCompletion, ProgressListener, PromptProgress } from "../types";
import { asRecord, firstHeader } from "../unknown";
import { CompletionAccumulator } from "./accumulator";
import { FINISH_MEANINGS, HEADERS } from "./dialects";
import { FastDeltaPath } from "./fast-path";
import { redactCompletion, redactDeltas } from "./redact-reply";

/** What a reader needs. */
export interface ReaderInput {
  context: RequestContext;
  redaction: Redaction;
  listener: ProgressListener;
  /** Characters that a reply may have. */
  maxReplyLength: number;
  /** The model is known to end its reasoning with a tag that has no beginning; `onLoneEnd` tells that it does. */
  isEndExpected?: boolean;
  onLoneEnd?: () => void;
}

/** In chunks: for fewer it does not pay to learn what they have in common. */
const SHORT_REPLY = 16;

/** Callbacks for what is found while a reply is read. */
export interface ReaderCallbacks {
  /** The finish reason has come. */
  onFinish(): void;
  /** The end mark has come. */
  onDone(): void;
  /** The server has said how much of the prompt it has read. */
  onPromptProgress(progress: PromptProgress): void;
  /**
   * The reply has a fault.
   *
   * @param mayPass - true if another attempt may succeed
   * @param event - what has happened; absent for an error that the server reports, and for one of a listener
   */
  onFailure(error: ChatError, mayPass: boolean, event?: ReplyEvent): void;
}

/**
 * Reads a reply from the events of a stream, or from one document: hands its deltas on, puts them together, and finds its
 * faults.
 */
export class CompletionReader {
  readonly #input: ReaderInput;
  readonly #callbacks: ReaderCallbacks;
  readonly #accumulator: CompletionAccumulator;
  /** Undefined while the reply is short. */
  #fastPath: FastDeltaPath | undefined;
  #chunksUntilFastPath = SHORT_REPLY;
  /** Hides secrets in the deltas; undefined without any. */
  readonly #redacted: ReturnType<typeof redactDeltas> | undefined;
  /** Characters of the shortest secret: a shorter delta holds none. */
  readonly #shortestSecret: number;
  readonly #maxLength: number;
  #status = 0;
  /** The server has promised a stream of events. */
  #isStream = false;
  /** Characters kept beside the content. */
  #lengthBeside = 0;
  /** Characters of events that brought nothing. They count towards the limit, too. */
  #lengthWasted = 0;
  /** A whole secret was hidden in a chunk. */
  #wasHidden = false;
  /** `[DONE]` has come. */
  isDone = false;
  /** When the first text, reasoning or call came, by `performance.now()`; 0 before. */
  firstAt = 0;

  constructor(input: ReaderInput, callbacks: ReaderCallbacks) {
    this.#input = input;
    this.#callbacks = callbacks;
    this.#maxLength = input.maxReplyLength;
    this.#shortestSecret = input.redaction.shortest;
    if (input.redaction.needles.length > 0) this.#redacted = redactDeltas(input.listener, input.redaction);
    this.#accumulator = new CompletionAccumulator(this.#redacted ?? input.listener, input.isEndExpected);
  }

  /** True if text, reasoning or a call has come: from then on nothing is retried. */
  get hasContent(): boolean {
    return this.#accumulator.hasContent;
  }

  /** True if a finish reason has come. */
  get hasFinished(): boolean {
    return this.#accumulator.hasFinished;
  }

  /** Characters of text, reasoning and calls. */
  get contentSize(): number {
    return this.#accumulator.contentSize;
  }

  get progress(): Progress {
    const { hasChoice, hasContent, hasFinished } = this.#accumulator;
    if (this.isDone && (hasContent || hasFinished)) return "done";
    if (hasFinished) return "finished";
    if (hasContent) return "begun";
    return hasChoice ? "opened" : "head";
  }

  /** Takes the status and the headers. */
  readHead(status: number, headers: IncomingHttpHeaders): void {
    this.#status = status;
    this.#isStream = /^text\/event-stream\b/i.test(firstHeader(headers, "content-type")?.trim() ?? "");
    const { redact } = this.#input.context;
    const requestId = firstHeader(headers, HEADERS.request_id.header);
    const provider = firstHeader(headers, HEADERS.provider.header);
    this.#accumulator.setOrigin(provider && redact(provider), requestId && redact(requestId));
  }

  /**
   * Takes an event of a stream.
   *
   * @param name - undefined for ordinary events
   * @param isCut - the stream has ended in it
   */
  readEvent(data: string, name: string | undefined, isCut: boolean): void {
    if (this.isDone) return;
    const fastPath = this.#fastPath;
    const delta = name === undefined ? fastPath?.read(data) : undefined;
    if (
      fastPath === undefined ||
      delta === undefined ||
      (delta.length >= this.#shortestSecret && this.#holdsSecret(delta)) ||
      (fastPath.fields.length > 0 && fastPath.values.some(this.#holdsSecret))
    ) {
      this.#readChunk(data, name, isCut);
      return;
    }
    const accumulator = this.#accumulator;
    const before = accumulator.contentSize;
    try {
      if (fastPath.fields.length > 0) this.#addFields(fastPath, data.length);
      accumulator.addText(delta);
    } catch (error) {
      this.#callbacks.onFailure(asChatError(error), false);
      return;
    }
    if (accumulator.contentSize === before) this.#lengthWasted += data.length;
    else if (this.firstAt === 0) this.#noteFirst();
    if (accumulator.contentSize + this.#lengthBeside + this.#lengthWasted > this.#maxLength) this.#onTooLong();
  }

  #holdsSecret = (text: string): boolean => this.#input.redaction.reply(text) !== text;

  #addFields({ fields, values }: FastDeltaPath, length: number): void {
    const accumulator = this.#accumulator;
    for (let at = 0; at < fields.length; at++) accumulator.addField(fields[at] as string, values[at], length);
    this.#lengthBeside = accumulator.size - accumulator.contentSize;
  }

  /** Takes a whole reply. */
  readDocument(text: string): void {
    const reply = this.#parse(text.replace(/^\uFEFF/, ""));
    if (reply) this.#onChunk(reply, undefined, text.length, true);
    // A stream that ends before its first event does not mean a wrong address.
    else if (text.trim() === "" && this.#isStream) this.#onIncomplete();
    else this.#onSenseless(text.trim() || "empty");
  }

  /** Returns the error of a reply whose finish reason says that it failed. */
  findFault(): ChatError | undefined {
    const { finishReason } = this.#accumulator;
    if (FINISH_MEANINGS.get(finishReason) === "failed") return this.#reportedError(`${finishReason}.`);
    if (FINISH_MEANINGS.get(finishReason) !== "calls" || this.#accumulator.hasCalls) return undefined;
    return callsMissing(this.#accumulator.build().message.content, this.#input.context);
  }

  /** Hands on what is held back. @returns the error of a listener that throws: the connection is not its cause */
  flush(): ChatError | undefined {
    try {
      this.#accumulator.end();
      this.#redacted?.end();
      return undefined;
    } catch (error) {
      return asChatError(error);
    }
  }

  /** Returns the reply so far, without secrets that a server may have echoed. */
  completion(): PartialCompletion {
    const completion = this.#accumulator.build();
    if (this.#accumulator.hasLoneEnd) this.#input.onLoneEnd?.();
    for (const field of this.#accumulator.leftOut) this.#input.listener.onLeftOut?.(field);
    return this.#redacted ? redactCompletion(completion, this.#input.redaction, this.#wasHidden) : completion;
  }

  /** Reads an event that has to be parsed. */
  #readChunk(data: string, name: string | undefined, isCut: boolean): void {
    if (data.charCodeAt(0) === 91 /* [ */ && data.trim() === "[DONE]") {
      this.isDone = true;
      this.#callbacks.onDone();
      return;
    }
    const chunk = this.#parse(data);
    if (chunk) {
      this.#onChunk(chunk, name, data.length, false);
      this.#learn(data, chunk);
    } else {
      this.#onSenselessEvent(data, name, isCut);
    }
  }

  /** Parses an object, without secrets that a server may have echoed; undefined for all else. */
  #parse(text: string): Record<string, unknown> | undefined {
    try {
      let redacted = text;
      if (this.#redacted) {
        redacted = this.#input.redaction.reply(text);
        if (redacted !== text) this.#wasHidden = true;
      }
      return asRecord(JSON.parse(redacted));
    } catch {
      return undefined;
    }
  }

  #onChunk(chunk: Record<string, unknown>, name: string | undefined, length: number, isWhole: boolean): void {
    const accumulator = this.#accumulator;
    const { contentSize, hasFinished, size } = accumulator;
    try {
      if (chunk["error"] || name === "error" || mayHoldError(chunk["choices"])) {
        const error = errorInReply(chunk, name, this.#input.context);
        if (error) {
          this.#callbacks.onFailure(error, error.cause.status !== undefined);
          return;
        }
      }
      accumulator.add(chunk, length, isWhole);
    } catch (error) {
      this.#callbacks.onFailure(asChatError(error), false);
      return;
    }
    if (accumulator.contentSize !== contentSize) this.#noteFirst();
    else if (!isWhole) this.#onNoContent(Math.max(0, length - Math.max(0, accumulator.size - size)));
    this.#lengthBeside = accumulator.size - accumulator.contentSize;
    if (accumulator.size + this.#lengthWasted > this.#maxLength) this.#onTooLong();
    if (!hasFinished && accumulator.hasFinished) this.#callbacks.onFinish();
  }

  /** @param wasted - characters of the chunk that are not kept */
  #onNoContent(wasted: number): void {
    this.#lengthWasted += wasted;
    const progress = this.#accumulator.takePromptProgress();
    if (progress) this.#callbacks.onPromptProgress(progress);
  }

  #learn(data: string, chunk: Record<string, unknown>): void {
    if (this.#chunksUntilFastPath-- > 0) return;
    this.#fastPath ??= new FastDeltaPath();
    this.#fastPath.learn(data, chunk);
  }

  #noteFirst(): void {
    if (this.firstAt === 0 && this.#accumulator.hasContent) this.firstAt = performance.now();
  }

  #onTooLong(): void {
    const isKept = this.#accumulator.contentSize + this.#lengthBeside > this.#maxLength;
    this.#callbacks.onFailure(tooLong(this.#maxLength), false, isKept ? undefined : "too long");
  }

  #onSenselessEvent(data: string, name: string | undefined, isCut: boolean): void {
    const { context } = this.#input;
    if (name === "error") this.#callbacks.onFailure(this.#reportedError(sentence(context.redact(data))), false);
    // A cut event is not nonsense. Whether the reply is whole without it shows at the end.
    else if (!isCut) this.#onSenseless(data);
  }

  #onIncomplete(): void {
    const error = new ChatError("reply_incomplete", { host: this.#input.context.host }, { retryable: true });
    this.#callbacks.onFailure(error, false);
  }

  #onSenseless(shown: string): void {
    this.#callbacks.onFailure(senselessReply(shown, this.#status, this.#input.context), false, "damaged");
  }

  #reportedError(message: string): ChatError {
    return new ChatError("reply_error", { message, host: this.#input.context.host }, { retryable: true });
  }
}

/** True for the `choices` of a chunk that may be an error: there are none, or the first one holds it. */
function mayHoldError(choices: unknown): boolean {
  return !Array.isArray(choices) || choices[0]?.error != null;
}
