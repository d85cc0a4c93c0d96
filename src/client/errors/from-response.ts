import { type IncomingHttpHeaders, STATUS_CODES } from "node:http";
import { oneLine } from "../one-line";
import { type Redact, withoutUserInfo } from "../redaction";
import { UnknownEncoding } from "../response/body-decoder";
import { isRetryableStatus, LONGEST_WAIT_S, requestedWait } from "../retry";
import { asRecord, asText, firstHeader, toJson } from "../unknown";
import { ChatError, type ErrorCause, type ErrorKey } from "./chat-error";

/** The answer that an error is made from. */
export interface FailedResponse {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

/** What the request was, as far as the sentence for the user names it. */
export interface RequestContext {
  model: string;
  host: string;
  hasToken: boolean;
  /** Keeps secrets out of what is quoted of an answer. */
  redact: Redact;
}

/** Longer error bodies are cut: no message needs more. */
export const LONGEST_ERROR_BODY = 65_536;
/** In characters of what came instead of a reply. */
const LONGEST_QUOTE = 80;
/** In bytes. */
const LONGEST_BODY = 4096;

/** TGI names the kind of an error instead of its status (`server.rs`, `ChatError`). */
const STATUS_OF_TYPE: Record<string, number> = {
  validation: 422,
  template_error: 422,
  missing_template_variable: 422,
  tool_error: 422,
  generation: 424,
  overloaded: 429,
  incomplete_generation: 500,
};

/** The one place that says what a status and body mean for the user. */
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
 * The error that an event of a stream (or a JSON answer with status 200) carries, if it is one. All known shapes:
 * a string or object `error`, an event named `error`, and answers without choices that describe an error.
 *
 * @param value - the parsed data
 * @param eventName - the event's name, if it has one
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
      (Boolean(value["error_type"]) || value["object"] === "error" || Boolean(value["detail"])));
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
 * The error of an answer that is no reply.
 *
 * @param shown - what came instead; the beginning of it is quoted
 * @param status - of the answer; 0 for none
 */
export function senselessReply(shown: string, status: number, context: RequestContext): ChatError {
  const quote = context.redact(shown.slice(0, LONGEST_ERROR_BODY)).slice(0, LONGEST_QUOTE);
  return new ChatError("reply_senseless", { reason: sentence(quote), host: context.host }, status ? { status } : {});
}

/** The error of a body that cannot be unpacked. */
export function brokenBody(error: Error, status: number, context: RequestContext): ChatError {
  if (!(error instanceof UnknownEncoding)) return senselessReply(error.message, status, context);
  // A server chooses the name, too.
  const encoding = context.redact(error.encoding).slice(0, LONGEST_QUOTE);
  return new ChatError("encoding_unknown", { encoding, host: context.host }, { status });
}

function namedStatus(value: Record<string, unknown>): number | undefined {
  const error = asRecord(value["error"]) ?? value;
  const candidates = [error["http_status_code"], error["status_code"], error["status"], error["code"], value["code"]];
  for (const candidate of candidates) {
    // An object that has no text would throw.
    const status = typeof candidate === "object" ? Number.NaN : Number(candidate);
    if (Number.isInteger(status) && status >= 400 && status <= 599) return status;
  }
  const type = asText(value["error_type"]) ?? asText(error["error_type"]) ?? "";
  return Object.hasOwn(STATUS_OF_TYPE, type) ? STATUS_OF_TYPE[type] : undefined;
}

/** Where a redirect leads. */
function locationOf(headers: IncomingHttpHeaders, redact: Redact): string {
  return withoutUserInfo(redact(firstHeader(headers, "location") ?? "?"));
}

function keyFor(status: number, server: ServerMessage, context: RequestContext, wait: number | undefined): ErrorKey {
  const isTooLong = wait !== undefined && wait > LONGEST_WAIT_S;
  if (server.code === "insufficient_quota" || server.type === "insufficient_quota") return "quota_used_up";
  if (server.code === "model_not_found" || server.code === "model_not_supported") return "model_not_found";
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

/** A quota does not come back within a retry: OpenAI and others answer 429 for it all the same. */
function isQuota(server: ServerMessage): boolean {
  return (
    /insufficient_quota|billing|credit/i.test(`${server.code ?? ""} ${server.type ?? ""}`) ||
    /exceeded your (current|monthly) (quota|included|usage|spending|credit)|(insufficient|depleted).{0,30}(quota|credit|balance|funds)/i.test(
      server.message,
    )
  );
}

/** What the server says of a failure. */
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
  const header = firstHeader(response.headers, "x-error-message");
  const code = read.code ?? firstHeader(response.headers, "x-error-code");
  const message = header || (json === undefined ? plainText(text) : "");
  return { ...read, message, ...(code && { code }) };
}

/** Finds the message in the shapes that servers use, in the order of how surely each one is it. */
function readJson(json: unknown): ServerMessage {
  if (typeof json === "string") return { message: json };
  // Some wrap the one error into an array.
  const body = asRecord(Array.isArray(json) ? json[0] : json);
  if (!body) return { message: "" };
  const error = asRecord(body["error"]);
  const source = error ?? body;
  const server: ServerMessage = {
    message:
      (typeof body["error"] === "string" ? body["error"] : "") ||
      asText(error?.["message"]) ||
      texts(error?.["message"]) ||
      texts(body["error"]) ||
      asText(body["message"]) ||
      texts(body["message"]) ||
      asText(body["detail"]) ||
      texts(body["detail"]) ||
      texts(body["errors"]) ||
      asText(body["title"]) ||
      asText(body["error_description"]) ||
      asText(body["error_message"]) ||
      asText(body["details"]) ||
      nested(error?.["message"] ?? error ?? body["message"]),
  };
  const code = asText(source["code"]) || asText(body["code"]);
  const type = asText(source["type"]) || asText(body["error_type"]);
  if (code) server.code = code;
  if (type) server.type = type;
  return server;
}

/** `["…"]`, or FastAPI's `[{ type, loc, msg }]`, or `[{ message }]`. */
function texts(value: unknown): string {
  if (!Array.isArray(value)) return "";
  return value
    .map((item) => {
      const record = asRecord(item);
      if (!record) return asText(item) ?? "";
      const place = Array.isArray(record["loc"])
        ? ` (${record["loc"].map((part) => asText(part) ?? "?").join(".")})`
        : "";
      const message = asText(record["message"]) ?? asText(record["msg"]) ?? "";
      return message && message + place;
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

/** One line that ends like a sentence and is not too long for a debug message. */
export function sentence(text: string): string {
  const line = oneLine(text.trim()).trim();
  return /[.!?…。！？]$/.test(line) ? line : `${line}.`;
}

/** What of a body may be shown, at most 4 KB of it. */
function quoted(body: string, redact: Redact): string {
  return cut(redact(body));
}

function cut(body: string): string {
  const bytes = Buffer.from(body);
  if (bytes.length <= LONGEST_BODY) return body;
  // A character that the cut goes through is left out.
  return bytes.toString("utf8", 0, LONGEST_BODY).replace(/\uFFFD+$/, "");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
