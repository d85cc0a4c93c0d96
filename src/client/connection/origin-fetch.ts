import { pipeline, Readable, Transform, type TransformCallback } from "node:stream";
import { ChatError } from "../errors/chat-error";
import { connectionError, isOfConnection } from "../errors/from-connection";
import type { ProxyChoice, ProxyRules, TlsOptions } from "../options";
import { makeRedaction, type Redaction, withoutUserInfo } from "../redaction";
import { bodyDecoder } from "../response/body-decoder";
import { firstHeader } from "../unknown";
import { type Connection, connect, type Route } from "./connect";
import { isHuggingFace } from "./endpoint";
import { headerSecrets, requestHeaders } from "./headers";
import { findProxy, proxySecrets } from "./proxy";
import { ResponseScan } from "./response-scan";

export interface OriginOptions {
  url: URL;
  token?: string | undefined;
  headers?: Record<string, string>;
  secretHeaders?: Record<string, string>;
  /** Names the program, as in `ClientOptions`. */
  product?: string;
  tls?: TlsOptions;
  proxy?: ProxyChoice;
  proxyRules?: ProxyRules;
  /** For opening a connection, in ms; 0 for none. */
  connectLimitMs: number;
}

/** A request of the library. */
export interface OriginRequest {
  method: string;
  headers: Headers;
  body?: string | undefined;
  signal?: AbortSignal | undefined;
  /** Longest silence, in ms; 0 for none. */
  silenceLimitMs: number;
  /** Callback: takes the reason why the body of the response is given up. */
  onFailure?: (error: Error) => void;
  /** Counts the bytes of the body, with those of earlier ones. */
  count: { bytes: number };
  maxBytes: number;
  /** Callback: an event stream has ended. @param isResumable - true if the server can continue it */
  onStreamEnd?: (isResumable: boolean) => void;
}

/**
 * Sends the requests of a library that wants a `fetch`: over our own connections, so that TLS options, proxies and secrets are
 * handled as for a chat, and to one address alone. It follows no redirect.
 */
export class OriginFetch {
  readonly url: URL;
  readonly redaction: Redaction;
  readonly hasToken: boolean;
  readonly #headers: Record<string, string>;
  readonly #route: Route;
  #connection: Connection | undefined;
  #isClosed = false;

  /** @throws ChatError `invalid_input` for options that cannot work */
  constructor(options: OriginOptions) {
    const { url, token, headers = {}, secretHeaders = {}, product, connectLimitMs } = options;
    this.url = url;
    const sent = { wakeUp: 0, headers, secretHeaders, ...(product && { product }) };
    const { "content-type": _, ...fixed } = requestHeaders(sent, token, isHuggingFace(url.origin, false));
    this.#headers = fixed;
    this.hasToken = fixed["authorization"] !== undefined;
    const proxy = findProxy(url.href, options.proxy, options.proxyRules);
    this.#route = { tls: options.tls, proxy, connectLimitMs };
    const { authorization } = fixed;
    this.redaction = makeRedaction([
      token,
      ...headerSecrets({ authorization, ...headers }, secretHeaders),
      ...proxySecrets(proxy),
    ]);
  }

  /**
   * Sends a request.
   *
   * @throws ChatError for a failure below HTTP; an AbortError for the signal
   */
  async send(request: OriginRequest): Promise<Response> {
    if (this.#isClosed) throw new ChatError("cancelled");
    this.#connection ??= connect(this.#route);
    const { method, headers, body, signal, silenceLimitMs } = request;
    const { origin, pathname, search } = this.url;
    const sentHeaders = { ...this.#headers };
    headers.forEach((value, name) => {
      sentHeaders[name] = value;
    });
    const response = await this.#connection
      .request({
        origin,
        path: pathname + search,
        method: method === "GET" || method === "DELETE" ? method : "POST",
        headers: sentHeaders,
        body: body ?? null,
        headersTimeout: silenceLimitMs,
        bodyTimeout: silenceLimitMs,
        signal: signal ?? null,
      })
      .catch((error) => {
        throw this.#known(error, false);
      });
    const { statusCode, headers: received } = response;
    if (statusCode >= 300 && statusCode < 400) {
      response.body.on("error", () => {}).destroy();
      const location = withoutUserInfo(this.redaction.error(firstHeader(received, "location") ?? "?"));
      throw new ChatError("redirected", { status: statusCode, location }, { status: statusCode });
    }
    const passedOn = new Headers();
    // Without `www-authenticate`: nobody logs in here, and the library would hide the status behind what it asks for.
    for (const name of ["content-type", "mcp-session-id", "retry-after"]) {
      const value = firstHeader(received, name);
      if (value !== undefined) passedOn.set(name, value);
    }
    const hasBody = statusCode !== 204 && statusCode !== 205;
    if (!hasBody) response.body.on("error", () => {}).resume();
    return new Response(hasBody ? this.#body(response.body, received, request) : null, {
      // `Response` takes no others.
      status: statusCode >= 200 && statusCode <= 599 ? statusCode : 502,
      headers: passedOn,
    });
  }

  /** Closes idle connections: the server was gone, and the others may be dead as well. */
  closeIdle(): void {
    this.#connection?.kept.closeIdle();
  }

  /** Ends all requests. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#connection?.dispatcher.destroy();
    this.#connection = undefined;
  }

  #body(
    body: Readable,
    headers: Parameters<typeof firstHeader>[0],
    { count, maxBytes, onFailure, onStreamEnd }: OriginRequest,
  ): ReadableStream<Uint8Array> {
    const isEventStream = /^\s*text\/event-stream\b/i.test(firstHeader(headers, "content-type") ?? "");
    const scan = new ResponseScan(isEventStream);
    const guard = new Transform({
      transform: (bytes: Buffer, _, done: TransformCallback) => {
        try {
          count.bytes += bytes.length;
          if (count.bytes > maxBytes) throw new ChatError("answer_too_long", { megabytes: maxBytes / 1024 / 1024 });
          scan.add(bytes);
          done(null, bytes);
        } catch (error) {
          done(error instanceof Error ? error : new Error(String(error)));
        }
      },
    });
    const decoder = bodyDecoder(headers["content-encoding"]);
    const ended = (error: Error | null | undefined) => {
      if (error) onFailure?.(this.#known(error, true));
      else if (isEventStream) onStreamEnd?.(scan.isResumable);
    };
    if (decoder) pipeline(body, decoder, guard, ended);
    else pipeline(body, guard, ended);
    return Readable.toWeb(guard) as ReadableStream<Uint8Array>;
  }

  #known(error: Error, hadResponse: boolean): Error {
    if (error instanceof ChatError || error.name === "AbortError" || !isOfConnection(error)) return error;
    return connectionError(error, this.url.host, hadResponse, this.#connection?.proxyHost);
  }
}
