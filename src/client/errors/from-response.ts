import { type IncomingHttpHeaders, STATUS_CODES } from "node:http";
import { isHuggingFace } from "../connection/endpoint";
import { oneLine } from "../one-line";
import { type Redact, withoutUserInfo } from "../redaction";
import { UnknownEncoding } from "../response/body-decoder";
import { isRetryableStatus, LONGEST_WAIT_S, requestedWait } from "../retry";
import type { ChatRequest } from "../types";
import { asRecord, asText, firstHeader, toJson } from "../unknown";
import { ChatError, type ErrorCause, type ErrorKey } from "./chat-error";
import {
  ERROR_CODES,
  ERROR_MARKS,
  ERROR_STATUSES,
  ERROR_TYPES,
  LASTING_FAILURES,
  QUOTAS,
  UNKNOWN_MODELS,
} from "./error-dialects";
import { pageTitle, readServerMessage, type ServerMessage } from "./server-message";
import { isUnsupported } from "./unsupported";

export interface FailedResponse {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

/** What the sentences name of a request. */
export interface RequestContext {
  model: string;
  host: string;
  hasToken: boolean;
  /** Absent where no completion is asked for. */
  request?: ChatRequest;
  /** Keeps secrets out of what is quoted of a response. */
  redact: Redact;
}

/** In bytes. Longer error bodies are cut: no message needs more. */
export const LONGEST_ERROR_BODY = 65_536;
/** In characters, of what came in place of a reply. */
const LONGEST_QUOTE = 80;
/** A call that the server should have read, and left in the text. */
const CALL_IN_TEXT = /^\s*\{|<\|?tool_call|\[TOOL_CALLS\]|<function=/;
/** In bytes, of the body in an error's cause. */
const LONGEST_BODY = 4096;

/** Makes the error of a response by its status and body: the one place that says what they mean for the user. */
export function errorFromResponse(response: FailedResponse, context: RequestContext): ChatError {
  const server = readBody(response, context.redact);
  const wait = requestedWait(response.headers);
  const key = keyFor(response.status, server, context, wait);
  return new ChatError(
    key,
    {
      status: response.status,
      message: sentence(server.message || STATUS_CODES[response.status] || "no message"),
      model: context.redact(context.model),
      host: context.host,
      ...(wait !== undefined && { seconds: Math.ceil(wait) }),
      ...(key === "redirected" && { location: locationOf(response.headers, context.redact) }),
    },
    {
      status: response.status,
      retryable: isRetryableStatus(response.status) && !isLasting(key) && !isRefusal(response, server, context),
      ...(server.code && { code: server.code }),
      ...(wait !== undefined && { retry_after: wait }),
      ...(response.body && { body: quoted(response.body, context.redact) }),
    },
  );
}

/**
 * Makes the error that an event of a stream carries, or JSON with status 200: by a field `error`, by the name of the event,
 * or by `ERROR_MARKS` where there are no choices.
 *
 * @returns undefined for what is not an error
 */
export function errorInReply(
  value: Record<string, unknown>,
  eventName: string | undefined,
  context: RequestContext,
): ChatError | undefined {
  const { choices } = value;
  const ofChoice = Array.isArray(choices) ? asRecord(choices[0])?.["error"] : undefined;
  if (ofChoice) return errorInReply({ error: ofChoice }, eventName, context);
  if (!value["error"] && eventName !== "error" && (Array.isArray(choices) || !isMarked(value))) return undefined;
  const body = toJson(value);
  const status = namedStatus(value);
  if (status !== undefined) return errorFromResponse({ status, headers: {}, body }, context);
  const server = readBody({ status: 200, headers: {}, body }, context.redact);
  const cause: Partial<ErrorCause> = { retryable: true, body: quoted(body, context.redact) };
  if (server.code) cause.code = server.code;
  return new ChatError(
    "reply_error",
    { message: sentence(server.message || context.redact(body)), host: context.host },
    cause,
  );
}

/**
 * Makes the error of a reply that ends with calls and has none.
 *
 * @returns undefined where the calls may stand in the text
 */
export function callsMissing(text: string | null, { host }: RequestContext): ChatError | undefined {
  return text && CALL_IN_TEXT.test(text)
    ? undefined
    : new ChatError("reply_without_calls", { host }, { retryable: true });
}

function isMarked(value: Record<string, unknown>): boolean {
  return ERROR_MARKS.some((mark) => {
    const found = value[mark.field];
    if ("is" in mark) return found === mark.is;
    return Boolean("inside" in mark ? asRecord(found)?.[mark.inside] : found);
  });
}

/**
 * Makes the error of a response that is not a reply.
 *
 * @param shown - what came instead; its beginning is quoted
 * @param status - 0 for none
 */
export function senselessReply(shown: string, status: number, context: RequestContext): ChatError {
  const text = context.redact(shown.slice(0, LONGEST_ERROR_BODY));
  const title = pageTitle(text);
  if (title !== undefined) {
    return new ChatError("reply_web_page", { title: title || "…", host: context.host }, status ? { status } : {});
  }
  const quote = text.slice(0, LONGEST_QUOTE);
  return new ChatError("reply_senseless", { reason: sentence(quote), host: context.host }, status ? { status } : {});
}

/** Makes the error of a body that cannot be unpacked. */
export function brokenBody(error: Error, status: number, context: RequestContext): ChatError {
  if (!(error instanceof UnknownEncoding)) return senselessReply(error.message, status, context);
  // The server chooses this name.
  const encoding = context.redact(error.encoding).slice(0, LONGEST_QUOTE);
  return new ChatError("encoding_unknown", { encoding, host: context.host }, { status });
}

function namedStatus(value: Record<string, unknown>): number | undefined {
  const error = asRecord(value["error"]) ?? value;
  for (const candidate of [...ERROR_STATUSES.map(({ field }) => error[field]), value["code"]]) {
    // `Number` throws for an object whose `toString` is not a function.
    const status = typeof candidate === "object" ? Number.NaN : Number(candidate);
    if (Number.isInteger(status) && status >= 400 && status <= 599) return status;
  }
  const type = asText(value["error_type"]) ?? asText(error["error_type"]);
  return ERROR_TYPES.find((row) => row.type === type)?.status;
}

function locationOf(headers: IncomingHttpHeaders, redact: Redact): string {
  return withoutUserInfo(redact(firstHeader(headers, "location") ?? "?"));
}

function keyFor(status: number, server: ServerMessage, context: RequestContext, wait: number | undefined): ErrorKey {
  const isTooLong = wait !== undefined && wait > LONGEST_WAIT_S;
  const named = ERROR_CODES.find(({ code, orType }) => server.code === code || (orType && server.type === code));
  if (named) return named.key;
  if (isUnknownModel(status, server.message, context.model)) return "model_not_found";
  const lasting = status >= 500 && LASTING_FAILURES.find(({ pattern }) => pattern.test(server.message));
  if (lasting) return lasting.key;
  switch (status) {
    case 401:
      return context.hasToken ? "token_refused" : "token_missing";
    case 402:
      return "credits_used_up";
    case 403:
      return isHuggingFace(`https://${context.host}`, false) ? "forbidden" : "forbidden_elsewhere";
    case 404:
      return "path_not_found";
    case 408:
    case 504:
      return isTooLong ? "server_timeout_until" : "server_timeout";
    case 410:
      return "gone";
    case 413:
      return "too_large";
    case 421:
      return "path_not_found";
    case 429:
      if (isQuota(server)) return "quota_used_up";
      return wait ? "rate_limited_until" : "rate_limited";
    case 501:
      return "not_supported";
    case 409:
    case 424:
    case 425:
    case 503:
      return isTooLong ? "server_busy_until" : "server_busy";
  }
  if (status >= 500) return isTooLong ? "server_busy_until" : "server_failed";
  if (status >= 400) return "refused";
  return status >= 300 ? "redirected" : "unexpected_status";
}

/** True if the server does not have the model: by its words, or since a 404 names it. */
function isUnknownModel(status: number, message: string, model: string): boolean {
  // A short name may be a part of a path, or a word.
  if (status === 404 && /\w[/:.-]\w/.test(model) && message.includes(model)) return true;
  return UNKNOWN_MODELS.some(
    (row) => (row.statuses as readonly number[]).includes(status) && row.pattern.test(message),
  );
}

/** True for failures that stay, whatever their status: another attempt cannot help. */
export function isLasting(key: string): boolean {
  return key === "quota_used_up" || key === "not_supported" || LASTING_FAILURES.some((row) => row.key === key);
}

/** True if the server refuses a part of the request that the question can do without. */
function isRefusal({ status, body }: FailedResponse, { message }: ServerMessage, { request }: RequestContext): boolean {
  return request !== undefined && isUnsupported({ status, body, message }, request);
}

function isQuota({ code = "", type = "", message }: ServerMessage): boolean {
  return QUOTAS.some((sign) => sign.pattern.test(sign.in === "code" ? `${code} ${type}` : message));
}

function readBody(response: FailedResponse, redact: Redact): ServerMessage {
  const read = readServerMessage(response.body, response.headers);
  // After parsing: JSON can write a character in several ways.
  return { ...read, message: redact(read.message), ...(read.code && { code: oneLine(redact(read.code)) }) };
}

/** Makes one line of a text that ends like a sentence and is not too long for a debug message. */
export function sentence(text: string): string {
  const line = oneLine(text.trim()).trim();
  return /[.!?…。！？]$/.test(line) ? line : `${line}.`;
}

function quoted(body: string, redact: Redact): string {
  return cut(redact(body));
}

function cut(body: string): string {
  const bytes = Buffer.from(body);
  if (bytes.length <= LONGEST_BODY) return body;
  // The cut may go through a character.
  return bytes.toString("utf8", 0, LONGEST_BODY).replace(/\uFFFD+$/, "");
}

/** Makes the error of a reply that is longer than allowed. */
export function tooLong(maxReplyLength: number): ChatError {
  return new ChatError("reply_too_long", { megabytes: Math.round(maxReplyLength / 1024 / 1024) });
}
