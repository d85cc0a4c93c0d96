import { type IncomingHttpHeaders, STATUS_CODES } from "node:http";
import {
  ERROR_CODES,
  ERROR_ITEMS,
  ERROR_MARKS,
  ERROR_MESSAGES,
  ERROR_STATUSES,
  ERROR_TYPES,
  HEADERS,
  QUOTAS,
} from "../completion/dialects";
import { oneLine } from "../one-line";
import { type Redact, withoutUserInfo } from "../redaction";
import { UnknownEncoding } from "../response/body-decoder";
import { isRetryableStatus, LONGEST_WAIT_S, requestedWait } from "../retry";
import { asRecord, asText, firstHeader, parseJson, toJson } from "../unknown";
import { ChatError, type ErrorCause, type ErrorKey } from "./chat-error";

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
  /** Keeps secrets out of what is quoted of a response. */
  redact: Redact;
}

/** In bytes. Longer error bodies are cut: no message needs more. */
export const LONGEST_ERROR_BODY = 65_536;
/** In characters, of what came in place of a reply. */
const LONGEST_QUOTE = 80;
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
      retryable: isRetryableStatus(response.status) && key !== "quota_used_up",
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
  const isError =
    Boolean(value["error"]) ||
    eventName === "error" ||
    (!("choices" in value) &&
      ERROR_MARKS.some((mark) => ("is" in mark ? value[mark.field] === mark.is : value[mark.field])));
  if (!isError) return undefined;
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
 * Makes the error of a response that is not a reply.
 *
 * @param shown - what came instead; its beginning is quoted
 * @param status - 0 for none
 */
export function senselessReply(shown: string, status: number, context: RequestContext): ChatError {
  const quote = context.redact(shown.slice(0, LONGEST_ERROR_BODY)).slice(0, LONGEST_QUOTE);
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
  switch (status) {
    case 401:
      return context.hasToken ? "token_refused" : "token_missing";
    case 402:
      return "credits_used_up";
    case 403:
      return "forbidden";
    case 404:
      return /\bmodel\b/i.test(server.message) ? "model_not_found" : "path_not_found";
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
      return isTooLong ? "rate_limited_until" : "rate_limited";
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

function isQuota({ code = "", type = "", message }: ServerMessage): boolean {
  return QUOTAS.some((sign) => sign.pattern.test(sign.in === "code" ? `${code} ${type}` : message));
}

interface ServerMessage {
  message: string;
  code?: string;
  type?: string;
}

function readBody(response: FailedResponse, redact: Redact): ServerMessage {
  const read = readServerMessage(response);
  // After parsing: JSON can write a character in several ways.
  return { ...read, message: redact(read.message), ...(read.code && { code: oneLine(redact(read.code)) }) };
}

function readServerMessage(response: FailedResponse): ServerMessage {
  const text = response.body.trim();
  const json = parseJson(text);
  const read = json === undefined ? { message: "" } : readJson(json);
  if (read.message) return read;
  const header = firstHeader(response.headers, HEADERS.error_message.header);
  const code = read.code ?? firstHeader(response.headers, HEADERS.error_code.header);
  const message = header || (json === undefined ? plainText(text) : "");
  return { ...read, message, ...(code && { code }) };
}

function readJson(json: unknown): ServerMessage {
  if (typeof json === "string") return { message: json };
  // Some wrap the one error into an array.
  const body = asRecord(Array.isArray(json) ? json[0] : json);
  if (!body) return { message: "" };
  const error = asRecord(body["error"]);
  const source = error ?? body;
  const server: ServerMessage = { message: messageIn(body) || nested(error?.["message"] ?? error ?? body["message"]) };
  const code = asText(source["code"]) || asText(body["code"]);
  const type = asText(source["type"]) || asText(body["error_type"]);
  if (code) server.code = code;
  if (type) server.type = type;
  return server;
}

function messageIn(body: Record<string, unknown>): string {
  for (const { path, as } of ERROR_MESSAGES) {
    const value = path.reduce<unknown>((inside, field) => asRecord(inside)?.[field], body);
    const isText = as === "words" ? typeof value === "string" : as !== "list";
    const message = (isText && asText(value)) || (as !== "text" && texts(value));
    if (message) return message;
  }
  return "";
}

/** Joins a list of texts and `ERROR_ITEMS`; blank for anything else. `loc` is the place of a wrong value. */
function texts(value: unknown): string {
  if (!Array.isArray(value)) return "";
  return value
    .map((item) => {
      const record = asRecord(item);
      if (!record) return asText(item) ?? "";
      const { loc } = record;
      const place = Array.isArray(loc) ? ` (${loc.map((part) => asText(part) ?? "?").join(".")})` : "";
      const field = ERROR_ITEMS.find(({ field }) => asText(record[field]));
      return field ? asText(record[field.field]) + place : "";
    })
    .filter(Boolean)
    .join("; ");
}

function nested(value: unknown): string {
  const record = asRecord(value);
  return record && Object.keys(record).length > 0 ? toJson(record) : "";
}

function plainText(text: string): string {
  if (!/^\s*</.test(text)) return text;
  return /<title[^<>]*>([^<]*)<\/title>/i.exec(text)?.[1]?.trim() ?? "";
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
