import { createHash } from "node:crypto";
import { asRecord, asText, type ChatError, type ChatRequest, type Completion } from "../../client/internal";

/**
 * What a server will not take as it is: a field that a question can do without, or a `response_format` while no message
 * speaks of JSON (OpenAI and others want the word there).
 */
export type UnsupportedParam = "response_format" | "stream_options" | "json_word";

/** How refusals name a field. TGI speaks of grammars, others of the schema; the words of vLLM and OpenAI name the field. */
const NAMES = {
  json_word: /must contain the word ['"]?json/i,
  stream_options: /stream.?options|include.?usage/i,
  response_format: /response.?format|json.?schema|json.?object|json.?mode|structured.?output|schema|grammar|guided/i,
} satisfies Record<UnsupportedParam, RegExp>;

/** Messages may bring any number of models and schemas. */
const MOST_KNOWN = 1000;

/** What servers are known to refuse. */
export class UnsupportedParams {
  readonly #known = new Set<string>();
  /** Whether nothing is known yet. */
  isEmpty = true;

  /** Whether it is known that a request would be refused so. */
  has(request: ChatRequest, refusal: UnsupportedParam): boolean {
    return this.#known.has(keyOf(request, refusal));
  }

  /** @returns whether this is the first one of its kind for the model */
  add(request: ChatRequest, refusal: UnsupportedParam): boolean {
    this.isEmpty = false;
    const ofModel = `${refusal} ${request.model}`;
    const isNew = !this.#known.has(ofModel);
    for (const key of [ofModel, keyOf(request, refusal)]) this.#known.add(key);
    for (const oldest of this.#known) {
      if (this.#known.size <= MOST_KNOWN) break;
      this.#known.delete(oldest);
    }
    return isNew;
  }
}

/** A schema that is refused says nothing of others: it may be the schema that is wrong. */
function keyOf(request: ChatRequest, refusal: UnsupportedParam): string {
  if (refusal !== "response_format") return `${refusal} ${request.model}`;
  const format = JSON.stringify(request["response_format"]) ?? "";
  return `${refusal} ${request.model} ${createHash("sha1").update(format).digest("base64")}`;
}

/**
 * What of a request its server refuses: a 400 or 422 whose text or `param` names it.
 *
 * @returns undefined if the error has another reason
 */
export function unsupportedParam(error: ChatError, request: ChatRequest): UnsupportedParam | undefined {
  const { status, body = "" } = error.cause;
  if (status !== 400 && status !== 422) return undefined;
  // The sentence alone and not the whole body, in which FastAPI repeats the request.
  const param = /"param"\s*:\s*"([^"]*)"/.exec(body)?.[1] ?? "";
  const text = `${param} ${error.params["message"] ?? ""}`;
  const possible = (Object.keys(NAMES) as UnsupportedParam[]).filter(
    (refusal) => request[refusal === "json_word" ? "response_format" : refusal] !== undefined,
  );
  return possible.find((refusal) => NAMES[refusal].test(text));
}

/**
 * The reply that a server has held back since it is not the JSON that was asked for. Groq checks that itself and answers
 * 400 `json_validate_failed`, with the text in `failed_generation`.
 *
 * @returns undefined for any other error
 */
export function heldBackReply(error: ChatError): Completion | undefined {
  if (error.cause.code !== "json_validate_failed" || !error.completion) return undefined;
  return { ...error.completion, message: { role: "assistant", content: failedGeneration(error.cause.body ?? "") } };
}

function failedGeneration(body: string): string {
  try {
    const report = asRecord(JSON.parse(body));
    return asText((asRecord(report?.["error"]) ?? report)?.["failed_generation"]) ?? "";
  } catch {
    // cut off at the length that errors keep
    return "";
  }
}
