import { asRecord } from "../unknown";
import type { ChatError } from "./chat-error";

/** Errors of a connection that was not made, or that broke before the answer. */
const UNREACHED = new Set([
  "host_unknown",
  "connection_refused",
  "connection_failed",
  "connection_closed",
  "connection_timeout",
  "connection_cut",
  "connection_lost",
  "certificate",
  "certificate_date",
  "tls_missing",
  "tls_expected",
  "tls_failed",
  "http2_only",
  "proxy_unreachable",
  "proxy_failed",
  "proxy_unfit",
  "proxy_refused",
]);

/** Errors of this machine, or of our own code: no server does better. */
const OF_THIS_MACHINE = new Set([
  "files_exhausted",
  "node_too_old",
  "webassembly_missing",
  "undici_unfit",
  "module_failed",
  "internal",
]);

/**
 * True for a server that has not answered in time, or could not be connected to in time.
 *
 * @internal
 */
export function isTimeout({ code, key }: ChatError): boolean {
  return code === "timeout" || key === "connection_timeout";
}

/**
 * True if the server was not reached, so that there is no point in asking it again at once.
 *
 * @internal
 */
export function isUnreached({ key }: ChatError): boolean {
  return UNREACHED.has(key);
}

/**
 * True if the server has responded, whatever it said.
 *
 * @internal
 */
export function hasResponded({ cause }: ChatError): boolean {
  return cause.status !== undefined;
}

/**
 * True if another server may do better: this one is away, out of order, too slow, or the money for it is used up. What is
 * wrong with the question or the token is for its author to see, and a limit of our own is meant.
 *
 * @internal
 */
export function isOfServer({ code, key, cause }: ChatError): boolean {
  if (asRecord(cause)?.["limit"] !== undefined || OF_THIS_MACHINE.has(key)) return false;
  return code === "provider_unavailable" || code === "timeout" || code === "budget_exhausted";
}
