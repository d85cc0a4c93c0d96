import { ChatError, type ErrorKey } from "./errors";

/** The certificate of a server does not get better by asking again; everything else may. */
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO|ERR_TLS|ERR_SSL|EPROTO/;

/**
 * What a failure below HTTP means for the user.
 *
 * @param error - what the connection failed with
 * @param host - the host that was asked for
 * @param hadAnswer - whether the answer had begun
 * @param proxy - host of the proxy in between, if there is one
 */
export function connectionError(error: unknown, host: string, hadAnswer: boolean, proxy?: string): ChatError {
  const root = rootOf(error);
  const code = typeof root.code === "string" ? root.code : undefined;
  const key = keyFor(code ?? "", root.message, hadAnswer);
  return new ChatError(
    key,
    {
      host: proxy ? `${host} (proxy ${proxy})` : host,
      reason:
        key === "reply_senseless" ? `${code ?? root.message}.` : (proxyStatus(root.message) ?? code ?? root.message),
      proxy: proxy ?? host,
    },
    { retryable: !["certificate", "proxy_refused", "reply_senseless"].includes(key), ...(code && { code }) },
  );
}

function keyFor(code: string, message: string, hadAnswer: boolean): ErrorKey {
  if (proxyStatus(message)) return "proxy_refused";
  // undici has no code of its own for an answer that is no HTTP.
  const isNoHttp = code.startsWith("HPE_") || /HTTP\/1\.1 protocol/.test(message);
  if (isNoHttp || code === "UND_ERR_HEADERS_OVERFLOW") return "reply_senseless";
  if (CERTIFICATE.test(code)) return "certificate";
  if (hadAnswer) return "connection_lost";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return "host_unknown";
  return code === "ECONNREFUSED" ? "connection_refused" : "connection_failed";
}

/** The status with which a proxy refused to make a tunnel; undici has it in its message alone. */
function proxyStatus(message: string): string | undefined {
  return /^Proxy response \((\d+)\)/.exec(message)?.[1];
}

/** undici and happy eyeballs wrap the error that says why. */
function rootOf(error: unknown): { code?: unknown; message: string } {
  let current = error as { code?: unknown; message?: string; cause?: unknown; errors?: unknown[] };
  for (let depth = 0; depth < 5; depth++) {
    const inner = (current?.errors?.[0] ?? current?.cause) as typeof current | undefined;
    if (!inner || (typeof current.code === "string" && !current.code.startsWith("UND_ERR"))) break;
    current = inner;
  }
  return { code: current?.code, message: String(current?.message ?? current) };
}
