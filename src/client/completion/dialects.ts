/**
 * What servers do differently, as rows of tables: the one place that names them.
 *
 * To add a quirk:
 * 1. Add a row to the table of its kind: what the server sends, who does so, and where to read it. Where several rows
 *    fit, the first one counts.
 * 2. Add an example to `test/unit/client/completion/dialects.test.ts`, which fails for a row without one.
 *
 * A quirk that is a rule and no name has its row in `HABITS`. Tables become lists and maps when this file is loaded:
 * a chunk costs a lookup and nothing more.
 */

/** Who does so, and where to read it: a manual, an issue, or a file in a repository (mostly a recorded reply). */
interface Quirk {
  by: string;
  source: string;
}
type Field = Quirk & { field: string };

/** Fields of a message that hold reasoning. A server that fills two of them says the same in both. */
export const REASONING = [
  { field: "reasoning_content", by: "DeepSeek, vLLM, SGLang, Z.ai, xAI", source: "vercel/ai deepseek-tool-call.json" },
  { field: "reasoning", by: "Groq, Together, OpenRouter, Ollama", source: "vercel/ai groq-reasoning.json" },
  { field: "reasoning_text", by: "chat-ui", source: "huggingface/chat-ui openAIChatToTextGenerationStream.ts" },
  { field: "thinking", by: "serge", source: "huggingface/serge llm_client.py" },
  { field: "reasoning_details", by: "OpenRouter", source: "openrouter.ai/docs/use-cases/reasoning-tokens" },
] as const satisfies Field[];

/** Fields of a content part that make reasoning of it. */
export const REASONING_PARTS = [
  { field: "thinking", by: "Mistral", source: "vercel/ai mistral-reasoning.json" },
  { field: "reasoning", by: "LangChain", source: "langchain-ai/langchain messages/content.py" },
] as const satisfies Field[];

/** Fields of a part, or of an entry of `reasoning_details`, that hold its text. */
export const PART_TEXTS = [
  { field: "text", by: "OpenAI", source: "platform.openai.com/docs/api-reference/chat" },
  { field: "summary", by: "OpenRouter", source: "openrouter.ai/docs/use-cases/reasoning-tokens" },
  { field: "thinking", by: "Mistral", source: "docs.mistral.ai/capabilities/reasoning" },
] as const satisfies Field[];

/** Tags around the reasoning at the beginning of a reply, where the server does not split it off. */
export const THINK_TAGS = [
  { open: "<think>", close: "</think>", by: "DeepSeek-R1", source: "huggingface/huggingface.js tapes.json (Novita)" },
] as const satisfies (Quirk & { open: string; close: string })[];

/** Finish reasons of replies that are not whole: their end is missing, the server held back a part, or it failed. */
export const FINISH_REASONS = [
  { reason: "length", means: "cut", by: "OpenAI", source: "platform.openai.com/docs/api-reference/chat" },
  { reason: "max_tokens", means: "cut", by: "Anthropic", source: "docs.anthropic.com/en/api/messages" },
  { reason: "model_length", means: "cut", by: "Mistral", source: "docs.mistral.ai/api" },
  { reason: "content_filter", means: "filtered", by: "OpenAI, Azure", source: "traceloop/openllmetry test_azure" },
  { reason: "error", means: "failed", by: "OpenRouter, Mistral", source: "openrouter.ai/docs/api/errors" },
] as const satisfies (Quirk & { reason: string; means: "cut" | "filtered" | "failed" })[];

/** Fields beside the choices that are not the API's. All others without a place of their own go to `extra`. */
export const REPLY_FIELDS = {
  provider: { field: "provider", by: "OpenRouter", source: "prism-php/prism Fixtures/openrouter" },
  /** Holds `usage`, which counts where the reply has none. */
  usage: { field: "x_groq", by: "Groq", source: "vercel/ai groq-tool-call.chunks.txt" },
  /** Random characters against traffic analysis. */
  padding: { field: "obfuscation", by: "OpenAI, Azure", source: "vercel/ai azure-model-router.1.chunks.txt" },
} as const satisfies Record<string, Field>;

/** Fields of a tool call that hold its arguments. */
export const CALL_ARGUMENTS = [
  { field: "arguments", by: "OpenAI", source: "platform.openai.com/docs/api-reference/chat" },
  { field: "parameters", by: "TGI 1.4", source: "huggingface/text-generation-inference router/src/lib.rs" },
] as const satisfies Field[];

/** Fields by which a reply without choices is an error, although its status is one of success. */
export const ERROR_MARKS = [
  { field: "error_type", by: "TGI", source: "huggingface/text-generation-inference router/src/server.rs" },
  { field: "object", is: "error", by: "vLLM before August 2025", source: "vllm-project/vllm#12886" },
  { field: "detail", by: "FastAPI", source: "fastapi.tiangolo.com/tutorial/handling-errors" },
] as const satisfies (Field & { is?: string })[];

/**
 * Places of an error's message, the surest first. `as` says what counts there: a `text` (or number), a `list` of texts or
 * `ERROR_ITEMS`, `any` of them, or `words`, where a number is only a mark.
 */
export const ERROR_MESSAGES = [
  {
    path: ["error"],
    as: "words",
    by: "Hugging Face, TGI",
    source: "huggingface/huggingface.js tapes.json 90ce8b1408f4",
  },
  { path: ["error", "message"], as: "any", by: "OpenAI", source: "platform.openai.com/docs/guides/error-codes" },
  { path: ["message"], as: "any", by: "Mistral, Kong", source: "partITech/php-mistral#76" },
  { path: ["detail"], as: "any", by: "FastAPI", source: "huggingface/huggingface.js tapes.json 63ed3f76e28a" },
  { path: ["errors"], as: "list", by: "Cloudflare", source: "cloudflare/cloudflare-docs#15116" },
  { path: ["title"], as: "text", by: "Replicate", source: "huggingface/huggingface.js tapes.json 5167f3d5d234" },
  { path: ["error_description"], as: "text", by: "OAuth gateways", source: "rfc-editor.org/rfc/rfc6749#section-5.2" },
  { path: ["error_message"], as: "text", by: "Venice", source: "NousResearch/hermes-agent#68451" },
  {
    path: ["details"],
    as: "text",
    by: "FMS Guardrails",
    source: "foundation-model-stack/fms-guardrails-orchestrator#436",
  },
] as const satisfies (Quirk & { path: readonly string[]; as: "text" | "list" | "any" | "words" })[];

/** Fields of an entry in a list of errors that hold its message. */
export const ERROR_ITEMS = [
  { field: "message", by: "Cloudflare", source: "cloudflare/cloudflare-docs#15116" },
  { field: "msg", by: "FastAPI", source: "huggingface/huggingface.js tapes.json 63ed3f76e28a" },
] as const satisfies Field[];

/** Fields of an error inside a reply that name the status behind it. */
export const ERROR_STATUSES = [
  { field: "http_status_code", by: "TGI 2.4.1", source: "huggingface/text-generation-inference#2668" },
  { field: "status_code", by: "Groq", source: "groq/groq-python#119" },
  { field: "status", by: "Replicate", source: "huggingface/huggingface.js tapes.json 5167f3d5d234" },
  { field: "code", by: "OpenRouter, llama.cpp, SGLang", source: "openrouter.ai/docs/api/errors" },
] as const satisfies Field[];

const TGI = { by: "TGI", source: "huggingface/text-generation-inference router/src/server.rs" };
/** Names in `error_type`, and the status behind them. */
export const ERROR_TYPES = [
  { type: "validation", status: 422, ...TGI },
  { type: "template_error", status: 422, ...TGI },
  { type: "missing_template_variable", status: 422, ...TGI },
  { type: "tool_error", status: 422, ...TGI },
  { type: "generation", status: 424, ...TGI },
  { type: "overloaded", status: 429, ...TGI },
  { type: "incomplete_generation", status: 500, ...TGI },
] as const satisfies (Quirk & { type: string; status: number })[];

/** Codes that say more than the status. Of some the name may stand in the type instead. */
export const ERROR_CODES = [
  {
    code: "insufficient_quota",
    orType: true,
    key: "quota_used_up",
    by: "OpenAI",
    source: "ChatGPTNextWeb/NextChat#1792",
  },
  { code: "model_not_found", orType: false, key: "model_not_found", by: "Hugging Face", source: "cline/cline#5098" },
  {
    code: "model_not_supported",
    orType: false,
    key: "model_not_found",
    by: "Hugging Face",
    source: "n4ze3m/page-assist#727",
  },
] as const satisfies (Quirk & { code: string; orType: boolean; key: "quota_used_up" | "model_not_found" })[];

/** Signs in the code and type, or in the message, of a 429 that it is a quota: it does not come back within a retry. */
export const QUOTAS = [
  {
    in: "code",
    pattern: /insufficient_quota|billing|credit/i,
    by: "OpenAI",
    source: "platform.openai.com/docs/guides/error-codes",
  },
  {
    in: "message",
    pattern: /exceeded your (current|monthly) (quota|included|usage|spending|credit)/i,
    by: "OpenAI, Hugging Face",
    source: "huggingface/agents-course#386",
  },
  {
    in: "message",
    pattern: /(insufficient|depleted).{0,30}(quota|credit|balance|funds)/i,
    by: "DeepSeek, Hugging Face",
    source: "continuedev/continue#9942",
  },
] as const satisfies (Quirk & { in: "code" | "message"; pattern: RegExp })[];

/**
 * How a rejected request (400, 422) names what the server does not support: a field, or a `response_format` while no
 * message speaks of JSON.
 */
export const UNSUPPORTED_PARAMS = [
  {
    param: "json_word",
    pattern: /must contain the word ['"]?json/i,
    by: "OpenAI",
    source: "platform.openai.com JSON mode",
  },
  {
    param: "stream_options",
    pattern: /stream.?options|include.?usage/i,
    by: "Azure",
    source: "openai/openai-python#1469",
  },
  {
    param: "response_format",
    pattern: /response.?format|json.?schema|json.?object|json.?mode|structured.?output/i,
    by: "OpenAI, Azure, DeepSeek",
    source: "platform.openai.com/docs/guides/structured-outputs",
  },
  { param: "response_format", pattern: /schema|grammar/i, by: "TGI, llama.cpp", source: TGI.source },
  { param: "response_format", pattern: /guided/i, by: "vLLM", source: "vllm-project/vllm#15236" },
] as const satisfies (Quirk & { param: string; pattern: RegExp })[];

/** Codes of an answer that holds back a reply which is not the JSON that was asked for, and the field with its text. */
export const HELD_BACK = [
  {
    code: "json_validate_failed",
    field: "failed_generation",
    by: "Groq",
    source: "thepersonalaicompany/amurex-backend#38",
  },
] as const satisfies (Field & { code: string })[];

/** Headers of an answer, all in small letters. */
export const HEADERS = {
  provider: { header: "x-inference-provider", by: "Hugging Face", source: "huggingface/chat-ui endpointOai.ts" },
  request_id: { header: "x-request-id", by: "Hugging Face, OpenAI", source: "huggingface/chat-ui endpointOai.ts" },
  error_message: { header: "x-error-message", by: "Hugging Face", source: "huggingface/huggingface_hub _http.py" },
  error_code: { header: "x-error-code", by: "Hugging Face", source: "huggingface/huggingface_hub _http.py" },
} as const satisfies Record<string, Quirk & { header: string }>;

/**
 * Rules that code follows for all servers, since some of them need it. Nothing reads this table but its test, which proves
 * each row.
 */
export const HABITS = {
  "a whole message beside an empty delta": { by: "Perplexity", source: "crmne/ruby_llm perplexity_sonar cassettes" },
  "an index of the choice that counts tokens": {
    by: "TGI 1.4",
    source: "huggingface/huggingface.js tapes.json 37613c5925dc",
  },
  "reasoning in two fields at once": { by: "OpenRouter", source: "openrouter.ai/docs/use-cases/reasoning-tokens" },
  "no finish reason, or a blank one": { by: "Snowflake", source: "truera/trulens#2240" },
  "usage in every chunk": { by: "Hyperbolic, Perplexity", source: "vercel/ai perplexity-citations.chunks.txt" },
  "usage behind the last choice": { by: "OpenAI", source: "huggingface/huggingface.js tapes.json b506912c2730" },
  "a bare tool call, not in a list": { by: "TGI 1.4", source: TGI.source },
  "the same id and index for every call": { by: "TGI", source: TGI.source },
  "a first index of 1": { by: "Anthropic", source: "vercel/ai anthropic-fallback-tool-call.sse" },
  "a blank id in later deltas": { by: "Alibaba", source: "vercel/ai alibaba-tool-call.chunks.txt" },
  "a blank name in later deltas": { by: "Mistral", source: "vercel/ai mistral-incremental-tool-call.chunks.txt" },
  "arguments as an object": { by: "TGI 1.4", source: TGI.source },
  "null as arguments of a function without parameters": { by: "Groq", source: "langchain-ai/langchain#33896" },
  "parses the arguments of all calls sent back": { by: "vLLM", source: "vllm-project/vllm#43995" },
  "refuses a bare text as stop": { by: "TGI", source: TGI.source },
  "a function name of 1 to 64 letters, digits, _ and -": {
    by: "OpenAI",
    source: "platform.openai.com/docs/api-reference/chat",
  },
  "Retry-After with a reply that is fine": {
    by: "Together",
    source: "huggingface/huggingface.js tapes.json d5c6752ccee8",
  },
  "statuses 520 to 529 for a server that is away": {
    by: "Cloudflare",
    source: "developers.cloudflare.com/support/troubleshooting",
  },
  "status 421 for a base URL without /v1": {
    by: "OpenAI",
    source: "huggingface/huggingface.js tapes.json bec17141757f",
  },
  "status 424 for a generation that failed": TGI,
  "an error wrapped into an array": { by: "Google", source: "google-gemini/gemini-cli#16987" },
  "an error in a field of the event stream": {
    by: "llama.cpp, GPUStack",
    source: "ggml-org/llama.cpp examples/server/utils.hpp (February 2025)",
  },
} as const satisfies Record<string, Quirk>;

/** The names alone, in the order of their rows. */
export const REASONING_FIELDS = REASONING.map(({ field }) => field);
/** What finish reasons say of replies that are not whole. */
export const FINISH_MEANINGS: ReadonlyMap<string | undefined, "cut" | "filtered" | "failed"> = new Map(
  FINISH_REASONS.map(({ reason, means }) => [reason, means]),
);

/** The value of the first field that is there. */
export function firstOf(record: Record<string, unknown>, fields: readonly { field: string }[]): unknown {
  for (const { field } of fields) if (record[field] != null) return record[field];
  return undefined;
}
