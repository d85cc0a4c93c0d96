import { AsyncLocalStorage } from "node:async_hooks";
import type { Client, RequestOptions, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { ChatError, LONGEST_TIMER_MS, loadModule, type OriginFetch, untilAbort, VERSION } from "../../client/internal";

/** In bytes, of all that comes for one operation. */
const LONGEST_ANSWER = 16 * 1024 * 1024;
/** A call whose server reports progress may take longer than its time-out, but not for ever. */
const LONGEST_CALL_MS = 30 * 60 * 1000;
/** Between two attempts to continue an event stream; the server may ask for less. */
const RESUME_MS = 500;
/** Attempts in a row to continue an event stream: then the library gives it up, without a word. */
const MOST_RESUMES = 2;
/** Between two attempts to hear of changes; a server that ends them at once is not asked again. */
const LISTEN_MS = 60 * 1000;
/** Until a stream that ended without an answer counts as cut: the library may still be reading it. */
const UNREAD_MS = 1000;
/** For the good-bye of a session. */
const GOODBYE_MS = 1000;
/** Where the build puts the client, as seen from the sources and from what they are compiled to. */
const BUNDLE = "../../../nodes/mcp/client.js";

type Library = Pick<typeof import("@modelcontextprotocol/client"), "Client" | "StreamableHTTPClientTransport">;

/** What the library is told with each request. */
export type SessionOptions = RequestOptions & { timeout: number };

/** What requests are made for. The library does not tell which requests belong together. */
interface Operation {
  /** Ends the requests. */
  signal: AbortSignal;
  /** Ends the operation. */
  fail(error: Error): void;
  bytes: number;
  isConnect: boolean;
  /** Attempts in a row to continue its event stream that failed. */
  failedResumes: number;
}

const operations = new AsyncLocalStorage<Operation>();

/** A connection to an MCP server: with one of 2025 a session, with one of 2026 what it has told of itself. */
export class McpSession {
  readonly #client: Client;
  readonly #transport: StreamableHTTPClientTransport;
  readonly #origin: OriginFetch;
  readonly #timeoutMs: number;
  readonly #end = new AbortController();
  #running = 0;
  /** The server is being told, or knows, that the session is over. */
  #goodbye: Promise<void> | undefined;
  #isRetired = false;
  #isListening = false;
  #listenedAt = Number.NEGATIVE_INFINITY;
  #resumedAt = Number.NEGATIVE_INFINITY;

  private constructor(library: Library, origin: OriginFetch, timeoutMs: number, onListChanged: () => void) {
    this.#origin = origin;
    this.#timeoutMs = timeoutMs;
    this.#client = new library.Client(
      { name: "node-red-huggingface", version: VERSION },
      { capabilities: {}, versionNegotiation: { mode: "auto" } },
    );
    this.#client.setNotificationHandler("notifications/tools/list_changed", onListChanged);
    this.#transport = new library.StreamableHTTPClientTransport(origin.url, {
      fetch: (_, init = {}) => this.#fetch(init),
    });
  }

  /**
   * Connects.
   *
   * @param timeoutMs - 0 for none
   * @throws ChatError `cancelled` if the signal fires; whatever the library throws
   */
  static async open(
    origin: OriginFetch,
    timeoutMs: number,
    onListChanged: () => void,
    signal: AbortSignal,
  ): Promise<McpSession> {
    const library = loadModule("mcp/client.js", (): Library => require(BUNDLE));
    const session = new McpSession(library, origin, timeoutMs, onListChanged);
    try {
      await untilAbort(session.#connect(), signal);
    } catch (error) {
      // The server may have opened it already.
      await session.close();
      throw error;
    }
    return session;
  }

  /** True while the server tells when its tools change. */
  get isListening(): boolean {
    return this.#isListening;
  }

  /**
   * Runs an operation.
   *
   * @throws ChatError `cancelled` if the signal fires; whatever the library throws
   */
  async run<T>(work: (client: Client, options: SessionOptions) => Promise<T>, signal: AbortSignal): Promise<T> {
    const ended = new AbortController();
    const { operation, failed } = makeOperation(ended.signal, false);
    const options: SessionOptions = {
      signal: ended.signal,
      timeout: this.#timeoutMs || LONGEST_TIMER_MS,
      resetTimeoutOnProgress: true,
      maxTotalTimeout: Math.max(LONGEST_CALL_MS, this.#timeoutMs),
      onprogress: () => {},
    };
    this.#running++;
    try {
      const worked = operations.run(operation, () => work(this.#client, options));
      return await untilAbort(Promise.race([worked, failed]), signal);
    } finally {
      // The library tells the server, and forgets the request.
      ended.abort();
      this.#running--;
      if (this.#isRetired) this.retire();
    }
  }

  /** Ends the session with the last operation that is under way. */
  retire(): void {
    this.#isRetired = true;
    if (this.#running === 0) void this.close();
  }

  /** Ends everything that is under way; the server is told that the session is over. */
  async close(): Promise<void> {
    this.#goodbye ??= this.#sayGoodbye();
    await untilAbort(this.#goodbye, AbortSignal.timeout(GOODBYE_MS)).catch(() => {});
    await this.#client.close().catch(() => {});
    this.#end.abort();
  }

  /** The library says it only while its transport is open, which is over where the connection has failed. */
  async #sayGoodbye(): Promise<void> {
    const { sessionId, protocolVersion } = this.#transport;
    if (sessionId === undefined) return;
    const headers = {
      "mcp-session-id": sessionId,
      ...(protocolVersion !== undefined && { "mcp-protocol-version": protocolVersion }),
    };
    const response = await this.#fetch({ method: "DELETE", headers });
    await response.body?.cancel();
  }

  async #connect(): Promise<void> {
    const { operation, failed } = makeOperation(this.#end.signal, true);
    const timeout = this.#timeoutMs || LONGEST_TIMER_MS;
    const connected = operations.run(operation, () => this.#client.connect(this.#transport, { timeout }));
    await Promise.race([connected, failed]);
    if (this.#client.getProtocolEra() === "modern" && this.#tellsChanges()) void this.#listen(operation);
  }

  /** Asks a server of 2026 to tell of changes. */
  async #listen(operation: Operation): Promise<void> {
    try {
      const filter = { toolsListChanged: true };
      const subscription = await operations.run(operation, () =>
        this.#client.listen(filter, { signal: this.#end.signal }),
      );
      this.#isListening = true;
      await subscription.closed;
    } catch {
      // Then the list is read anew now and then.
    } finally {
      this.#isListening = false;
    }
  }

  #tellsChanges(): boolean {
    return this.#client.getServerCapabilities()?.tools?.listChanged === true;
  }

  /** The `fetch` of the library. */
  async #fetch({ method = "GET", headers, body, signal }: RequestInit): Promise<Response> {
    const text = typeof body === "string" ? body : undefined;
    const sent = new Headers(headers);
    // That an operation was cancelled is told after its end.
    const operation = isCancellation(text) ? undefined : operations.getStore();
    const isGet = method === "GET";
    const isStanding = operation?.isConnect === true && (isGet || sent.get("mcp-method") === "subscriptions/listen");
    if (isGet && !(isStanding ? this.#mayListen() : await this.#mayResume())) {
      return new Response(null, { status: 405 });
    }
    const noteEnd = () => {
      if (isGet && isStanding) this.#isListening = false;
    };
    const count = operation && !operation.isConnect ? operation : { bytes: 0 };
    const signals = [this.#end.signal, operation?.signal, signal ?? undefined].filter((one) => one !== undefined);
    const sending = this.#origin.send({
      method,
      headers: sent,
      body: text,
      signal: AbortSignal.any(signals),
      // The library's own limit comes first, and tells the server.
      silenceLimitMs: isStanding || this.#timeoutMs === 0 ? 0 : this.#timeoutMs + UNREAD_MS,
      count,
      maxBytes: LONGEST_ANSWER,
      onFailure: (error) => {
        noteEnd();
        operation?.fail(error);
      },
      onStreamEnd: (isResumable) => {
        noteEnd();
        if (isStanding || isResumable) return;
        const host = this.#origin.url.host;
        setTimeout(() => operation?.fail(new ChatError("connection_cut", { host })), UNREAD_MS).unref();
      },
    });
    if (isGet && !isStanding && operation) return this.#continued(sending, operation);
    const response = await sending;
    if (isGet && response.ok) this.#isListening = true;
    return response;
  }

  /** Gives an operation up whose event stream cannot be continued. */
  async #continued(sending: Promise<Response>, operation: Operation): Promise<Response> {
    const fail = (isForGood: boolean) => {
      if (!isForGood && ++operation.failedResumes < MOST_RESUMES) return;
      operation.fail(new ChatError("connection_cut", { host: this.#origin.url.host }));
    };
    try {
      const response = await sending;
      if (response.ok) operation.failedResumes = 0;
      else fail(response.status < 500 && response.status !== 429);
      return response;
    } catch (error) {
      fail(false);
      throw error;
    }
  }

  /** One stream at a time tells of changes, and only where the server says that it will. */
  #mayListen(): boolean {
    const now = performance.now();
    if (this.#isListening || !this.#tellsChanges() || now - this.#listenedAt < LISTEN_MS) return false;
    this.#listenedAt = now;
    return true;
  }

  async #mayResume(): Promise<boolean> {
    const wait = this.#resumedAt + RESUME_MS - performance.now();
    this.#resumedAt = performance.now() + Math.max(0, wait);
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    return true;
  }
}

function makeOperation(signal: AbortSignal, isConnect: boolean): { operation: Operation; failed: Promise<never> } {
  let fail: Operation["fail"] = () => {};
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failed.catch(() => {});
  return { operation: { signal, fail: (error) => fail(error), bytes: 0, isConnect, failedResumes: 0 }, failed };
}

function isCancellation(body: string | undefined): boolean {
  return body !== undefined && body.length < 1000 && body.includes('"method":"notifications/cancelled"');
}
