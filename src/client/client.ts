import { Attempts } from "./attempts";
import { ConcurrencyLimiter } from "./concurrency";
import { type Connection, connect } from "./connection/connect";
import { type Endpoint, isDemo, isRouter } from "./connection/endpoint";
import { connectToDemo } from "./demo/connect-to-demo";
import { asChatError, asInputError, ChatError } from "./errors/chat-error";
import type { RequestContext } from "./errors/from-response";
import { loadModule } from "./load-module";
import type { Meter, MeteredClient } from "./metering";
import { type Account, fetchAccount } from "./models/account";
import { fetchModels, listError } from "./models/list";
import { addReportedCost, PriceList } from "./models/prices";
import { serverKind } from "./models/server-kind";
import { fetchWindow, windowInList } from "./models/window";
import type { ClientOptions } from "./options";
import { PromptReading, known as promptReaders } from "./prompt-reading";
import { ProviderPin } from "./provider-pin";
import type { ExchangeResult } from "./response/exchange-result";
import { readOptions, type Setup } from "./setup";
import type { AbortOptions, ChatRequest, CompleteOptions, Completion, CompletionStream, ModelEntry } from "./types";

/** Models that are remembered for how they end their thoughts: messages may name any number. */
const MOST_LONE_END_MODELS = 100;

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
  readonly #promptReading: PromptReading;
  readonly #loneEndModels = new Set<string>();
  #connection: Connection | undefined;
  /**
   * Counts what questions use; undefined where nothing is limited.
   *
   * @internal
   */
  meter: Meter | undefined;
  /** @internal */
  readonly endpoint: Endpoint;
  /** @internal */
  readonly baseUrl: string;
  /** @internal */
  readonly retries: number;

  /** @throws ChatError `invalid_input` for options that cannot work */
  constructor(options: ClientOptions = {}) {
    this.#setup = readOptions(options);
    ({ endpoint: this.endpoint, baseUrl: this.baseUrl, retries: this.retries } = this.#setup);
    this.#limiter = new ConcurrencyLimiter(this.#setup.maxConcurrent, this.#setup.maxQueued);
    this.#promptReading = new PromptReading(this.endpoint);
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
    return this.meter ? this.meter.ask(request, options, this.#metered()) : this.#complete(request, options);
  }

  async #complete(request: ChatRequest, options: CompleteOptions): Promise<Completion> {
    const attempts = new Attempts(this.#setup, options);
    let sent = promptReaders.size > 0 ? this.#promptReading.ask(request) : request;
    const pin = this.#prices && ProviderPin.of(options.provider, request.model);
    let body = serialize(pin?.write(sent) ?? sent);
    let isPinned = pin !== undefined;
    for (;;) {
      const { result, isReplaceable } = await this.#attempt(sent, body, attempts, options, isPinned ? pin : undefined);
      if (isReplaceable && attempts.mayReplace()) {
        this.#connection?.kept.closeIdle();
        continue;
      }
      if (pin && isPinned && attempts.mayAskAnew(result) && pin.isDroppedBy(result.failure?.error)) {
        isPinned = false;
        body = serialize(sent);
        continue;
      }
      if (sent !== request && result.failure && this.#promptReading.noteRefusal(result.failure.error)) {
        sent = request;
        body = serialize(sent);
        if (attempts.mayReplace()) continue;
      }
      const wait = result.failure && attempts.nextWait(result.failure);
      if (wait === undefined) return this.#conclude(request.model, result, attempts, pin);
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

  /**
   * Returns the window of a model's context, in tokens, where its server tells it.
   *
   * @param completion - a reply of the model, which shows what server it is
   * @throws Error where the server tells no more
   * @internal
   */
  async contextWindow(model: string, completion: Completion, signal?: AbortSignal): Promise<number | undefined> {
    const { origin, host } = this.endpoint;
    if (isRouter(origin)) return windowInList(await this.#list(undefined, signal), model, completion.provider);
    const kind = serverKind(completion, host);
    return kind && fetchWindow(this.#connected(), this.endpoint, kind, model, this.#setup.headers, signal);
  }

  /**
   * Returns whose token this is, at the router; undefined at other servers and without a token. Only the token goes to
   * `https://huggingface.co`, no other header of the configuration.
   *
   * @throws Error where Hugging Face does not tell
   * @internal
   */
  async account(signal?: AbortSignal): Promise<Account | undefined> {
    if (!isRouter(this.endpoint.origin) || !this.#setup.hasToken) return undefined;
    return fetchAccount(this.#connected().request, this.#setup.headers, this.#setup.redaction.error, signal);
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

  /** Hides the secrets of this client in a text. @internal */
  redact(text: string): string {
    return this.#setup.redaction.error(text);
  }

  #metered(): MeteredClient {
    return {
      complete: (request, options) => this.#complete(request, options),
      prices: () => this.#prices?.ready(),
      costOf: (model, completion) => this.#prices?.costOf(model, completion),
    };
  }

  /** Sends the request once, in a slot of its own. */
  async #attempt(
    request: ChatRequest,
    body: Buffer,
    attempts: Attempts,
    { signal, listener = {}, priority = "new", onSlot }: CompleteOptions,
    pin: ProviderPin | undefined,
  ): Promise<{ result: ExchangeResult; isReplaceable: boolean }> {
    const onWait = () => listener.onWaiting?.();
    await attempts.begin(this.#limiter.acquire(attempts.hasBegun ? "begun" : priority, signal, onWait));
    let isReleased = false;
    const release = () => {
      if (!isReleased) this.#limiter.release();
      isReleased = true;
    };
    let isAdmitted = false;
    try {
      onSlot?.();
      isAdmitted = true;
      const { dispatcher, kept, proxyHost, exchange } = this.#connected();
      this.#prices?.refresh();
      attempts.sentAt = performance.now();
      listener.onAsking?.(this.#setup.isAtHome);
      const sending = kept.track(dispatcher);
      const { endpoint, headers, redaction, maxReplyLength, isAtHome } = this.#setup;
      const { headersLimitMs, firstPieceLimitMs, silenceLimitMs } = this.#setup;
      const accept = request.stream ? "text/event-stream, application/json" : "application/json";
      const sentHeaders = { accept, ...headers };
      listener.onRequest?.({ url: endpoint.origin + endpoint.path, headers: sentHeaders, body });
      const result = await exchange({
        dispatcher: sending.dispatcher,
        proxyHost,
        endpoint,
        headers: sentHeaders,
        body,
        context: { ...this.#context(request.model), request },
        redaction,
        listener,
        signal,
        // A provider that is overloaded is left alone by asking the others.
        onFailure: (failure) =>
          pin?.isDroppedBy(failure.error) || this.#limiter.pauseFor(attempts.pauseOfOthers(failure)),
        onHead: (head) => head["server"] && this.#promptReading.noteHeaders(head),
        onClose: release,
        headersLimitMs,
        firstPieceLimitMs,
        silenceLimitMs,
        isAtHome,
        maxReplyLength,
        isEndExpected: this.#loneEndModels.has(request.model),
        onLoneEnd: () => this.#loneEndModels.size < MOST_LONE_END_MODELS && this.#loneEndModels.add(request.model),
      });
      return { result, isReplaceable: result.failure?.mayRetry === true && sending.isUnansweredOnKept() };
    } catch (error) {
      release();
      if (!isAdmitted) attempts.count--;
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
  #conclude(model: string, result: ExchangeResult, attempts: Attempts, pin: ProviderPin | undefined): Completion {
    const completion = attempts.completion(result);
    pin?.clean(model, completion);
    const { usage } = completion;
    if (usage && ("cost" in usage || "estimated_cost" in usage)) addReportedCost(usage, completion);
    const cost = completion.cost ?? this.#prices?.costOf(model, completion);
    if (cost !== undefined) completion.cost = cost;
    if (result.failure) throw attempts.error(result.failure.error, completion);
    return completion;
  }

  async #list(headers?: Record<string, string>, signal?: AbortSignal): Promise<ModelEntry[]> {
    const { error } = this.#setup.redaction;
    const { models, owners } = await fetchModels(this.#connected(), this.endpoint, error, headers, signal);
    this.#promptReading.noteOwners(owners);
    return models;
  }

  #connected(): Connection {
    if (this.#limiter.isClosed) throw new ChatError("cancelled");
    this.#connection ??= isDemo(this.endpoint) ? connectToDemo() : connect(this.#setup.route);
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
