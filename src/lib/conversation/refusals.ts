import type { ChatError, ChatRequest } from "../client";

/** A field that a question can do without, if the server refuses it. */
export type RefusedField = "response_format" | "stream_options";

/** How refusals name a field. TGI speaks of grammars, others of the schema; the words of vLLM and OpenAI name the field. */
const NAMES: Record<RefusedField, RegExp> = {
  response_format: /response.?format|json.?schema|json.?object|json.?mode|structured.?output|schema|grammar|guided/i,
  stream_options: /stream.?options|include.?usage/i,
};

/** The fields that servers refuse for their models. */
export class Refusals {
  readonly #known = new Set<string>();

  /** Whether it is known that a model's server refuses a field. */
  has(model: string, field: RefusedField): boolean {
    return this.#known.has(`${field} ${model}`);
  }

  /** @returns whether this is news */
  add(model: string, field: RefusedField): boolean {
    if (this.has(model, field)) return false;
    this.#known.add(`${field} ${model}`);
    return true;
  }
}

/**
 * The field of a request that its server refuses: a 400 or 422 whose text or `param` names it.
 *
 * @returns undefined if the error has another reason
 */
export function refusedField(error: ChatError, request: ChatRequest): RefusedField | undefined {
  const { status, body = "" } = error.cause;
  if (status !== 400 && status !== 422) return undefined;
  // The sentence alone and not the whole body, in which FastAPI repeats the request.
  const param = /"param"\s*:\s*"([^"]*)"/.exec(body)?.[1] ?? "";
  const text = `${param} ${error.params.said ?? ""}`;
  const fields: RefusedField[] = ["stream_options", "response_format"];
  return fields.find((field) => request[field] !== undefined && NAMES[field].test(text));
}
