import {
  asRecord,
  asText,
  type ChatError,
  type ChatRequest,
  type Completion,
  type Endpoint,
  isDemo,
  isHuggingFace,
  type Usage,
} from "../../client/internal";
import type { Attributes } from "./listeners";

/** In characters, of what a server or a model says about a reply. */
const LONGEST = 200;

/**
 * Names of providers in OpenTelemetry's conventions, by host. Others go by their host.
 * https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/registry/attributes/gen-ai.md
 */
const PROVIDERS: readonly [host: RegExp, name: string][] = [
  [/^api\.openai\.com$/, "openai"],
  [/\.openai\.azure\.com$/, "azure.ai.openai"],
  [/^api\.groq\.com$/, "groq"],
  [/^api\.mistral\.ai$/, "mistral_ai"],
  [/^api\.deepseek\.com$/, "deepseek"],
  [/^api\.perplexity\.ai$/, "perplexity"],
  [/^api\.x\.ai$/, "x_ai"],
  [/^api\.cohere\.(ai|com)$/, "cohere"],
];

/** Numbers of a request that have an attribute, by their name in the API. */
const SETTINGS = ["temperature", "top_p", "max_tokens", "seed", "frequency_penalty", "presence_penalty"];

/** Counts of tokens, by their place in `usage`. */
const TOKENS: readonly [path: [string] | [string, string], attribute: string][] = [
  [["prompt_tokens"], "gen_ai.usage.input_tokens"],
  [["completion_tokens"], "gen_ai.usage.output_tokens"],
  [["prompt_tokens_details", "cached_tokens"], "gen_ai.usage.cache_read.input_tokens"],
  [["completion_tokens_details", "reasoning_tokens"], "gen_ai.usage.reasoning.output_tokens"],
];

/** Says where a request goes. */
export function serverAttributes(endpoint: Endpoint): Attributes {
  if (isDemo(endpoint)) return { "gen_ai.provider.name": "demo" };
  const { hostname, port, protocol } = new URL(endpoint.origin);
  const known = PROVIDERS.find(([host]) => host.test(hostname))?.[1];
  return {
    "gen_ai.provider.name": isHuggingFace(endpoint.origin) ? "huggingface" : (known ?? hostname),
    "server.address": hostname,
    "server.port": Number(port) || (protocol === "https:" ? 443 : 80),
  };
}

/** Says what is asked for, without the messages. */
export function requestAttributes(request: ChatRequest): Attributes {
  const attributes: Attributes = {
    "gen_ai.request.model": request.model,
    "gen_ai.request.stream": request.stream === true,
    "gen_ai.output.type": request["response_format"] === undefined ? "text" : "json",
  };
  for (const name of SETTINGS) {
    const value = request[name];
    if (typeof value === "number") attributes[`gen_ai.request.${name}`] = value;
  }
  return attributes;
}

/** Says what came, without the texts. */
export function replyAttributes(completion: Partial<Completion> | undefined): Attributes {
  if (!completion) return {};
  const { id, model, finish_reason, provider, cost, attempts } = completion;
  const attributes = usageAttributes(completion.usage);
  const texts: [string, string | undefined][] = [
    ["gen_ai.response.id", id],
    ["gen_ai.response.model", model],
    ["huggingface.inference_provider", provider],
  ];
  for (const [name, text] of texts) {
    const value = asText(text)?.slice(0, LONGEST);
    if (value) attributes[name] = value;
  }
  if (finish_reason) attributes["gen_ai.response.finish_reasons"] = [String(finish_reason).slice(0, LONGEST)];
  if (cost !== undefined) attributes["huggingface.cost"] = cost;
  if (attempts) attributes["huggingface.attempts"] = attempts;
  return attributes;
}

/** Returns the seconds from the request to the first piece, without the wait for a slot. */
export function firstChunkAttributes({ stream }: ChatRequest, completion: Partial<Completion> | undefined): Attributes {
  const { first_ms, queued_ms = 0 } = completion?.timing ?? {};
  if (!stream || first_ms === undefined) return {};
  return { "gen_ai.response.time_to_first_chunk": Math.max(0, first_ms - queued_ms) / 1000 };
}

/** Says with which of our codes something failed. The sentence may quote texts, so it stays out. */
export function errorAttributes({ code, cause }: ChatError): Attributes {
  const { status } = cause;
  return { "error.type": code, ...(typeof status === "number" && { "http.response.status_code": status }) };
}

function usageAttributes(usage: Usage | undefined): Attributes {
  const attributes: Attributes = {};
  for (const [[first, second], name] of TOKENS) {
    const value = second === undefined ? usage?.[first] : asRecord(usage?.[first])?.[second];
    if (typeof value === "number") attributes[name] = value;
  }
  return attributes;
}
