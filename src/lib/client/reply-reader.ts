import type { IncomingHttpHeaders } from "node:http";
import { ChunkTemplate } from "./chunk-template";
import { CompletionBuilder, type PartialCompletion, type PieceListener } from "./completion";
import { asChatError, ChatError } from "./errors";
import { asRecord, firstHeader } from "./json";
import type { Redaction } from "./redact";
import { redactCompletion } from "./redact-completion";
import { redactPieces } from "./redact-pieces";
import { errorInReply, type RequestFacts, senselessReply, sentence } from "./server-error";

/** What a reply is read for. */
export interface ReplyInput {
  facts: RequestFacts;
  redaction: Redaction;
  listener: PieceListener;
  /** Characters that a reply may have. */
  maxReplyLength: number;
}

/** What is told while a reply is read. After `onFailure` nothing more is to be read. */
export interface ReplyListener {
  /** The end mark has come. */
  onDone(): void;
  /** @param mayPass - whether the cause is of a kind that another attempt may mend */
  onFailure(error: ChatError, mayPass: boolean): void;
}

/**
 * Reads a reply from the events of a stream, or from one document: hands its pieces on, puts them together, and finds what is
 * wrong with it.
 */
export class ReplyReader {
  readonly #input: ReplyInput;
  readonly #listener: ReplyListener;
  readonly #builder: CompletionBuilder;
  readonly #template = new ChunkTemplate();
  /** In between where there are secrets that a server may echo. */
  readonly #pieces: ReturnType<typeof redactPieces> | undefined;
  #status = 0;
  /** Characters of events that brought nothing: a stream of them has an end, too. */
  #lengthWasted = 0;
  /** A piece held a secret as a whole. */
  #wasHidden = false;
  /** `[DONE]` has come. */
  isDone = false;
  /** When the first text, reasoning or call came, by `performance.now()`; 0 before. */
  firstAt = 0;

  constructor(input: ReplyInput, listener: ReplyListener) {
    this.#input = input;
    this.#listener = listener;
    if (input.redaction.needles.length > 0) this.#pieces = redactPieces(input.listener, input.redaction);
    this.#builder = new CompletionBuilder(this.#pieces ?? input.listener);
  }

  /** Whether text, reasoning or a call has come: from then on nothing is tried again. */
  get hasContent(): boolean {
    return this.#builder.hasContent;
  }

  /** Whether a finish reason has come. */
  get hasFinished(): boolean {
    return this.#builder.hasFinished;
  }

  /** Takes what comes before the reply. */
  readHead(status: number, headers: IncomingHttpHeaders): void {
    this.#status = status;
    const { redact } = this.#input.facts;
    const requestId = firstHeader(headers, "x-request-id");
    const provider = firstHeader(headers, "x-inference-provider");
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
    const piece = name === undefined ? this.#readPiece(data) : undefined;
    if (piece !== undefined) {
      this.#onPiece(piece, data.length);
      return;
    }
    const chunk = this.#parse(data);
    if (chunk) {
      this.#onChunk(chunk, name, data.length);
      this.#template.learn(data, chunk);
    } else {
      this.#onSenselessEvent(data, name, isCut);
    }
  }

  /** Takes a whole reply. @param isStream - the server has promised a stream of events */
  readDocument(text: string, isStream: boolean): void {
    const reply = this.#parse(text.replace(/^\uFEFF/, ""));
    if (reply) this.#onChunk(reply, undefined, 0);
    // A stream that ends before its first event is no mistake of the address.
    else if (text.trim() === "" && isStream) this.#fail(this.#incomplete());
    else this.#fail(senselessReply(text.trim() || "empty", this.#status, this.#input.facts));
  }

  /**
   * What is wrong with a reply that has ended.
   *
   * @param isCut - the stream ended without its end mark: only a finish reason tells then that it is whole
   * @returns undefined if it is whole
   */
  findFault(isCut: boolean): ChatError | undefined {
    if (this.#builder.finishReason === "error") return this.#reportedError("error."); // all that some say of a failure
    if (isCut && !this.#builder.hasFinished) return this.#incomplete();
    return this.#builder.hasChoice ? undefined : senselessReply("no choices", this.#status, this.#input.facts);
  }

  /** Hands on what is held back. @returns the error of a listener that does not take it, which is none of the connection */
  flush(): ChatError | undefined {
    try {
      this.#builder.end();
      this.#pieces?.end();
      return undefined;
    } catch (error) {
      return asChatError(error);
    }
  }

  /** What has come, without the secrets that a server may echo in it. */
  completion(): PartialCompletion {
    return redactCompletion(this.#builder.build(), this.#input.redaction, this.#wasHidden);
  }

  /** The text of a chunk that brings nothing else and in which no secret is; undefined for one that has to be parsed. */
  #readPiece(data: string): string | undefined {
    const piece = this.#template.read(data);
    return piece === undefined || this.#input.redaction.reply(piece) !== piece ? undefined : piece;
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

  #onChunk(chunk: Record<string, unknown>, name: string | undefined, length: number): void {
    const builder = this.#builder;
    const before = builder.size;
    try {
      if (chunk.error || name === "error" || !("choices" in chunk)) {
        const error = errorInReply(chunk, name, this.#input.facts);
        if (error) {
          this.#fail(error, error.cause.status !== undefined);
          return;
        }
      }
      builder.add(chunk);
    } catch (error) {
      this.#fail(asChatError(error));
      return;
    }
    this.#measure(before, length);
  }

  #onPiece(piece: string, length: number): void {
    const before = this.#builder.size;
    try {
      this.#builder.addText(piece);
    } catch (error) {
      this.#fail(asChatError(error));
      return;
    }
    this.#measure(before, length);
  }

  /** @param before - the reply's size before the latest chunk, which had `length` characters */
  #measure(before: number, length: number): void {
    const { size } = this.#builder;
    if (size === before) this.#lengthWasted += length;
    else if (this.firstAt === 0) this.firstAt = performance.now();
    if (size + this.#lengthWasted > this.#input.maxReplyLength) this.#fail(tooLong(this.#input.maxReplyLength));
  }

  #onSenselessEvent(data: string, name: string | undefined, isCut: boolean): void {
    const { facts } = this.#input;
    if (name === "error") this.#fail(this.#reportedError(sentence(facts.redact(data))));
    // That an event is cut is no nonsense; whether the reply is whole without it is found at its end.
    else if (!isCut) this.#fail(senselessReply(data, this.#status, facts));
  }

  #reportedError(said: string): ChatError {
    return new ChatError("reply_error", { said, host: this.#input.facts.host }, { retryable: true });
  }

  #incomplete(): ChatError {
    return new ChatError("reply_incomplete", { host: this.#input.facts.host }, { retryable: true });
  }

  #fail(error: ChatError, mayPass = false): void {
    this.#listener.onFailure(error, mayPass);
  }
}

/** The error of a reply that is longer than allowed. */
export function tooLong(maxReplyLength: number): ChatError {
  return new ChatError("reply_too_long", { megabytes: Math.round(maxReplyLength / 1024 / 1024) });
}
