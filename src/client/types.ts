/** What goes into the client and comes out of it. */

/** Body of a request to the chat-completions API. It is sent as it is, with whatever fields the server knows. */
export interface ChatRequest {
  /** Model ID; behind the router with an optional provider, as in `org/model:provider`. */
  model: string;
  /** Messages under the API's own names, such as `{ role: "user", content: "Hi" }`. */
  messages: unknown[];
  /** True if the server shall send the reply delta by delta. Set by `stream()`. */
  stream?: boolean;
  /** Any other field of the API, such as `temperature`, `max_tokens`, `tools` or `response_format`. */
  [field: string]: unknown;
}

/** How to end a request. */
export interface AbortOptions {
  /** Ends the request at once, with the error `cancelled`. */
  signal?: AbortSignal | undefined;
}

/** Options of one question. */
export interface CompleteOptions extends AbortOptions {
  /** Callbacks while the question runs. */
  listener?: ProgressListener;
  /**
   * `begun` for a later round of a question, `moved` for one that has begun at another server, `admitted` for one that has
   * waited before; `new` by default.
   *
   * @internal
   */
  priority?: Priority;
  /**
   * True if there is another model to ask: then what only this model refuses, or cannot take now, is not retried.
   *
   * @internal
   */
  hasFallback?: boolean;
  /**
   * The provider behind the router that is to serve the question, where the model's name leaves that open. Where it fails
   * before the first piece, the question is asked once without it.
   *
   * @internal
   */
  provider?: string | undefined;
  /**
   * True if there is another server to ask: then a time-out is not retried.
   *
   * @internal
   */
  hasOtherServer?: boolean;
  /**
   * Called with each slot, before the request. What it throws ends the question.
   *
   * @internal
   */
  onSlot?(): void;
}

/**
 * What asks for a slot: a new question; one that was admitted before, when it began to wait for something else; one that has
 * begun at another server and is new for the limits of this one; or a retry or later round of a question that has begun.
 */
export type Priority = "new" | "admitted" | "moved" | "begun";

/** Callbacks for the deltas of a reply, in their order. What they throw ends the question with the error `internal`. */
export interface DeltaListener {
  /** Takes the next piece of the reply's text. */
  onText?(delta: string): void;
  /** Takes the next piece of the reasoning. */
  onReasoning?(delta: string): void;
  /** Names a field that is left out of the reply since it is nested too deep to be copied. Called at its end. */
  onLeftOut?(field: string): void;
}

/** How much of a prompt the server has read, in tokens. */
export interface PromptProgress {
  processed: number;
  total: number;
}

/** Callbacks for what happens to a question, besides the deltas. */
export interface ProgressListener extends DeltaListener {
  /** Called when the question has to wait for a slot (`maxConcurrent`). */
  onWaiting?(): void;
  /** Called when the request is sent. @param isAtHome - true for a server at home, which may be loading its model */
  onAsking?(isAtHome: boolean): void;
  /**
   * Called with each request as it is sent, its headers with the token among them.
   *
   * @internal
   */
  onRequest?(request: SentRequest): void;
  /** Called while the server reads the prompt, where it tells. Nothing of the reply has come then. */
  onPromptProgress?(progress: PromptProgress): void;
  /** Called before the wait for extra attempt number `attempt`, in `seconds`. */
  onRetry?(attempt: number, of: number, seconds: number): void;
  /**
   * Called at the end of a reply where most of a limit is used.
   *
   * @internal
   */
  onLimitNear?(limit: LimitUse): void;
  /**
   * Called where a limit needs the price of a model that nobody knows. @param tokens - limit that takes its place
   *
   * @internal
   */
  onPriceMissing?(params: { model: string; tokens: number }): void;
}

/**
 * How much of a limit is used.
 *
 * @internal
 */
export interface LimitUse {
  amount: number;
  unit: "questions" | "usd" | "tokens";
  per: "minute" | "hour" | "day" | "month";
  used: number;
  /** When it begins anew, as ISO 8601. */
  resets_at: string;
}

/** A request as it goes out: secrets are in it. */
export interface SentRequest {
  url: string;
  headers: Record<string, string>;
  /** JSON text. */
  body: Uint8Array;
}

/** One piece of a streamed reply. */
export interface Delta {
  /** `text` for what the reply says, `reasoning` for the model's thoughts before it. */
  type: "text" | "reasoning";
  /** Its characters, never empty. */
  text: string;
}

/**
 * A reply while it comes: iterate over its deltas, then await its completion. Each delta is handed out once. Leaving
 * the loop early, by `break` or an error, ends the request.
 *
 * Deltas wait in memory for a slow loop, the whole reply if need be: `maxReplyLength` bounds it.
 */
export interface CompletionStream extends AsyncIterable<Delta> {
  /**
   * The whole reply, with tool calls, usage and finish reason. Rejects with the ChatError that the loop throws, or with
   * `cancelled` after a loop that was left early. It may be ignored, and may be awaited without a loop.
   */
  readonly completion: Promise<Completion>;
}

/** A call of a function by the model, as the API writes it. */
export interface ToolCall {
  id: string;
  type: "function";
  /** `arguments` is JSON text, as the model wrote it: not always valid. */
  function: { name: string; arguments: string };
}

/** The assistant's message as the API writes it; reasoning is separate from the content. */
export interface AssistantMessage {
  role: "assistant";
  content: string | null;
  reasoning?: string;
  tool_calls?: ToolCall[];
  /** What a model says when it refuses; the content has it, too. */
  refusal?: string;
  /** Citations and the like. */
  annotations?: unknown[];
  images?: unknown[];
  audio?: Record<string, unknown>;
}

/** Token counts under the API's own names. */
export type Usage = Record<string, unknown>;

/** One whole reply. What the server did not say is absent. */
export interface Completion {
  id?: string;
  created?: number;
  model?: string;
  /** The provider behind the router that answered. */
  provider?: string;
  request_id?: string;
  finish_reason?: string;
  message: AssistantMessage;
  /** Reasoning under the server's own names, as it wants it back in a message with calls. */
  reasoningToReturn?: Record<string, unknown>;
  usage?: Usage;
  /** Price of the reply in USD: what the server says, otherwise by the price list of Hugging Face's router. */
  cost?: number;
  /**
   * What is used of the limits.
   *
   * @internal
   */
  limits?: LimitUse[];
  logprobs?: unknown;
  /** Other top-level fields of the server, such as citations. */
  extra?: Record<string, unknown>;
  /** HTTP requests made. */
  attempts: number;
  timing: Timing;
}

/** How long a question took: in milliseconds, but for the rate. */
export interface Timing {
  /** Waited for a slot. */
  queued_ms: number;
  /** From the question to the first piece of the reply. */
  first_ms?: number;
  /** From the question to the end. */
  total_ms: number;
  tokens_per_second?: number;
}

/** What has been read of a reply so far. */
export type PartialCompletion = Omit<Completion, "attempts" | "timing">;

/** A model as a server lists it. Only the router's entries have more than an id; what it does not say is absent. */
export interface ModelEntry {
  id: string;
  license?: string;
  architecture?: { input_modalities?: string[]; output_modalities?: string[] };
  providers?: ModelProvider[];
}

/** Who serves a model behind the router (hub-docs, `inference-providers/hub-api.md`). */
export interface ModelProvider {
  provider: string;
  status?: string;
  /** In tokens. */
  context_length?: number;
  /** USD per million tokens. */
  pricing?: { input?: number; output?: number; cached?: number };
  is_free?: boolean;
  supports_tools?: boolean;
  supports_structured_output?: boolean;
  first_token_latency_ms?: number;
  /** Tokens per second. */
  throughput?: number;
}
