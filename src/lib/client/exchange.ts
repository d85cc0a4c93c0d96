import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";
import { Body, type BodyListener } from "./body";
import { ChunkTemplate } from "./chunk-template";
import { CompletionBuilder, type PartialCompletion, type PieceListener } from "./completion";
import { connectionError } from "./connection-error";
import type { Endpoint } from "./endpoint";
import { asChatError, ChatError } from "./errors";
import { asRecord, firstHeader } from "./json";
import { hasAsciiEscape, type Redaction } from "./redact";
import { redactPieces } from "./redact-pieces";
import { shouldRetryHeader } from "./retry";
import { errorFromAnswer, errorInReply, type RequestFacts, sentence } from "./server-error";
import { Silence } from "./silence";

/** Longer error bodies are cut: no message needs more. */
const LONGEST_ERROR_BODY = 65_536;
/**
 * How long the end of the body is waited for behind `[DONE]`, in ms. It mostly comes with it; a question that is asked
 * before it would open a connection of its own.
 */
const END_MS = 20;
/** How long a server may leave a stream open behind its `[DONE]` before the connection is given up, in ms. */
const DRAIN_MS = 1000;

/** One request and what bounds it. */
export interface ExchangeInput {
  dispatcher: Dispatcher;
  endpoint: Endpoint;
  headers: Record<string, string>;
  body: Buffer;
  facts: RequestFacts;
  redaction: Redaction;
  listener: PieceListener;
  signal: AbortSignal | undefined;
  /** Called when it fails, before `onClose`: nobody else can have begun in its place by then. */
  onFailure: (failure: Failure) => void;
  /** Called once, when the exchange is over: that may be after its result, while the end of the body is awaited. */
  onClose: () => void;
  /** Silence allowed until the headers, in ms; 0 for no limit. */
  headersLimitMs: number;
  /** Silence allowed afterwards, in ms; 0 for no limit. */
  silenceLimitMs: number;
  /** Characters that a reply may have. */
  maxReplyLength: number;
  /** Host of the proxy, for messages. */
  proxyHost: string | undefined;
}

/** Why an exchange failed. */
export interface Failure {
  error: ChatError;
  /** Nothing of the reply had come and the cause may pass, so that another attempt makes sense. */
  mayRetry: boolean;
  headers: IncomingHttpHeaders;
}

/** How an exchange ended. `completion` is the reply, or what had come of it. */
export interface ExchangeResult {
  completion: PartialCompletion;
  /** When the first text, reasoning or call came, by `performance.now()`. */
  firstAt?: number;
  /** When the last piece came. */
  lastAt?: number;
  failure?: Failure;
}

/** Sends one request and reads the answer. Never rejects. */
export function exchange(input: ExchangeInput): Promise<ExchangeResult> {
  return new Promise((resolve) => {
    new Exchange(input, resolve).start();
  });
}

/**
 * Reads one answer as undici hands it over. undici's handler interface is used directly: a body stream in between
 * would cost a copy and a turn of the event loop for every chunk.
 */
class Exchange implements Dispatcher.DispatchHandler, BodyListener {
  readonly #input: ExchangeInput;
  readonly #resolve: (result: ExchangeResult) => void;
  readonly #builder: CompletionBuilder;
  readonly #template = new ChunkTemplate();
  /** In between where there are secrets that a server may echo. */
  readonly #pieces: ReturnType<typeof redactPieces> | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #isSettled = false;
  #isClosed = false;
  #firstAt = 0;

  #status = 0;
  #headers: IncomingHttpHeaders = {};
  #body: Body | undefined;
  /** The body has come to its end: an event that is cut there is no nonsense. */
  #isEnding = false;
  /** `[DONE]` has come. */
  #isDone = false;
  /** Characters of events that brought nothing: a stream of them has an end, too. */
  #lengthWasted = 0;

  readonly #silence = new Silence((seconds) => this.#onSilence(seconds));
  /** Runs behind the end mark. */
  #endTimer: NodeJS.Timeout | undefined;

  constructor(input: ExchangeInput, resolve: (result: ExchangeResult) => void) {
    this.#input = input;
    this.#resolve = resolve;
    const { listener, redaction } = input;
    if (redaction.needles.length > 0) this.#pieces = redactPieces(listener, redaction);
    this.#builder = new CompletionBuilder(this.#pieces ?? listener);
  }

  start(): void {
    const { dispatcher, endpoint, headers, body, signal } = this.#input;
    if (signal?.aborted) {
      this.#onAbort();
      return;
    }
    signal?.addEventListener("abort", this.#onAbort, { once: true });
    this.#silence.start(this.#input.headersLimitMs);
    // undici's own limits (300 s) are off: silence is measured here, where a piece is told from a keep-alive.
    const limits = { headersTimeout: 0, bodyTimeout: 0 };
    try {
      dispatcher.dispatch(
        { origin: endpoint.origin, path: endpoint.path, method: "POST", headers, body, ...limits },
        this,
      );
    } catch (error) {
      this.#failConnection(error);
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#isSettled) controller.abort(new Error("settled"));
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    // 1xx answers come before the real one.
    if (this.#isSettled || status < 200) return;
    this.#status = status;
    this.#headers = headers;
    const redact = this.#input.redaction.error;
    const requestId = firstHeader(headers, "x-request-id");
    const provider = firstHeader(headers, "x-inference-provider");
    this.#builder.setOrigin(provider && redact(provider), requestId && redact(requestId));
    const maxLength = this.#isError ? LONGEST_ERROR_BODY : this.#input.maxReplyLength;
    this.#body = new Body(headers, this.#isError, maxLength, this);
    this.#silence.start(this.#input.silenceLimitMs);
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#isSettled) this.#body?.push(chunk);
  }

  onResponseEnd(): void {
    this.#isEnding = true;
    if (!this.#isSettled) this.#body?.end();
    this.#close();
  }

  onResponseError(_: Dispatcher.DispatchController | undefined, error: Error): void {
    if (!this.#isSettled) this.#failConnection(error);
    this.#close();
  }

  get #isError(): boolean {
    return this.#status < 200 || this.#status > 299;
  }

  /** The server has promised a stream of events: one that ends before its first is no mistake of the address. */
  get #isStream(): boolean {
    return /^text\/event-stream\b/i.test(firstHeader(this.#headers, "content-type")?.trim() ?? "");
  }

  onNews(): void {
    this.#silence.note();
  }

  onTooLong(): void {
    if (this.#isSettled) return;
    if (this.#isError) this.#failByStatus();
    else this.#failTooLong();
  }

  onBroken(reason: string): void {
    if (!this.#isSettled) this.#failSenseless(reason);
  }

  onEnd(document: string | undefined): void {
    if (this.#isSettled) return;
    if (this.#isDone) this.#endOfReply();
    else if (this.#isError) this.#failByStatus();
    else if (document === undefined) this.#endOfReply(true);
    else this.#onDocument(document);
  }

  onEvent(data: string, name: string | undefined): void {
    if (this.#isSettled || this.#isDone) return;
    if (data.charCodeAt(0) === 91 /* [ */ && data.trim() === "[DONE]") {
      this.#onDone();
      return;
    }
    const piece = name === undefined ? this.#readPiece(data) : undefined;
    if (piece !== undefined) {
      this.#onPiece(piece, data.length);
      return;
    }
    let chunk: Record<string, unknown> | undefined;
    try {
      chunk = asRecord(this.#parse(data));
    } catch {
      // handled below, as what is JSON but no object
    }
    if (chunk) {
      this.#onChunk(chunk, name, data.length);
      this.#template.learn(data, chunk);
    } else {
      this.#onSenselessEvent(data, name);
    }
  }

  /** The text of a chunk that brings nothing else and in which no secret is; undefined for one that has to be parsed. */
  #readPiece(data: string): string | undefined {
    const piece = this.#template.read(data);
    if (piece === undefined || hasAsciiEscape(data) || this.#input.redaction.reply(data) !== data) return undefined;
    return piece;
  }

  /** Parses the data of a reply, without the secrets that a server may echo in it. */
  #parse(text: string): unknown {
    const { reply } = this.#input.redaction;
    const value = JSON.parse(reply(text));
    return hasAsciiEscape(text) ? JSON.parse(reply(JSON.stringify(value))) : value;
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
      this.#fail(asChatError(error), false);
      return;
    }
    this.#measure(before, length);
  }

  #onPiece(piece: string, length: number): void {
    const before = this.#builder.size;
    try {
      this.#builder.addText(piece);
    } catch (error) {
      this.#fail(asChatError(error), false);
      return;
    }
    this.#measure(before, length);
  }

  /** @param before - the reply's size before the latest chunk, which had `length` characters */
  #measure(before: number, length: number): void {
    const { size } = this.#builder;
    if (size === before) this.#lengthWasted += length;
    else if (this.#firstAt === 0) this.#firstAt = performance.now();
    if (size + this.#lengthWasted > this.#input.maxReplyLength) this.#failTooLong();
  }

  #onSenselessEvent(data: string, name: string | undefined): void {
    if (name === "error") {
      const said = sentence(this.#input.redaction.error(data));
      this.#fail(new ChatError("reply_error", { said, host: this.#input.facts.host }, { retryable: true }), false);
    } else if (this.#isEnding) {
      this.#endOfReply(true);
    } else {
      this.#failSenseless(data);
    }
  }

  #onDone(): void {
    this.#isDone = true;
    this.#silence.stop();
    this.#endTimer = setTimeout(() => {
      this.#endOfReply();
      // What follows is not waited for, but read, so that the connection can serve again.
      this.#endTimer = setTimeout(() => this.#controller?.abort(new Error("not ended")), DRAIN_MS);
    }, END_MS);
  }

  /** @param isCut - the stream ended without its end mark: only a finish reason tells then that it is whole */
  #endOfReply(isCut = false): void {
    if (this.#builder.finishReason === "error") {
      // Some tell a failure by the finish reason alone.
      const params = { said: "error.", host: this.#input.facts.host };
      this.#fail(new ChatError("reply_error", params, { retryable: true }), false);
    } else if (isCut && !this.#builder.hasFinished) {
      this.#failIncomplete();
    } else if (!this.#builder.hasChoice) {
      this.#failSenseless("no choices");
    } else {
      this.#succeed();
    }
  }

  #onDocument(text: string): void {
    let reply: Record<string, unknown> | undefined;
    try {
      reply = asRecord(this.#parse(text.replace(/^\uFEFF/, "")));
    } catch {
      // handled below
    }
    if (reply) this.#onChunk(reply, undefined, 0);
    else if (text.trim() === "" && this.#isStream) this.#failIncomplete();
    else this.#failSenseless(text.trim() || "empty");
    if (!this.#isSettled) this.#endOfReply();
  }

  #onSilence(seconds: number): void {
    if (this.#status && this.#isError) {
      this.#failByStatus();
    } else if (this.#builder.hasFinished) {
      this.#succeed();
      this.#controller?.abort(new Error("silent"));
    } else {
      const key = this.#builder.hasContent ? "silent_midway" : "silent";
      this.#fail(new ChatError(key, { seconds, host: this.#input.facts.host }, { retryable: true }), false);
    }
  }

  #onAbort = (): void => {
    if (this.#isDone) this.#endOfReply();
    else this.#fail(new ChatError("cancelled"), false);
  };

  #failByStatus(): void {
    const body = (this.#body?.text ?? "").slice(0, LONGEST_ERROR_BODY);
    this.#fail(errorFromAnswer({ status: this.#status, headers: this.#headers, body }, this.#input.facts), true);
  }

  #failConnection(cause: unknown): void {
    if (this.#isDone) {
      this.#endOfReply();
    } else if (this.#status && this.#isError) {
      this.#failByStatus();
    } else if (this.#builder.hasFinished) {
      this.#succeed();
    } else {
      const { facts, proxyHost } = this.#input;
      const error = connectionError(cause, facts.host, this.#status > 0, proxyHost);
      this.#fail(error, error.cause.retryable);
    }
  }

  /** @param shown - what came instead of sense; the beginning of it is quoted */
  #failSenseless(shown: string): void {
    const quote = this.#input.redaction.error(shown.slice(0, LONGEST_ERROR_BODY)).slice(0, 80);
    const params = { reason: sentence(quote), host: this.#input.facts.host };
    this.#fail(new ChatError("reply_senseless", params, this.#status ? { status: this.#status } : {}), false);
  }

  #failIncomplete(): void {
    this.#fail(new ChatError("reply_incomplete", { host: this.#input.facts.host }, { retryable: true }), false);
  }

  #failTooLong(): void {
    const megabytes = Math.round(this.#input.maxReplyLength / 1024 / 1024);
    this.#fail(new ChatError("reply_too_long", { megabytes }), false);
  }

  /** @param mayPass - whether the cause is of a kind that another attempt may mend */
  #fail(error: ChatError, mayPass: boolean): void {
    if (this.#isSettled) return;
    // What is held back is text, too: after it nothing is tried again.
    const cause = this.#flush() ?? error;
    // On a reply that is fine these headers mean nothing: Together sends Retry-After with each.
    const headers = this.#isError ? this.#headers : {};
    const wish = shouldRetryHeader(headers) ?? cause.cause.retryable;
    const isFinal = cause.code === "budget_exhausted" || cause.key === "not_supported";
    const mayRetry = mayPass && wish && !isFinal && !this.#builder.hasContent;
    this.#settle({ error: cause, mayRetry, headers });
    this.#controller?.abort(error);
    this.#close();
  }

  #succeed(): void {
    const error = this.#isSettled ? undefined : this.#flush();
    if (error) this.#settle({ error, mayRetry: false, headers: {} });
    else this.#settle(undefined);
  }

  /** Hands on what is held back. @returns the error of a listener that does not take it, which is none of the connection */
  #flush(): ChatError | undefined {
    try {
      this.#builder.end();
      this.#pieces?.end();
      return undefined;
    } catch (error) {
      return asChatError(error);
    }
  }

  #settle(failure: Failure | undefined): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#silence.stop();
    clearTimeout(this.#endTimer);
    this.#input.signal?.removeEventListener("abort", this.#onAbort);
    this.#body?.destroy();
    const result: ExchangeResult = { completion: this.#completion() };
    if (this.#firstAt > 0) Object.assign(result, { firstAt: this.#firstAt, lastAt: this.#silence.lastAt });
    if (failure) {
      result.failure = failure;
      this.#input.onFailure(failure);
    }
    this.#resolve(result);
  }

  /** A secret that came in several pieces is found only here, where they are one text. */
  #completion(): PartialCompletion {
    const completion = this.#builder.build();
    const { reply, json } = this.#input.redaction;
    const { message, echo = {} } = completion;
    if (message.content) message.content = reply(message.content);
    if (message.reasoning) message.reasoning = reply(message.reasoning);
    for (const { function: called } of message.tool_calls ?? []) {
      called.name = reply(called.name);
      called.arguments = json(called.arguments);
    }
    for (const [name, value] of Object.entries(echo)) if (typeof value === "string") echo[name] = reply(value);
    return completion;
  }

  /** The connection is free, or gone. */
  #close(): void {
    clearTimeout(this.#endTimer);
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#input.onClose();
  }
}
