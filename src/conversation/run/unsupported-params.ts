import { createHash } from "node:crypto";
import { type ChatError, type ChatRequest, type UnsupportedParam, unsupportedParams } from "../../client/internal";

/** Messages may bring any number of models and schemas. */
const MOST_KNOWN = 1000;

/** What servers are known to refuse. */
export class UnsupportedParams {
  readonly #known = new Set<string>();

  /** Whether it is known that a request would be refused so. */
  has(request: ChatRequest, refusal: UnsupportedParam): boolean {
    return this.#known.has(keyOf(request, refusal));
  }

  /** @returns whether this is the first one of its kind for the model */
  add(request: ChatRequest, refusal: UnsupportedParam): boolean {
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

/** Finds what of a request its server does not support, if that is the reason of the error. */
export function unsupportedParam(error: ChatError, request: ChatRequest): UnsupportedParam | undefined {
  return unsupportedParams(error).find(
    (param) => request[param === "json_word" ? "response_format" : param] !== undefined,
  );
}
