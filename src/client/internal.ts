/** What the layers above import from the client. */
export { ChatClient } from "./client";
export { FINISH_MEANINGS, REASONING_FIELDS } from "./completion/dialects";
export { redactDeltas } from "./completion/redact-reply";
export { ownId } from "./completion/tool-call-deltas";
export { ConcurrencyLimiter } from "./concurrency";
export {
  type Endpoint,
  environmentToken,
  isDemo,
  isHuggingFace,
  isReadable,
  isRouter,
  mayKnowTemplates,
  resolveEndpoint,
} from "./connection/endpoint";
export { VERSION } from "./connection/headers";
export { OriginFetch, type OriginOptions } from "./connection/origin-fetch";
export {
  asChatError,
  asInputError,
  ChatError,
  defineErrors,
  type ErrorCode,
  type ErrorParams,
  type ErrorTable,
  fillIn,
  isOfModel,
  LONGEST_SUMMARY,
  reasonOf,
  reword,
  thrownText,
} from "./errors/chat-error";
export { sentence } from "./errors/from-response";
export { hasResponded, isOfServer, isTimeout, isUnreached } from "./errors/of-server";
export { pageTitle, readServerMessage } from "./errors/server-message";
export type { KeyOf } from "./errors/table";
export { failedCall, heldBackReply, quotedReply, type UnsupportedParam, unsupportedParams } from "./errors/unsupported";
export { loadModule } from "./load-module";
export type { Meter, MeteredClient } from "./metering";
export type { Account } from "./models/account";
export { inUsd } from "./models/prices";
export { type ServerKind, serverKind } from "./models/server-kind";
export { nestingProblem } from "./nesting";
export { oneLine } from "./one-line";
export { CLIENT_DEFAULTS, type ClientOptions, type ProxyChoice, type ProxyRules } from "./options";
export { OLDEST_NODE, platformProblem } from "./platform";
export { makeRedaction, type Redaction, withoutUserInfo } from "./redaction";
export { LONGEST_TIMER_MS } from "./response/idle-timeout";
export { backoff } from "./retry";
export type {
  AssistantMessage,
  ChatRequest,
  CompleteOptions,
  Completion,
  LimitUse,
  ModelEntry,
  ModelProvider,
  Priority,
  ProgressListener,
  PromptProgress,
  SentRequest,
  ToolCall,
  Usage,
} from "./types";
export { asRecord, asText, isAmount, parseJson, toJson } from "./unknown";
export { isCancelled, onAbort, untilAbort } from "./until-abort";
