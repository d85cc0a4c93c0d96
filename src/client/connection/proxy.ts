import { ChatError } from "../errors/chat-error";
import type { ProxyChoice, ProxyRules } from "../options";
import { withoutUserInfo } from "../redaction";

/** A proxy that requests go through. */
export interface ProxyServer {
  origin: string;
  host: string;
  /** Its address without user name and password. */
  shown: string;
  /** Value of the header Proxy-Authorization. */
  authorization: string | undefined;
}

/**
 * Finds the proxy for a URL.
 *
 * @param target - the address that is asked for
 * @param choice - the proxy chosen by hand; without it the proxy variables count
 * @throws ChatError `proxy_invalid`
 */
export function findProxy(target: string, choice?: ProxyChoice, rules?: ProxyRules): ProxyServer | undefined {
  const text = choice ? proxyByChoice(new URL(target), choice) : proxyForUrl(new URL(target), rules);
  if (!text) return undefined;
  const shown = withoutUserInfo(text);
  if (!URL.canParse(text)) throw new ChatError("proxy_invalid", { url: shown });
  const url = new URL(text);
  const username = choice?.username ?? decode(url.username);
  const password = choice?.password ?? decode(url.password);
  return {
    origin: url.origin === "null" ? `${url.protocol}//${url.host}` : url.origin,
    host: url.host,
    shown,
    authorization: username || password ? basic(username, password) : undefined,
  };
}

/** Returns the secrets of a proxy: its password, and the credentials with it. */
export function proxySecrets(proxy: ProxyServer | undefined): string[] {
  if (!proxy?.authorization) return [];
  const encoded = proxy.authorization.slice("Basic ".length);
  const decoded = Buffer.from(encoded, "base64").toString();
  return [encoded, decoded.slice(decoded.indexOf(":") + 1)];
}

function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

/** A bare % in a user name or password stands for itself. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * Finds the proxy for a URL by the rules of Node-RED's own http request node, whose helper is not on a public path:
 * `<scheme>_proxy`, then `all_proxy`, their `npm_config_` forms before them, unless `no_proxy` names the host. The
 * legacy mode is that of Node-RED before 3.1: `http_proxy` alone, for every scheme.
 *
 * @returns the proxy's URL, or "" for none
 */
export function proxyForUrl(url: URL, rules: ProxyRules = {}): string {
  const variable = variableReader(rules);
  const override = process.env["NR_PROXY_MODE"];
  const mode = override === "legacy" || override === "strict" ? override : rules.mode;
  if (mode === "legacy") return legacyProxy(url, rules.env ?? process.env);

  const scheme = url.protocol.slice(0, -1);
  if (isExempt(url, variable("npm_config_no_proxy") || variable("no_proxy"))) return "";
  const proxy =
    variable(`npm_config_${scheme}_proxy`) ||
    variable(`${scheme}_proxy`) ||
    variable("npm_config_proxy") ||
    variable("all_proxy");
  return proxy && !proxy.includes("://") ? `${scheme}://${proxy}` : proxy;
}

/** Returns the proxy chosen by hand, or "" for its own exempt hosts; `no_proxy` does not apply. */
export function proxyByChoice(url: URL, choice: ProxyChoice): string {
  return isExempt(url, (choice.noProxy ?? []).join(",")) ? "" : choice.url;
}

function variableReader(rules: ProxyRules): (name: string) => string {
  const env = rules.env ?? process.env;
  return (name) => {
    if (rules.excludeNpm && name.startsWith("npm_config_")) return "";
    const lower = env[name] || "";
    if (rules.lowerCaseOnly) return lower;
    const upper = env[name.toUpperCase()] || "";
    return rules.favourUpperCase ? upper || lower : lower || upper;
  };
}

function isExempt(url: URL, noProxy: string): boolean {
  if (!noProxy) return false;
  if (noProxy === "*") return true;
  const port = Number(url.port) || (url.protocol === "https:" ? 443 : 80);
  return noProxy
    .toLowerCase()
    .split(/[,\s]/)
    .filter(Boolean)
    .some((entry) => matches(entry, url.hostname, port));
}

function matches(entry: string, hostname: string, port: number): boolean {
  const parts = /^(.+):(\d+)$/.exec(entry);
  const host = parts?.[1] ?? entry;
  const entryPort = Number(parts?.[2] ?? 0);
  if (entryPort && entryPort !== port) return false;
  if (!/^[.*]/.test(host)) return hostname === host;
  return hostname.endsWith(host.replace(/^\*/, ""));
}

function legacyProxy(url: URL, env: Record<string, string | undefined>): string {
  const proxy = env["HTTP_PROXY"] || env["http_proxy"] || "";
  const exempt = (env["NO_PROXY"] || env["no_proxy"] || "").split(",").map((entry) => entry.trim());
  return exempt.some((entry) => entry && url.href.includes(entry)) ? "" : proxy;
}
