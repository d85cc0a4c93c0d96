/** What the layers above import from the client. */
export { ChatClient } from "./client";
export { FINISH_MEANINGS } from "./completion/dialects";
export { redactDeltas } from "./completion/redact-reply";
export { type Endpoint, environmentToken, isReadable, isRouter, resolveEndpoint } from "./connection/endpoint";
export {
  asChatError,
  asInputError,
  ChatError,
  defineErrors,
  type ErrorCode,
  type ErrorTable,
  fillIn,
  isOfModel,
  reasonOf,
  reword,
  thrownText,
} from "./errors/chat-error";
export { heldBackReply, type UnsupportedParam, unsupportedParams } from "./errors/unsupported";
export { loadModule } from "./load-module";
export { inUsd } from "./models/prices";
export { nestingProblem } from "./nesting";
export { oneLine } from "./one-line";
export { CLIENT_DEFAULTS, type ClientOptions, type ProxyChoice, type ProxyRules } from "./options";
export { OLDEST_NODE, platformProblem } from "./platform";
export { makeRedaction, type Redaction } from "./redaction";
export { LONGEST_TIMER_MS } from "./response/idle-timeout";
export { backoff } from "./retry";
export type {
  AssistantMessage,
  ChatRequest,
  CompleteOptions,
  Completion,
  ModelEntry,
  ModelProvider,
  Priority,
  ProgressListener,
  ToolCall,
  Usage,
} from "./types";
export { asRecord, asText, parseJson, toJson } from "./unknown";
export { isCancelled, onAbort, untilAbort } from "./until-abort";
