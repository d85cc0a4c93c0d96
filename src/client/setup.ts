import { allowedSilence, isAtHome } from "../shared/home-host";
import type { AttemptLimits } from "./attempts";
import type { Route } from "./connection/connect";
import { type Endpoint, environmentToken, isDemo, isHuggingFace, resolveEndpoint } from "./connection/endpoint";
import { headerSecrets, requestHeaders } from "./connection/headers";
import { findProxy, proxySecrets } from "./connection/proxy";
import { CLIENT_DEFAULTS, type ClientOptions } from "./options";
import { makeRedaction, type Redaction } from "./redaction";
import type { SilenceLimits } from "./response/idle-timeout";

/** The options of a client, checked and made ready for its requests. */
export interface Setup extends AttemptLimits, SilenceLimits {
  baseUrl: string;
  endpoint: Endpoint;
  route: Route;
  headers: Record<string, string>;
  /** True if there is a token of ours, and not only a header of the user's. */
  hasToken: boolean;
  redaction: Redaction;
  maxConcurrent: number;
  maxQueued: number;
  maxReplyLength: number;
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
  const headers = requestHeaders(all, token, isHuggingFace(endpoint.origin, false));
  const proxy = isDemo(endpoint) ? undefined : findProxy(endpoint.origin + endpoint.path, all.proxy, all.proxyRules);
  const { hostname } = new URL(endpoint.origin);
  const silence = allowedSilence(hostname, all.timeout);
  // An endpoint that wakes up is silent meanwhile.
  const untilHeaders = (seconds: number) => (seconds > 0 ? Math.max(seconds, all.wakeUp) * 1000 : 0);
  const { authorization } = headers;
  return {
    baseUrl: all.baseUrl,
    endpoint,
    // A server that loads its model accepts connections.
    route: { tls: all.tls, proxy, connectLimitMs: untilHeaders(silence.later) },
    headers,
    hasToken: headers["authorization"] === `Bearer ${token}`,
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
    headersLimitMs: untilHeaders(silence.first),
    firstPieceLimitMs: silence.first * 1000,
    silenceLimitMs: silence.later * 1000,
    isAtHome: isAtHome(hostname),
  };
}

function tokenOfEnvironment(options: ClientOptions, { origin }: Endpoint): string | undefined {
  if (options.useEnvironment === false) return undefined;
  return environmentToken(origin, options.endpointsUseEnvironment)?.value;
}

function definedOnly<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
}
