import { randomUUID } from "node:crypto";
import type { Response, SeenRequest, TestServer } from "./server";

/** A JSON-RPC request. */
export interface RpcRequest {
  id: number | string;
  method: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests read any field
  params: any;
}

/** How a server behaves. */
export interface McpBehaviour {
  /** `2025` has sessions, `2026` has none. */
  style?: "2025" | "2026";
  /** The tools; read for every list. */
  tools?: () => object[];
  /** Fields beside `tools` in a list, such as `ttlMs`. */
  list?: () => object;
  /** The result of a call, or what it throws as an error of JSON-RPC. */
  call?: (name: string, args: Record<string, unknown>, request: RpcRequest, response: Response) => unknown;
  /** Answers a request in place of the server; true if it has. */
  before?: (seen: SeenRequest, response: Response) => boolean | undefined;
  /** True if the tools may change. */
  listChanged?: boolean;
  /** True to answer with an event stream. */
  streams?: boolean;
}

export const TEXT_TOOL = {
  name: "echo",
  description: "Says the same.",
  inputSchema: { type: "object", properties: { text: { type: "string" } } },
};

/** An MCP server, written by hand over http, as the specifications of 2025-06-18 and 2026-07-28 have it. */
export class McpTestServer {
  readonly calls: { name: string; args: Record<string, unknown> }[] = [];
  readonly cancelled: unknown[] = [];
  readonly sessions = new Set<string>();
  lists = 0;
  /** Open GET streams, for notifications. */
  readonly streams = new Set<Response>();
  behaviour: McpBehaviour;

  constructor(
    readonly http: TestServer,
    behaviour: McpBehaviour = {},
  ) {
    this.behaviour = behaviour;
    http.handle((request, response) => this.#handle(request, response));
  }

  get url(): string {
    return `${this.http.url}/mcp`;
  }

  /** Forgets all sessions, as a restart does. */
  restart(): void {
    this.sessions.clear();
    for (const stream of this.streams) stream.destroy();
  }

  /** Tells all that listen. */
  notify(method: string): void {
    for (const stream of this.streams) stream.write(event({ jsonrpc: "2.0", method }));
  }

  /** The requests by their method of JSON-RPC. */
  asked(method: string): SeenRequest[] {
    return this.http.requests.filter(({ body }) => body?.method === method);
  }

  #handle(seen: SeenRequest, response: Response): void {
    const { behaviour } = this;
    if (behaviour.before?.(seen, response)) return;
    const style = behaviour.style ?? "2025";
    if (seen.method !== "POST") {
      this.#other(seen, response, style);
      return;
    }
    const { id, method, params } = seen.body as RpcRequest;
    if (style === "2025") {
      const session = String(seen.headers["mcp-session-id"] ?? "");
      if (method === "server/discover") {
        send(response, 400, { jsonrpc: "2.0", id: null, error: { code: -32000, message: "Bad Request: no session" } });
        return;
      }
      if (method === "initialize") {
        const opened = randomUUID();
        this.sessions.add(opened);
        response.setHeader("mcp-session-id", opened);
      } else if (!this.sessions.has(session)) {
        send(response, 404, { jsonrpc: "2.0", id: null, error: { code: -32001, message: "Session not found" } });
        return;
      }
    }
    if (id === undefined) {
      if (method === "notifications/cancelled") this.cancelled.push(params?.requestId);
      response.writeHead(202).end();
      return;
    }
    Promise.resolve()
      .then(() => this.#answer({ id, method, params }, response))
      .then(
        (result) => {
          if (result !== undefined) this.#send(response, { jsonrpc: "2.0", id, result });
        },
        (error) =>
          this.#send(response, { jsonrpc: "2.0", id, error: { code: -32602, message: String(error.message) } }),
      );
  }

  #other(seen: SeenRequest, response: Response, style: string): void {
    if (seen.method === "DELETE") {
      this.sessions.delete(String(seen.headers["mcp-session-id"]));
      response.writeHead(200).end();
    } else if (style === "2025" && this.behaviour.listChanged) {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.flushHeaders();
      this.streams.add(response);
      response.on("close", () => this.streams.delete(response));
    } else response.writeHead(405).end();
  }

  #answer(request: RpcRequest, response: Response): unknown {
    const { method, params } = request;
    const { tools = () => [TEXT_TOOL], list = () => ({}), call, listChanged, style } = this.behaviour;
    const isNew = style === "2026";
    const capabilities = { tools: listChanged ? { listChanged } : {} };
    switch (method) {
      case "initialize":
        return { protocolVersion: "2025-06-18", capabilities, serverInfo: { name: "test", version: "1" } };
      case "server/discover":
        return {
          resultType: "complete",
          supportedVersions: ["2026-07-28"],
          capabilities,
          ttlMs: 0,
          cacheScope: "private",
          _meta: { "io.modelcontextprotocol/serverInfo": { name: "test", version: "1" } },
        };
      case "tools/list":
        this.lists++;
        return { ...(isNew && { resultType: "complete", ttlMs: 0, cacheScope: "private" }), tools: tools(), ...list() };
      case "tools/call": {
        const { name, arguments: args = {} } = params;
        this.calls.push({ name, args });
        const result = call ? call(name, args, request, response) : textResult(String(args["text"] ?? ""));
        return Promise.resolve(result).then(
          (value) => value && { ...(isNew && { resultType: "complete" }), ...(value as object) },
        );
      }
      case "subscriptions/listen":
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write(
          event({
            jsonrpc: "2.0",
            method: "notifications/subscriptions/acknowledged",
            params: {
              notifications: { toolsListChanged: true },
              _meta: { "io.modelcontextprotocol/subscriptionId": request.id },
            },
          }),
        );
        this.streams.add(response);
        response.on("close", () => this.streams.delete(response));
        return undefined;
      default:
        throw new Error(`Method not found: ${method}`);
    }
  }

  #send(response: Response, message: object): void {
    if (response.writableEnded || response.destroyed) return;
    if (!this.behaviour.streams) send(response, 200, message);
    else response.writeHead(200, { "content-type": "text/event-stream" }).end(event(message));
  }
}

export function textResult(text: string, more: object = {}): object {
  return { content: [{ type: "text", text }], ...more };
}

export function send(response: Response, status: number, message: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(message));
}

function event(message: object): string {
  return `event: message\ndata: ${JSON.stringify(message)}\n\n`;
}
