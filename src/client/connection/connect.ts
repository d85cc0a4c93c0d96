import type { Agent, Client, Dispatcher, Pool, ProxyAgent } from "undici";
import { ChatError } from "../errors/chat-error";
import { ConnectFailure } from "../errors/from-connection";
import { loadModule } from "../load-module";
import type { TlsOptions } from "../options";
import { platformProblem } from "../platform";
import type { Connection } from "./connection";
import { KeptConnections } from "./kept-connections";
import type { ProxyServer } from "./proxy";

export type { Connection } from "./connection";

// Loaded by the first request, but found now: see `loadModule`.
require.resolve("undici");
require.resolve("eventsource-parser");

/** How to reach a server. */
export interface Route {
  tls: TlsOptions | undefined;
  proxy: ProxyServer | undefined;
  /** Time limit for opening a connection, in ms; 0 for none. */
  connectLimitMs: number;
}

/**
 * Idle connections are kept this long unless the server's `Keep-Alive` says more. Below the 5 s after which most
 * servers close theirs, mostly without a word.
 */
const KEEP_ALIVE_MS = 4000;

interface Undici {
  Agent: typeof Agent;
  Client: typeof Client;
  Pool: typeof Pool;
  request: Dispatcher["request"];
}

/**
 * Prepares connections to a server; they are opened by requests and kept alive. Close them with `dispatcher.destroy()`.
 *
 * @throws ChatError `proxy_invalid`, `module_failed`, and those of `platformProblem`
 */
export function connect({ tls: tlsOptions, proxy, connectLimitMs }: Route): Connection {
  const problem = platformProblem();
  if (problem) throw problem;
  // undici takes some megabytes, and what reads a reply is half of our own code: Node-RED starts without them.
  const undici = loadModule("undici", proxy ? loadAll : loadParts);
  const { exchange } = loadModule("exchange", (): typeof import("../response/exchange") =>
    require("../response/exchange"),
  );
  const kept = new KeptConnections();
  const tls = { ...tlsOptions, timeout: connectLimitMs, allowH2: false };
  const options = {
    // The default of undici 8 is to speak HTTP/2.
    allowH2: false,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: tls,
    factory: (origin: string | URL, poolOptions: object) =>
      new undici.Pool(origin, {
        ...poolOptions,
        factory: (origin, clientOptions) => kept.makeClient(undici.Client, origin, clientOptions),
      }),
  };
  if (!proxy) {
    const dispatcher = new undici.Agent(options);
    return { dispatcher, request: undici.request.bind(dispatcher), kept, proxyHost: undefined, exchange };
  }
  const dispatcher = makeProxyAgent(
    loadModule("undici", loadAll).ProxyAgent,
    {
      ...options,
      uri: proxy.origin,
      clientFactory: (origin, poolOptions) => new undici.Pool(origin, markedAsProxy(poolOptions)),
      // ProxyAgent ignores `connect`.
      requestTls: tls as never,
      proxyTls: { timeout: connectLimitMs } as never,
      // Also for http, like core's http request node.
      proxyTunnel: true,
      ...(proxy.authorization && { token: proxy.authorization }),
    },
    proxy.shown,
  );
  return { dispatcher, request: undici.request.bind(dispatcher), kept, proxyHost: proxy.host, exchange };
}

/**
 * Loads what a request needs of undici. All of it takes 3 MB more of the heap and three times as long, which a small machine
 * notices at its first question. These files have no promise of their own, so the whole package stands in for them.
 */
function loadParts(): Undici {
  try {
    return {
      Agent: require("undici/lib/dispatcher/agent"),
      Client: require("undici/lib/dispatcher/client"),
      Pool: require("undici/lib/dispatcher/pool"),
      request: require("undici/lib/api/api-request"),
    };
  } catch {
    return loadAll();
  }
}

function loadAll(): Undici & { ProxyAgent: typeof ProxyAgent } {
  const undici: typeof import("undici") = require("undici");
  return { ...undici, request: undici.Dispatcher.prototype.request };
}

/** Marks failures of connections to a proxy, to tell them from those behind it. */
function markedAsProxy(options: Pool.Options): Pool.Options {
  const { connect } = options;
  if (typeof connect !== "function") return options;
  return {
    ...options,
    connect: (target, callback) =>
      connect(target, (...result: Parameters<typeof callback>) => {
        if (result[0]) callback(new ConnectFailure(result[0], "proxy"), null);
        else callback(...result);
      }),
  };
}

function makeProxyAgent(Agent: typeof ProxyAgent, options: ProxyAgent.Options, shown: string): ProxyAgent {
  try {
    return new Agent(options);
  } catch {
    throw new ChatError("proxy_invalid", { url: shown });
  }
}
