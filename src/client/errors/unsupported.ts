import { REASONING_FIELDS } from "../completion/dialects";
import type { ChatRequest } from "../types";
import { asRecord, asText, parseJson } from "../unknown";
import type { ChatError } from "./chat-error";
import { HELD_BACK, UNSUPPORTED_PARAMS, unsupportedWords } from "./error-dialects";

/**
 * What a server may not take: a field that a question can do without, or a way to use several. `json_word` is a
 * `response_format` while no message speaks of JSON, `stream_tools` a stream with tools, `reasoning` the reasoning in
 * messages, `null_content` a `content` of null beside calls, `tool_schema` what only some servers know in schemas of tools.
 */
export type UnsupportedParam = (typeof UNSUPPORTED_PARAMS)[number]["param"];

/** An answer with which a server rejects a request. */
interface Rejection {
  status: number | undefined;
  /** The message in it. */
  message: string;
  body: string | undefined;
}

const STATUSES = [400, 422, 500, 501];

/** The code of an error for a call that the server could not read, and the field with the call (huggingface/smolagents#1119). */
const FAILED_CALL = { code: "tool_use_failed", field: "failed_generation" };

/** Returns what of a request an error names as not supported, the surest first; nothing for any other error. */
export function unsupportedParams({ cause, params }: ChatError, request: ChatRequest): UnsupportedParam[] {
  // Arguments that do not fit their schema say nothing of what the server takes.
  if (cause.code === FAILED_CALL.code) return [];
  const message = String(params["message"] ?? "");
  return namedParams({ status: cause.status, body: cause.body, message }, request);
}

/** True if an answer names something of a request as not supported. */
export function isUnsupported(rejection: Rejection, request: ChatRequest): boolean {
  return namedParams(rejection, request).length > 0;
}

function namedParams({ status, message, body = "" }: Rejection, request: ChatRequest): UnsupportedParam[] {
  if (status === undefined || !STATUSES.includes(status)) return [];
  // Not the whole body: some servers repeat the request in it. A gateway passes it on as JSON within JSON.
  const param = /"param\\*"\s*:\s*\\*"([^"\\]*)/.exec(body)?.[1] ?? "";
  const hasWords = unsupportedWords.test(message);
  const isNamed = (text: string) => (row: (typeof UNSUPPORTED_PARAMS)[number]) =>
    (row.alone || hasWords) && row.pattern.test(text) && isSent(request, row.param);
  const named = [param, message].flatMap((text) => UNSUPPORTED_PARAMS.filter(isNamed(text)).map((row) => row.param));
  return [...new Set(named)];
}

/** True if a request holds it. */
function isSent(request: ChatRequest, param: UnsupportedParam): boolean {
  switch (param) {
    case "json_word":
      return request["response_format"] !== undefined;
    case "tool_schema":
      return Array.isArray(request["tools"]) && request["tools"].length > 0;
    case "stream_tools":
      return request.stream === true && request["tools"] !== undefined;
    case "reasoning":
      return request.messages.some((message) => {
        const fields = asRecord(message);
        return REASONING_FIELDS.some((field) => fields?.[field] !== undefined);
      });
    case "null_content":
      return request.messages.some((message) => {
        const fields = asRecord(message);
        return fields?.["content"] === null && fields["tool_calls"] !== undefined;
      });
    default:
      return request[param] !== undefined;
  }
}

/**
 * Returns the reply that a server has held back since it is not the JSON that was asked for; blank where the error is too
 * long to have kept it.
 *
 * @returns undefined for any other error
 */
export function heldBackReply(error: ChatError): string | undefined {
  return quotedIn(error, HELD_BACK);
}

/** Returns the call that a server could not read, as `heldBackReply`. */
export function failedCall(error: ChatError): string | undefined {
  return quotedIn(error, [FAILED_CALL]);
}

/** Returns what a model has written before its server made an error of it: of a long text the part that the error has kept. */
export function quotedReply(error: ChatError): string | undefined {
  const quoted = heldBackReply(error) ?? failedCall(error);
  return quoted === "" ? error.cause.body : quoted;
}

function quotedIn({ cause }: ChatError, rows: readonly { code: string; field: string }[]): string | undefined {
  const row = rows.find(({ code }) => code === cause.code);
  if (!row) return undefined;
  const report = asRecord(parseJson(cause.body ?? ""));
  return asText((asRecord(report?.["error"]) ?? report)?.[row.field]) ?? "";
}
