import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import net, { type AddressInfo, type Socket } from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const tlsFolder = path.join(__dirname, "..", "fixtures", "tls");

/** A self-signed certificate for localhost and 127.0.0.1; `cert` is also the authority that a client may trust. */
export const certificate = {
  certFile: path.join(tlsFolder, "cert.pem"),
  keyFile: path.join(tlsFolder, "key.pem"),
  get cert(): string {
    return readFileSync(this.certFile, "utf8");
  },
  get key(): string {
    return readFileSync(this.keyFile, "utf8");
  },
};

/** A request as the server saw it. */
export interface SeenRequest {
  method: string;
  /** path and query */
  url: string;
  headers: http.IncomingHttpHeaders;
  /** the body as text */
  text: string;
  /** the body as JSON, undefined if it is not JSON */
  // biome-ignore lint/suspicious/noExplicitAny: tests read any field
  body: any;
  /** the number of the connection */
  socketId: number;
  /** milliseconds of `performance.now()` when the request was complete */
  at: number;
  /** true while the client has not closed the exchange and the reply is not finished */
  open: boolean;
  /** when the client disconnected before the end of the reply, by `performance.now()` */
  abortedAt: number | undefined;
  /** resolves when the exchange is over, whoever ended it */
  closed: Promise<void>;
}

export type Response = http.ServerResponse;

/** Answers a request. `index` counts the requests from 0, for replies by turn. */
export type Handler = (request: SeenRequest, response: Response, index: number) => unknown;

export interface TestServer {
  /** without a slash at its end, for instance `http://127.0.0.1:1234` */
  url: string;
  port: number;
  requests: SeenRequest[];
  /** the last request; throws if there is none */
  readonly last: SeenRequest;
  /** how many connections were opened so far */
  readonly connections: number;
  /** replaces the handler */
  handle(handler: Handler): void;
  /** resolves once this many requests have arrived */
  waitFor(count: number, timeoutMs?: number): Promise<SeenRequest[]>;
  close(): Promise<void>;
}

/** Records the open connections of a server, so that they can be closed with it. */
class Connections {
  opened = 0;
  readonly #ids = new WeakMap<Socket, number>();
  readonly #open = new Set<Socket>();

  constructor(server: net.Server, event: "connection" | "secureConnection") {
    server.on(event, (socket: Socket) => this.#add(socket));
  }

  #add(socket: Socket): void {
    this.opened += 1;
    this.#ids.set(socket, this.opened);
    this.#open.add(socket);
    socket.on("close", () => this.#open.delete(socket));
    socket.on("error", () => {});
  }

  idOf(socket: Socket): number {
    return this.#ids.get(socket) ?? 0;
  }

  destroyAll(): void {
    for (const socket of this.#open) socket.destroy();
  }
}

/**
 * Starts a scripted HTTP server on 127.0.0.1. A handler that throws answers 500 with its message.
 *
 * @param port - by default a free one
 */
export function startServer(handler: Handler = noReply, port = 0): Promise<TestServer> {
  return start(http.createServer(), "http", handler, port);
}

/** The same over TLS, with the self-signed `certificate`. */
export function startTlsServer(handler: Handler = noReply, options: https.ServerOptions = {}): Promise<TestServer> {
  const server = https.createServer({ cert: certificate.cert, key: certificate.key, ...options });
  return start(server, "https", handler);
}

async function start(
  server: http.Server | https.Server,
  scheme: string,
  first: Handler,
  wantedPort = 0,
): Promise<TestServer> {
  let handler = first;
  const requests: SeenRequest[] = [];
  const arrivals = new Set<() => void>();
  const connections = new Connections(server, scheme === "https" ? "secureConnection" : "connection");
  server.keepAliveTimeout = 60_000;
  server.on("request", async (incoming: http.IncomingMessage, response: Response) => {
    response.on("error", () => {});
    try {
      const seen = await readRequest(incoming, response, connections.idOf(incoming.socket));
      requests.push(seen);
      for (const arrived of [...arrivals]) arrived();
      await handler(seen, response, requests.length - 1);
    } catch (error) {
      fail(response, error);
    }
  });
  const port = await listen(server, connections, wantedPort);
  return {
    url: `${scheme}://127.0.0.1:${port}`,
    port,
    requests,
    get last() {
      const seen = requests.at(-1);
      if (!seen) throw new Error("no request has come in");
      return seen;
    },
    get connections() {
      return connections.opened;
    },
    handle(next) {
      handler = next;
    },
    waitFor(count, timeoutMs = 5000) {
      return waitUntil(
        arrivals,
        () => requests.length >= count,
        timeoutMs,
        () => `${count} requests, got ${requests.length}`,
      ).then(() => requests);
    },
    close: () => closeServer(server, connections),
  };
}

function noReply(): void {}

async function readRequest(incoming: http.IncomingMessage, response: Response, socketId: number): Promise<SeenRequest> {
  const pieces: Buffer[] = [];
  for await (const piece of incoming) pieces.push(piece);
  const text = Buffer.concat(pieces).toString("utf8");
  const seen: SeenRequest = {
    method: incoming.method ?? "",
    url: incoming.url ?? "",
    headers: incoming.headers,
    text,
    body: parse(text),
    socketId,
    at: performance.now(),
    open: true,
    abortedAt: undefined,
    closed: Promise.resolve(),
  };
  seen.closed = new Promise((resolve) => {
    response.on("close", () => {
      seen.open = false;
      if (!response.writableFinished) seen.abortedAt = performance.now();
      resolve();
    });
  });
  return seen;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Answers with the error of a test's own handler, which would otherwise hang the test. */
function fail(response: Response, error: unknown): void {
  if (response.destroyed || response.writableEnded) return;
  if (response.headersSent) {
    response.destroy();
    return;
  }
  json(response, 500, { error: { message: `handler of the test server failed: ${error}` } });
}

/** The functions that close the running servers. */
const running = new Map<net.Server, Connections>();

/** Closes servers that a failed test left running, which would keep the process alive. */
export async function closeServers(): Promise<void> {
  await Promise.all([...running].map(([server, connections]) => closeServer(server, connections)));
}

async function listen(server: net.Server, connections: Connections, port = 0): Promise<number> {
  running.set(server, connections);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return (server.address() as AddressInfo).port;
}

async function closeServer(server: net.Server, connections: Connections): Promise<void> {
  running.delete(server);
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  connections.destroyAll();
  await closed;
}

function waitUntil(
  listeners: Set<() => void>,
  done: () => boolean,
  timeoutMs: number,
  what: () => string,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (error?: Error): void => {
      clearTimeout(timer);
      listeners.delete(check);
      if (error) reject(error);
      else resolve();
    };
    const check = (): void => {
      if (done()) finish();
    };
    const timer = setTimeout(() => finish(new Error(`waited ${timeoutMs} ms for ${what()}`)), timeoutMs);
    listeners.add(check);
    check();
  });
}

export type Headers = http.OutgoingHttpHeaders;

/** Answers with one JSON body; a string is sent as it is. */
export function json(response: Response, status: number, body: unknown, headers: Headers = {}): void {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(text);
}

export interface SseOptions {
  /** wait before every event */
  delayMs?: number;
  /** false leaves the closing `data: [DONE]` out */
  done?: boolean;
  status?: number;
  headers?: Headers;
  /** false keeps the reply open after the last event */
  end?: boolean;
}

/** Answers with a stream of events: objects become `data:` lines, strings are written as they are. */
export async function sse(response: Response, events: unknown[], options: SseOptions = {}): Promise<void> {
  const { delayMs, done = true, status = 200, headers = {}, end = true } = options;
  response.writeHead(status, { "content-type": "text/event-stream", ...headers });
  response.flushHeaders();
  for (const event of events) {
    if (delayMs !== undefined) await sleep(delayMs);
    if (response.destroyed) return;
    response.write(typeof event === "string" ? event : sseEvent(event));
  }
  if (done) response.write("data: [DONE]\n\n");
  if (end) response.end();
}

export function sseEvent(data: unknown): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}

export interface ChunkOptions {
  delta?: Record<string, unknown>;
  finish_reason?: string | null;
  usage?: object | null;
  [field: string]: unknown;
}

/** A piece of a streamed reply as the API writes it. Fields other than `delta` and `finish_reason` go to its top level. */
export function chunk(text?: string, options: ChunkOptions = {}): Record<string, unknown> {
  const { delta = {}, finish_reason = null, ...rest } = options;
  return {
    id: "chatcmpl-test",
    object: "chat.completion.chunk",
    created: 1_700_000_000,
    model: "test/model",
    choices: [{ index: 0, delta: text === undefined ? delta : { content: text, ...delta }, finish_reason }],
    ...rest,
  };
}

/** The usage as servers report it in a closing chunk without choices. */
export function usageChunk(prompt: number, completion: number): Record<string, unknown> {
  return { ...chunk(), choices: [], usage: usage(prompt, completion) };
}

export function usage(prompt: number, completion: number): Record<string, number> {
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
}

/** The chunks of a whole reply: a role, the texts, the finish reason, and the usage where it is given. */
export function replyChunks(texts: string[], finish = "stop", tokens?: [number, number]): Record<string, unknown>[] {
  return [
    chunk("", { delta: { role: "assistant" } }),
    ...texts.map((text) => chunk(text)),
    chunk(undefined, { finish_reason: finish }),
    ...(tokens ? [usageChunk(...tokens)] : []),
  ];
}

/** A whole reply as plain JSON, for requests that do not stream. */
export function completion(text: string, fields: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id: "chatcmpl-test",
    object: "chat.completion",
    created: 1_700_000_000,
    model: "test/model",
    choices: [{ index: 0, message: { role: "assistant", content: text }, finish_reason: "stop" }],
    usage: usage(3, 5),
    ...fields,
  };
}

/** Answers any question with the texts, as a stream or as JSON, whichever was asked for. */
export function reply(...texts: string[]): Handler {
  return (request, response) =>
    request.body?.stream
      ? sse(response, replyChunks(texts, "stop", [3, texts.length]))
      : json(response, 200, completion(texts.join("")));
}

/** Answers any question with this status and body. */
export function status(code: number, body: unknown = { error: "no" }, headers: Headers = {}): Handler {
  return (_, response) => json(response, code, body, headers);
}

/** Streams "reply 1", "reply 2", …, each with an id of its own. Waits 50 ms, so that a loop of questions does not spin. */
export function numberedReplies(): Handler {
  let count = 0;
  return (_, response) => {
    count += 1;
    const id = `id-${count}`;
    const events = [chunk(`reply ${count}`, { id }), chunk(undefined, { finish_reason: "stop", id })];
    setTimeout(() => sse(response, events), 50);
  };
}

/** Uses the handlers in turn, then repeats the last one. */
export function inTurn(...handlers: [Handler, ...Handler[]]): Handler {
  let turn = 0;
  return (request, response, index) => {
    const handler = handlers[Math.min(turn, handlers.length - 1)] as Handler;
    turn += 1;
    return handler(request, response, index);
  };
}

export interface PiecesOptions {
  status?: number;
  headers?: Headers;
  /** false leaves the reply open after the last piece */
  end?: boolean;
}

/**
 * Writes a body in pieces of `size` bytes, each a write of its own that leaves before the next one: pieces may
 * part a character, a line or an event. `size` may also be a function giving the size of the next piece.
 */
export async function pieces(
  response: Response,
  body: Buffer | string,
  size: number | (() => number),
  options: PiecesOptions = {},
): Promise<void> {
  const { status = 200, headers = { "content-type": "text/event-stream" }, end = true } = options;
  const bytes = Buffer.from(body);
  response.socket?.setNoDelay(true);
  response.writeHead(status, headers);
  response.flushHeaders();
  let at = 0;
  while (at < bytes.length && !response.destroyed) {
    const next = at + Math.max(1, typeof size === "function" ? size() : size);
    await new Promise<void>((resolve) => response.write(bytes.subarray(at, next), () => resolve()));
    at = next;
  }
  if (end) response.end();
}

export interface RawServer {
  url: string;
  port: number;
  /** what each connection has sent so far, in order */
  received: string[];
  close(): Promise<void>;
}

/** Answers a connection with bytes; called once its first request is complete. */
export type RawHandler = (socket: Socket, request: string, index: number) => unknown;

/**
 * Starts a bare TCP server, for replies that an HTTP server would not write: no headers, broken chunks, a sudden end.
 *
 * @param onConnect - called for every connection before anything was sent
 */
export async function startRawServer(
  handler: RawHandler,
  onConnect?: (socket: Socket, index: number) => void,
): Promise<RawServer> {
  const received: string[] = [];
  const server = net.createServer();
  const connections = new Connections(server, "connection");
  server.on("connection", (socket) => {
    const index = received.push("") - 1;
    onConnect?.(socket, index);
    let answered = false;
    socket.setNoDelay(true);
    socket.on("data", async (data) => {
      received[index] += data.toString("latin1");
      if (answered || !isWholeRequest(received[index] as string)) return;
      answered = true;
      try {
        await handler(socket, received[index] as string, index);
      } catch {
        socket.destroy();
      }
    });
  });
  const port = await listen(server, connections);
  return { url: `http://127.0.0.1:${port}`, port, received, close: () => closeServer(server, connections) };
}

function isWholeRequest(text: string): boolean {
  const head = text.indexOf("\r\n\r\n");
  if (head < 0) return false;
  const length = /^content-length: *(\d+)/im.exec(text.slice(0, head));
  if (length) return text.length - head - 4 >= Number(length[1]);
  return !/^transfer-encoding: *chunked/im.test(text.slice(0, head)) || text.endsWith("0\r\n\r\n");
}

/** Returns an unused port of this machine. */
export async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
