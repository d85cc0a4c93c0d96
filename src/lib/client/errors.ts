import path from "node:path";
import type { Completion } from "./completion";
import { asRecord } from "./json";

/** What a flow can switch on. `cancelled` stays inside: an abort is no error for a flow. */
export type ErrorCode =
  | "auth_error"
  | "rate_limit"
  | "budget_exhausted"
  | "not_found"
  | "invalid_input"
  | "timeout"
  | "provider_unavailable"
  | "tool_failed"
  | "invalid_output"
  | "cancelled";

/**
 * Every way to fail and the code that it has. The sentence of each is in the locale files
 * under `errors.<key>`, with its parameters as `__name__`.
 */
const CODES = {
  // Refused before any request
  config_missing: "invalid_input",
  model_missing: "invalid_input",
  prompt_empty: "invalid_input",
  prompt_buffer: "invalid_input",
  prompt_unsendable: "invalid_input",
  message_not_object: "invalid_input",
  message_role: "invalid_input",
  message_content: "invalid_input",
  message_part: "invalid_input",
  message_image: "invalid_input",
  message_tool_call_id: "invalid_input",
  image_too_big: "invalid_input",
  options_not_object: "invalid_input",
  option_forbidden: "invalid_input",
  option_number: "invalid_input",
  option_boolean: "invalid_input",
  option_text: "invalid_input",
  option_stop: "invalid_input",
  option_choice: "invalid_input",
  n_not_one: "invalid_input",
  extra_reserved: "invalid_input",
  json_invalid: "invalid_input",
  not_an_object: "invalid_input",
  env_missing: "invalid_input",
  property_failed: "invalid_input",
  property_promise: "invalid_input",
  template_failed: "invalid_input",
  output_path: "invalid_input",
  output_failed: "invalid_input",
  memory_unreadable: "invalid_input",
  memory_unwritable: "invalid_input",
  images_invalid: "invalid_input",
  request_unsendable: "invalid_input",
  tool_not_declared: "invalid_input",
  tool_twice: "invalid_input",
  tool_schema: "invalid_input",
  tool_name_missing: "invalid_input",
  function_name: "invalid_input",
  functions_not_list: "invalid_input",
  schema_missing: "invalid_input",
  schema_invalid: "invalid_input",
  base_url_invalid: "invalid_input",
  base_url_credentials: "invalid_input",
  token_invalid: "invalid_input",
  header_invalid: "invalid_input",
  header_reserved: "invalid_input",
  proxy_invalid: "invalid_input",
  tls_invalid: "invalid_input",
  queue_full: "rate_limit",
  // By the status of the server's answer
  token_missing: "auth_error",
  token_refused: "auth_error",
  forbidden: "auth_error",
  credits_used_up: "budget_exhausted",
  quota_used_up: "budget_exhausted",
  model_not_found: "not_found",
  path_not_found: "not_found",
  gone: "not_found",
  refused: "invalid_input",
  too_large: "invalid_input",
  server_timeout: "timeout",
  server_timeout_until: "timeout",
  rate_limited: "rate_limit",
  rate_limited_until: "rate_limit",
  server_failed: "provider_unavailable",
  server_busy: "provider_unavailable",
  server_busy_until: "provider_unavailable",
  not_supported: "provider_unavailable",
  redirected: "provider_unavailable",
  unexpected_status: "provider_unavailable",
  // While talking to the server
  silent: "timeout",
  silent_midway: "timeout",
  host_unknown: "provider_unavailable",
  connection_refused: "provider_unavailable",
  connection_failed: "provider_unavailable",
  connection_lost: "provider_unavailable",
  certificate: "provider_unavailable",
  proxy_refused: "provider_unavailable",
  reply_error: "provider_unavailable",
  reply_senseless: "provider_unavailable",
  reply_incomplete: "provider_unavailable",
  reply_too_long: "provider_unavailable",
  models_unavailable: "provider_unavailable",
  secret_withheld: "invalid_input",
  too_many_steps: "tool_failed",
  output_invalid: "invalid_output",
  output_truncated: "invalid_output",
  output_filtered: "invalid_output",
  internal: "provider_unavailable",
  cancelled: "cancelled",
} as const satisfies Record<string, ErrorCode>;

export type ErrorKey = keyof typeof CODES;

/** All keys, for the test that holds table and locale files equal. */
export const ERROR_KEYS = Object.keys(CODES) as ErrorKey[];

export type ErrorParams = Record<string, string | number>;

/** The facts behind an error, as plain data that survives JSON and cloning. */
export interface ErrorCause {
  /** The system's code (`ECONNREFUSED`), or the server's own (`model_not_supported`). */
  code?: string;
  /** HTTP status, or the one that an error inside a stream names. */
  status?: number;
  /** Whether the same question may succeed when it is asked again later. */
  retryable: boolean;
  /** HTTP requests made for it. */
  attempts?: number;
  provider?: string;
  request_id?: string;
  /** Seconds that the server asks to wait. */
  retry_after?: number;
  /** The server's answer, at most 4 KB. */
  body?: string;
  /** What is wrong with a reply that should be JSON, one short sentence each. */
  problems?: string[];
}

/**
 * The one error that the client and the conversation layer throw. `String(error)` is a sentence for the user:
 * what failed, what the server said, what to do.
 */
export class ChatError extends Error {
  readonly code: ErrorCode;
  readonly key: ErrorKey;
  readonly params: ErrorParams;
  override cause: ErrorCause;
  /** What had come of the reply before it failed. */
  completion?: Completion;

  /**
   * @param key - entry of the table above
   * @param params - what the sentence names; must not contain secrets. Line ends in them become spaces
   * @param cause - the facts, without secrets; `retryable` is false unless said
   */
  constructor(key: ErrorKey, params: ErrorParams = {}, cause: Partial<ErrorCause> = {}) {
    const flat = Object.fromEntries(Object.entries(params).map(([name, value]) => [name, inOneLine(value)]));
    super(englishText(key, flat));
    this.key = key;
    this.code = CODES[key];
    this.params = flat;
    this.cause = { retryable: false, ...cause };
  }

  /** The sentence alone: `Error.prototype.toString` would put the class's name before it. */
  override toString(): string {
    return this.message;
  }
}

/** Makes a ChatError of whatever was thrown: what is none is a mistake of ours or of a library, and says so. */
export function asChatError(error: unknown): ChatError {
  return asKnown(error) ?? new ChatError("internal", { reason: reasonOf(error) });
}

/** The same for what was thrown while a message was read: then the mistake is in what the message holds. */
export function asInputError(error: unknown): ChatError {
  return asKnown(error) ?? new ChatError("request_unsendable", { reason: reasonOf(error) });
}

/** The first line of what was thrown, in words. */
export function reasonOf(error: unknown): string {
  return thrownText(error).split("\n")[0] || "no reason given";
}

/**
 * What was thrown, in words: the message of an error, or of what is like one, such as JSONata throws. Getters in a
 * message can throw anything, also what throws when it is read.
 */
export function thrownText(error: unknown): string {
  try {
    const message = asRecord(error)?.message;
    return String(error instanceof Error || typeof message === "string" ? message : error);
  } catch {
    return "an error that cannot be read";
  }
}

function asKnown(error: unknown): ChatError | undefined {
  try {
    return error instanceof ChatError ? error : undefined;
  } catch {
    // A proxy can refuse even this.
    return undefined;
  }
}

/**
 * Whether another model may do better: the server has no room for this one, does not have it, or it is out of order. It
 * must have said so by a status; a connection that fails says nothing of the model.
 */
export function isOfModel({ code, cause }: ChatError): boolean {
  const codes: ErrorCode[] = ["rate_limit", "not_found", "provider_unavailable"];
  return cause.status !== undefined && cause.status >= 400 && codes.includes(code);
}

/** Puts `params` into the `__name__` places of `template`; a place without a parameter stays as it is. */
export function fillIn(template: string, params: ErrorParams): string {
  return template.replace(/__([a-z_]+?)__/g, (place, name: string) => String(params[name] ?? place));
}

/** A parser's reason quotes what it read, with its line ends. */
function inOneLine(value: string | number): string | number {
  return typeof value === "string" ? value.replace(/[\r\n\u2028\u2029]+/g, " ") : value;
}

// The English sentences are those of the locale file, so that there is one table of them. It is read when the
// first error is made: most flows never need it.
let english: Record<string, string> | undefined;

function englishText(key: ErrorKey, params: ErrorParams): string {
  if (!english) {
    const file = path.join(__dirname, "../../../nodes/locales/en-US/huggingface-chat.json");
    english = require(file)["huggingface-chat"].errors as Record<string, string>;
  }
  return fillIn(english[key] ?? key, params);
}
