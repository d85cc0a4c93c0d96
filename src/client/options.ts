import { ROUTER_URL } from "./connection/endpoint";

/** Which server, and how to talk to it. Times are in seconds. */
export interface ClientOptions {
  /** Address of the server, with or without `/v1`; Hugging Face's router by default. */
  baseUrl?: string | undefined;
  /** Default: `HF_TOKEN` or `HUGGINGFACE_API_KEY` of the environment, for Hugging Face's own hosts only. */
  token?: string | undefined;
  /** False if the token of the environment must not be used. */
  useEnvironment?: boolean;
  /** False if it must not go to `*.endpoints.huggingface.cloud`, where everybody can run a container. */
  endpointsUseEnvironment?: boolean;
  /**
   * Longest silence until a reply begins and between its pieces, 0 for no limit. By default 30, and 300 until the first piece
   * at a server at home (loopback, private or link-local address, a name such as `nas` or `nas.local`), which may be loading.
   */
  timeout?: number | undefined;
  /** Extra attempts before the first piece of a reply, 2 by default. */
  retries?: number;
  /** Requests at the same time, 10 by default; further questions wait. */
  maxConcurrent?: number;
  /** Questions that may wait, 1000 by default; further ones fail with `rate_limit`. */
  maxQueued?: number;
  /** How long an endpoint that is scaled to zero may take to wake up; 0 by default, for one that is always on. */
  wakeUp?: number;
  /** Organisation that pays. */
  billTo?: string;
  /** More headers for every request. */
  headers?: Record<string, string>;
  /** Names the program that uses the client, such as `my-app/1.2`: added to `User-Agent` at `huggingface.co` and its hosts only. */
  product?: string;
  /** Headers whose values are hidden in errors and replies, whatever their names; they win over `headers`. */
  secretHeaders?: Record<string, string>;
  tls?: TlsOptions;
  /** A proxy for this client; by default the proxy variables of the environment apply. */
  proxy?: ProxyChoice;
  proxyRules?: ProxyRules;
  /** Longest reply in characters, 16 Mi by default. */
  maxReplyLength?: number;
}

/** TLS options as `tls.connect` takes them. */
export type TlsOptions = Record<string, unknown>;

/** A proxy chosen by hand. It does not inherit `no_proxy`. */
export interface ProxyChoice {
  url: string;
  username?: string;
  password?: string;
  /** Hosts that are reached directly, as in `no_proxy`. */
  noProxy?: string[];
}

/** Which proxy variables apply; these are the `proxyOptions` of Node-RED's settings. */
export interface ProxyRules {
  mode?: "strict" | "legacy";
  favourUpperCase?: boolean;
  lowerCaseOnly?: boolean;
  excludeNpm?: boolean;
  env?: Record<string, string | undefined>;
}

/** The defaults. */
export const CLIENT_DEFAULTS = {
  baseUrl: ROUTER_URL,
  retries: 2,
  maxConcurrent: 10,
  maxQueued: 1000,
  wakeUp: 0,
  maxReplyLength: 16 * 1024 * 1024,
} as const;
