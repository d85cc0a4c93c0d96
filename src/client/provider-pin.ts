import type { ChatError } from "./errors/chat-error";
import { unsupportedWords } from "./errors/error-dialects";
import type { ChatRequest, Completion } from "./types";

/** Names of providers as the router writes them in `x-inference-provider` (hub-docs, `inference-providers/index.md`). */
const PROVIDER = /^[\w.-]{1,64}$/;
/** Errors below HTTP, or in a reply, after which another provider may do better. A router that is not reached has none. */
const LOST = new Set([
  "silent",
  "silent_at_home",
  "connection_closed",
  "connection_cut",
  "connection_lost",
  "reply_error",
  "reply_senseless",
  "reply_without_calls",
  "reply_incomplete",
  "reply_damaged",
]);
/** What an error says that may be the fault of this provider alone. */
const NAMES_SERVING = /\b(model|provider)s?\b/i;

/**
 * The provider that is to serve a question behind the router, since it served those before: its prompt cache counts, and
 * the answers keep their character. It is named when the body is written, and nowhere else.
 */
export class ProviderPin {
  readonly #provider: string;

  private constructor(provider: string) {
    this.#provider = provider;
  }

  /**
   * @param provider - undefined for none
   * @returns undefined where the model's name says already who serves it
   */
  static of(provider: string | undefined, model: string): ProviderPin | undefined {
    if (provider === undefined || model.includes(":") || !PROVIDER.test(provider)) return undefined;
    return new ProviderPin(provider);
  }

  /** Returns the request with the provider in the model's name. */
  write(request: ChatRequest): ChatRequest {
    return { ...request, model: this.#name(request.model) };
  }

  /** Takes the provider out of a reply's name of the model, where the router repeats what it was asked for. */
  clean(model: string, completion: Completion): void {
    if (completion.model === this.#name(model)) completion.model = model;
  }

  /** True if a failure may be the provider's alone, so that the question is worth asking without it. */
  isDroppedBy(error: ChatError | undefined): boolean {
    if (!error) return false;
    const { key, cause, params } = error;
    const { status, code = "" } = cause;
    if (status === undefined) return LOST.has(key);
    if (status === 404 || status === 429 || status >= 500) return true;
    if (status !== 400 && status !== 422) return false;
    const said = `${code.replaceAll("_", " ")} ${String(params["message"] ?? "")}`;
    return NAMES_SERVING.test(said) || said.includes(this.#provider) || unsupportedWords.test(said);
  }

  #name(model: string): string {
    return `${model}:${this.#provider}`;
  }
}
