import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";
import { Body, type BodyListener } from "./body";
import type { PartialCompletion } from "./completion";
import { connectionError } from "./connection-error";
import type { Endpoint } from "./endpoint";
import { ChatError } from "./errors";
import { firstHeader } from "./json";
import { type ReplyInput, type ReplyListener, ReplyReader, tooLong } from "./reply-reader";
import { shouldRetryHeader } from "./retry";
import { brokenBody, errorFromAnswer, LONGEST_ERROR_BODY } from "./server-error";
import { Silence } from "./silence";

/**
 * How long the end of the body is waited for behind `[DONE]`, in ms. It mostly comes with it; a question that is asked
 * before it would open a connection of its own.
 */
const END_MS = 20;
/** How long a server may go on behind the end of a reply before the connection is given up, in ms. */
const DRAIN_MS = 1000;

/** One request and what bounds it. */
export interface ExchangeInput extends ReplyInput {
  dispatcher: Pick<Dispatcher, "dispatch">;
  endpoint: Endpoint;
  headers: Record<string, string>;
  body: Buffer;
  signal: AbortSignal | undefined;
  /** Called when it fails, before `onClose`: nobody else can have begun in its place by then. */
  onFailure: (failure: Failure) => void;
  /** Called once, when the exchange is over: that may be after its result, while the end of the body is awaited. */
  onClose: () => void;
  /** Silence allowed until the headers, in ms; 0 for no limit. */
  headersLimitMs: number;
  /** Silence allowed afterwards, in ms; 0 for no limit. */
  silenceLimitMs: number;
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
  /** When the last piece came; not before `firstAt`, at which the first one was read. */
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
class Exchange implements Dispatcher.DispatchHandler, BodyListener, ReplyListener {
  readonly #input: ExchangeInput;
  readonly #resolve: (result: ExchangeResult) => void;
  readonly #reply: ReplyReader;
  #controller: Dispatcher.DispatchController | undefined;
  #isSettled = false;
  #isClosed = false;

  #status = 0;
  #headers: IncomingHttpHeaders = {};
  #body: Body | undefined;
  /** The connection brings nothing more of the answer; what came last may still be waiting to be read. */
  #isOver = false;

  readonly #silence = new Silence((seconds) => this.#onSilence(seconds));
  /** Runs behind the end mark. */
  #endTimer: NodeJS.Timeout | undefined;

  constructor(input: ExchangeInput, resolve: (result: ExchangeResult) => void) {
    this.#input = input;
    this.#resolve = resolve;
    this.#reply = new ReplyReader(input, this);
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
    this.#reply.readHead(status, headers);
    const maxLength = this.#isError ? LONGEST_ERROR_BODY : this.#input.maxReplyLength;
    this.#body = new Body(headers, this.#isError, maxLength, this);
    this.#silence.start(this.#input.silenceLimitMs);
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isSettled) return;
    this.#silence.noteArrival();
    this.#body?.push(chunk);
  }

  onResponseEnd(): void {
    this.#isOver = true;
    if (this.#isSettled) this.#close();
    else this.#body?.end();
  }

  onResponseError(_: Dispatcher.DispatchController | undefined, error: Error): void {
    this.#isOver = true;
    const fail = () => {
      if (!this.#isSettled) this.#failConnection(error);
    };
    if (this.#isSettled) this.#close();
    else if (this.#body) this.#body.finish(fail);
    else fail();
  }

  get #isError(): boolean {
    return this.#status < 200 || this.#status > 299;
  }

  /** The server has promised a stream of events. */
  get #isStream(): boolean {
    return /^text\/event-stream\b/i.test(firstHeader(this.#headers, "content-type")?.trim() ?? "");
  }

  onNews(): void {
    this.#silence.note();
  }

  onTooLong(): void {
    if (this.#isSettled) return;
    if (this.#isError) this.#failByStatus();
    else this.#fail(tooLong(this.#input.maxReplyLength), false);
  }

  onBroken(error: Error): void {
    if (this.#isSettled) return;
    if (this.#isError) this.#failByStatus();
    else this.#fail(brokenBody(error, this.#status, this.#input.facts), false);
  }

  onEvent(data: string, name: string | undefined, isCut: boolean): void {
    if (!this.#isSettled && !this.#reply.isDone) this.#reply.readEvent(data, name, isCut);
  }

  onEnd(document: string | undefined): void {
    if (this.#isSettled) return;
    if (this.#reply.isDone) {
      this.#endOfReply();
    } else if (this.#isError) {
      this.#failByStatus();
    } else if (document === undefined) {
      this.#endOfReply(true);
    } else {
      this.#reply.readDocument(document, this.#isStream);
      if (!this.#isSettled) this.#endOfReply();
    }
  }

  onDone(): void {
    this.#silence.stop();
    this.#endTimer = setTimeout(() => this.#endOfReply(), END_MS);
  }

  onFailure(error: ChatError, mayPass: boolean): void {
    this.#fail(error, mayPass);
  }

  /** @param isCut - the stream ended without its end mark */
  #endOfReply(isCut = false): void {
    const fault = this.#reply.findFault(isCut);
    if (fault) this.#fail(fault, false);
    else this.#succeed();
  }

  #onSilence(seconds: number): void {
    if (this.#body?.isWaiting) {
      // It is we who are late.
      this.#silence.start(this.#input.silenceLimitMs);
    } else if (this.#status && this.#isError) {
      this.#failByStatus();
    } else if (this.#reply.hasFinished) {
      this.#succeed();
      this.#controller?.abort(new Error("silent"));
    } else {
      const key = this.#reply.hasContent ? "silent_midway" : "silent";
      this.#fail(new ChatError(key, { seconds, host: this.#input.facts.host }, { retryable: true }), false);
    }
  }

  #onAbort = (): void => {
    if (this.#reply.isDone) this.#endOfReply();
    else this.#fail(new ChatError("cancelled"), false);
  };

  #failByStatus(): void {
    const body = (this.#body?.text ?? "").slice(0, LONGEST_ERROR_BODY);
    this.#fail(errorFromAnswer({ status: this.#status, headers: this.#headers, body }, this.#input.facts), true);
  }

  #failConnection(cause: unknown): void {
    if (this.#reply.isDone) {
      this.#endOfReply();
    } else if (this.#status && this.#isError) {
      this.#failByStatus();
    } else if (this.#reply.hasFinished) {
      this.#succeed();
    } else {
      const { facts, proxyHost } = this.#input;
      const error = connectionError(cause, facts.host, this.#status > 0, proxyHost);
      this.#fail(error, error.cause.retryable);
    }
  }

  /** @param mayPass - whether the cause is of a kind that another attempt may mend */
  #fail(error: ChatError, mayPass: boolean): void {
    if (this.#isSettled) return;
    // What is held back is text, too: after it nothing is tried again.
    const cause = this.#reply.flush() ?? error;
    // On a reply that is fine these headers mean nothing: Together sends Retry-After with each.
    const headers = this.#isError ? this.#headers : {};
    const wish = shouldRetryHeader(headers) ?? cause.cause.retryable;
    const isFinal = cause.code === "budget_exhausted" || cause.key === "not_supported";
    const mayRetry = mayPass && wish && !isFinal && !this.#reply.hasContent;
    this.#settle({ error: cause, mayRetry, headers });
    this.#controller?.abort(error);
    this.#close();
  }

  #succeed(): void {
    const error = this.#isSettled ? undefined : this.#reply.flush();
    if (error) this.#settle({ error, mayRetry: false, headers: {} });
    else this.#settle(undefined);
  }

  #settle(failure: Failure | undefined): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#silence.stop();
    clearTimeout(this.#endTimer);
    this.#input.signal?.removeEventListener("abort", this.#onAbort);
    this.#body?.destroy();
    const result: ExchangeResult = { completion: this.#reply.completion() };
    const { firstAt } = this.#reply;
    if (firstAt > 0) Object.assign(result, { firstAt, lastAt: Math.max(firstAt, this.#silence.lastAt) });
    if (failure) {
      result.failure = failure;
      this.#input.onFailure(failure);
    }
    this.#resolve(result);
    if (this.#isOver) this.#close();
    // What follows a reply is not waited for, but read, so that the connection can serve again.
    else if (!failure) this.#endTimer = setTimeout(() => this.#controller?.abort(new Error("not ended")), DRAIN_MS);
  }

  /** The connection is free, or gone. */
  #close(): void {
    clearTimeout(this.#endTimer);
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#input.onClose();
  }
}
