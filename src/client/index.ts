/** The client: HTTP and the chat-completions API, usable without Node-RED. */
export { ChatClient, type ChatRequest, type CompleteOptions, type ProgressListener } from "./client";
export type { ToolCall } from "./completion/tool-call-deltas";
export type { ProxyChoice, ProxyRules } from "./connection/proxy";
export { ChatError, type ErrorCode } from "./errors/chat-error";
export type { ModelEntry, ModelProvider } from "./models/list";
export type { ClientOptions } from "./options";
export type { AssistantMessage, Completion, Usage } from "./types";
