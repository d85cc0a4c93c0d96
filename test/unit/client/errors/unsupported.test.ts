import assert from "node:assert/strict";
import { UNSUPPORTED_PARAMS } from "../../../../src/client/errors/error-dialects";
import { errorFromResponse } from "../../../../src/client/errors/from-response";
import { type UnsupportedParam, unsupportedParams } from "../../../../src/client/errors/unsupported";
import type { ChatRequest } from "../../../../src/client/types";

/** A request with all that a server may refuse. */
const EVERYTHING: ChatRequest = {
  model: "m",
  messages: [
    { role: "user", content: "Hi" },
    { role: "assistant", content: null, reasoning_content: "Hm.", tool_calls: [{ id: "a" }] },
  ],
  stream: true,
  stream_options: { include_usage: true },
  response_format: { type: "json_object" },
  tools: [{}],
  reasoning_effort: "none",
  chat_template_kwargs: { enable_thinking: false },
  max_tokens: 9,
  temperature: 1,
  top_p: 1,
  frequency_penalty: 1,
  presence_penalty: 1,
};

function named(status: number, body: unknown, request = EVERYTHING): UnsupportedParam[] {
  const context = { model: "m", host: "h", hasToken: false, redact: String, request };
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return unsupportedParams(errorFromResponse({ status, headers: {}, body: text }, context), request);
}

const error = (message: string, more: object = {}) => ({ error: { message, ...more } });
const invalid = (message: string, param: string | null = null, code: string | null = null) =>
  error(message, { type: "invalid_request_error", param, code });
const llamaCpp = (message: string) => error(message, { code: 500, type: "server_error" });
const vllm = (message: string) => ({ object: "error", message, type: "BadRequestError", param: null, code: 400 });
const fastApi = (...loc: (string | number)[]) => ({
  detail: [{ type: "extra_forbidden", loc: ["body", ...loc], msg: "Extra inputs are not permitted" }],
});

type Case = [by: string, source: string, param: UnsupportedParam | undefined, status: number, body: unknown];

/** What servers answered, as people reported it. */
const CASES: Case[] = [
  [
    "OpenAI behind OpenRouter",
    "reVrost/go-openrouter#21",
    "json_word",
    400,
    error("Provider returned error", {
      code: 400,
      metadata: {
        raw: JSON.stringify(
          invalid(
            "Response input messages must contain the word 'json' in some form to use 'text.format' of type 'json_object'.",
            "input",
          ),
        ),
        provider_name: "OpenAI",
      },
    }),
  ],
  [
    "Fireworks",
    "FlowiseAI/Flowise#2866",
    "stream_options",
    400,
    error("Extra inputs are not permitted, field: 'stream_options', value: {'include_usage': True}"),
  ],
  ["GPUStack", "gpustack/gpustack#429", "stream_options", 422, { detail: fastApi("stream_options").detail }],
  [
    "LM Studio",
    "lmstudio-ai/lmstudio-bug-tracker#189",
    "response_format",
    400,
    { error: "'response_format.type' must be 'json_schema'" },
  ],
  [
    "LM Studio, later",
    "LoadShine/tada#16",
    "response_format",
    400,
    { error: "'response_format.type' must be 'json_schema' or 'text'" },
  ],
  [
    "Azure",
    "langchain-ai/langchain#31490",
    "response_format",
    400,
    invalid("Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model."),
  ],
  [
    "Groq",
    "langchain-ai/langchain#23629",
    "response_format",
    400,
    error("response_format` does not support streaming", { type: "invalid_request_error" }),
  ],
  [
    "Cerebras",
    "anomalyco/opencode#992",
    "response_format",
    400,
    error('"stream=true" with structured outputs is currently not supported for reasoning models.'),
  ],
  [
    "vLLM",
    "vllm-project/vllm#16321",
    "response_format",
    400,
    vllm("The provided JSON schema contains features not supported by xgrammar."),
  ],
  [
    "vLLM, later",
    "noonghunna/club-3090#45",
    "response_format",
    500,
    error('Grammar error: Unimplemented keys: ["propertyNames"]'),
  ],
  [
    "SGLang's worker",
    "runpod-workers/worker-sglang#29",
    "response_format",
    400,
    vllm("response_format.type: Input should be 'text', 'json_object' or 'json_schema'"),
  ],
  [
    "TGI",
    "huggingface/text-generation-inference#2309",
    "response_format",
    422,
    {
      error: "Input validation error: grammar is not valid: Grammar must have a 'properties' field",
      error_type: "validation",
    },
  ],
  [
    "llama.cpp",
    "ggml-org/llama.cpp#17572",
    "response_format",
    500,
    llamaCpp('JSON schema conversion failed:\nUnrecognized schema: {"not":{}}'),
  ],
  [
    "ik_llama.cpp",
    "ikawrakow/ik_llama.cpp#778",
    "response_format",
    500,
    llamaCpp('response_format type must be one of "text" or "json_object", but got: json_schema'),
  ],
  ["vLLM, long ago", "vllm-project/vllm#15236", "response_format", 400, vllm("guided decoding is not available")],
  ["llama.cpp", "skye-harris/hass_local_openai_llm#5", "stream_tools", 500, llamaCpp("Cannot use tools with stream")],
  [
    "Bedrock",
    "vercel-labs/fx#900",
    "stream_tools",
    400,
    error("This model doesn't support tool use in streaming mode.", { type: "AI_APICallError" }),
  ],
  [
    "Azure",
    "run-llama/llama_index#17731",
    "reasoning_effort",
    400,
    invalid("Unknown parameter: 'reasoning_effort'.", "reasoning_effort", "unknown_parameter"),
  ],
  [
    "OpenAI",
    "davidmigloz/langchain_dart#712",
    "reasoning_effort",
    400,
    invalid("Unrecognized request argument supplied: reasoning_effort"),
  ],
  [
    "xAI",
    "chenyme/grok2api#814",
    "reasoning_effort",
    400,
    { code: "invalid-argument", error: "Model grok-4.20-0309-reasoning does not support parameter reasoningEffort." },
  ],
  [
    "Ollama",
    "ollama/ollama#12561",
    "reasoning_effort",
    400,
    error('think value "medium" is not supported for this model', { type: "api_error", param: null, code: null }),
  ],
  [
    "Ollama, of a model that never thinks",
    "Gitlawb/openclaude#1371",
    "reasoning_effort",
    400,
    invalid('"llama3.1:8b" does not support thinking'),
  ],
  [
    "vLLM",
    "vllm-project/vllm#38560",
    "reasoning_effort",
    400,
    vllm("Kwargs ['reasoning_effort'] are not supported by `MistralCommonTokenizer.apply_chat_template`."),
  ],
  ["Mistral", "mistralai/platform-docs-public#7", "frequency_penalty", 422, fastApi("frequency_penalty")],
  [
    "Mistral, its answer as JSON in its message",
    "mistralai/platform-docs-public#7",
    "frequency_penalty",
    422,
    {
      object: "error",
      message: JSON.stringify(fastApi("frequency_penalty")),
      type: "internal_error_proxy",
      code: "1000",
    },
  ],
  [
    "OpenAI",
    "TutteInstitute/toponymy#148",
    "chat_template_kwargs",
    400,
    invalid("Unrecognized request argument supplied: chat_template_kwargs"),
  ],
  [
    "vLLM",
    "Alishahryar1/free-claude-code#130",
    "chat_template_kwargs",
    400,
    error("chat_template is not supported for Mistral tokenizers.", {
      type: "BadRequestError",
      param: null,
      code: 400,
    }),
  ],
  [
    "OpenAI",
    "repowise-dev/repowise#987",
    "max_tokens",
    400,
    invalid(
      "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
      "max_tokens",
      "unsupported_parameter",
    ),
  ],
  [
    "OpenAI",
    "koosoli/ESPHomeDesigner#379",
    "temperature",
    400,
    invalid(
      "Unsupported value: 'temperature' does not support 0.3 with this model. Only the default (1) value is supported.",
      "temperature",
      "unsupported_value",
    ),
  ],
  [
    "OpenAI",
    "aandrew-me/tgpt#333",
    "top_p",
    400,
    invalid("Unsupported parameter: 'top_p' is not supported with this model.", "top_p", "unsupported_parameter"),
  ],
  [
    "xAI",
    "open-webui/open-webui#21266",
    "presence_penalty",
    400,
    { code: "invalid-argument", error: "Model grok-4-1-fast-reasoning does not support parameter presencePenalty." },
  ],
  [
    "xAI, earlier",
    "lobehub/lobehub#7370",
    "presence_penalty",
    400,
    { code: "Client specified an invalid argument", error: "Argument not supported on this model: presencePenalty" },
  ],
  [
    "Groq",
    "janhq/jan#8136",
    "reasoning",
    400,
    error(
      "'messages.1' : for 'role:assistant' the following must be satisfied[('messages.1' : property 'reasoning_content' is unsupported)]",
      { type: "invalid_request_error" },
    ),
  ],
  [
    "Groq, another field",
    "musistudio/llms#64",
    "reasoning",
    400,
    error("property 'reasoning' is unsupported", { type: "invalid_request_error" }),
  ],
  [
    "Cerebras",
    "egoist/chatwise-releases#1442",
    "reasoning",
    400,
    {
      message:
        "messages.1.assistant.reasoning_content: property 'messages.1.assistant.reasoning_content' is unsupported",
      type: "invalid_request_error",
      param: "validation_error",
      code: "wrong_api_format",
    },
  ],
  [
    "llama.cpp with gpt-oss",
    "ggml-org/llama.cpp#17040",
    "reasoning",
    500,
    error(
      "Cannot pass both content and thinking in an assistant message with tool calls! Put the analysis message in one or the other, but not both. at row 290, column 178:",
      { type: "server_error" },
    ),
  ],
  ["Mistral", "charmbracelet/crush#1590", "reasoning", 422, fastApi("messages", 1, "assistant", "reasoning_content")],
  ["Ollama", "SAIL-Research-Lab/cheetahclaws#72", "null_content", 400, invalid("invalid message content type: <nil>")],

  // A value out of range is a mistake that the user has to see.
  ["Groq", "earendil-works/pi#1745", undefined, 400, error("reasoning_effort must be one of none or default")],
  [
    "Azure",
    "BerriAI/litellm#16704",
    undefined,
    400,
    invalid(
      "Invalid value: 'none'. Supported values are: 'low', 'medium', and 'high'.",
      "reasoning_effort",
      "invalid_value",
    ),
  ],
  [
    "OpenAI",
    "platform.openai.com/docs/api-reference/chat",
    undefined,
    400,
    invalid("temperature must be at most 2", "temperature"),
  ],
  ["Groq", "ServiceStack/llms#17", undefined, 400, error("'messages.0' : property 'timestamp' is unsupported")],
  [
    "Gemini",
    "openswarm-ai/openswarm#24",
    "tool_schema",
    400,
    error(
      "Invalid JSON payload received. Unknown name \"$ref\" at 'tools[0].function_declarations[0]': Cannot find field.",
    ),
  ],
  ["Ollama", "ollama/ollama#6027", undefined, 400, error("stablelm2:latest does not support tools")],
];

describe("what a server does not take", () => {
  for (const [by, source, param, status, body] of CASES) {
    it(`is ${param ?? "nothing that can be left out"} in the words of ${by} (${source})`, () => {
      assert.equal(named(status, body)[0], param);
      // What is not in the request cannot be the reason.
      assert.deepEqual(named(status, body, { model: "m", messages: [{ role: "user", content: "Hi" }] }), []);
    });
  }

  it("has a case for every row of the table", () => {
    const found = new Set(CASES.map(([, , param]) => param));
    assert.deepEqual(
      UNSUPPORTED_PARAMS.filter(({ param }) => !found.has(param)),
      [],
    );
    for (const { param, pattern } of UNSUPPORTED_PARAMS) {
      const ofParam = CASES.filter((row) => row[2] === param);
      assert.ok(
        ofParam.some(([, , , , body]) => pattern.test(JSON.stringify(body))),
        `${param} ${pattern}`,
      );
    }
  });

  it("is found with the statuses 400, 422, 500 and 501 alone", () => {
    const body = invalid("Unknown parameter: 'stream_options'.", "stream_options");
    for (const status of [400, 422, 500, 501]) assert.deepEqual(named(status, body), ["stream_options"]);
    for (const status of [401, 403, 404, 413, 429, 502, 503]) assert.deepEqual(named(status, body), []);
  });

  it("is what the server's param names, whatever else its message names", () => {
    const body = invalid("'temperature' is unsupported with this response_format.", "temperature");
    assert.deepEqual(named(400, body), ["temperature", "response_format"]);
  });

  it("is not found in the body beside the message, where some servers repeat the request", () => {
    assert.deepEqual(named(400, { error: "No.", request: { stream_options: {} } }), []);
  });

  for (const words of [
    "is unsupported",
    "is not supported",
    "doesn't support it",
    "does not support it",
    "is unknown",
    "is unrecognized",
    "is unexpected",
    "is an extra field",
    "is not permitted",
    "is not allowed",
    "takes only the default",
  ]) {
    it(`is said with the words "${words}"`, () => {
      assert.deepEqual(named(400, { error: `reasoning_effort ${words}` }), ["reasoning_effort"]);
    });
  }

  it("is not retried, even with a status that else passes", () => {
    const context = { model: "m", host: "h", hasToken: false, redact: String };
    const response = { status: 500, headers: {}, body: JSON.stringify(llamaCpp("Cannot use tools with stream")) };
    assert.equal(errorFromResponse(response, { ...context, request: EVERYTHING }).cause.retryable, false);
    assert.equal(errorFromResponse(response, context).cause.retryable, true);
    const without = { ...EVERYTHING, tools: undefined };
    assert.equal(errorFromResponse(response, { ...context, request: without }).cause.retryable, true);
  });
});
