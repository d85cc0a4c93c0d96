import { oneLine } from "../one-line";
import type { Completion } from "../types";
import { asRecord } from "../unknown";
import { type ErrorCode, SENTENCES } from "./table";

export type { ErrorCode };

export type ErrorKey = { [C in ErrorCode]: keyof (typeof SENTENCES)[C] }[ErrorCode];

interface ErrorKind {
  code: ErrorCode;
  text: string;
}

const KINDS = new Map<ErrorKey, ErrorKind>();
for (const [code, texts] of Object.entries(SENTENCES)) {
  for (const [key, text] of Object.entries(texts)) KINDS.set(key as ErrorKey, { code: code as ErrorCode, text });
}

/** All keys with their codes and English sentences, for what writes the locale files and the tests. */
export const ERROR_KINDS: ReadonlyMap<ErrorKey, Readonly<ErrorKind>> = KINDS;

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
   * @param params - what the sentence names; must not contain secrets. Texts in them are cleaned and cut
   * @param cause - the facts, without secrets; `retryable` is false unless said
   */
  constructor(key: ErrorKey, params: ErrorParams = {}, cause: Partial<ErrorCause> = {}) {
    const flat = Object.fromEntries(
      // A name may come from a stranger, and a parser's reason quotes what it read.
      Object.entries(params).map(([name, value]) => [name, typeof value === "string" ? oneLine(value) : value]),
    );
    // A key that comes from plain JavaScript may be none.
    const { code, text } = KINDS.get(key) ?? { code: "provider_unavailable", text: key };
    super(fillIn(text, flat));
    this.key = key;
    this.code = code;
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
