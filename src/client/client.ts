import { Attempts } from "./attempts";
import { ConcurrencyLimiter } from "./concurrency";
import { type Connection, connect } from "./connection/connect";
import { type Endpoint, isRouter } from "./connection/endpoint";
import { asChatError, asInputError, ChatError } from "./errors/chat-error";
import type { RequestContext } from "./errors/from-response";
import { loadModule } from "./load-module";
import { fetchModels, listError } from "./models/list";
import { PriceList } from "./models/prices";
import type { ClientOptions } from "./options";
import type { ExchangeResult } from "./response/exchange";
import { readOptions, type Setup } from "./setup";
import type { AbortOptions, ChatRequest, CompleteOptions, Completion, CompletionStream, ModelEntry } from "./types";

/**
 * Talks to one server's chat-completions API, by default Hugging Face's router:
 *
 *     const client = new ChatClient({ token: "hf_…" });
 *     const { message } = await client.complete({ model: "…", messages: [{ role: "user", content: "Hi" }] });
 *     await client.close();
 *
 * Use one client for all questions to a server: it keeps the connections for the next question.
 */
export class ChatClient {
  readonly #setup: Setup;
  readonly #limiter: ConcurrencyLimiter;
  /** Only for the router: no other list has prices. */
  readonly #prices: PriceList | undefined;
  #connection: Connection | undefined;

  /** @throws ChatError `invalid_input` for options that cannot work */
  constructor(options: ClientOptions = {}) {
    this.#setup = readOptions(options);
    this.#limiter = new ConcurrencyLimiter(this.#setup.maxConcurrent, this.#setup.maxQueued);
    // The router's list needs no token, so it gets none.
    if (isRouter(this.endpoint.origin)) this.#prices = new PriceList(() => this.#list());
  }

  /**
   * Asks for one completion. With `stream: true` in the request the server sends it delta by delta, and the listener
   * gets each as it comes; {@link stream} gives them to a loop.
   *
   * @param request - body of the request, sent as it is
   * @throws ChatError; its `completion` holds the reply so far, its `cause` the facts
   */
  async complete(request: ChatRequest, options: CompleteOptions = {}): Promise<Completion> {
    const attempts = new Attempts(this.#setup, options.hasFallback);
    const body = serialize(request);
    for (;;) {
      const { result, isReplaceable } = await this.#attempt(request, body, attempts, options);
      if (isReplaceable && attempts.mayReplace()) {
        this.#connection?.kept.closeIdle();
        continue;
      }
      const wait = result.failure && attempts.nextWait(result.failure);
      if (wait === undefined) return this.#conclude(request.model, result, attempts);
      await this.#pause(wait, attempts, options);
    }
  }

  /**
   * Asks for one completion and hands out its deltas as they come:
   *
   *     const stream = client.stream({ model: "…", messages: [{ role: "user", content: "Hi" }] });
   *     for await (const { type, text } of stream) if (type === "text") process.stdout.write(text);
   *     const { finish_reason, usage } = await stream.completion;
   *
   * The request is sent at once, with `stream: true`. Its errors are thrown from the loop.
   *
   * @param request - body of the request
   */
  stream(request: ChatRequest, options: AbortOptions = {}): CompletionStream {
    const { DeltaStream } = loadModule("stream", (): typeof import("./stream") => require("./stream"));
    return new DeltaStream((more) => this.complete({ ...request, stream: true }, more), options.signal);
  }

  /**
   * Lists the models of the server.
   *
   * @throws ChatError as for a completion if the server is not reached or refuses the token, else `models_unavailable`
   */
  async models(options: AbortOptions = {}): Promise<ModelEntry[]> {
    const { signal } = options;
    try {
      // Servers with a key of their own want the token here, too.
      return await this.#list(this.#setup.headers, signal);
    } catch (error) {
      if (signal?.aborted && !(error instanceof ChatError)) throw new ChatError("cancelled");
      throw listError(error, this.#context(""), this.#connection?.proxyHost);
    }
  }

  /** Ends all questions and closes all connections. */
  async close(): Promise<void> {
    this.#limiter.close();
    await this.#connection?.dispatcher.destroy();
    this.#connection = undefined;
  }

  /**
   * Counts a question as waiting, while it waits for something else than this server.
   *
   * @returns a function that ends the count
   * @throws ChatError `queue_full`
   * @internal
   */
  reserve(): () => void {
    return this.#limiter.reserve();
  }

  /**
   * Hides the secrets of this client in a text.
   *
   * @internal
   */
  redact(text: string): string {
    return this.#setup.redaction.error(text);
  }

  /** @internal */
  get endpoint(): Endpoint {
    return this.#setup.endpoint;
  }

  /** @internal */
  get baseUrl(): string {
    return this.#setup.baseUrl;
  }

  /** @internal */
  get retries(): number {
    return this.#setup.retries;
  }

  /** Sends the request once, in a slot of its own. */
  async #attempt(
    request: ChatRequest,
    body: Buffer,
    attempts: Attempts,
    { signal, listener = {}, priority = "new" }: CompleteOptions,
  ): Promise<{ result: ExchangeResult; isReplaceable: boolean }> {
    const onWait = () => listener.onWaiting?.();
    await attempts.begin(this.#limiter.acquire(attempts.hasBegun ? "begun" : priority, signal, onWait));
    let isReleased = false;
    const release = () => {
      if (!isReleased) this.#limiter.release();
      isReleased = true;
    };
    try {
      const { dispatcher, kept, proxyHost, exchange } = this.#connected();
      this.#prices?.refresh();
      attempts.sentAt = performance.now();
      listener.onAsking?.();
      const sending = kept.track(dispatcher);
      const { endpoint, headers, redaction, headersLimitMs, silenceLimitMs, maxReplyLength } = this.#setup;
      const accept = request.stream ? "text/event-stream, application/json" : "application/json";
      const result = await exchange({
        dispatcher: sending.dispatcher,
        proxyHost,
        endpoint,
        headers: { accept, ...headers },
        body,
        context: this.#context(request.model),
        redaction,
        listener,
        signal,
        onFailure: (failure) => this.#limiter.pauseFor(attempts.pauseOfOthers(failure)),
        onClose: release,
        headersLimitMs,
        silenceLimitMs,
        maxReplyLength,
      });
      return { result, isReplaceable: result.failure?.mayRetry === true && sending.isUnansweredOnKept() };
    } catch (error) {
      release();
      throw attempts.error(asChatError(error));
    }
  }

  /** Tells of the next attempt and waits for it. */
  async #pause(seconds: number, attempts: Attempts, { listener, signal }: CompleteOptions): Promise<void> {
    try {
      listener?.onRetry?.(attempts.retries, this.retries, seconds);
    } catch (error) {
      throw attempts.error(asChatError(error));
    }
    await this.#limiter.delay(seconds, signal);
  }

  /** Returns the completion, or throws the error with the reply so far. */
  #conclude(model: string, result: ExchangeResult, attempts: Attempts): Completion {
    const completion = attempts.completion(result);
    this.#prices?.addCost(model, completion);
    if (result.failure) throw attempts.error(result.failure.error, completion);
    return completion;
  }

  async #list(headers?: Record<string, string>, signal?: AbortSignal): Promise<ModelEntry[]> {
    return fetchModels(this.#connected(), this.endpoint, this.#setup.redaction.error, headers, signal);
  }

  #connected(): Connection {
    if (this.#limiter.isClosed) throw new ChatError("cancelled");
    this.#connection ??= connect(this.#setup.route);
    return this.#connection;
  }

  #context(model: string): RequestContext {
    const { endpoint, headers, redaction } = this.#setup;
    return { model, host: endpoint.host, hasToken: headers["authorization"] !== undefined, redact: redaction.error };
  }
}

function serialize(request: ChatRequest): Buffer {
  try {
    return Buffer.from(JSON.stringify(request));
  } catch (error) {
    throw asInputError(error);
  }
}
