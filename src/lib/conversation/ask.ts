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
import { type CallReport, carryOut, type ReadCall, readCall, type Tool, toolMessage } from "./tools";
import { addUsage } from "./usage";

/** One round of a question. */
export interface Step {
  finish_reason?: string;
  usage?: Usage;
  tool_calls: CallReport[];
}

/** `msg.completion`. */
export type Answer = Omit<Completion, "echo"> & { steps: Step[] };

/** How a question ended, unless in an error. */
export interface Outcome {
  completion: Answer;
  /** The conversation including the reply, ready to be sent on; without reasoning. */
  messages: Message[];
  text: string;
  /** Calls that nobody here carries out; empty for a reply. */
  calls: ReadCall[];
}

/** What is told while a question runs: its progress, and how each round ended. */
export interface AskListener extends ProgressListener {
  /** A round begins. */
  onRoundStart?(): void;
  /** A round is over; for streams this is the closing message. */
  onRoundEnd?(finishReason: string | undefined): void;
  /** A call is being carried out. */
  onTool?(name: string): void;
}

export interface AskOptions {
  signal: AbortSignal;
  listener: AskListener;
  /** Functions that are carried out here. */
  tools?: Tool[];
  /** Rounds in which calls are carried out. */
  maxSteps?: number;
}

export type Request = ChatRequest & { messages: Message[] };

/**
 * Asks a question and says how it ended. While the model calls functions that are carried out here, their results go
 * back to it. An abort is an outcome: the text so far, with the finish reason `aborted`.
 *
 * @throws ChatError; its `completion` holds what had come
 */
export async function ask(client: ChatClient, request: Request, options: AskOptions): Promise<Outcome> {
  return new Conversation(client, request, options).run();
}

/** The rounds of one question. */
class Conversation {
  readonly #client: ChatClient;
  readonly #request: Request;
  readonly #options: AskOptions;
  readonly #tools: Map<string, Tool>;
  readonly #steps: Step[] = [];
  /** What is sent on: the question, and the rounds that are complete. */
  readonly #messages: Message[];
  /** The same as the server gets it, with the reasoning that it wants back. */
  readonly #sent: Message[];
  #sum: Completion | undefined;

  constructor(client: ChatClient, request: Request, options: AskOptions) {
    this.#client = client;
    this.#request = request;
    this.#options = options;
    this.#tools = new Map(options.tools?.map((tool) => [tool.name, tool]));
    this.#messages = [...request.messages];
    this.#sent = [...request.messages];
  }

  async run(): Promise<Outcome> {
    try {
      return await this.#rounds();
    } catch (error) {
      if (!(error instanceof ChatError)) throw error;
      if (error.code === "cancelled" && error.completion) return this.#aborted(error.completion);
      if (this.#sum || error.completion) error.completion = this.#answer(error.completion);
      if (error.completion) error.cause.attempts = error.completion.attempts;
      throw error;
    }
  }

  async #rounds(): Promise<Outcome> {
    for (;;) {
      const completion = await this.#round();
      const calls = (completion.message.tool_calls ?? []).map(readCall);
      if (calls.length === 0) return this.#replied(completion);
      const own = calls.filter((call) => this.#isOwn(call));
      if (own.length > 0) {
        await this.#carryOut(completion, own);
      } else {
        this.#add(completion);
        this.#messages.push(sendable(completion.message));
      }
      const others = calls.filter((call) => !own.includes(call));
      if (others.length > 0) return { completion: this.#answer(), messages: this.#messages, text: "", calls: others };
    }
  }

  async #round(): Promise<Completion> {
    const { listener, signal } = this.#options;
    listener.onRoundStart?.();
    try {
      const request = { ...this.#request, messages: this.#sent };
      if (request.messages.at(-1)?.role === "tool") relaxToolChoice(request);
      const isContinuation = this.#steps.length > 0;
      const completion = await this.#client.complete(request, { signal, listener, isContinuation });
      listener.onRoundEnd?.(completion.finish_reason);
      return completion;
    } catch (error) {
      const isCancelled = error instanceof ChatError && error.code === "cancelled" && error.completion;
      listener.onRoundEnd?.(isCancelled ? "aborted" : "error");
      throw error;
    }
  }

  /** Whether a call is carried out here. A name that nobody knows is told to the model where it has functions here. */
  #isOwn(call: ReadCall): boolean {
    if (this.#tools.has(call.name)) return true;
    return this.#tools.size > 0 && !isDeclared(this.#request.tools, call.name);
  }

  /** Carries out calls side by side; their results are in the order of the calls. */
  async #carryOut(completion: Completion, calls: ReadCall[]): Promise<void> {
    const { listener, maxSteps = Number.POSITIVE_INFINITY, signal } = this.#options;
    const step = this.#add(completion);
    if (this.#steps.length > maxSteps) throw new ChatError("too_many_steps", { count: maxSteps });
    const names = [...this.#tools.keys()];
    step.tool_calls = await Promise.all(
      calls.map((call) => {
        listener.onTool?.(call.name);
        return carryOut(this.#tools.get(call.name), call, names, signal);
      }),
    );
    if (signal.aborted) {
      const nothing = { message: { role: "assistant", content: "" } as AssistantMessage, attempts: 0, timing: NO_TIME };
      throw Object.assign(new ChatError("cancelled"), { completion: nothing });
    }
    const message = sendable(completion.message);
    const results = step.tool_calls.map(toolMessage);
    this.#messages.push(message, ...results);
    this.#sent.push({ ...message, ...completion.echo }, ...results);
  }

  #replied(completion: Completion): Outcome {
    this.#add(completion);
    this.#messages.push(sendable(completion.message));
    return { completion: this.#answer(), messages: this.#messages, text: completion.message.content ?? "", calls: [] };
  }

  #aborted(completion: Completion): Outcome {
    const text = completion.message.content ?? "";
    // The text of an abort may be empty, and no server takes an empty message back.
    if (text) this.#messages.push({ role: "assistant", content: text });
    const answer = { ...this.#answer(completion), finish_reason: "aborted" };
    const last = answer.steps.at(-1);
    if (last && last.tool_calls.length === 0) last.finish_reason = "aborted";
    return { completion: answer, messages: this.#messages, text, calls: [] };
  }

  /** Takes a round into the sums. */
  #add(completion: Completion): Step {
    const { finish_reason, usage } = completion;
    const step: Step = { tool_calls: [] };
    if (finish_reason !== undefined) step.finish_reason = finish_reason;
    if (usage) step.usage = usage;
    this.#steps.push(step);
    this.#sum = this.#sum ? sumOf(this.#sum, completion) : completion;
    return step;
  }

  /** @param unfinished - a round that is not in the sums yet */
  #answer(unfinished?: Completion): Answer {
    if (unfinished && (unfinished.attempts > 0 || !this.#sum)) this.#add(unfinished);
    const { echo: _, ...completion } = this.#sum as Completion;
    return { ...completion, steps: this.#steps };
  }
}

const NO_TIME = { queued_ms: 0, total_ms: 0 };

/** What the last round says, with the counts and times of all. */
function sumOf(before: Completion, last: Completion): Completion {
  const usage = addUsage(before.usage, last.usage);
  const timing = {
    ...last.timing,
    queued_ms: before.timing.queued_ms + last.timing.queued_ms,
    total_ms: before.timing.total_ms + last.timing.total_ms,
    ...(before.timing.first_ms !== undefined && { first_ms: before.timing.first_ms }),
  };
  const sum: Completion = { ...last, attempts: before.attempts + last.attempts, timing };
  if (usage) sum.usage = usage;
  return sum;
}

/** A call that is demanded has been made: with the demand still there the model could never reply. */
function relaxToolChoice(request: Request): void {
  if (request.tool_choice === "required" || typeof request.tool_choice === "object") delete request.tool_choice;
}

function isDeclared(tools: unknown, name: string): boolean {
  return (
    Array.isArray(tools) &&
    tools.some((tool: { function?: { name?: unknown } } | null) => tool?.function?.name === name)
  );
}

/** The message as it is sent on: reasoning stays behind. */
function sendable({ role, content, tool_calls }: AssistantMessage): Message {
  return tool_calls ? { role, content, tool_calls } : { role, content };
}
