import { CLIENT_DEFAULTS } from "../client/internal";

/**
 * What the nodes' properties are where nothing is set. The forms repeat them as inline literals, since Node-RED's
 * tools read them there; a test holds the two equal.
 */
export const CONFIG_DEFAULTS = {
  name: "",
  model: "",
  baseUrl: CLIENT_DEFAULTS.baseUrl,
  timeout: CLIENT_DEFAULTS.timeout,
  retries: CLIENT_DEFAULTS.retries,
  maxConcurrent: CLIENT_DEFAULTS.maxConcurrent,
  maxQueued: CLIENT_DEFAULTS.maxQueued,
  wakeUp: CLIENT_DEFAULTS.wakeUp,
  billTo: "",
  headers: {},
  fallback: [],
  serverStreams: true,
  grammar: "openai",
  tls: "",
  proxy: "",
  endpointsUseEnvironment: true,
} as const;

export const CHAT_DEFAULTS = {
  name: "",
  config: "",
  model: "",
  prompt: "payload",
  promptType: "msg",
  images: "images",
  imagesType: "msg",
  system: "",
  systemType: "str",
  temperature: "",
  maxTokens: "",
  topP: "",
  stop: [],
  seed: "",
  frequencyPenalty: "",
  presencePenalty: "",
  reasoningEffort: "",
  extra: "{}",
  stream: false,
  chunk: "token",
  chunkInterval: 100,
  streamReasoning: false,
  format: "text",
  schemaName: "reply",
  schema: "",
  strict: true,
  repairs: 1,
  tools: [],
  functions: [],
  toolChoice: "auto",
  toolName: "",
  maxSteps: 10,
  toolTimeout: 30,
  conversation: "",
  conversationType: "str",
  store: "",
  maxMessages: 50,
  maxHistoryTokens: "",
  output: "payload",
  outputType: "msg",
} as const;

export const TOOL_DEFAULTS = {
  name: "",
  description: "",
  parameters: "",
  strict: false,
} as const;
