import { createHash } from "node:crypto";
import { asRecord, type ChatRequest, type UnsupportedParam } from "../../client/internal";
import { BoundedMap } from "../bounded-map";
import { isDemanding, plainSchema } from "../json/plain-schema";
import type { Schema } from "../json/schema";
import type { Message } from "../request/prompt";
import { addTemplateKwargs } from "../request/thinking";
import { withoutReasoning } from "./for-model";

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

/**
 * Takes out of a request what its server does not support, or puts it in another way; all but what asks for JSON.
 *
 * @param request - a copy of its own
 */
export function leaveOut(
  request: ChatRequest & { messages: Message[] },
  isUnsupported: (param: UnsupportedParam) => boolean,
): void {
  if (isUnsupported("stream_tools") && request["tools"] !== undefined) request.stream = false;
  // Servers refuse them without a stream.
  if (isUnsupported("stream_options") || !request.stream) delete request["stream_options"];
  if (isUnsupported("reasoning_effort")) {
    // The other way to switch thinking off, where it was not sent as well.
    if (request["reasoning_effort"] === "none") addTemplateKwargs(request);
    delete request["reasoning_effort"];
  }
  if (isUnsupported("chat_template_kwargs")) delete request["chat_template_kwargs"];
  if (isUnsupported("max_tokens") && request["max_tokens"] !== undefined) {
    request["max_completion_tokens"] ??= request["max_tokens"];
    delete request["max_tokens"];
  }
  if (isUnsupported("tool_schema")) request["tools"] = withPlainSchemas(request["tools"]);
  for (const field of SAMPLING) if (isUnsupported(field)) delete request[field];
  if (isUnsupported("reasoning")) request.messages = withoutReasoning(request.messages);
  if (isUnsupported("null_content")) request.messages = request.messages.map(withoutNull);
}

/** Fields of the request that models with reasoning refuse. */
const SAMPLING = [
  "temperature",
  "top_p",
  "frequency_penalty",
  "presence_penalty",
] as const satisfies readonly UnsupportedParam[];

/** Returns the key of the warning about a parameter; undefined for what nobody needs to know. */
export function warningOf(param: UnsupportedParam): RefusedParam | undefined {
  if (param === "json_word") return undefined;
  return (SAMPLING as readonly UnsupportedParam[]).includes(param) ? "sampling" : (param as RefusedParam);
}

/** What a warning tells that a server refuses. */
export type RefusedParam = Exclude<UnsupportedParam, "json_word" | (typeof SAMPLING)[number]> | "sampling";

/** True if the tools of a request have schemas that can be written more plainly. */
export function hasDemandingTools({ tools }: ChatRequest): boolean {
  return Array.isArray(tools) && tools.some((tool) => isDemanding(parametersOf(tool)));
}

function withPlainSchemas(tools: unknown): unknown {
  if (!Array.isArray(tools)) return tools;
  return tools.map((tool) => {
    const parameters = parametersOf(tool);
    if (!parameters || !isDemanding(parameters)) return tool;
    // Servers want more of a strict schema than of others.
    const { strict: _, ...declared } = asRecord(asRecord(tool)?.["function"]) ?? {};
    return { ...tool, function: { ...declared, parameters: plainSchema(parameters) } };
  });
}

function parametersOf(tool: unknown): Schema | undefined {
  return asRecord(asRecord(asRecord(tool)?.["function"])?.["parameters"]);
}

function withoutNull(message: Message): Message {
  return message.content === null && message["tool_calls"] !== undefined ? { ...message, content: "" } : message;
}
