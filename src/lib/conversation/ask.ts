import {
  type AssistantMessage,
  type ChatClient,
  ChatError,
  type ChatRequest,
  type Completion,
  type ProgressListener,
  type Usage,
} from "../client";
import type { Message } from "./prompt";

/** One round of a question. */
export interface Step {
  finish_reason?: string;
  usage?: Usage;
  tool_calls: unknown[];
}

/** `msg.completion`. */
export type Answer = Completion & { steps: Step[] };

/** A call that the flow is to carry out: `arguments` parsed, or text if it is no JSON. */
export interface PendingCall {
  id: string;
  name: string;
  arguments: unknown;
}

/** How a question ended, unless in an error. */
export interface Outcome {
  completion: Answer;
  /** The conversation including the reply, ready to be sent on; without reasoning. */
  messages: Message[];
  text: string;
  /** Calls that nobody here carries out; empty for a reply. */
  calls: PendingCall[];
}

/** What is told while a question runs: its progress, and how each round ended. */
export interface AskListener extends ProgressListener {
  /** A round is over; for streams this is the closing message. */
  onRoundEnd?(finishReason: string | undefined): void;
}

export interface AskOptions {
  signal: AbortSignal;
  listener: AskListener;
}

/**
 * Asks a question and says how it ended. An abort is an outcome: the text so far, with the finish reason `aborted`.
 *
 * @throws ChatError; its `completion` holds what had come
 */
export async function ask(
  client: ChatClient,
  request: ChatRequest & { messages: Message[] },
  { signal, listener }: AskOptions,
): Promise<Outcome> {
  try {
    const completion = await client.complete(request, { signal, listener });
    listener.onRoundEnd?.(completion.finish_reason);
    return outcome(request.messages, completion);
  } catch (error) {
    if (error instanceof ChatError && error.completion && error.code === "cancelled") {
      listener.onRoundEnd?.("aborted");
      return outcome(request.messages, { ...error.completion, finish_reason: "aborted" });
    }
    listener.onRoundEnd?.("error");
    if (error instanceof ChatError && error.completion) error.completion = withSteps(error.completion);
    throw error;
  }
}

function outcome(sent: Message[], completion: Completion): Outcome {
  const { message, finish_reason } = completion;
  const isAborted = finish_reason === "aborted";
  const calls = isAborted ? [] : (message.tool_calls ?? []);
  return {
    completion: withSteps(completion),
    // The text of an abort may be empty, and no server takes an empty message back.
    messages: isAborted && !message.content ? [...sent] : [...sent, sendable(message, isAborted)],
    text: message.content ?? "",
    calls: calls.map(({ id, function: { name, arguments: args } }) => ({ id, name, arguments: parsed(args) })),
  };
}

function sendable(message: AssistantMessage, isAborted: boolean): Message {
  const { role, content, tool_calls } = message;
  return tool_calls && !isAborted ? { role, content, tool_calls } : { role, content };
}

function withSteps(completion: Completion): Answer {
  const { finish_reason, usage } = completion;
  const step: Step = { tool_calls: [] };
  if (finish_reason !== undefined) step.finish_reason = finish_reason;
  if (usage) step.usage = usage;
  return { ...completion, steps: [step] };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
