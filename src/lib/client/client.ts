import { validateHeaderName, validateHeaderValue } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Completion, PartialCompletion, PieceListener, Timing } from "./completion";
import { type Connection, connect, proxySecrets, type Route, type TlsOptions } from "./dispatcher";
import { type Endpoint, environmentToken, ROUTER_URL, resolveEndpoint } from "./endpoint";
import { ChatError } from "./errors";
import { type ExchangeResult, exchange } from "./exchange";
import { asText } from "./json";
import type { ProxyChoice, ProxyRules } from "./proxy";
import { makeRedact, type Redact } from "./redact";
import { backoff, LONGEST_WAIT_S, requestedWait } from "./retry";
import { Slots } from "./slots";

/** Which server, and how it is talked to. Times are in seconds. */
export interface ClientOptions {
  /** Default: Hugging Face's router. */
  baseUrl?: string;
  /** Default: `HF_TOKEN` or `HUGGINGFACE_API_KEY` of the environment, for Hugging Face's own hosts only. */
  token?: string;
  /** Silence allowed until a reply begins and between its pieces; 0 for no limit. */
  timeout?: number;
  /** Extra attempts before the first piece. */
  retries?: number;
  /** HTTP exchanges at once. */
  maxConcurrent?: number;
  /** Questions that may wait for one. */
  maxQueued?: number;
  /** How long an endpoint that is scaled to zero may take to wake up; 0 for one that is always on. */
  wakeUp?: number;
  /** Organisation that pays. */
  billTo?: string;
  headers?: Record<string, string>;
  tls?: TlsOptions;
  proxy?: ProxyChoice;
  proxyRules?: ProxyRules;
  /** Characters that one reply may have. */
  maxReplyLength?: number;
}

/** What holds where nothing is said. */
export const CLIENT_DEFAULTS = {
  baseUrl: ROUTER_URL,
  timeout: 30,
  retries: 2,
  maxConcurrent: 10,
  maxQueued: 1000,
  wakeUp: 0,
  maxReplyLength: 16 * 1024 * 1024,
} as const;

/** A request body of the chat-completions API. */
export interface ChatRequest {
  model: string;
  messages: unknown[];
  [field: string]: unknown;
}

/** What is happening to a question, as it happens. */
export interface ProgressListener extends PieceListener {
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
  /** A later round of a question: goes ahead of new questions and is never refused. */
  isContinuation?: boolean;
  listener?: ProgressListener;
}

/** Set by us or by undici; another value would break the request. */
const RESERVED_HEADERS = new Set([
  "connection",
  "content-length",
  "expect",
  "keep-alive",
  "proxy-authorization",
  "transfer-encoding",
  "upgrade",
]);
const SECRET_HEADER = /auth|key|token|secret|cookie|pass|credential|signature/i;

/**
 * Talks to one server's chat-completions API. Usable without Node-RED:
 *
 *     const client = new ChatClient({ token: "hf_…" });
 *     const { message } = await client.complete({ model: "…", messages: [{ role: "user", content: "Hi" }] });
 *     await client.close();
 */
export class ChatClient {
  readonly endpoint: Endpoint;
  readonly #options: ClientOptions & typeof CLIENT_DEFAULTS;
  readonly #headers: Record<string, string>;
  readonly #hasToken: boolean;
  readonly #route: Route;
  readonly #redact: Redact;
  readonly #slots: Slots;
  #connection: Connection | undefined;
  #isClosed = false;

  /** @throws ChatError `invalid_input` for options that cannot work */
  constructor(options: ClientOptions = {}) {
    const all = { ...CLIENT_DEFAULTS, ...definedOnly(options) } as ClientOptions & typeof CLIENT_DEFAULTS;
    this.#options = all;
    this.endpoint = resolveEndpoint(all.baseUrl);
    const token = all.token?.trim() || environmentToken(this.endpoint.origin);
    this.#headers = requestHeaders(all, token);
    this.#hasToken = this.#headers.authorization !== undefined;
    this.#route = {
      origin: this.endpoint.origin,
      tls: all.tls,
      proxy: all.proxy,
      proxyRules: all.proxyRules,
      connectLimitMs: all.timeout > 0 ? Math.max(all.timeout, all.wakeUp) * 1000 : 0,
    };
    this.#redact = makeRedact([...headerSecrets(this.#headers), ...proxySecrets(this.#route)]);
    this.#slots = new Slots(all.maxConcurrent, all.maxQueued);
  }

  /**
   * Asks for one completion. The reply is streamed from the server if the request says `stream: true`; the pieces
   * go to the listener as they come either way.
   *
   * @param request - body of the request, sent as it is
   * @throws ChatError; its `completion` holds what had come, its `cause` the facts
   */
  async complete(request: ChatRequest, options: CompleteOptions = {}): Promise<Completion> {
    const question = new Question(this.#options.wakeUp);
    const body = serialize(request);
    for (;;) {
      question.attempts++;
      const result = await this.#attempt(request, body, question, options);
      const { failure } = result;
      if (!failure) return question.completion(result);
      if (this.#isClosed) throw question.error(new ChatError("cancelled"), result);
      const wait = failure.mayRetry ? question.nextWait(failure, this.#options.retries) : undefined;
      if (wait === undefined) throw question.error(failure.error, result);
      options.listener?.onRetry?.(question.retries, this.#options.retries, wait);
      if (!(await pause(wait, options.signal))) throw question.error(new ChatError("cancelled"), result);
    }
  }

  /** Ends what is running and closes all connections. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#connection?.dispatcher.destroy();
    this.#connection = undefined;
  }

  async #attempt(
    request: ChatRequest,
    body: Buffer,
    question: Question,
    { signal, isContinuation = false, listener = {} }: CompleteOptions,
  ): Promise<ExchangeResult> {
    const queuedAt = performance.now();
    try {
      await this.#slots.take(isContinuation || question.attempts > 1, signal, () => listener.onWaiting?.());
    } catch (error) {
      question.attempts--;
      throw question.error(error as ChatError);
    } finally {
      question.queuedMs += performance.now() - queuedAt;
    }
    try {
      this.#connection ??= connect(this.#route);
      listener.onAsking?.();
      return await exchange({
        dispatcher: this.#connection.dispatcher,
        proxyHost: this.#connection.proxyHost,
        endpoint: this.endpoint,
        headers: {
          ...this.#headers,
          accept: request.stream ? "text/event-stream, application/json" : "application/json",
        },
        body,
        facts: { model: request.model, host: this.endpoint.host, hasToken: this.#hasToken },
        redact: this.#redact,
        listener,
        signal,
        headersLimitMs: this.#options.timeout && Math.max(this.#options.timeout, this.#options.wakeUp) * 1000,
        silenceLimitMs: this.#options.timeout * 1000,
        maxReplyLength: this.#options.maxReplyLength,
      });
    } finally {
      this.#slots.give();
    }
  }
}

/** The course of one question over its attempts. */
class Question {
  readonly #startedAt = performance.now();
  readonly #wakeUpMs: number;
  attempts = 0;
  /** Extra attempts that count. */
  retries = 0;
  queuedMs = 0;

  constructor(wakeUp: number) {
    this.#wakeUpMs = wakeUp * 1000;
  }

  /** Seconds until the next attempt, or undefined if there is none. */
  nextWait({ error, headers }: NonNullable<ExchangeResult["failure"]>, allowed: number): number | undefined {
    const requested = requestedWait(headers);
    if (requested !== undefined && requested > LONGEST_WAIT_S) return undefined;
    const isWaking =
      (error.cause.status === 502 || error.cause.status === 503) &&
      performance.now() - this.#startedAt < this.#wakeUpMs;
    if (isWaking) return requested ?? backoff(this.attempts - 1);
    if (this.retries >= allowed) return undefined;
    this.retries++;
    return requested ?? backoff(this.retries - 1);
  }

  completion({ completion, firstAt }: ExchangeResult): Completion {
    return { ...completion, attempts: this.attempts, timing: this.#timing(completion, firstAt) };
  }

  /** Puts on the error what is known of the question. */
  error(error: ChatError, result?: ExchangeResult): ChatError {
    const completion = this.completion(result ?? { completion: { message: { role: "assistant", content: "" } } });
    error.completion = completion;
    error.cause.attempts = this.attempts;
    if (completion.provider) error.cause.provider = completion.provider;
    if (completion.request_id) error.cause.request_id = completion.request_id;
    return error;
  }

  #timing(completion: PartialCompletion, firstAt: number | undefined): Timing {
    const now = performance.now();
    const timing: Timing = {
      queued_ms: Math.round(this.queuedMs),
      total_ms: Math.round(now - this.#startedAt),
    };
    if (firstAt === undefined) return timing;
    timing.first_ms = Math.round(firstAt - this.#startedAt);
    // A reply that came as one piece has no time between its first and its last token.
    const writing = now - firstAt > 1 ? now - firstAt : now - this.#startedAt;
    const tokens = completion.usage?.completion_tokens;
    if (typeof tokens === "number" && writing > 0) {
      timing.tokens_per_second = Math.round((tokens / writing) * 10_000) / 10;
    }
    return timing;
  }
}

function serialize(request: ChatRequest): Buffer {
  try {
    return Buffer.from(JSON.stringify(request));
  } catch (error) {
    throw new ChatError("request_unsendable", { reason: (error as Error).message.split("\n")[0] ?? "" });
  }
}

/** @returns false if the signal ended the pause */
async function pause(seconds: number, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    await sleep(seconds * 1000, undefined, signal && { signal });
    return true;
  } catch {
    return false;
  }
}

function requestHeaders(options: ClientOptions & typeof CLIENT_DEFAULTS, token: string | undefined) {
  const headers: Record<string, string> = {
    "content-type": "application/json",
    // What is not compressed need not be unpacked piece by piece.
    "accept-encoding": "identity",
    "user-agent": userAgent(),
  };
  if (token) headers.authorization = `Bearer ${token}`;
  if (options.billTo?.trim()) headers["x-hf-bill-to"] = options.billTo.trim();
  if (options.wakeUp > 0) headers["x-scale-up-timeout"] = String(Math.ceil(options.wakeUp));
  checkHeader("authorization", headers.authorization ?? "", "token_invalid");
  checkHeader("x-hf-bill-to", headers["x-hf-bill-to"] ?? "", "header_invalid");
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    const lower = name.toLowerCase();
    if (RESERVED_HEADERS.has(lower)) throw new ChatError("header_reserved", { name });
    const text = asText(value) ?? "";
    checkHeader(lower, text, "header_invalid");
    headers[lower] = text;
  }
  return headers;
}

function checkHeader(name: string, value: string, key: "token_invalid" | "header_invalid"): void {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  } catch {
    throw new ChatError(key, { name });
  }
}

function headerSecrets(headers: Record<string, string>): string[] {
  return Object.entries(headers)
    .filter(([name]) => SECRET_HEADER.test(name))
    .flatMap(([, value]) => [value, value.replace(/^\w+\s+/, "")]);
}

function userAgent(): string {
  const { name, version } = require("../../../package.json") as { name: string; version: string };
  return `${name.split("/").at(-1)}/${version}`;
}

function definedOnly<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
}
