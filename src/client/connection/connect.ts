import type { Agent, Client, Dispatcher, Pool, ProxyAgent } from "undici";
import { ChatError } from "../errors/chat-error";
import { ConnectFailure } from "../errors/from-connection";
import { loadModule } from "../load-module";
import { platformProblem } from "../platform";
import { withoutUserInfo } from "../redaction";
import { KeptConnections } from "./kept-connections";
import { type ProxyChoice, type ProxyRules, proxyByChoice, proxyForUrl } from "./proxy";

// Loaded by the first request, and found now: see `loadModule`.
require.resolve("undici");

/** TLS options as `tls.connect` takes them. */
export type TlsOptions = Record<string, unknown>;

/** How to reach a server. */
export interface Route {
  /** The address that is asked for. */
  url: string;
  tls: TlsOptions | undefined;
  proxy: ProxyChoice | undefined;
  proxyRules: ProxyRules | undefined;
  /** When a connection that does not come about is given up, in ms; 0 for never. */
  connectLimitMs: number;
}

/** A way to the server, kept open for the next request. */
export interface Connection {
  dispatcher: Dispatcher;
  kept: KeptConnections;
  /** Host of the proxy in between. */
  proxyHost: string | undefined;
}

/**
 * Idle connections are kept this long unless the server's `Keep-Alive` says more. Below the 5 s after which most servers
 * close theirs, mostly without a word.
 */
const KEEP_ALIVE_MS = 4000;

interface Undici {
  Agent: typeof Agent;
  Client: typeof Client;
  Pool: typeof Pool;
  ProxyAgent: typeof ProxyAgent;
}

/**
 * Opens the way to a server. Connections are kept alive and used again; close it with `dispatcher.destroy()`.
 *
 * @throws ChatError `proxy_invalid`, `module_failed`, and those of `platformProblem`
 */
export function connect(route: Route): Connection {
  const problem = platformProblem();
  if (problem) throw problem;
  // Loading undici takes some 20 MB: it waits for the first request.
  const undici = loadModule("undici", (): Undici => require("undici"));
  const kept = new KeptConnections();
  const proxy = findProxy(route);
  const tls = { ...route.tls, timeout: route.connectLimitMs, allowH2: false };
  const options = {
    // undici 8 would speak HTTP/2 where it can, undici 7 does not.
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
  if (!proxy) return { dispatcher: new undici.Agent(options), kept, proxyHost: undefined };
  const dispatcher = makeProxyAgent(
    undici.ProxyAgent,
    {
      ...options,
      uri: proxy.origin,
      clientFactory: (origin, poolOptions) => new undici.Pool(origin, markedAsProxy(poolOptions)),
      // ProxyAgent takes no notice of `connect`.
      requestTls: tls as never,
      proxyTls: { timeout: route.connectLimitMs } as never,
      // As core's http request node does, also for http.
      proxyTunnel: true,
      ...(proxy.authorization && { token: proxy.authorization }),
    },
    proxy.shown,
  );
  return { dispatcher, kept, proxyHost: proxy.host };
}

/** Options of the connections to a proxy, whose failures are told from those behind it. */
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

/** A user name or password as it is meant; a bare % stands for itself. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

interface Proxy {
  origin: string;
  host: string;
  /** Its address as it may be shown. */
  shown: string;
  authorization: string | undefined;
}

function findProxy({ url: target, proxy, proxyRules }: Route): Proxy | undefined {
  const text = proxy ? proxyByChoice(new URL(target), proxy) : proxyForUrl(new URL(target), proxyRules);
  if (!text) return undefined;
  const shown = withoutUserInfo(text);
  if (!URL.canParse(text)) throw new ChatError("proxy_invalid", { url: shown });
  const url = new URL(text);
  const username = proxy?.username ?? decode(url.username);
  const password = proxy?.password ?? decode(url.password);
  return {
    origin: url.origin === "null" ? `${url.protocol}//${url.host}` : url.origin,
    host: url.host,
    shown,
    authorization: username || password ? basic(username, password) : undefined,
  };
}

function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

/** What must not be seen of a proxy: its password, and the header made of it. */
export function proxySecrets(route: Route): string[] {
  const found = findProxy(route);
  if (!found?.authorization) return [];
  const encoded = found.authorization.slice("Basic ".length);
  const decoded = Buffer.from(encoded, "base64").toString();
  return [encoded, decoded.slice(decoded.indexOf(":") + 1)];
}
