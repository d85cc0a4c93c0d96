/**
 * What servers do differently, as rows of tables: the one place that names them, with `errors/error-dialects.ts` for errors.
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
export interface Quirk {
  by: string;
  source: string;
}
export type Field = Quirk & { field: string };

/** Fields of `usage` that say what the server has charged, in USD. */
export const REPORTED_COSTS = [
  { field: "cost", by: "OpenRouter", source: "openrouter.ai/docs/use-cases/usage-accounting" },
  { field: "estimated_cost", by: "DeepInfra", source: "deepinfra.com/docs/openai_api" },
] as const satisfies Field[];

/** Fields of `usage`, or of an object in it, that say how much of the prompt came from a cache. */
export const CACHED_TOKENS = [
  {
    inside: "prompt_tokens_details",
    field: "cached_tokens",
    by: "OpenAI",
    source: "platform.openai.com/docs/guides/prompt-caching",
  },
  { field: "cached_tokens", by: "Moonshot", source: "vercel/ai kimi-k3-moonshotai" },
  { field: "prompt_cache_hit_tokens", by: "DeepSeek", source: "vercel/ai deepseek-tool-call.json" },
] as const satisfies (Field & { inside?: string })[];

/**
 * Fields of a provider's prices in a list of models that hold the price of tokens from a cache, in the unit of their
 * neighbours. The router's list has had `input` and `output` alone so far (models.dev reads no more of it, either): these
 * are the names that lists of its like have.
 */
export const CACHED_PRICES = [
  { field: "cache_read_tokens", by: "DeepInfra", source: "api.deepinfra.com/v1/openai/models" },
  { field: "input_cache_read", by: "OpenRouter", source: "openrouter.ai/docs/api-reference/list-available-models" },
  { field: "cached_input", by: "OpenAI", source: "platform.openai.com/docs/pricing" },
  { field: "cache_read", by: "models.dev", source: "models.dev/api.json" },
] as const satisfies Field[];

export type FinishMeaning = "cut" | "filtered" | "failed" | "calls";

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
  { field: "thinking", by: "Mistral", source: "docs.mistral.ai/inference/conversations/reasoning" },
] as const satisfies Field[];

/** Tags around the reasoning at the beginning of a reply, where the server does not split it off. */
export const THINK_TAGS = [
  { open: "<think>", close: "</think>", by: "DeepSeek-R1", source: "huggingface/huggingface.js tapes.json (Novita)" },
] as const satisfies (Quirk & { open: string; close: string })[];

/**
 * Finish reasons that are more than an end: the reply is cut, the server held back a part, it failed, or it says that there
 * are calls.
 */
export const FINISH_REASONS = [
  { reason: "tool_calls", means: "calls", by: "OpenAI", source: "platform.openai.com/docs/api-reference/chat" },
  { reason: "function_call", means: "calls", by: "OpenAI", source: "platform.openai.com/docs/api-reference/chat" },
  { reason: "length", means: "cut", by: "OpenAI", source: "platform.openai.com/docs/api-reference/chat" },
  { reason: "max_tokens", means: "cut", by: "Anthropic", source: "docs.anthropic.com/en/api/messages" },
  { reason: "model_length", means: "cut", by: "Mistral", source: "docs.mistral.ai/api" },
  { reason: "content_filter", means: "filtered", by: "OpenAI, Azure", source: "traceloop/openllmetry test_azure" },
  { reason: "MAX_TOKENS", means: "cut", by: "Gemini", source: "genkit-ai/genkit-dart#425" },
  { reason: "sensitive", means: "filtered", by: "Z.ai", source: "pydantic/pydantic-ai#7678" },
  { reason: "error", means: "failed", by: "OpenRouter, Mistral", source: "openrouter.ai/docs/api/errors" },
  { reason: "abort", means: "failed", by: "vLLM, SGLang", source: "vllm-project/vllm#57082" },
  { reason: "network_error", means: "failed", by: "Z.ai", source: "theopenco/llmgateway#1588" },
  {
    reason: "insufficient_system_resource",
    means: "failed",
    by: "DeepSeek",
    source: "docs.rs/crate/ds-api src/raw/response/non_streaming/finish_reason.rs",
  },
] as const satisfies (Quirk & { reason: string; means: FinishMeaning })[];

/** Fields beside the choices that are not the API's. All others without a place of their own go to `extra`. */
export const REPLY_FIELDS = {
  provider: { field: "provider", by: "OpenRouter", source: "prism-php/prism Fixtures/openrouter" },
  /** Holds `usage`, which counts where the reply has none. */
  usage: { field: "x_groq", by: "Groq", source: "vercel/ai groq-tool-call.chunks.txt" },
  /** How much of the prompt it has read, in events of their own. */
  prompt_progress: { field: "prompt_progress", by: "llama.cpp", source: "ggml-org/llama.cpp tools/server/README.md" },
  /** Random characters against traffic analysis. */
  padding: { field: "obfuscation", by: "OpenAI, Azure", source: "vercel/ai azure-model-router.1.chunks.txt" },
} as const satisfies Record<string, Field>;

/** Fields of a tool call that hold its arguments. */
export const CALL_ARGUMENTS = [
  { field: "arguments", by: "OpenAI", source: "platform.openai.com/docs/api-reference/chat" },
  { field: "parameters", by: "TGI 1.4", source: "huggingface/text-generation-inference router/src/lib.rs" },
] as const satisfies Field[];

export const TGI = { by: "TGI", source: "huggingface/text-generation-inference router/src/server.rs" };

/**
 * Hosts that know no `chat_template_kwargs`, since no user of theirs chooses a template. Hugging Face's own are known
 * without a row.
 */
export const WITHOUT_TEMPLATES = [
  { host: /^api\.openai\.com$/, by: "OpenAI", source: "TutteInstitute/toponymy#148" },
  { host: /\.openai\.azure\.com$/, by: "Azure", source: "TutteInstitute/toponymy#148" },
] as const satisfies (Quirk & { host: RegExp })[];

/**
 * Servers at home: how their replies, or else their port, tell them apart; and where each tells the window of a loaded
 * model's context, beside `/v1`.
 */
export const LOCAL_SERVERS = [
  {
    kind: "ollama",
    fingerprint: /^fp_ollama$/,
    field: undefined,
    port: "11434",
    window: { path: "/api/ps", models: "models", field: "context_length" },
    by: "Ollama",
    source: "ollama/ollama docs/api.md",
  },
  {
    kind: "llamacpp",
    fingerprint: /^b\d+-/,
    field: "timings",
    port: undefined,
    window: { path: "/props", models: undefined, field: "n_ctx" },
    by: "llama.cpp",
    source: "ggml-org/llama.cpp tools/server/README.md",
  },
] as const satisfies (Quirk & { kind: string; [field: string]: unknown })[];

/** Headers of an answer, all in small letters. */
export const HEADERS = {
  provider: { header: "x-inference-provider", by: "Hugging Face", source: "huggingface/chat-ui endpointOai.ts" },
  request_id: { header: "x-request-id", by: "Hugging Face, OpenAI", source: "huggingface/chat-ui endpointOai.ts" },
  error_message: { header: "x-error-message", by: "Hugging Face", source: "huggingface/huggingface_hub _http.py" },
  error_code: { header: "x-error-code", by: "Hugging Face", source: "huggingface/huggingface_hub _http.py" },
} as const satisfies Record<string, Quirk & { header: string }>;

/** How a server shows that it tells how much of a prompt it has read, if asked to. */
export const PROMPT_READERS = [
  {
    in: "server",
    pattern: /^llama\.cpp\b/i,
    by: "llama.cpp",
    source: "ggml-org/llama.cpp tools/server/server-http.cpp",
  },
  { in: "owned_by", pattern: /^llamacpp$/i, by: "llama.cpp", source: "ggml-org/llama.cpp tools/server/README.md" },
] as const satisfies (Quirk & { in: "server" | "owned_by"; pattern: RegExp })[];

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
  "refuses a grammar together with tools": { by: "TGI", source: TGI.source },
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
  "an error wrapped into an array": { by: "Google", source: "SuzumiyaAkizuki/ComfyUI-NewBie-LLM-Formatter#3" },
  "an error in a field of the event stream": {
    by: "llama.cpp, GPUStack",
    source: "ggml-org/llama.cpp examples/server/utils.hpp (February 2025)",
  },
} as const satisfies Record<string, Quirk>;

/** The names alone, in the order of their rows. */
export const REASONING_FIELDS = REASONING.map(({ field }) => field);
/** What finish reasons say besides that a reply has ended. */
export const FINISH_MEANINGS: ReadonlyMap<string | undefined, FinishMeaning> = new Map(
  FINISH_REASONS.map(({ reason, means }) => [reason, means]),
);

/** The value of the first field that is there. */
export function firstOf(record: Record<string, unknown>, fields: readonly { field: string }[]): unknown {
  for (const { field } of fields) if (record[field] != null) return record[field];
  return undefined;
}
