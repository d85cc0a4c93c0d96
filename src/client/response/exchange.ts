import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";
import { CompletionReader, type ReaderCallbacks, type ReaderInput } from "../completion/reader";
import type { Endpoint } from "../connection/endpoint";
import { asChatError, ChatError } from "../errors/chat-error";
import { errorOf, type Failure, failureOf } from "../errors/failure";
import { connectionError } from "../errors/from-connection";
import { brokenBody, LONGEST_ERROR_BODY, tooLong } from "../errors/from-response";
import type { PromptProgress } from "../types";
import { Body, type BodyCallbacks } from "./body";
import { type ExchangeResult, finalFailure } from "./exchange-result";
import { IdleTimeout, type SilenceLimits } from "./idle-timeout";
import { type FailureKey, type Progress, type ReplyEvent, verdictOn } from "./verdict";

/**
 * Longest wait for the end of the body behind `[DONE]`, in ms. It mostly comes with it, and a question that is asked before
 * it opens another connection.
 */
const END_MS = 20;
/** How long a server may go on behind the end of a reply before the connection is closed, in ms. */
const DRAIN_MS = 1000;
/** Longest wait for what follows a finish reason (usage, end mark), in ms, even if the timeout is longer. */
const TAIL_MS = 5000;

/** One request and its limits. */
export interface ExchangeInput extends ReaderInput, SilenceLimits {
  dispatcher: Pick<Dispatcher, "dispatch">;
  endpoint: Endpoint;
  headers: Record<string, string>;
  body: Buffer;
  signal: AbortSignal | undefined;
  /** Called when it fails, before `onClose`, which lets the next request begin. */
  onFailure: (failure: Failure) => void;
  /** Called once, when the connection is free. That may be after the result, since the end of the body is read, too. */
  onClose: () => void;
  /** Called with the headers of the response. */
  onHead: (headers: IncomingHttpHeaders) => void;
  /** Host of the proxy, for messages. */
  proxyHost: string | undefined;
}

/** Sends one request and reads the response. Never rejects. */
export function exchange(input: ExchangeInput): Promise<ExchangeResult> {
  return new Promise((resolve) => new Exchange(input, resolve).start());
}

/**
 * Reads one response. Implements undici's handler interface directly: a body stream in between would cost a copy and a
 * turn of the event loop for every chunk.
 */
class Exchange implements Dispatcher.DispatchHandler, BodyCallbacks, ReaderCallbacks {
  readonly #input: ExchangeInput;
  readonly #resolve: (result: ExchangeResult) => void;
  readonly #reply: CompletionReader;
  #controller: Dispatcher.DispatchController | undefined;
  #isSettled = false;
  #isClosed = false;
  #status = 0;
  #isError = false;
  #headers: IncomingHttpHeaders = {};
  #body: Body | undefined;
  /** The connection brings nothing more of the response; what came last may still wait to be read. */
  #isOver = false;
  /** When the finish reason, or content behind it, came last, by `performance.now()`; 0 before. */
  #finishedAt = 0;
  /** Characters of content by then. */
  #finishedSize = 0;
  /** When the server last said how much of the prompt it has read, by `performance.now()`; 0 before. */
  #promptProgressAt = 0;
  readonly #idleTimeout = new IdleTimeout({ at: () => this.#newsAt(), hasBegun: () => this.#hasPiece() }, (seconds) =>
    this.#safely(() => this.#onSilence(seconds)),
  );
  /** Runs behind the end mark. */
  #endTimer: NodeJS.Timeout | undefined;

  constructor(input: ExchangeInput, resolve: (result: ExchangeResult) => void) {
    this.#input = input;
    this.#resolve = resolve;
    this.#reply = new CompletionReader(input, this);
  }

  start(): void {
    const { dispatcher, endpoint, headers, body, signal } = this.#input;
    const { origin, path } = endpoint;
    if (signal?.aborted) {
      this.#onAbort();
      return;
    }
    signal?.addEventListener("abort", this.#onAbort, { once: true });
    this.#idleTimeout.start(this.#input.headersLimitMs);
    // undici's own limits (300 s) are off: silence is measured here, where a delta differs from a keep-alive.
    const limits = { headersTimeout: 0, bodyTimeout: 0 };
    try {
      dispatcher.dispatch({ origin, path, method: "POST", headers, body, ...limits }, this);
    } catch (error) {
      this.#onConnectionError(error);
    }
  }

  // undici, timers and signals do not catch what these throw, or close the connection without a word.

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#isSettled) controller.abort(new Error("settled"));
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    // 1xx responses come before the real one.
    if (this.#isSettled || status < 200) return;
    this.#safely(() => this.#readHead(status, headers));
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isSettled) return;
    try {
      this.#body?.push(chunk);
    } catch (error) {
      this.onCrash(error);
    }
  }

  onResponseEnd(): void {
    this.#isOver = true;
    if (this.#isSettled) this.#close();
    else this.#safely(() => this.#body?.end());
  }

  onResponseError(_: Dispatcher.DispatchController | undefined, error: Error): void {
    this.#isOver = true;
    if (this.#isSettled) this.#close();
    else if (this.#body) this.#safely(() => this.#body?.finish(() => this.#onConnectionError(error)));
    else this.#onConnectionError(error);
  }

  #readHead(status: number, headers: IncomingHttpHeaders): void {
    this.#status = status;
    this.#isError = status > 299;
    this.#headers = headers;
    this.#reply.readHead(status, headers);
    const maxLength = this.#isError ? LONGEST_ERROR_BODY : this.#input.maxReplyLength;
    this.#body = new Body({ headers, isDocument: this.#isError, maxLength, reader: this.#reply }, this);
    this.#input.onHead(headers);
    const { silenceLimitMs, firstPieceLimitMs } = this.#input;
    this.#idleTimeout.start(silenceLimitMs, this.#isError ? silenceLimitMs : firstPieceLimitMs);
  }

  get #progress(): Progress {
    return this.#isError ? "error status" : this.#reply.progress;
  }

  onFinish(): void {
    this.#finishedAt = this.#body?.arrivedAt ?? 0;
    this.#finishedSize = this.#reply.contentSize;
    this.#idleTimeout.start(Math.min(this.#input.silenceLimitMs || TAIL_MS, TAIL_MS));
  }

  /**
   * Returns when something came last, by `performance.now()`. From the finish reason on only content counts: a server may go
   * on for ever with events that bring nothing.
   */
  #newsAt(): number {
    const newsAt = this.#body?.newsAt ?? 0;
    const { contentSize } = this.#reply;
    if (this.#finishedAt === 0) return newsAt;
    if (contentSize !== this.#finishedSize) {
      this.#finishedSize = contentSize;
      this.#finishedAt = newsAt;
    }
    return this.#finishedAt;
  }

  /** What is said of the prompt restarts the wait for the first piece, and is none: reading on may take as long again. */
  #hasPiece(): boolean {
    return this.#reply.hasContent || (this.#body?.newsAt ?? 0) > this.#promptProgressAt;
  }

  onPromptProgress(progress: PromptProgress): void {
    this.#promptProgressAt = this.#body?.arrivedAt ?? 0;
    this.#safely(() => this.#input.listener.onPromptProgress?.(progress));
  }

  onTooLong(): void {
    this.#judge("too long", () => tooLong(this.#input.maxReplyLength));
  }

  onBroken(error: Error): void {
    this.#judge("damaged", () => brokenBody(error, this.#status, this.#input.context));
  }

  onEnd(document: string | undefined): void {
    if (this.#isSettled) return;
    const isCut = document === undefined && !this.#reply.isDone;
    if (document !== undefined && !this.#isError) this.#reply.readDocument(document);
    this.#judge(isCut ? "cut" : "end");
  }

  onCrash(error: unknown): void {
    this.#fail(asChatError(error), false);
  }

  onDone(): void {
    this.#idleTimeout.stop();
    this.#endTimer = setTimeout(() => this.#safely(() => this.#judge("end")), END_MS);
  }

  onFailure(error: ChatError, mayPass: boolean, event?: ReplyEvent): void {
    if (event) this.#judge(event, () => error);
    else this.#fail(error, mayPass);
  }

  #onSilence(seconds: number): void {
    const params = { seconds, host: this.#input.context.host };
    const beforehand = this.#input.isAtHome ? "silent_at_home" : "silent";
    const makeError = (key: FailureKey) =>
      new ChatError(key === "silent" ? beforehand : "silent_midway", params, { retryable: true });
    // Perhaps our own process is late.
    if (!this.#isSettled && this.#body?.isWaiting) this.#idleTimeout.again();
    else this.#judge("silent", makeError);
  }

  #onAbort = (): void => this.#safely(() => this.#judge("aborted"));

  #onConnectionError(cause: unknown): void {
    const { context, proxyHost } = this.#input;
    const makeError = () => connectionError(cause, context.host, this.#status > 0, proxyHost);
    this.#safely(() => this.#judge("reset", makeError));
  }

  /** Carries out the verdict on an event. @param makeError - makes the error of this event */
  #judge(event: ReplyEvent, makeError?: (key: FailureKey) => ChatError): void {
    if (this.#isSettled) return;
    const verdict = verdictOn(event, this.#progress);
    if (verdict.outcome === "wait") return;
    const fault = verdict.outcome === "fail" ? this.#errorOf(verdict.key, makeError) : this.#reply.findFault();
    const crash = fault ? undefined : this.#reply.flush();
    if (fault) this.#fail(fault, verdict.outcome === "fail" && verdict.mayRetry);
    else this.#settle(crash && finalFailure(crash));
    // The rest of the response is not worth a connection.
    if (event === "silent" || event === "too long") this.#giveUp(new Error(event));
  }

  #errorOf(key: FailureKey, makeError: ((key: FailureKey) => ChatError) | undefined): ChatError {
    const body = key === "by status" ? (this.#body?.text ?? "").slice(0, LONGEST_ERROR_BODY) : "";
    return errorOf(key, { status: this.#status, headers: this.#headers, body }, this.#input.context, makeError);
  }

  /** @param mayPass - true if another attempt may succeed */
  #fail(error: ChatError, mayPass: boolean): void {
    if (this.#isSettled) return;
    // Text that is held back counts, too: once it is out, nothing is retried.
    const cause = this.#reply.flush() ?? error;
    this.#settle(failureOf(cause, mayPass && !this.#reply.hasContent, this.#isError ? this.#headers : {}));
  }

  /** Ends the exchange. Nothing in here may throw or wait, or the question never ends. */
  #settle(failed: Failure | undefined): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#idleTimeout.stop();
    clearTimeout(this.#endTimer);
    this.#input.signal?.removeEventListener("abort", this.#onAbort);
    this.#safely(() => this.#body?.destroy());
    const result: ExchangeResult = { completion: { message: { role: "assistant", content: "" } } };
    let failure = failed;
    try {
      result.completion = this.#reply.completion();
      if (failure) this.#input.onFailure(failure);
    } catch (error) {
      failure = finalFailure(asChatError(error));
    }
    if (failure) result.failure = failure;
    const { firstAt } = this.#reply;
    if (firstAt > 0) Object.assign(result, { firstAt, lastAt: Math.max(firstAt, this.#newsAt()) });
    this.#resolve(result);
    if (failure) this.#giveUp(failure.error);
    if (failure || this.#isOver) this.#close();
    // The rest of the body is read, so that the connection can serve again, but nobody waits for it.
    else this.#endTimer = setTimeout(() => this.#giveUp(new Error("not ended")), DRAIN_MS);
  }

  #giveUp(reason: Error): void {
    this.#safely(() => this.#controller?.abort(reason));
  }

  /** Tells that the connection is free, or gone. */
  #close(): void {
    clearTimeout(this.#endTimer);
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#safely(() => this.#input.onClose());
  }

  #safely(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.onCrash(error);
    }
  }
}
