import { isRetryableStatus } from "../retry";
import { ChatError, type ErrorKey } from "./chat-error";

/**
 * A connection that was not made. Hides undici's `UND_ERR_SOCKET`, after which undici would connect again and again: a proxy
 * that closes the connection when it is asked for a tunnel.
 */
export class ConnectFailure extends Error {
  /** @param to - the proxy itself, or the server, with or without a proxy in between */
  constructor(
    override readonly cause: unknown,
    readonly to: "proxy" | "http server" | "https server",
  ) {
    super(String((cause as Error | undefined)?.message ?? cause));
  }
}

/** True for a failure below HTTP. */
export function isOfConnection(error: unknown): boolean {
  const { code, name } = error as NodeJS.ErrnoException;
  return error instanceof ConnectFailure || typeof code === "string" || name === "HTTPParserError";
}

interface ConnectionFailure {
  code: string;
  message: string;
  /** What the server sent that is not HTTP. */
  received: string;
  /** Host of the proxy in between. */
  proxy: string | undefined;
  /** The status with which the proxy refused a tunnel; NaN for none. */
  proxyStatus: number;
  /** Undefined once there is a connection. */
  connecting: ConnectFailure["to"] | undefined;
  hadResponse: boolean;
}

type Row = [key: ErrorKey, mayPass: boolean, fits: (failure: ConnectionFailure) => boolean];

const UNREACHED =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT)$/;
const CLOSED = /^(UND_ERR_SOCKET|ECONNRESET|EPIPE)$/;
/** OpenSSL's codes for bytes that are not TLS. */
const NO_TLS = /^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|UNKNOWN_PROTOCOL)$/;
const TLS = /^(EPROTO$|ERR_SSL_|ERR_TLS_(?!CERT))/;
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO/;

/**
 * What a failure means: the first row that fits. `mayPass` is true if another attempt makes sense; a certificate, a protocol
 * or the rights at a proxy stay the same.
 */
const ROWS: Row[] = [
  ["proxy_refused", false, ({ proxyStatus }) => [401, 403, 407].includes(proxyStatus)],
  ["proxy_failed", true, ({ proxyStatus }) => isRetryableStatus(proxyStatus)],
  ["proxy_unfit", false, ({ proxyStatus }) => !Number.isNaN(proxyStatus)],
  ["files_exhausted", true, ({ code }) => code === "EMFILE" || code === "ENFILE"],
  ["proxy_unreachable", false, ({ connecting, code }) => connecting === "proxy" && isOfTls(code)],
  ["proxy_unreachable", true, isOfProxy],
  ["http2_only", false, speaksHttp2],
  ["tls_missing", false, ({ code }) => NO_TLS.test(code)],
  // A TLS alert: the server's response to plain http.
  ["tls_expected", false, ({ received }) => received.startsWith("\x15\x03")],
  ["reply_senseless", false, isNoHttp],
  ["tls_failed", false, ({ code }) => TLS.test(code)],
  ["certificate_date", false, ({ code }) => code === "CERT_NOT_YET_VALID" || code === "CERT_HAS_EXPIRED"],
  ["certificate", false, ({ code }) => CERTIFICATE.test(code)],
  ["connection_cut", true, ({ code, hadResponse }) => hadResponse && CLOSED.test(code)],
  ["connection_lost", true, ({ hadResponse }) => hadResponse],
  ["host_unknown", true, ({ code }) => code === "ENOTFOUND" || code === "EAI_AGAIN"],
  ["connection_refused", true, ({ code }) => code === "ECONNREFUSED"],
  ["connection_timeout", true, ({ code }) => code === "ETIMEDOUT" || code === "UND_ERR_CONNECT_TIMEOUT"],
  ["connection_closed", true, ({ code }) => CLOSED.test(code)],
];

/**
 * Makes the error of a failure below HTTP.
 *
 * @param hadResponse - the response had begun
 * @param proxy - host of the proxy in between, if there is one
 */
export function connectionError(error: unknown, host: string, hadResponse: boolean, proxy?: string): ChatError {
  const failure = readFailure(error, hadResponse, proxy);
  const [key, mayPass] = ROWS.find(([, , fits]) => fits(failure)) ?? ["connection_failed", true];
  const isOfProxy = key.startsWith("proxy_");
  return new ChatError(
    key,
    {
      host: proxy && !isOfProxy ? `${host} (proxy ${proxy})` : host,
      reason: key === "reply_senseless" ? `${reasonOf(failure)}.` : reasonOf(failure),
      proxy: proxy ?? host,
      ...(key === "certificate_date" && { date: new Date().toISOString().slice(0, 10) }),
    },
    { retryable: mayPass, ...(failure.code && { code: failure.code }) },
  );
}

function readFailure(error: unknown, hadResponse: boolean, proxy: string | undefined): ConnectionFailure {
  const { code, message, data } = rootOf(error);
  return {
    code: typeof code === "string" ? code : "",
    message,
    received: typeof data === "string" ? data : "",
    proxy,
    // undici has it only in its message.
    proxyStatus: Number(/^Proxy response \((\d+)\)/.exec(message)?.[1] ?? Number.NaN),
    connecting: error instanceof ConnectFailure ? error.to : undefined,
    hadResponse,
  };
}

function isOfTls(code: string): boolean {
  return TLS.test(code) || CERTIFICATE.test(code);
}

/**
 * True if the proxy failed: where there is one, we connect to nothing else. A tunnel to an https server that is closed while
 * it is made may be the server's doing.
 */
function isOfProxy({ connecting, proxy, code }: ConnectionFailure): boolean {
  if (!connecting || proxy === undefined) return false;
  return connecting !== "https server" || UNREACHED.test(code) || code === "UND_ERR_SOCKET";
}

/** True if the server refuses HTTP/1.1 in the TLS handshake, or begins with a SETTINGS frame of HTTP/2. */
function speaksHttp2({ code, received }: ConnectionFailure): boolean {
  const isRefused = code === "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL";
  return isRefused || (received.startsWith("\0\0") && received[3] === "\x04");
}

/** True for a response that is not HTTP. undici has no code of its own for some of them. */
function isNoHttp({ code, message }: ConnectionFailure): boolean {
  return code.startsWith("HPE_") || code === "UND_ERR_HEADERS_OVERFLOW" || /HTTP\/1\.1 protocol/.test(message);
}

/** Returns the system's code, which people search for. The codes of undici and its parser say less than their messages. */
function reasonOf({ code, message, proxyStatus }: ConnectionFailure): string {
  if (!Number.isNaN(proxyStatus)) return String(proxyStatus);
  if (code === "UND_ERR_SOCKET") return "the connection was closed";
  if (code === "UND_ERR_CONNECT_TIMEOUT") return "ETIMEDOUT";
  if (code === "UND_ERR_HEADERS_OVERFLOW") return "its headers are too long";
  return code && !/^(UND_ERR|HPE)_/.test(code) ? code : message;
}

/** Unwraps the error that says why from those of undici, happy eyeballs and `ConnectFailure`. */
function rootOf(error: unknown): { code?: unknown; message: string; data?: unknown } {
  let current = error as { code?: unknown; message?: string; data?: unknown; cause?: unknown; errors?: unknown[] };
  for (let depth = 0; depth < 5; depth++) {
    const inner = (current?.errors?.[0] ?? current?.cause) as typeof current | undefined;
    if (!inner || (typeof current.code === "string" && !current.code.startsWith("UND_ERR"))) break;
    current = inner;
  }
  return { code: current?.code, message: String(current?.message ?? current), data: current?.data };
}
