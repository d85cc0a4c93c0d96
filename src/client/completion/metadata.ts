import { isTooDeep, jsonLength } from "../nesting";
import type { PartialCompletion, PromptProgress, Usage } from "../types";
import { asRecord, toText } from "../unknown";
import { REPLY_FIELDS } from "./dialects";

/** Up to this length of an event, in characters, each field counts as all of it: measuring would cost more. */
const SHORT_EVENT = 1024;

type Fields = Omit<PartialCompletion, "message" | "reasoningToReturn">;

// As constants they cost no more in a `switch` than literals.
const PADDING = REPLY_FIELDS.padding.field;
const PROMPT_PROGRESS = REPLY_FIELDS.prompt_progress.field;
const PROVIDER = REPLY_FIELDS.provider.field;
const USAGE_HOLDER = REPLY_FIELDS.usage.field;

/** Collects what a reply says beside its message: id, model, usage, finish reason, and what has no place of its own. */
export class CompletionMetadata {
  readonly #known: Fields = {};
  /** Usage has come where the API has it. Usage inside another field does not count then. */
  #hasUsage = false;
  /** Lists of log probabilities: of the content, of the reasoning, of a refusal. */
  #logprobs: Record<string, unknown[]> | undefined;
  #usageSize = 0;
  /** Characters counted for each field that keeps only its last value. */
  readonly #sizes = new Map<string, number>();
  /** How much of the prompt the server has read, until somebody takes it. */
  promptProgress: PromptProgress | undefined;
  /** Characters kept, without the log probabilities that come as lists. */
  size = 0;

  get finishReason(): string | undefined {
    return this.#known.finish_reason;
  }

  /** Takes what the headers say of who answered. */
  setOrigin(provider: string | undefined, requestId: string | undefined): void {
    if (provider) this.#known.provider = provider;
    if (requestId) this.#known.request_id = requestId;
  }

  /**
   * Takes all but the choices. Runs for every chunk, so it makes nothing that it does not keep.
   *
   * @param length - of the chunk as JSON text
   */
  add(chunk: Record<string, unknown>, length: number): void {
    for (const name in chunk) this.addField(name, chunk[name], length);
  }

  /** Takes a field of a chunk. @param length - of the chunk as JSON text */
  addField(name: string, value: unknown, length: number): void {
    const known = this.#known;
    if (value === null || value === undefined || value === "") return;
    switch (name) {
      case "choices":
      case "object":
      case PADDING:
      case "__proto__": // would become what `extra` inherits from
        break;
      case "id":
      case "model":
        if (known[name] === undefined) this.#keep(name, toText(value), length);
        break;
      case "created":
        if (known.created === undefined && typeof value === "number") known.created = value;
        break;
      case "usage":
        if (typeof value === "object") {
          known.usage = value as Usage;
          // Some servers send it in every chunk.
          this.size += length - this.#usageSize;
          this.#usageSize = length;
        }
        if (value) this.#hasUsage = true;
        break;
      case PROVIDER:
        if (known.provider === undefined && typeof value === "string") this.#keep(name, value, length);
        break;
      case PROMPT_PROGRESS:
        this.promptProgress = readPromptProgress(value);
        break;
      default:
        this.#addExtra(name, value, length);
    }
  }

  setFinishReason(value: unknown, length: number): void {
    this.#known.finish_reason = toText(value);
    this.#count("finish_reason", this.#known.finish_reason, length);
  }

  /** @returns true if a list of them was kept; the caller counts it by the length of the chunk */
  addLogprobs(value: unknown, length: number): boolean {
    let hasAdded = false;
    let hasList = false;
    const lists = asRecord(value) ?? {};
    for (const name in lists) {
      const list = lists[name];
      if (!Array.isArray(list) || (name !== "content" && list.length === 0) || name === "__proto__") continue;
      hasList = true;
      this.#logprobs ??= {};
      this.#logprobs[name] ??= [];
      for (const entry of list) this.#logprobs[name].push(entry);
      if (list.length > 0) hasAdded = true;
    }
    if (!hasList && !this.#logprobs) {
      this.#known.logprobs = value;
      this.#count("logprobs", value, length);
    }
    return hasAdded;
  }

  /** @returns the fields, and the names of those that are left out since they are nested too deep */
  build(): { fields: Fields; leftOut: string[] } {
    const fields = { ...this.#known };
    if (this.#logprobs) fields.logprobs = this.#logprobs;
    if (fields.extra) fields.extra = { ...fields.extra };
    const leftOut = [...leaveOut(fields, ["usage", "logprobs"])];
    if (fields.extra) leftOut.push(...leaveOut(fields.extra, Object.keys(fields.extra)));
    return { fields, leftOut };
  }

  #addExtra(name: string, value: unknown, length: number): void {
    this.#known.extra ??= {};
    const { extra } = this.#known;
    // It is mostly the same as in the chunk before.
    if (extra[name] === value) return;
    extra[name] = value;
    this.#count(name, value, length);
    if (name !== USAGE_HOLDER || this.#hasUsage) return;
    const usage = asRecord(asRecord(value)?.["usage"]);
    if (usage) this.#known.usage = usage;
  }

  #keep(name: "id" | "model" | "provider", value: string, length: number): void {
    this.#known[name] = value;
    this.#count(name, value, length);
  }

  /** Counts a field in place of its value before. */
  #count(name: string, value: unknown, length: number): void {
    const size = name.length + (length <= SHORT_EVENT ? length : jsonLength(value));
    this.size += size - (this.#sizes.get(name) ?? 0);
    this.#sizes.set(name, size);
  }
}

/** @returns undefined for what makes no sense: nothing but a status depends on it */
function readPromptProgress(value: unknown): PromptProgress | undefined {
  const { processed, total } = asRecord(value) ?? {};
  if (!Number.isFinite(processed) || !Number.isFinite(total)) return undefined;
  return { processed: processed as number, total: total as number };
}

function leaveOut(fields: Record<string, unknown>, names: string[]): string[] {
  const deep = names.filter((name) => isNested(fields[name]) && isTooDeep(fields[name]));
  for (const name of deep) delete fields[name];
  return deep;
}

/** True for a value that holds further ones. Most usage holds numbers alone. */
function isNested(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  for (const item of Object.values(value)) if (typeof item === "object" && item !== null) return true;
  return false;
}
