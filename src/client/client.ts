import { Attempts } from "./attempts";
import { ConcurrencyLimiter, type Priority } from "./concurrency";
import { type Connection, connect, proxySecrets, type Route } from "./connection/connect";
import { type Endpoint, environmentToken, isRouter, resolveEndpoint } from "./connection/endpoint";
import { headerSecrets, requestHeaders } from "./connection/headers";
import { isClosedByServer } from "./connection/kept-connections";
import { asChatError, asInputError, ChatError, isOfModel } from "./errors/chat-error";
import type { Failure } from "./errors/failure";
import type { RequestContext } from "./errors/from-response";
import { loadModule } from "./load-module";
import { fetchModels, listError, type ModelEntry } from "./models/list";
import { PriceList } from "./models/prices";
import { CLIENT_DEFAULTS, type ClientOptions } from "./options";
import { makeRedaction, type Redaction } from "./redaction";
import type { ExchangeResult } from "./response/exchange";
import { requestedPause } from "./retry";
import type { Completion, DeltaListener } from "./types";

// Loaded with what reads an answer, and found now: see `loadModule`.
require.resolve("eventsource-parser");

/** A request body of the chat-completions API. */
export interface ChatRequest {
  model: string;
  messages: unknown[];
  [field: string]: unknown;
}

/** The others wait so much longer: a question that is tried again has lined up before them by then. */
const HEAD_START_S = 0.01;

/** What is happening to a question, as it happens. */
export interface ProgressListener extends DeltaListener {
  /** It waits for a slot. */
  onWaiting?(): void;
  /** It has been sent. */
  onAsking?(): void;
  /** It will be sent again in so many seconds. */
  onRetry?(attempt: number, of: number, seconds: number): void;
}

export interface CompleteOptions {
  /** Ends the question at once, with the error `cancelled`. */
  signal?: AbortSignal;
  /** `begun` for a later round of a question, `admitted` for one that has waited before; `new` unless said. */
  priority?: Priority;
  /** There is another model to ask: what only this one refuses, or has no room for, is not tried again. */
  hasFallback?: boolean;
  listener?: ProgressListener;
}

/**
 * Talks to one server's chat-completions API. Usable without Node-RED:
 *
 *     const client = new ChatClient({ token: "hf_…" });
 *     const { message } = await client.complete({ model: "…", messages: [{ role: "user", content: "Hi" }] });
 *     await client.close();
 */
export class ChatClient {
  readonly endpoint: Endpoint;
  /** As it was given. */
  readonly baseUrl: string;
  /** Extra attempts for what may pass by itself. */
  readonly retries: number;
  readonly #options: ClientOptions & typeof CLIENT_DEFAULTS;
  readonly #headers: Record<string, string>;
  readonly #hasToken: boolean;
  readonly #route: Route;
  readonly #redaction: Redaction;
  readonly #slots: ConcurrencyLimiter;
  /** Only of the router: no other list has prices. It needs no token, so it gets none. */
  readonly #prices: PriceList | undefined;
  #connection: Connection | undefined;
  readonly #pauses = new Set<() => void>();
  #isClosed = false;

  /** @throws ChatError `invalid_input` for options that cannot work */
  constructor(options: ClientOptions = {}) {
    const all = { ...CLIENT_DEFAULTS, ...definedOnly(options) } as ClientOptions & typeof CLIENT_DEFAULTS;
    this.#options = all;
    this.baseUrl = all.baseUrl;
    this.retries = all.retries;
    this.endpoint = resolveEndpoint(all.baseUrl);
    const token =
      all.token?.trim() ||
      (all.useEnvironment === false
        ? undefined
        : environmentToken(this.endpoint.origin, all.endpointsUseEnvironment)?.value);
    this.#headers = requestHeaders(all, token);
    this.#hasToken = this.#headers["authorization"] !== undefined;
    this.#route = {
      url: this.endpoint.origin + this.endpoint.path,
      tls: all.tls,
      proxy: all.proxy,
      proxyRules: all.proxyRules,
      connectLimitMs: all.timeout > 0 ? Math.max(all.timeout, all.wakeUp) * 1000 : 0,
    };
    const { authorization } = this.#headers;
    this.#redaction = makeRedaction([
      token,
      ...headerSecrets({ authorization, ...all.headers }, all.secretHeaders),
      ...proxySecrets(this.#route),
    ]);
    this.#slots = new ConcurrencyLimiter(all.maxConcurrent, all.maxQueued);
    this.#prices = isRouter(this.endpoint.origin) ? new PriceList(() => this.#list()) : undefined;
  }

  /**
   * Asks for one completion. The reply is streamed from the server if the request says `stream: true`; the pieces
   * go to the listener as they come either way.
   *
   * @param request - body of the request, sent as it is
   * @throws ChatError; its `completion` holds what had come, its `cause` the facts
   */
  async complete(request: ChatRequest, options: CompleteOptions = {}): Promise<Completion> {
    const attempts = new Attempts(this.#options.wakeUp);
    const body = serialize(request);
    for (;;) {
      attempts.count++;
      const { result, isReplaceable } = await this.#attempt(request, body, attempts, options);
      const { failure } = result;
      if (!failure) return this.#priced(request.model, attempts.completion(result));
      if (isReplaceable && attempts.mayReplace()) {
        this.#connection?.kept.closeIdle();
        continue;
      }
      const wait = isWorthRetry(failure, options, attempts)
        ? attempts.nextWait(failure, this.#options.retries)
        : undefined;
      if (wait === undefined) {
        const error = attempts.error(failure.error, result);
        if (error.completion) this.#priced(request.model, error.completion);
        throw error;
      }
      options.listener?.onRetry?.(attempts.retries, this.#options.retries, wait);
      await this.#pause(wait, options.signal);
    }
  }

  /**
   * Counts a question among those that wait, while it waits for something else than this server.
   *
   * @returns what ends that
   * @throws ChatError `queue_full`
   */
  reserve(): () => void {
    return this.#slots.reserve();
  }

  /**
   * The models of the server, asked for with the token: servers with a key of their own want it.
   *
   * @param signal - ends the request at once, with the error `cancelled`
   * @throws ChatError as for a completion where the server is not reached or wants another token, else `models_unavailable`
   */
  async models(signal?: AbortSignal): Promise<ModelEntry[]> {
    try {
      return await this.#list(this.#headers, signal);
    } catch (error) {
      if (signal?.aborted && !(error instanceof ChatError)) throw new ChatError("cancelled");
      throw listError(error, this.#context(""), this.#connection?.proxyHost);
    }
  }

  /** Hides what is secret of this client in a text that somebody will see. */
  redact(text: string): string {
    return this.#redaction.error(text);
  }

  /** Ends what is running and closes all connections. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#slots.close();
    for (const end of this.#pauses) end();
    await this.#connection?.dispatcher.destroy();
    this.#connection = undefined;
  }

  #context(model: string): RequestContext {
    return { model, host: this.endpoint.host, hasToken: this.#hasToken, redact: this.#redaction.error };
  }

  #priced(model: string, completion: Completion): Completion {
    const cost = this.#prices?.costOf(model, completion);
    if (cost !== undefined) completion.cost = cost;
    return completion;
  }

  async #list(headers?: Record<string, string>, signal?: AbortSignal): Promise<ModelEntry[]> {
    this.#connection ??= connect(this.#route);
    const { dispatcher, kept } = this.#connection;
    const list = () => fetchModels(dispatcher, this.endpoint, this.#redaction.error, headers, signal);
    try {
      return await list();
    } catch (error) {
      // It may have been a kept connection; a list costs nothing to ask for again.
      if (signal?.aborted || this.#isClosed || !isClosedByServer(error)) throw error;
      kept.closeIdle();
      return list();
    }
  }

  /** Waits before another attempt; an abort or the end of the client ends the wait. */
  async #pause(seconds: number, signal: AbortSignal | undefined): Promise<void> {
    await new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", end);
        this.#pauses.delete(end);
        resolve();
      };
      const timer = setTimeout(end, seconds * 1000);
      this.#pauses.add(end);
      if (signal?.aborted || this.#isClosed) end();
      else signal?.addEventListener("abort", end, { once: true });
    });
  }

  /** All wait, also where this question has no attempt left: the next one would only be refused in its place. */
  #holdBack(failure: Failure, options: CompleteOptions, attempts: Attempts): void {
    if (this.#isClosed || !isWorthRetry(failure, options, attempts)) return;
    const pause = requestedPause(failure.error.cause.status, failure.headers);
    if (pause !== undefined) this.#slots.pauseFor(pause + HEAD_START_S);
  }

  /** Waits for a free place. */
  async #acquireSlot(attempts: Attempts, { signal, priority = "new", listener }: CompleteOptions): Promise<void> {
    const queuedAt = performance.now();
    let cause: unknown;
    try {
      if (this.#isClosed) throw new ChatError("cancelled");
      await this.#slots.acquire(attempts.count > 1 ? "begun" : priority, signal, () => listener?.onWaiting?.());
      // It may have become free by the same abort that ends this question.
      if (signal?.aborted) {
        this.#slots.release();
        throw new ChatError("cancelled");
      }
    } catch (error) {
      cause = error;
    }
    attempts.queuedMs += performance.now() - queuedAt;
    if (cause === undefined) return;
    attempts.count--;
    throw attempts.error(cause as ChatError);
  }

  async #attempt(
    request: ChatRequest,
    body: Buffer,
    attempts: Attempts,
    options: CompleteOptions,
  ): Promise<{ result: ExchangeResult; isReplaceable: boolean }> {
    const { signal, listener = {} } = options;
    await this.#acquireSlot(attempts, options);
    let isReleased = false;
    const releaseSlot = () => {
      if (!isReleased) this.#slots.release();
      isReleased = true;
    };
    try {
      this.#connection ??= connect(this.#route);
      this.#prices?.refresh();
      attempts.sentAt = performance.now();
      listener.onAsking?.();
      // With all that reads an answer it is half of what our nodes load: Node-RED need not wait for it when it starts.
      const { exchange } = loadModule("exchange", (): typeof import("./response/exchange") =>
        require("./response/exchange"),
      );
      const sending = this.#connection.kept.track(this.#connection.dispatcher);
      const result = await exchange({
        dispatcher: sending.dispatcher,
        proxyHost: this.#connection.proxyHost,
        endpoint: this.endpoint,
        headers: {
          accept: request["stream"] ? "text/event-stream, application/json" : "application/json",
          ...this.#headers,
        },
        body,
        context: this.#context(request.model),
        redaction: this.#redaction,
        listener,
        signal,
        onFailure: (failure) => this.#holdBack(failure, options, attempts),
        onClose: releaseSlot,
        headersLimitMs: this.#options.timeout && Math.max(this.#options.timeout, this.#options.wakeUp) * 1000,
        silenceLimitMs: this.#options.timeout * 1000,
        maxReplyLength: this.#options.maxReplyLength,
      });
      return { result, isReplaceable: result.failure?.mayRetry === true && sending.isUnansweredOnKept() };
    } catch (error) {
      releaseSlot();
      throw attempts.error(asChatError(error));
    }
  }
}

/** Another model is asked at once in place of one that refuses, but not in place of one that wakes up. */
function isWorthRetry({ error, mayRetry }: Failure, { hasFallback }: CompleteOptions, attempts: Attempts): boolean {
  return mayRetry && !(hasFallback && isOfModel(error) && !attempts.isWaking(error));
}

function serialize(request: ChatRequest): Buffer {
  try {
    return Buffer.from(JSON.stringify(request));
  } catch (error) {
    throw asInputError(error);
  }
}

function definedOnly<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
}
