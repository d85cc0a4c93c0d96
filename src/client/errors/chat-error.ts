import { oneLine } from "../one-line";
import type { Completion, LimitUse } from "../types";
import { asRecord } from "../unknown";
import { CLIENT_SUMMARIES } from "./summaries";
import { CLIENT_ERRORS, type ErrorCode, type ErrorTable, type KeyOf } from "./table";

export type { ErrorCode, ErrorTable };

/**
 * A key of the client's own errors.
 *
 * @internal
 */
export type ErrorKey = KeyOf<typeof CLIENT_ERRORS>;

interface ErrorKind {
  code: ErrorCode;
  /** An English sentence with `__name__` for parameters. */
  text: string;
  /** The same in a few words. */
  summary: string;
}

const KINDS = new Map<string, ErrorKind>();

/**
 * In characters, of an error in a few words with what is filled in.
 *
 * @internal
 */
export const LONGEST_SUMMARY = 64;

export type ErrorParams = Record<string, string | number>;

/** The facts behind an error, as plain data that survives JSON and cloning. */
export interface ErrorCause {
  /** The system's code (`ECONNREFUSED`), or the server's own (`model_not_supported`). */
  code?: string;
  /** HTTP status, or the one that an error inside a stream names. */
  status?: number;
  /** True if the same request may succeed later. */
  retryable: boolean;
  /** HTTP requests made. */
  attempts?: number;
  provider?: string;
  request_id?: string;
  /** In seconds, as the server asks. */
  retry_after?: number;
  /** Of the response, at most 4 KB. */
  body?: string;
  /** What is wrong with a reply that should be JSON. */
  problems?: string[];
  /**
   * The limit of our own that is reached.
   *
   * @internal
   */
  limit?: LimitUse;
}

/**
 * The one error that all layers throw. `String(error)` is a sentence for the user: what failed, what the server said, what
 * to do.
 */
export class ChatError extends Error {
  readonly code: ErrorCode;
  /** Tells errors of one code apart, and names the sentence in the locale files. */
  readonly key: string;
  readonly params: ErrorParams;
  /** The error in a few words, for where a sentence has no room. */
  summary: string;
  /** As text it is `summary`: Node-RED's sidebar shows `String(cause)`. */
  override cause: ErrorCause;
  /** The reply so far, where one had begun. */
  completion?: Completion;

  /**
   * @param params - of the sentence, without secrets; texts are cleaned and cut
   * @param cause - without secrets; `retryable` is false unless said
   * @internal
   */
  constructor(key: ErrorKey, params: ErrorParams = {}, cause: Partial<ErrorCause> = {}) {
    const flat = Object.fromEntries(
      // A name may come from a stranger, and a parser's reason quotes what it read.
      Object.entries(params).map(([name, value]) => [name, typeof value === "string" ? oneLine(value) : value]),
    );
    // Plain JavaScript may pass any key.
    const { code, text, summary } = KINDS.get(key) ?? { code: "provider_unavailable", text: key, summary: key };
    super(fillIn(text, flat));
    this.key = key;
    this.code = code;
    this.params = flat;
    this.summary = fillIn(summary, flat).slice(0, LONGEST_SUMMARY);
    this.cause = { retryable: false, ...cause };
    // Not enumerable: the cause stays plain data where it is copied.
    Object.defineProperty(this.cause, "toString", { value: () => this.summary, configurable: true });
  }

  /**
   * Returns the same error with other parameters, and without its cause.
   *
   * @internal
   */
  withParams(params: ErrorParams): ChatError {
    return new ChatError(this.key as ErrorKey, params);
  }

  /** Returns the sentence alone: `Error.prototype.toString` would put the class's name before it. */
  override toString(): string {
    return this.message;
  }
}

/**
 * `ChatError` as a layer sees it: the constructor takes the keys of its own errors, and of those below it.
 *
 * @internal
 */
export interface ErrorClass<Key extends string> {
  new (key: Key, params?: ErrorParams, cause?: Partial<ErrorCause>): ChatError;
  readonly prototype: ChatError;
}

/**
 * Adds the errors of a layer to those that `ChatError` knows.
 *
 * @param below - the class as the layer below sees it
 * @param summaries - the errors in a few words, by key; the code stands in for one that is missing
 * @returns the same class, for which the keys of `table` are checked, too
 * @internal
 */
export function defineErrors<Below extends string, Table extends ErrorTable>(
  below: ErrorClass<Below>,
  table: Table,
  summaries: Readonly<Record<string, string>> = {},
): ErrorClass<Below | KeyOf<Table>> {
  for (const [code, texts] of Object.entries(table)) {
    for (const [key, text] of Object.entries(texts)) {
      KINDS.set(key, { code: code as ErrorCode, text, summary: summaries[key] ?? code });
    }
  }
  return below as ErrorClass<Below | KeyOf<Table>>;
}

defineErrors(ChatError, CLIENT_ERRORS, CLIENT_SUMMARIES);

/**
 * Replaces sentences of the client, for a program whose users can follow other advice than a script's.
 *
 * @internal
 */
export function reword(texts: { readonly [K in ErrorKey]?: string }): void {
  for (const [key, text] of Object.entries(texts)) {
    const kind = KINDS.get(key);
    if (kind) kind.text = text;
  }
}

/**
 * Makes a ChatError of whatever was thrown. Anything else than a ChatError is a fault of our own code or of a library, and
 * says so.
 *
 * @internal
 */
export function asChatError(error: unknown): ChatError {
  return asKnown(error) ?? new ChatError("internal", { reason: reasonOf(error) });
}

/**
 * The same for what was thrown while a message was read: the mistake is in what the message holds.
 *
 * @internal
 */
export function asInputError(error: unknown): ChatError {
  return asKnown(error) ?? new ChatError("request_unsendable", { reason: reasonOf(error) });
}

/**
 * Returns the first line of what was thrown, in words.
 *
 * @internal
 */
export function reasonOf(error: unknown): string {
  return thrownText(error).split("\n")[0] || "no reason given";
}

/**
 * Returns what was thrown, in words: the message of an error, or of an object like one. Never throws: getters can throw
 * anything, also what throws when it is read.
 *
 * @internal
 */
export function thrownText(error: unknown): string {
  try {
    const message = asRecord(error)?.["message"];
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
 * True if another model may do better: the server says by its status that this one is overloaded, unknown or out of order. A
 * connection that fails says nothing of the model.
 *
 * @internal
 */
export function isOfModel({ code, cause }: ChatError): boolean {
  const codes: ErrorCode[] = ["rate_limit", "not_found", "provider_unavailable"];
  return cause.status !== undefined && cause.status >= 400 && codes.includes(code);
}

/**
 * Puts `params` into the `__name__` places of `template`; a place without a parameter stays as it is.
 *
 * @internal
 */
export function fillIn(template: string, params: ErrorParams): string {
  return template.replace(/__([a-z_]+?)__/g, (place, name: string) => String(params[name] ?? place));
}
