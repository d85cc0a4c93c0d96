import type { Client } from "@modelcontextprotocol/client";
import { ConcurrencyLimiter, isTimeout, OriginFetch, type OriginOptions, untilAbort } from "../../client/internal";
import { ChatError } from "../errors";
import { AS_IT_IS, type ListedTools, listTools } from "./list-pages";
import { readCallResult } from "./mcp-answers";
import { type McpFailure, readFailure } from "./mcp-errors";
import { McpSession, type SessionOptions } from "./mcp-session";
import type { McpResult, McpServer, McpTool } from "./types";

/** How long a list is kept where neither the server says so nor tells of changes. */
const KEPT_MS = 5 * 60 * 1000;
/** Longest time for which a server may have a list kept. */
const LONGEST_KEPT_MS = 24 * 60 * 60 * 1000;

/** How long questions do without a server that sent no list in time. Then one of them asks it again. */
const LEFT_ALONE_MS = 30 * 1000;

/** Codes of a connection that was not made in time. */
const CONNECT_TIMEOUTS = new Set(["ETIMEDOUT", "UND_ERR_CONNECT_TIMEOUT"]);

/** Calls that run at the same time, and so sockets; further ones wait, and their time-out has not begun. */
const MOST_AT_ONCE = 16;

/** What a connection needs. */
export interface McpOptions extends Omit<OriginOptions, "connectLimitMs"> {
  id: string;
  name: string;
  believes: boolean;
  /** For an answer, in seconds; 0 for none. */
  timeout: number;
}

/** The list of tools, and until when it is kept. */
interface ToolList {
  tools: McpTool[];
  byName: Map<string, McpTool>;
  session: McpSession;
  /** By `performance.now()`. */
  keptUntil: number;
  /** True if it is kept for as long as the server tells of changes. */
  isWatched: boolean;
}

type Work<T> = (client: Client, options: SessionOptions) => Promise<T>;

/** An MCP server, with one connection for all questions. */
export class McpConnection implements McpServer {
  readonly id: string;
  readonly name: string;
  readonly believes: boolean;
  readonly #origin: OriginFetch;
  readonly #seconds: number;
  readonly #slots = new ConcurrencyLimiter(MOST_AT_ONCE, Number.POSITIVE_INFINITY);
  #opening: Promise<McpSession> | undefined;
  /** What `#opening` came to. */
  #session: McpSession | undefined;
  #list: ToolList | undefined;
  #listing: Promise<ToolList> | undefined;
  /** The time-out of the last list, and until when nobody asks for it again, by `performance.now()`. */
  #silence: { error: ChatError; until: number } | undefined;
  #changes = 0;
  readonly #end = new AbortController();

  /** @throws ChatError `invalid_input` for options that cannot work */
  constructor({ id, name, believes, timeout, ...options }: McpOptions) {
    this.id = id;
    this.name = name;
    this.believes = believes;
    this.#seconds = timeout;
    this.#origin = new OriginFetch({ ...options, connectLimitMs: timeout * 1000 });
  }

  async tools(signal: AbortSignal): Promise<McpTool[]> {
    const list = this.#list;
    if (list && this.#isFresh(list)) return list.tools;
    if (this.#silence && performance.now() < this.#silence.until) throw this.#silence.error;
    // While one question asks again, others go on without the list.
    if (this.#silence) this.#silence.until = Number.POSITIVE_INFINITY;
    // One list for all questions that want one now; it is not ended with one of them.
    if (!this.#listing) {
      const listing = this.#readList().finally(() => {
        if (this.#listing === listing) this.#listing = undefined;
      });
      listing.catch(() => {});
      this.#listing = listing;
    }
    return (await untilAbort(this.#listing, signal)).tools;
  }

  async call(name: string, args: Record<string, unknown>, signal: AbortSignal): Promise<McpResult> {
    const tool = this.#list?.byName.get(name);
    const { readOnlyHint, idempotentHint } = tool?.annotations ?? {};
    const mayRepeat = this.believes && (readOnlyHint === true || idempotentHint === true);
    // Some arguments also go into headers, where a schema says so.
    const toolDefinition = tool && { name, inputSchema: { ...tool.inputSchema, type: "object" as const } };
    const params = { name, arguments: args };
    const work: Work<unknown> = (client, options) =>
      client.getProtocolEra() === "modern"
        ? client.callTool(params, { ...options, ...(toolDefinition && { toolDefinition }) })
        : // Many servers write `null` for what they leave out, or content of other types.
          client.request({ method: "tools/call", params }, AS_IT_IS, options);
    await this.#slots.acquire("new", signal);
    try {
      return readCallResult((await this.#run(work, signal, mayRepeat)).result, this.#origin.redaction);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      // What is wrong with a call is for the model to mend.
      return { content: [{ type: "text", text: error.message }], isError: true };
    } finally {
      this.#slots.release();
    }
  }

  get isClosed(): boolean {
    return this.#end.signal.aborted;
  }

  /** Hides the secrets of this connection in a text. */
  redact(text: string): string {
    return this.#origin.redaction.error(text);
  }

  /** Ends everything. */
  async close(): Promise<void> {
    this.#end.abort();
    this.#slots.close();
    // One that is being opened ends its session itself.
    await this.#opening?.then(
      (session) => session.close(),
      () => {},
    );
    await this.#origin.close();
  }

  async #readList(): Promise<ToolList> {
    const changes = this.#changes;
    const { redaction, url } = this.#origin;
    const work: Work<ListedTools> = (client, options) => listTools(client, options, redaction, url.host);
    try {
      const { result, session } = await this.#run(work, this.#end.signal, true);
      this.#silence = undefined;
      const { tools, ttlMs } = result;
      const told = ttlMs === undefined ? undefined : Math.min(Math.max(ttlMs, 0), LONGEST_KEPT_MS);
      const byName = new Map<string, McpTool>();
      // The first one of a name counts everywhere: it is the one that is shown, offered and allowed.
      for (const tool of tools) if (!byName.has(tool.name)) byName.set(tool.name, tool);
      const list: ToolList = {
        tools: [...byName.values()],
        byName,
        session,
        keptUntil: performance.now() + (told ?? KEPT_MS),
        isWatched: told === undefined,
      };
      // It may be the list from before a change that was told meanwhile.
      if (changes === this.#changes) this.#list = list;
      return list;
    } catch (error) {
      const known = error instanceof Refusal ? error.failure.error : error;
      this.#silence = isSilence(known) ? { error: known, until: performance.now() + LEFT_ALONE_MS } : undefined;
      throw known;
    }
  }

  #isFresh({ session, keptUntil, isWatched }: ToolList): boolean {
    return (isWatched && session.isListening) || performance.now() < keptUntil;
  }

  /** Runs an operation, and once more with a new connection where the server was gone and nothing can be done twice. */
  async #run<T>(work: Work<T>, signal: AbortSignal, mayRepeat: boolean): Promise<{ result: T; session: McpSession }> {
    for (let isFirst = true; ; isFirst = false) {
      let session: McpSession | undefined;
      try {
        session = await untilAbort(this.#connected(), signal);
        return { result: await session.run(work, signal), session };
      } catch (thrown) {
        const failure = readFailure(thrown, this.#origin, this.#seconds, session !== undefined);
        if (this.#end.signal.aborted) throw new ChatError("cancelled");
        if (failure.isGone && session) this.#drop(session);
        // Where there was no connection before, a new one would fail like this one.
        if (isFirst && failure.isGone && session && (failure.isUnsent || mayRepeat)) continue;
        throw asThrown(failure, session !== undefined && !mayRepeat, this.#origin.url.host);
      }
    }
  }

  #connected(): Promise<McpSession> {
    if (this.#end.signal.aborted) throw new ChatError("cancelled");
    if (!this.#opening) {
      const onListChanged = () => {
        this.#changes++;
        this.#list = undefined;
      };
      const opening = McpSession.open(this.#origin, this.#seconds * 1000, onListChanged, this.#end.signal);
      this.#opening = opening;
      opening.then(
        (session) => {
          this.#session = session;
        },
        () => {
          this.#opening = undefined;
        },
      );
    }
    return this.#opening;
  }

  /** Forgets a session that is of no use to new operations. */
  #drop(session: McpSession): void {
    if (this.#session === session) {
      this.#session = undefined;
      this.#opening = undefined;
    }
    if (this.#list?.session === session) this.#list = undefined;
    this.#origin.closeIdle();
    session.retire();
  }
}

/** The server has refused a request, and the connection is good. */
class Refusal extends Error {
  constructor(
    message: string,
    readonly failure: McpFailure,
  ) {
    super(message);
  }
}

/** True for an error that came only after a time-out, also if that was the system's for a connection. */
function isSilence(error: unknown): error is ChatError {
  return error instanceof ChatError && (isTimeout(error) || CONNECT_TIMEOUTS.has(error.cause.code ?? ""));
}

function asThrown(failure: McpFailure, mayHaveRun: boolean, host: string): Error {
  if (failure.refusal !== undefined) return new Refusal(failure.refusal, failure);
  if (failure.isGone && !failure.isUnsent && mayHaveRun) return new ChatError("mcp_interrupted", { host });
  return failure.error;
}
