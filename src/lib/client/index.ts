/** The client layer: HTTP and the chat-completions API, usable without Node-RED. */
export { ChatClient, type ChatRequest, type CompleteOptions, type ProgressListener } from "./client";
export { CLIENT_DEFAULTS, type ClientOptions } from "./client-options";
export { type Endpoint, environmentToken, isReadable, isRouter, resolveEndpoint } from "./endpoint";
export {
  asChatError,
  asInputError,
  ChatError,
  type ErrorCode,
  fillIn,
  isOfModel,
  reasonOf,
  thrownText,
} from "./errors";
export { asRecord, asText, toJson } from "./json";
export { loadModule } from "./load-module";
export type { ModelEntry, ModelProvider } from "./models";
export { nestingProblem } from "./nesting";
export { oneLine } from "./one-line";
export { OLDEST_NODE, platformProblem } from "./platform";
export { inUsd } from "./prices";
export type { ProxyChoice, ProxyRules } from "./proxy";
export { makeRedaction, type Redaction } from "./redact";
export { redactPieces } from "./redact-pieces";
export { backoff } from "./retry";
export { LONGEST_TIMER_MS } from "./silence";
export type { Claim } from "./slots";
export type { ToolCall } from "./tool-calls";
export type { AssistantMessage, Completion, Usage } from "./types";
