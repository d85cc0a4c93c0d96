import { type Field, type Quirk, TGI } from "../completion/dialects";
import type { ErrorKey } from "./chat-error";

/**
 * What servers do differently where something fails: tables like those of `completion/dialects.ts`, to which the same
 * rules apply. Of rows for `UNSUPPORTED_PARAMS` the examples are in `test/unit/client/errors/unsupported.test.ts`.
 */

/** Fields by which a reply without choices is an error, although its status is one of success. */
export const ERROR_MARKS = [
  { field: "error_type", by: "TGI", source: "huggingface/text-generation-inference router/src/server.rs" },
  { field: "object", is: "error", by: "vLLM before August 2025", source: "vllm-project/vllm#12886" },
  { field: "detail", by: "FastAPI", source: "fastapi.tiangolo.com/tutorial/handling-errors" },
  { field: "success", is: false, by: "Cloudflare", source: "cloudflare/cloudflare-docs#15116" },
  { field: "base_resp", inside: "status_code", by: "MiniMax", source: "edenai/edenai-apis#360" },
] as const satisfies (Field & { is?: string | boolean; inside?: string })[];

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
  { path: ["base_resp", "status_msg"], as: "text", by: "MiniMax", source: "edenai/edenai-apis#360" },
  {
    path: ["details"],
    as: "text",
    by: "FMS Guardrails",
    source: "foundation-model-stack/fms-guardrails-orchestrator#436",
  },
] as const satisfies (Quirk & { path: readonly string[]; as: "text" | "list" | "any" | "words" })[];

/** Places of what a provider behind a gateway said, in its own words or as its whole error. The gateway's are none of use. */
export const ERRORS_BEHIND = [
  { path: ["error", "metadata", "raw"], by: "OpenRouter", source: "reVrost/go-openrouter#21" },
] as const satisfies (Quirk & { path: readonly string[] })[];

/** Fields of an entry in a list of errors that hold its message. */
export const ERROR_ITEMS = [
  { field: "message", by: "Cloudflare", source: "cloudflare/cloudflare-docs#15116" },
  { field: "msg", by: "FastAPI", source: "huggingface/huggingface.js tapes.json 63ed3f76e28a" },
] as const satisfies Field[];

/** Fields of an error inside a reply that name the status behind it. */
export const ERROR_STATUSES = [
  { field: "http_status_code", by: "TGI", source: "huggingface/text-generation-inference#2668" },
  { field: "status_code", by: "Groq", source: "langchain4j/langchain4j#2585" },
  { field: "status", by: "Replicate", source: "huggingface/huggingface.js tapes.json 5167f3d5d234" },
  { field: "code", by: "OpenRouter, llama.cpp, SGLang", source: "openrouter.ai/docs/api/errors" },
] as const satisfies Field[];

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
    source: "ChatGPTNextWeb/NextChat#3123",
  },
  {
    code: "model_not_found",
    orType: false,
    key: "model_not_found",
    by: "OpenAI, Hugging Face",
    source: "skorokithakis/sysaidmin#9",
  },
  {
    code: "model_not_supported",
    orType: false,
    key: "model_not_found",
    by: "Hugging Face",
    source: "huggingface/smolagents#2584",
  },
  { code: "model_not_available", orType: false, key: "model_not_found", by: "Together", source: "HeyPuter/puter#3168" },
  { code: "model_decommissioned", orType: false, key: "model_not_found", by: "Groq", source: "atiilla/sqlmap-ai#3" },
  { code: "DeploymentNotFound", orType: false, key: "model_not_found", by: "Azure", source: "chatboxai/chatbox#646" },
] as const satisfies (Quirk & { code: string; orType: boolean; key: "quota_used_up" | "model_not_found" })[];

/** Messages of an answer with one of these statuses that the model is unknown, gone, or not loaded. */
export const UNKNOWN_MODELS = [
  { statuses: [404], pattern: /\bmodel\b/i, by: "vLLM, Hugging Face", source: "huggingface/huggingface.js tapes.json" },
  { statuses: [404], pattern: /^no endpoints? (found|available)/i, by: "OpenRouter", source: "chatboxai/chatbox#2743" },
  {
    statuses: [400, 404, 422],
    pattern: /^(the )?(requested )?model\b.{0,300}?\b(not found|not exist|not loaded|decommissioned)/i,
    by: "llama.cpp, DeepSeek, Groq",
    source: "deepwn/addi#13",
  },
  {
    statuses: [400, 404, 422],
    pattern: /\bis not a valid model\b/i,
    by: "OpenRouter",
    source: "OpenRouterTeam/openrouter-examples#74",
  },
  {
    statuses: [400, 404, 422],
    pattern: /^invalid model( id\b|[.:]|\s*$| ['"`])/i,
    by: "Mistral, OpenAI",
    source: "mistralai/mistral-vibe#617",
  },
] as const satisfies (Quirk & { statuses: readonly number[]; pattern: RegExp })[];

/** Messages of an answer with 5xx that no other attempt changes. */
export const LASTING_FAILURES = [
  {
    key: "tools_unsupported",
    pattern: /\btools?\b.{0,80}(requires? --jinja|\b(not support|unsupported))|(n't|not) support (tools?|function)\b/i,
    by: "llama.cpp",
    source: "defilantech/LLMKube#126",
  },
  {
    key: "template_refused",
    pattern: /\bjinja\b|\bchat.?template\b|\btemplate (error|exception)\b|\bat row \d+, column \d+/i,
    by: "llama.cpp",
    source: "nathaninline/ajean#26",
  },
  {
    key: "images_unsupported",
    pattern:
      /\b(images?|vision|multimodal)\b.{0,80}\b(not support|unsupported)|(n't|not) support (images?|vision)\b|\bmissing data required for image/i,
    by: "llama.cpp, Ollama",
    source: "ggml-org/llama.cpp#15377",
  },
  {
    key: "sound_unsupported",
    pattern: /\baudio\b.{0,80}\b(not support|unsupported)|(n't|not) support audio\b/i,
    by: "llama.cpp",
    source: "ggml-org/llama.cpp tools/server/utils.hpp",
  },
] as const satisfies (Quirk & { key: ErrorKey; pattern: RegExp })[];

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
    by: "Z.ai, Hugging Face",
    source: "vercel/ai#9290",
  },
] as const satisfies (Quirk & { in: "code" | "message"; pattern: RegExp })[];

/**
 * How a rejected request names what the server does not take: a field, a way to use several, or a `response_format`
 * while no message speaks of JSON. A row with `alone` counts whatever else is said, the others only beside
 * `unsupportedWords`: a value out of range is a mistake that the user has to see.
 */
export const UNSUPPORTED_PARAMS = [
  {
    param: "json_word",
    pattern: /must contain the word ['"]?json/i,
    alone: true,
    by: "OpenAI",
    source: "reVrost/go-openrouter#21",
  },
  {
    param: "stream_options",
    pattern: /stream.?options|include.?usage/i,
    alone: true,
    by: "Azure, Fireworks",
    source: "FlowiseAI/Flowise#2866",
  },
  {
    param: "response_format",
    pattern: /response.?format|json.?schema|json.?object|json.?mode|structured.?output/i,
    alone: true,
    by: "OpenAI, LM Studio",
    source: "lmstudio-ai/lmstudio-bug-tracker#189",
  },
  { param: "response_format", pattern: /schema|grammar/i, alone: true, by: "TGI", source: TGI.source },
  { param: "response_format", pattern: /guided/i, alone: true, by: "vLLM", source: "vllm-project/vllm#15236" },
  {
    param: "stream_tools",
    pattern: /\bstream(ing|ed)?\b.{0,80}\b(tool|function.?call)|\b(tool|function.?call).{0,80}\bstream(ing|ed)?\b/i,
    alone: true,
    by: "llama.cpp, Bedrock",
    source: "vercel-labs/fx#900",
  },
  {
    param: "tool_schema",
    pattern:
      /schema|grammar|\$ref|\$defs|\b(any|one|all)_?of\b|function_?declarations|\bfunction\.parameters\b|input_schema/i,
    alone: true,
    by: "Gemini",
    source: "openswarm-ai/openswarm#24",
  },
  {
    param: "reasoning_effort",
    pattern: /reasoning.?effort|\bthink value\b|support thinking\b/i,
    alone: false,
    by: "OpenAI, xAI, Ollama",
    source: "run-llama/llama_index#17731",
  },
  {
    param: "chat_template_kwargs",
    pattern: /chat.?template|enable.?thinking/i,
    alone: false,
    by: "OpenAI, vLLM",
    source: "linagora/openrag#335",
  },
  { param: "max_tokens", pattern: /\bmax_tokens\b/, alone: false, by: "OpenAI", source: "repowise-dev/repowise#987" },
  {
    param: "temperature",
    pattern: /\btemperature\b/i,
    alone: false,
    by: "OpenAI",
    source: "koosoli/ESPHomeDesigner#379",
  },
  { param: "top_p", pattern: /\btop_?p\b/i, alone: false, by: "OpenAI", source: "aandrew-me/tgpt#333" },
  {
    param: "frequency_penalty",
    pattern: /\bfrequency_?penalty\b/i,
    alone: false,
    by: "Mistral, xAI",
    source: "mistralai/platform-docs-public#7",
  },
  {
    param: "presence_penalty",
    pattern: /\bpresence_?penalty\b/i,
    alone: false,
    by: "xAI",
    source: "open-webui/open-webui#21266",
  },
  {
    param: "reasoning",
    pattern: /\breasoning(_content|_details|_text)?\b/i,
    alone: false,
    by: "Groq, Cerebras, Mistral",
    source: "janhq/jan#8136",
  },
  {
    param: "reasoning",
    pattern: /\bboth content and thinking\b/i,
    alone: true,
    by: "llama.cpp",
    source: "ggml-org/llama.cpp#17040",
  },
  {
    param: "null_content",
    pattern: /message.?content|\bcontent\b(?!.?(filter|manage|polic|moderat))/i,
    alone: true,
    by: "Ollama, Mistral",
    source: "SAIL-Research-Lab/cheetahclaws#72",
  },
] as const satisfies (Quirk & { param: string; pattern: RegExp; alone: boolean })[];

/** Words by which a server says that it does not take a field at all. */
export const unsupportedWords =
  /unsupported|not supported|doesn['\u2019]?t support|does not support|\bunknown\b|unrecogni[sz]ed|unexpected|\bextra(neous)?(?![a-z])|not permitted|not allowed|only the default/i;

/** Codes of an answer that holds back a reply which is not the JSON that was asked for, and the field with its text. */
export const HELD_BACK = [
  {
    code: "json_validate_failed",
    field: "failed_generation",
    by: "Groq",
    source: "thepersonalaicompany/amurex-backend#38",
  },
] as const satisfies (Field & { code: string })[];
