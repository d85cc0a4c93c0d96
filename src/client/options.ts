import type { TlsOptions } from "./connection/connect";
import { ROUTER_URL } from "./connection/endpoint";
import type { ProxyChoice, ProxyRules } from "./connection/proxy";

/** Which server, and how it is talked to. Times are in seconds. */
export interface ClientOptions {
  /** Default: Hugging Face's router. */
  baseUrl?: string;
  /** Default: `HF_TOKEN` or `HUGGINGFACE_API_KEY` of the environment, for Hugging Face's own hosts only. */
  token?: string;
  /** Whether the token of the environment may be used; true unless said. */
  useEnvironment?: boolean;
  /** Whether it may go to `*.endpoints.huggingface.cloud`, where everybody can run a container; true unless said. */
  endpointsUseEnvironment?: boolean;
  /** Silence allowed until a reply begins and between its pieces; 0 for no limit. */
  timeout?: number;
  /** Extra attempts before the first piece. */
  retries?: number;
  /** HTTP exchanges at once. */
  maxConcurrent?: number;
  /** Questions that may wait for one. */
  maxQueued?: number;
  /** How long an endpoint that is scaled to zero may take to wake up; 0 for one that is always on. */
  wakeUp?: number;
  /** Organisation that pays. */
  billTo?: string;
  headers?: Record<string, string>;
  /** Headers like the others whose values are hidden, whatever their names; they win over `headers`. */
  secretHeaders?: Record<string, string>;
  tls?: TlsOptions;
  proxy?: ProxyChoice;
  proxyRules?: ProxyRules;
  /** Characters that one reply may have. */
  maxReplyLength?: number;
}

/** What holds where nothing is said. */
export const CLIENT_DEFAULTS = {
  baseUrl: ROUTER_URL,
  timeout: 30,
  retries: 2,
  maxConcurrent: 10,
  maxQueued: 1000,
  wakeUp: 0,
  maxReplyLength: 16 * 1024 * 1024,
} as const;
