/** Which proxy variables count, as `proxyOptions` of Node-RED's settings says it. */
export interface ProxyRules {
  mode?: "strict" | "legacy";
  favourUpperCase?: boolean;
  lowerCaseOnly?: boolean;
  excludeNpm?: boolean;
  env?: Record<string, string | undefined>;
}

/** A proxy chosen by hand. It does not inherit `no_proxy`. */
export interface ProxyChoice {
  url: string;
  username?: string;
  password?: string;
  /** Hosts that are reached directly, as in `no_proxy`. */
  noProxy?: string[];
}

/**
 * The proxy for a URL by the rules of Node-RED's own http request node, whose helper is not on a public path:
 * `<scheme>_proxy`, then `all_proxy`, their `npm_config_` forms before them, unless `no_proxy` names the host. The
 * legacy mode is that of Node-RED before 3.1: `http_proxy` alone, for every scheme.
 *
 * @param url - the address that is asked for
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

/** The same for a proxy chosen by hand: its own list of exempt hosts is all that counts. */
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
