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

/** The names alone, in the order of their rows. */
export const REASONING_FIELDS = REASONING.map(({ field }) => field);
const MEANINGS = new Map<string, "cut" | "filtered" | "failed">(
  FINISH_REASONS.map(({ reason, means }) => [reason, means]),
);

/** What a finish reason says of a reply that is not whole; undefined for the others. */
export function finishMeaning(reason: string | undefined): "cut" | "filtered" | "failed" | undefined {
  return reason === undefined ? undefined : MEANINGS.get(reason);
}

/** The value of the first field that is there. */
export function firstOf(record: Record<string, unknown>, fields: readonly { field: string }[]): unknown {
  for (const { field } of fields) if (record[field] != null) return record[field];
  return undefined;
}
