import type { Socket } from "node:net";
import type { Client, Dispatcher } from "undici";
import { ConnectFailure } from "../errors/from-connection";

/** One request and the connection that it uses. */
export interface Sending {
  /** Sends the request, and no other one. */
  dispatcher: Pick<Dispatcher, "dispatch">;
  /** True if the request, which has failed, went out on a kept connection and not one byte came back. */
  isUnansweredOnKept(): boolean;
}

/** The connection of a client of undici, which has one at a time. */
interface Line {
  /** The last one that was opened; undefined while a new one is being opened. */
  socket: Socket | undefined;
}

/** Key in a request's options for a callback: takes the connection that the request uses. */
const TOLD = Symbol("told of the connection");

type TrackedOptions = Dispatcher.DispatchOptions & { [TOLD]?: (line: Line) => void };

/**
 * Knows which connections are kept, and which request goes out on one of them. A server may close a kept connection at
 * the very moment when it is used again (RFC 9112, 9.3.1). That says nothing about the server, but undici tells only
 * that a connection was closed, not whether it was a kept one.
 */
export class KeptConnections {
  readonly #clients = new Map<Socket, Client>();

  /** Makes undici's clients, in place of the pool's own factory. */
  makeClient(Undici: typeof Client, origin: URL | string, options: Client.Options): Client {
    const line: Line = { socket: undefined };
    const connect = options.connect;
    if (typeof connect !== "function") return new Undici(origin, options);
    const client = new Undici(origin, {
      ...options,
      connect: (target, callback) => {
        line.socket = undefined;
        connect(target, (...result: Parameters<typeof callback>) => {
          const [error, socket] = result;
          const failure = error ?? (socket && earlyAnswer(socket, target.protocol));
          if (failure) {
            socket?.destroy();
            callback(asConnectFailure(failure, target.protocol), null);
            return;
          }
          if (socket) {
            line.socket = socket;
            this.#clients.set(socket, client);
            socket.once("close", () => this.#clients.delete(socket));
          }
          callback(...result);
        });
      },
    });
    const dispatch = client.dispatch.bind(client);
    client.dispatch = (options: TrackedOptions, handler) => {
      options[TOLD]?.(line);
      return dispatch(options, handler);
    };
    return client;
  }

  /** Tracks one request through a dispatcher whose clients were made here. */
  track(dispatcher: Dispatcher): Sending {
    let line: Line | undefined;
    let kept: Socket | undefined;
    let bytesBefore = 0;
    const onDispatch = (used: Line) => {
      line = used;
      kept = used.socket?.destroyed ? undefined : used.socket;
      bytesBefore = kept?.bytesRead ?? 0;
    };
    return {
      dispatcher: {
        dispatch: (options, handler) => {
          // The dispatcher may fail before it chooses a connection.
          kept = undefined;
          const tracked: TrackedOptions = { ...options, [TOLD]: onDispatch };
          return dispatcher.dispatch(tracked, handler);
        },
      },
      isUnansweredOnKept: () => kept !== undefined && line?.socket === kept && kept.bytesRead === bytesBefore,
    };
  }

  /** Closes all idle connections: when the server has closed one, the others may be gone as well. */
  closeIdle(): void {
    for (const [socket, client] of this.#clients) {
      if (client.stats.size === 0) socket.destroy();
    }
  }
}

/**
 * Returns the failure of a tunnel through which bytes came before the request was sent. A server that answers every request
 * with a page is not a proxy: undici would drop the tunnel and ask for another one, again and again.
 */
function earlyAnswer(socket: Socket, protocol: string): Error | undefined {
  if (protocol === "https:" || socket.readableLength === 0) return undefined;
  // As undici has it for other answers to CONNECT.
  return new Error("Proxy response (200) with a body");
}

function asConnectFailure(error: Error, protocol: string): ConnectFailure {
  if (error instanceof ConnectFailure) return error;
  return new ConnectFailure(error, protocol === "https:" ? "https server" : "http server");
}

/** True if a request failed because the server closed the connection. */
export function isClosedByServer(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "UND_ERR_SOCKET" || code === "ECONNRESET" || code === "EPIPE";
}
