import { createHash } from "node:crypto";
import { type ChatError, type ChatRequest, type UnsupportedParam, unsupportedParams } from "../../client/internal";
import { BoundedMap } from "../bounded-map";

/** Messages may bring any number of models and schemas. */
const MOST_KNOWN = 1000;

/** Remembers what servers do not support. */
export class UnsupportedParams {
  readonly #known = new BoundedMap<true>({ count: MOST_KNOWN });

  /** True if nothing is known yet, as with most servers. */
  isEmpty = true;

  /** True if it is known that the server does not support this of a request. */
  has(request: ChatRequest, param: UnsupportedParam): boolean {
    return this.#known.has(keyOf(request, param));
  }

  /** @returns true for the first one of its kind for the model */
  add(request: ChatRequest, param: UnsupportedParam): boolean {
    this.isEmpty = false;
    const ofModel = `${param} ${request.model}`;
    const isNew = !this.#known.has(ofModel);
    for (const key of [ofModel, keyOf(request, param)]) this.#known.set(key, true);
    return isNew;
  }
}

/** Returns the key of a parameter. The schema is part of it: it may be the schema that is wrong. */
function keyOf(request: ChatRequest, param: UnsupportedParam): string {
  if (param !== "response_format") return `${param} ${request.model}`;
  const format = JSON.stringify(request["response_format"]) ?? "";
  return `${param} ${request.model} ${createHash("sha1").update(format).digest("base64")}`;
}

/** Finds what of a request its server does not support, if that is the reason of the error. */
export function unsupportedParam(error: ChatError, request: ChatRequest): UnsupportedParam | undefined {
  return unsupportedParams(error).find(
    (param) => request[param === "json_word" ? "response_format" : param] !== undefined,
  );
}
