import {
  type AssistantMessage,
  type ChatClient,
  ChatError,
  type ChatRequest,
  type Completion,
  type ProgressListener,
} from "../client";
import { type Answer, AnswerBuilder, nothing, sumOf } from "./answer";
import type { Message } from "./prompt";
import { Refusals, type RefusedField, refusedField } from "./refusals";
import { askInPrompt, type JsonOutput, readReply, repairMessages } from "./structured-output";
import { carryOut, type ReadCall, readCall, type Tool, toolMessage } from "./tools";

/** How a question ended, unless in an error. */
export interface Outcome {
  completion: Answer;
  /** The conversation including the reply, ready to be sent on; without reasoning and without failed repairs. */
  messages: Message[];
  /** The text of the reply, or the value of its JSON. */
  reply: unknown;
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
  /** A server refuses a field for a model. Told once. */
  onRefused?(field: RefusedField, model: string): void;
}

export interface AskOptions {
  signal: AbortSignal;
  listener: AskListener;
  /** Functions that are carried out here. */
  tools?: Tool[];
  /** Rounds in which calls are carried out. */
  maxSteps?: number;
  /** What the reply must be; undefined for a text. */
  output?: JsonOutput | undefined;
  /** How often a reply that is not valid is sent back. */
  repairs?: number;
  /** What is known of the server, and will be known for the next question. */
  refusals?: Refusals;
}

export type Request = ChatRequest & { messages: Message[] };

/** Finish reasons of replies of which a part is missing. */
const CUT = { length: "output_truncated", content_filter: "output_filtered" } as const;

/**
 * Asks a question and says how it ended. While the model calls functions that are carried out here, their results go
 * back to it; a reply that should be JSON and is not goes back with what is wrong. An abort is an outcome: the text so
 * far, with the finish reason `aborted`.
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
  readonly #refusals: Refusals;
  readonly #tools: Map<string, Tool>;
  readonly #answer = new AnswerBuilder();
  /** What is sent on: the question, and the rounds that are complete. */
  readonly #messages: Message[];
  /** The same as the server gets it, with the reasoning that it wants back and the replies that it is to repair. */
  readonly #sent: Message[];
  #repairsLeft: number;

  constructor(client: ChatClient, request: Request, options: AskOptions) {
    this.#client = client;
    this.#request = request;
    this.#options = options;
    this.#refusals = options.refusals ?? new Refusals();
    this.#tools = new Map(options.tools?.map((tool) => [tool.name, tool]));
    this.#messages = [...request.messages];
    this.#sent = [...request.messages];
    this.#repairsLeft = options.repairs ?? 0;
  }

  async run(): Promise<Outcome> {
    try {
      return await this.#rounds();
    } catch (error) {
      if (!(error instanceof ChatError)) throw error;
      if (error.code === "cancelled" && error.completion) return this.#aborted(error.completion);
      if (!this.#answer.isEmpty || error.completion) error.completion = this.#answer.build(error.completion);
      if (error.completion) error.cause.attempts = error.completion.attempts;
      throw error;
    }
  }

  async #rounds(): Promise<Outcome> {
    for (;;) {
      const completion = await this.#round();
      const calls = (completion.message.tool_calls ?? []).map(readCall);
      if (calls.length === 0) {
        const outcome = this.#readReply(completion);
        if (outcome) return outcome;
        continue;
      }
      this.#options.listener.onRoundEnd?.(completion.finish_reason);
      const own = calls.filter((call) => this.#isOwn(call));
      if (own.length > 0) {
        await this.#carryOut(completion, own);
      } else {
        this.#answer.add(completion);
        this.#messages.push(sendable(completion.message));
      }
      const others = calls.filter((call) => !own.includes(call));
      if (others.length > 0) return this.#outcome(undefined, others);
    }
  }

  /** One round; unless it fails, its end is told by who knows what came of it. */
  async #round(): Promise<Completion> {
    const { listener } = this.#options;
    listener.onRoundStart?.();
    try {
      return await this.#complete();
    } catch (error) {
      const isCancelled = error instanceof ChatError && error.code === "cancelled" && error.completion;
      listener.onRoundEnd?.(isCancelled ? "aborted" : "error");
      throw error;
    }
  }

  /** Asks, and asks once more without a field that the server refuses. */
  async #complete(): Promise<Completion> {
    const { listener, signal } = this.#options;
    const { model } = this.#request;
    const refused = new Set<RefusedField>();
    let before = nothing();
    for (;;) {
      const request = this.#nextRequest(refused);
      const isContinuation = this.#answer.rounds > 0 || refused.size > 0;
      try {
        const completion = await this.#client.complete(request, { signal, listener, isContinuation });
        // Known only now: the error may have had another reason than the one that it seemed to name.
        for (const field of refused) if (this.#refusals.add(model, field)) listener.onRefused?.(field, model);
        return refused.size > 0 ? sumOf(before, completion) : completion;
      } catch (error) {
        if (!(error instanceof ChatError)) throw error;
        if (error.completion) error.completion = sumOf(before, error.completion);
        const field = refusedField(error, request);
        if (!field || !this.#canDoWithout(field)) throw error;
        refused.add(field);
        before = error.completion ?? before;
      }
    }
  }

  /** @param refused - fields that the server has just refused */
  #nextRequest(refused: Set<RefusedField>): Request {
    const { output } = this.#options;
    const request: Request = { ...this.#request, messages: this.#sent };
    for (const field of ["stream_options", "response_format"] as const) {
      const isRefused = refused.has(field) || this.#refusals.has(request.model, field);
      if (isRefused && this.#canDoWithout(field)) delete request[field];
    }
    if (output && request.response_format === undefined) request.messages = askInPrompt(request.messages, output);
    if (this.#answer.callRounds > 0 || this.#sent.at(-1)?.role === "tool") relaxToolChoice(request);
    return request;
  }

  /** A prompt can ask for JSON, and for no other format. */
  #canDoWithout(field: RefusedField): boolean {
    return field !== "response_format" || this.#options.output !== undefined;
  }

  /** Whether a call is carried out here. A name that nobody knows is told to the model where it has functions here. */
  #isOwn(call: ReadCall): boolean {
    if (this.#tools.has(call.name)) return true;
    return this.#tools.size > 0 && !isDeclared(this.#request.tools, call.name);
  }

  /** Carries out calls side by side; their results are in the order of the calls. */
  async #carryOut(completion: Completion, calls: ReadCall[]): Promise<void> {
    const { listener, maxSteps = Number.POSITIVE_INFINITY, signal } = this.#options;
    const step = this.#answer.add(completion);
    if (++this.#answer.callRounds > maxSteps) throw new ChatError("too_many_steps", { count: maxSteps });
    const names = [...this.#tools.keys()];
    step.tool_calls = await Promise.all(
      calls.map((call) => {
        listener.onTool?.(call.name);
        return carryOut(this.#tools.get(call.name), call, names, signal);
      }),
    );
    if (signal.aborted) throw Object.assign(new ChatError("cancelled"), { completion: nothing() });
    const message = sendable(completion.message);
    const results = step.tool_calls.map(toolMessage);
    this.#messages.push(message, ...results);
    this.#sent.push({ ...message, ...completion.echo }, ...results);
  }

  /** @returns undefined for a reply that has been sent back */
  #readReply(completion: Completion): Outcome | undefined {
    const { listener, output } = this.#options;
    const { finish_reason, message } = completion;
    this.#answer.add(completion);
    const text = message.content ?? "";
    const read = output ? readJsonReply(text, finish_reason, output) : { value: text };
    if ("value" in read) {
      listener.onRoundEnd?.(finish_reason);
      this.#messages.push(sendable(message));
      return this.#outcome(read.value, []);
    }
    if ("error" in read || this.#repairsLeft <= 0) {
      listener.onRoundEnd?.("error");
      throw "error" in read ? read.error : invalidOutput(read.problems, completion);
    }
    listener.onRoundEnd?.("invalid_output");
    this.#repairsLeft--;
    this.#sent.push(...repairMessages(text, read.problems));
    return undefined;
  }

  #outcome(reply: unknown, calls: ReadCall[]): Outcome {
    return { completion: this.#answer.build(), messages: this.#messages, reply, calls };
  }

  #aborted(completion: Completion): Outcome {
    const text = completion.message.content ?? "";
    // The text of an abort may be empty, and no server takes an empty message back.
    if (text) this.#messages.push({ role: "assistant", content: text });
    const answer = { ...this.#answer.build(completion), finish_reason: "aborted" };
    const last = answer.steps.at(-1);
    if (last && last.tool_calls.length === 0) last.finish_reason = "aborted";
    return { completion: answer, messages: this.#messages, reply: text, calls: [] };
  }
}

/** Reads a reply that should be JSON. One of which a part is missing is not worth a repair. */
function readJsonReply(text: string, finishReason: string | undefined, output: JsonOutput) {
  if (finishReason === "length" || finishReason === "content_filter") {
    return { error: new ChatError(CUT[finishReason], { reason: finishReason }) };
  }
  return readReply(text, output);
}

function invalidOutput(problems: string[], { provider, request_id }: Completion): ChatError {
  return new ChatError(
    "output_invalid",
    { problems: problems.join("; ") },
    { problems, ...(provider && { provider }), ...(request_id && { request_id }) },
  );
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
