import { isTooDeep, jsonLength } from "../nesting";
import type { PartialCompletion, Usage } from "../types";
import { asRecord, toText } from "../unknown";
import { REPLY_FIELDS } from "./dialects";

/** Up to this length of an event, in characters, each field counts as all of it: measuring would cost more. */
const SHORT_EVENT = 1024;

type Fields = Omit<PartialCompletion, "message" | "reasoningToReturn">;

// As constants they cost no more in a `switch` than literals.
const PADDING = REPLY_FIELDS.padding.field;
const PROVIDER = REPLY_FIELDS.provider.field;
const USAGE_HOLDER = REPLY_FIELDS.usage.field;

/** Collects what a reply says beside its message: id, model, usage, finish reason, and what has no place of its own. */
export class CompletionMetadata {
  readonly #known: Fields = {};
  /** Usage has come where the API has it. Usage inside another field does not count then. */
  #hasUsage = false;
  #logprobs: unknown[] | undefined;
  #usageSize = 0;
  /** Characters counted for each field that keeps only its last value. */
  readonly #sizes = new Map<string, number>();
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
    const known = this.#known;
    for (const name in chunk) {
      const value = chunk[name];
      if (value === null || value === undefined || value === "") continue;
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
        default:
          this.#addExtra(name, value, length);
      }
    }
  }

  setFinishReason(value: unknown, length: number): void {
    this.#known.finish_reason = toText(value);
    this.#count("finish_reason", this.#known.finish_reason, length);
  }

  /** @returns true if a list of them was kept; the caller counts it by the length of the chunk */
  addLogprobs(value: unknown, length: number): boolean {
    const content = asRecord(value)?.["content"];
    if (!Array.isArray(content)) {
      if (this.#logprobs) return false;
      this.#known.logprobs = value;
      this.#count("logprobs", value, length);
      return false;
    }
    this.#logprobs ??= [];
    for (const entry of content) this.#logprobs.push(entry);
    return content.length > 0;
  }

  /** @returns the fields, and the names of those that are left out since they are nested too deep */
  build(): { fields: Fields; leftOut: string[] } {
    const fields = { ...this.#known };
    if (this.#logprobs) fields.logprobs = { content: this.#logprobs };
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

function leaveOut(fields: Record<string, unknown>, names: string[]): string[] {
  const deep = names.filter((name) => isTooDeep(fields[name]));
  for (const name of deep) delete fields[name];
  return deep;
}
