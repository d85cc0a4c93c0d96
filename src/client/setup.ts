import type { AttemptLimits } from "./attempts";
import type { Route } from "./connection/connect";
import { type Endpoint, environmentToken, resolveEndpoint } from "./connection/endpoint";
import { headerSecrets, requestHeaders } from "./connection/headers";
import { findProxy, proxySecrets } from "./connection/proxy";
import { CLIENT_DEFAULTS, type ClientOptions } from "./options";
import { makeRedaction, type Redaction } from "./redaction";

/** The options of a client, checked and made ready for its requests. */
export interface Setup extends AttemptLimits {
  baseUrl: string;
  endpoint: Endpoint;
  route: Route;
  headers: Record<string, string>;
  redaction: Redaction;
  maxConcurrent: number;
  maxQueued: number;
  maxReplyLength: number;
  /** Longest silence until the headers of a reply, in ms; 0 for no limit. */
  headersLimitMs: number;
  /** Longest silence afterwards, in ms; 0 for no limit. */
  silenceLimitMs: number;
}

/**
 * Reads the options once, so that a question need not.
 *
 * @throws ChatError `invalid_input` for options that cannot work
 */
export function readOptions(options: ClientOptions): Setup {
  const all = { ...CLIENT_DEFAULTS, ...definedOnly(options) } as ClientOptions & typeof CLIENT_DEFAULTS;
  const endpoint = resolveEndpoint(all.baseUrl);
  const token = all.token?.trim() || tokenOfEnvironment(all, endpoint);
  const headers = requestHeaders(all, token);
  const proxy = findProxy(endpoint.origin + endpoint.path, all.proxy, all.proxyRules);
  // An endpoint that wakes up is silent meanwhile.
  const headersLimitMs = all.timeout > 0 ? Math.max(all.timeout, all.wakeUp) * 1000 : 0;
  const { authorization } = headers;
  return {
    baseUrl: all.baseUrl,
    endpoint,
    route: { tls: all.tls, proxy, connectLimitMs: headersLimitMs },
    headers,
    redaction: makeRedaction([
      token,
      ...headerSecrets({ authorization, ...all.headers }, all.secretHeaders),
      ...proxySecrets(proxy),
    ]),
    retries: all.retries,
    wakeUp: all.wakeUp,
    maxConcurrent: all.maxConcurrent,
    maxQueued: all.maxQueued,
    maxReplyLength: all.maxReplyLength,
    headersLimitMs,
    silenceLimitMs: all.timeout * 1000,
  };
}

function tokenOfEnvironment(options: ClientOptions, { origin }: Endpoint): string | undefined {
  if (options.useEnvironment === false) return undefined;
  return environmentToken(origin, options.endpointsUseEnvironment)?.value;
}

function definedOnly<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
}
