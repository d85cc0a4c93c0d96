import { DEMO_URL } from "../../shared/limits";
import { WITHOUT_TEMPLATES } from "../completion/dialects";
import { ChatError } from "../errors/chat-error";
import { withoutUserInfo } from "../redaction";

export const ROUTER_URL = "https://router.huggingface.co/v1";

/** Responds with 410 since November 2025, and may no longer resolve: langchain4j#4146, 9router#4158. */
const RETIRED_HOST = "api-inference.huggingface.co";

/**
 * Matches an address of a unix socket, as people write them: `unix:/run/a.sock`, `http+unix://%2Frun%2Fa.sock`,
 * `http://unix:/run/a.sock:/v1`, or a path. For `URL` the third one has a host named unix.
 */
const SOCKET = /^((https?\+)?unix:|https?:\/\/unix:\/|\.{0,2}\/.*\.sock\b)/i;

/** The address of a chat-completions API. */
export interface Endpoint {
  /** Scheme, host and port. */
  origin: string;
  /** Path with its query. */
  path: string;
  /** Host name with its port, for errors. */
  host: string;
  /** The retired host that the base URL names; the router is used instead. Absent for all others. */
  retiredHost?: string;
}

/**
 * Finds the chat-completions address for a base URL as users paste it: a bare endpoint, one that ends in `/v1` or
 * `/v1/`, or the whole path; a query string is kept. The rules are those of Hugging Face's own clients
 * (huggingface.js `hf-inference.ts`, huggingface_hub `hf_inference.py`).
 *
 * @param baseUrl - blank means the router
 * @throws ChatError `base_url_invalid`, `base_url_credentials`, `base_url_socket`
 */
export function resolveEndpoint(baseUrl: string): Endpoint {
  const text = baseUrl.trim() || ROUTER_URL;
  if (text === DEMO_URL) return { origin: DEMO_URL, path: "", host: "demo" };
  if (SOCKET.test(text)) throw new ChatError("base_url_socket", { url: withoutUserInfo(text) });
  const url = parseHttpUrl(text);
  if (!url) throw new ChatError("base_url_invalid", { url: withoutUserInfo(text) });
  if (url.username || url.password) throw new ChatError("base_url_credentials");
  if (url.hostname === RETIRED_HOST) {
    return { ...resolveEndpoint(ROUTER_URL), retiredHost: RETIRED_HOST };
  }
  return { origin: url.origin, path: completionsPath(url.pathname) + url.search, host: url.host };
}

function parseHttpUrl(text: string): URL | undefined {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return undefined;
  return new URL(text);
}

function completionsPath(pathname: string): string {
  const path = pathname.replace(/\/+$/, "");
  if (path.endsWith("/chat/completions")) return path;
  if (path.endsWith("/v1")) return `${path}/chat/completions`;
  return `${path}/v1/chat/completions`;
}

/**
 * True if a token from the environment may go to this origin: only over https and only to Hugging Face's own hosts,
 * so that a base URL in an imported flow cannot fetch it.
 *
 * @param endpoints - true if it may also go to dedicated endpoints, where everybody can run a container
 */
export function isHuggingFace(origin: string, endpoints = true): boolean {
  const { protocol, hostname } = new URL(origin);
  return (
    protocol === "https:" &&
    (hostname === "huggingface.co" ||
      hostname.endsWith(".huggingface.co") ||
      (endpoints && hostname.endsWith(".endpoints.huggingface.cloud")))
  );
}

/** True if a server may know `chat_template_kwargs`: on a dedicated endpoint runs what its owner chose. */
export function mayKnowTemplates({ origin }: Endpoint): boolean {
  const { hostname } = new URL(origin);
  return !isHuggingFace(origin, false) && !WITHOUT_TEMPLATES.some(({ host }) => host.test(hostname));
}

/**
 * True if everybody on the way to this origin can read what is sent there, the token included: plain http to another
 * machine.
 */
export function isReadable(origin: string): boolean {
  const { protocol, hostname } = new URL(origin);
  return protocol === "http:" && !isLoopback(hostname);
}

/** @param hostname - as in `URL`: addresses in their shortest form, those of IPv6 in brackets */
function isLoopback(hostname: string): boolean {
  const name = hostname.replace(/\.$/, "");
  return (
    name === "localhost" ||
    name.endsWith(".localhost") ||
    /^127(\.\d+){3}$/.test(name) ||
    /^\[::(1|ffff:7f[\da-f]{2}:[\da-f]{1,4})\]$/.test(name)
  );
}

/** True for the demo, which no connection leads to. */
export function isDemo({ origin }: Pick<Endpoint, "origin">): boolean {
  return origin === DEMO_URL;
}

/** True for Hugging Face's router, which lists its models with their prices. */
export function isRouter(origin: string): boolean {
  return origin === new URL(ROUTER_URL).origin;
}

/** A variable of the environment that holds a token. */
export interface EnvironmentToken {
  name: string;
  value: string;
}

/**
 * Returns the token of the environment for this origin, if there is one and it may go there.
 *
 * @param endpoints - true if it may go to dedicated endpoints
 */
export function environmentToken(
  origin: string,
  endpoints = true,
  env: NodeJS.ProcessEnv = process.env,
): EnvironmentToken | undefined {
  if (!isHuggingFace(origin, endpoints)) return undefined;
  for (const name of ["HF_TOKEN", "HUGGINGFACE_API_KEY"]) {
    const value = env[name]?.trim();
    if (value) return { name, value };
  }
  return undefined;
}
