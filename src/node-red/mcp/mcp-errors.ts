import {
  asRecord,
  asText,
  isCancelled,
  type OriginFetch,
  pageTitle,
  readServerMessage,
  reasonOf,
  sentence,
} from "../../client/internal";
import { ChatError } from "../errors";

/** Errors of the client that say that a server is not reached, or that the connection to it has broken. */
const UNREACHED =
  /^(host_unknown|connection_|files_exhausted|certificate|tls_(missing|expected|failed)|http2_only|proxy_(unreachable|failed|unfit|refused)|reply_senseless)/;
/** Those before a request was sent. */
const UNSENT = /^(host_unknown|connection_refused|connection_timeout|certificate|tls_|proxy_)/;
/** What a server says to a client that has another session or protocol in mind, such as after an update of the server. */
const OTHER_SESSION = /session|protocol[ _-]?version|not (been )?initiali[sz]ed/i;
/** In characters, of what a server says. */
const LONGEST_MESSAGE = 300;

/** What an error means for a connection. */
export interface McpFailure {
  error: ChatError;
  /** True if the server was gone, or has forgotten the session: a new connection may work. */
  isGone: boolean;
  /** True if the server certainly did nothing. */
  isUnsent: boolean;
  /** What the server said of the request, where that is all that is wrong. */
  refusal?: string;
}

/**
 * Reads what the library throws.
 *
 * @param isConnected - true if the server had been connected to: it may have been restarted since
 */
export function readFailure(thrown: unknown, origin: OriginFetch, seconds: number, isConnected: boolean): McpFailure {
  const { host } = origin.url;
  const known = chatErrorIn(thrown);
  if (known) return fromOwn(known, host);
  const { code, data, message } = asRecord(thrown) ?? {};
  const { status, text } = asRecord(data) ?? {};
  const body = asText(text);
  const words = body === undefined ? (asText(message) ?? reasonOf(thrown)) : wordsOf(body);
  const said = cut(origin.redaction.error(words));
  if (typeof status === "number") return fromStatus(status, said, origin, isConnected);
  if (code === "REQUEST_TIMEOUT") return failure(new ChatError("mcp_silent", { host, seconds }, { retryable: true }));
  if (code === "CONNECTION_CLOSED" || code === "NOT_CONNECTED") {
    const error = new ChatError("mcp_unreachable", { host, reason: "connection closed" }, { retryable: true });
    return { ...failure(error), isGone: true };
  }
  const error = new ChatError(typeof code === "number" ? "mcp_refused" : "mcp_senseless", {
    host,
    message: sentence(said),
  });
  return { ...failure(error), ...(typeof code === "number" && { refusal: said }) };
}

function fromOwn(known: ChatError, host: string): McpFailure {
  if (known.key === "redirected") return failure(new ChatError("mcp_redirected", known.params, known.cause));
  if (isCancelled(known) || !UNREACHED.test(known.key)) return failure(known);
  const { code } = known.cause;
  const cause = { retryable: true, ...(code !== undefined && { code }) };
  const error = new ChatError("mcp_unreachable", { host, reason: known.summary }, cause);
  return { error, isGone: true, isUnsent: UNSENT.test(known.key) };
}

function fromStatus(status: number, said: string, origin: OriginFetch, isConnected: boolean): McpFailure {
  const { host } = origin.url;
  const params = { status, host, message: sentence(said) };
  const cause = { status, retryable: status >= 500 || status === 429 };
  // Some servers say 400 of a session that they do not know; others have learned another protocol, or forgotten one.
  const isForgotten = isConnected && (status === 404 || (status === 400 && OTHER_SESSION.test(said)));
  const key = keyOf(status, origin.hasToken);
  return { error: new ChatError(key, params, cause), isGone: isForgotten, isUnsent: isForgotten };
}

function keyOf(status: number, hasToken: boolean) {
  if (status === 401) return hasToken ? "mcp_token_refused" : "mcp_login";
  if (status === 403) return "mcp_forbidden";
  if (status === 404 || status === 405 || status === 410) return "mcp_not_found";
  if (status === 429) return "mcp_rate_limited";
  return "mcp_status";
}

function failure(error: ChatError): McpFailure {
  return { error, isGone: false, isUnsent: false };
}

/** Finds our own error in what the library has made of it. */
function chatErrorIn(thrown: unknown, depth = 0): ChatError | undefined {
  if (thrown instanceof ChatError) return thrown;
  const record = asRecord(thrown);
  if (!record || depth > 5) return undefined;
  return chatErrorIn(record["cause"], depth + 1) ?? chatErrorIn(asRecord(record["data"])?.["cause"], depth + 1);
}

/** Returns what a body says of an error: its sentence, the title of a page, or the whole. */
function wordsOf(body: string): string {
  return pageTitle(body) ?? (readServerMessage(body, {}).message || body);
}

function cut(text: string): string {
  return text.length > LONGEST_MESSAGE ? `${text.slice(0, LONGEST_MESSAGE)}…` : text;
}
