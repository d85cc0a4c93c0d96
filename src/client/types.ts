import type { ToolCall } from "./completion/tool-call-deltas";

/** What a reply comes to, for all that reads or hands on one. */

/** The assistant's message as the API writes it; reasoning is kept apart from the content. */
export interface AssistantMessage {
  role: "assistant";
  content: string | null;
  reasoning?: string;
  tool_calls?: ToolCall[];
}

/** Token counts under the API's own names. */
export type Usage = Record<string, unknown>;

/** One reply of a server, put together. What the server did not say is absent. */
export interface Completion {
  id?: string;
  created?: number;
  model?: string;
  /** The provider behind the router that answered. */
  provider?: string;
  request_id?: string;
  finish_reason?: string;
  message: AssistantMessage;
  /** Reasoning under the server's own names, as it wants it back inside a tool loop. */
  reasoningToReturn?: Record<string, unknown>;
  usage?: Usage;
  /** What it has cost, in USD. */
  cost?: number;
  logprobs?: unknown;
  /** Top-level fields of the server that have no place of their own, such as citations. */
  extra?: Record<string, unknown>;
  /** HTTP requests made. */
  attempts: number;
  timing: Timing;
}

/** All in milliseconds, but for the rate. */
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

/** Called for every piece of a reply, in its order. What it throws ends the question with the error `internal`. */
export interface DeltaListener {
  onText?(delta: string): void;
  onReasoning?(delta: string): void;
  /** A field of the reply is left out, since it is nested too deep to be copied. Called when the reply has ended. */
  onLeftOut?(field: string): void;
}
