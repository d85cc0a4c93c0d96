/** The public face of the client, for scripts: `@hf-flows/node-red-huggingface/client`. */
export { ChatClient } from "./client";
export { ChatError, type ErrorCause, type ErrorCode } from "./errors/chat-error";
export type { ClientOptions, ProxyChoice, ProxyRules, TlsOptions } from "./options";
export type {
  AbortOptions,
  AssistantMessage,
  ChatRequest,
  CompleteOptions,
  Completion,
  CompletionStream,
  Delta,
  ModelEntry,
  ModelProvider,
  ProgressListener,
  Timing,
  ToolCall,
  Usage,
} from "./types";
