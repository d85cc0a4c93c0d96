import { asChatError, type ChatClient, type Completion, FINISH_MEANINGS, type Priority } from "../../client/internal";
import { ChatError } from "../errors";
import { checkBudget } from "../json/schema";
import { type JsonOutput, readReply } from "../json/structured-output";
import type { Message } from "../request/prompt";
import {
  dropCalls,
  droppedNote,
  MOST_CALLS,
  type ParsedCall,
  parseCall,
  runTool,
  type Tool,
  toolMessage,
} from "../tools";
import { FallbackChain } from "./fallback";
import { emptyCompletion, type Report, ReportBuilder } from "./report";
import { completeRound, type Request, type RoundListener, SendableHistory } from "./round";
import { UnsupportedParams } from "./unsupported-params";

/** How a question ended, unless in an error. */
export interface Outcome {
  completion: Report;
  /** The conversation including the reply, ready to be sent on; without reasoning and without failed repairs. */
  messages: Message[];
  /** The text of the reply, or the value of its JSON. */
  reply: unknown;
  /** Calls that nobody here carries out; empty for a reply. */
  calls: ParsedCall[];
}

/** Callbacks for a question while it runs: its progress, and how each round ended. */
export interface QuestionListener extends RoundListener {
  /** Called when a round begins; the request waits for what it returns. */
  onRoundStart?(): Promise<void> | undefined;
  /** Called when a round is over; a stream sends its closing message. */
  onRoundEnd?(finishReason: string | undefined): void;
  /** Called when a call is carried out. */
  onTool?(name: string): void;
  /** Called when the model made more calls in a round than are carried out. */
  onCallsDropped?(params: { count: number; most: number }): void;
}

export interface QuestionOptions {
  signal: AbortSignal;
  listener: QuestionListener;
  /** Functions that are carried out here. */
  tools?: Tool[];
  /** Rounds in which calls are carried out. */
  maxSteps?: number;
  /** What the reply must be; undefined for a text. */
  output?: JsonOutput | undefined;
  /** How often a reply that is not valid is sent back. */
  repairs?: number;
  /** Models to ask where the one of the request fails. */
  fallback?: readonly string[];
  /** `admitted` for a question that has waited before. */
  priority?: Priority;
  /** How long the question has waited before, in ms. */
  waitedMs?: number;
  /** What is known of the server, and will be known for the next question. */
  unsupported?: UnsupportedParams;
}

/**
 * Asks a question and says how it ended. While the model calls functions that are carried out here, their results go
 * back to it; a reply that should be JSON and is not goes back with what is wrong. An abort is an outcome: the text so
 * far, with the finish reason `aborted`.
 *
 * @throws ChatError; its `completion` holds what had come
 */
export async function runQuestion(client: ChatClient, request: Request, options: QuestionOptions): Promise<Outcome> {
  return new QuestionRun(client, request, options).run();
}

/** Returns the outcome of a question that was aborted before it could be asked. */
export function abortedBeforeStart(): Outcome {
  return {
    completion: { ...emptyCompletion(), finish_reason: "aborted", steps: [] },
    messages: [],
    reply: "",
    calls: [],
  };
}

/** The rounds of one question. */
class QuestionRun {
  readonly #client: ChatClient;
  readonly #request: Request;
  readonly #options: QuestionOptions;
  readonly #tools: Map<string, Tool>;
  /** Undefined where there is only the one of the request. */
  readonly #models: FallbackChain | undefined;
  readonly #report = new ReportBuilder();
  readonly #history: SendableHistory;
  readonly #startedAt: number;
  #repairsLeft: number;
  /** The question is the result of a call, or a call has been made: with the demand for one there were no reply. */
  #hasCalled: boolean;
  #isRoundOpen = false;

  constructor(client: ChatClient, request: Request, options: QuestionOptions) {
    this.#client = client;
    this.#request = request;
    this.#options = options;
    this.#models = options.fallback?.length ? new FallbackChain(request.model, options.fallback) : undefined;
    this.#tools = new Map(options.tools?.map((tool) => [tool.name, tool]));
    this.#history = new SendableHistory(request.messages);
    this.#startedAt = performance.now() - (options.waitedMs ?? 0);
    this.#repairsLeft = options.repairs ?? 0;
    this.#hasCalled = request.messages.at(-1)?.role === "tool";
  }

  async run(): Promise<Outcome> {
    try {
      return await this.#rounds();
    } catch (cause) {
      const error = asChatError(cause);
      if (error.completion) dropCalls(error.completion.message);
      const aborted = error.code === "cancelled" ? error.completion : undefined;
      this.#endRound(aborted ? "aborted" : "error");
      if (aborted) return this.#aborted(aborted);
      if (!this.#report.isEmpty || error.completion) error.completion = this.#buildReport(error.completion);
      if (error.completion) error.cause.attempts = error.completion.attempts;
      throw error;
    }
  }

  async #rounds(): Promise<Outcome> {
    for (;;) {
      const completion = await this.#round();
      if (!completion.message.tool_calls?.length) {
        const outcome = this.#readReply(completion);
        if (outcome) return outcome;
        continue;
      }
      const dropped = dropCalls(completion.message);
      const calls = completion.message.tool_calls.map(parseCall);
      this.#endRound(completion.finish_reason);
      if (dropped > 0) this.#options.listener.onCallsDropped?.({ count: calls.length + dropped, most: MOST_CALLS });
      const own: ParsedCall[] = [];
      const others: ParsedCall[] = [];
      for (const call of calls) (this.#isOwn(call) ? own : others).push(call);
      if (own.length > 0) {
        await this.#runCalls(completion, own, dropped);
      } else {
        this.#report.add(completion);
        this.#history.addReply(completion.message);
      }
      if (others.length > 0) return this.#outcome(undefined, others);
    }
  }

  /** Asks for one round. Its end is told when it is known what came of it. */
  async #round(): Promise<Completion> {
    const { priority = "new", listener, output, unsupported = new UnsupportedParams(), signal } = this.#options;
    this.#isRoundOpen = true;
    await listener.onRoundStart?.();
    const request = { ...this.#request, messages: this.#history.sent };
    if (this.#hasCalled) relaxToolChoice(request);
    return completeRound(this.#client, request, {
      signal,
      listener,
      priority: this.#report.rounds > 0 ? "begun" : priority,
      models: this.#models,
      output,
      unsupported,
    });
  }

  #endRound(finishReason: string | undefined): void {
    if (!this.#isRoundOpen) return;
    this.#isRoundOpen = false;
    this.#options.listener.onRoundEnd?.(finishReason);
  }

  /** True if a call is carried out here. A name that nobody knows is told to the model where it has functions here. */
  #isOwn(call: ParsedCall): boolean {
    if (this.#tools.has(call.name)) return true;
    return this.#tools.size > 0 && !isDeclared(this.#request["tools"], call.name);
  }

  /**
   * Carries out calls in parallel; their results are in the order of the calls.
   *
   * @param dropped - further calls of the round, of which the last result tells
   */
  async #runCalls(completion: Completion, calls: ParsedCall[], dropped: number): Promise<void> {
    const { listener, maxSteps = Number.POSITIVE_INFINITY, signal } = this.#options;
    const round = this.#report.add(completion);
    if (++this.#report.callRounds > maxSteps) throw new ChatError("too_many_steps", { count: maxSteps });
    this.#hasCalled = true;
    const names = [...this.#tools.keys()];
    const budget = checkBudget();
    round.tool_calls = await Promise.all(
      calls.map((call) => {
        listener.onTool?.(call.name);
        return runTool(this.#tools.get(call.name), call, names, signal, budget);
      }),
    );
    if (signal.aborted) {
      const { content } = completion.message;
      throw Object.assign(new ChatError("cancelled"), { completion: emptyCompletion(content ?? "") });
    }
    const results = round.tool_calls.map(toolMessage);
    const last = results.at(-1);
    if (last) last.content += droppedNote(dropped);
    this.#history.addCalls(completion, results);
  }

  /** @returns undefined for a reply that has been sent back */
  #readReply(completion: Completion): Outcome | undefined {
    const { output } = this.#options;
    const { finish_reason, message } = completion;
    this.#report.add(completion);
    const text = message.content ?? "";
    const read = output ? readJsonReply(text, finish_reason, output) : { value: text };
    if ("value" in read) {
      this.#endRound(finish_reason);
      this.#history.addReply(message);
      return this.#outcome(read.value, []);
    }
    if ("error" in read) throw read.error;
    if (this.#repairsLeft <= 0) throw invalidOutput(read.problems, completion);
    this.#endRound("invalid_output");
    this.#repairsLeft--;
    this.#history.addRepair(text, read.problems);
    return undefined;
  }

  #outcome(reply: unknown, calls: ParsedCall[]): Outcome {
    return { completion: this.#buildReport(), messages: this.#history.messages, reply, calls };
  }

  /** @param unfinished - a round that is not in the sums yet */
  #buildReport(unfinished?: Completion): Report {
    const { timing, ...report } = this.#report.build(this.#models?.failed ?? [], unfinished);
    const waited = Math.round(this.#options.waitedMs ?? 0);
    return {
      ...report,
      timing: {
        ...timing,
        queued_ms: timing.queued_ms + waited,
        ...(timing.first_ms !== undefined && { first_ms: timing.first_ms + waited }),
        // Tools take their time between the rounds.
        total_ms: Math.max(timing.total_ms, Math.round(performance.now() - this.#startedAt)),
      },
    };
  }

  #aborted(completion: Completion): Outcome {
    const text = completion.message.content ?? "";
    this.#history.addAborted(text);
    const report = { ...this.#buildReport(completion), finish_reason: "aborted" };
    const last = report.steps.at(-1);
    if (last && last.tool_calls.length === 0) last.finish_reason = "aborted";
    return { completion: report, messages: this.#history.messages, reply: text, calls: [] };
  }
}

/** Reads a reply that should be JSON. One that is not whole is not worth a repair. */
function readJsonReply(text: string, finishReason: string | undefined, output: JsonOutput) {
  switch (FINISH_MEANINGS.get(finishReason)) {
    case "cut":
      return { error: new ChatError("output_truncated", { reason: finishReason ?? "" }) };
    case "filtered":
      return { error: new ChatError("output_filtered", { reason: finishReason ?? "" }) };
    default:
      return readReply(text, output);
  }
}

function invalidOutput(problems: string[], { provider, request_id }: Completion): ChatError {
  return new ChatError(
    "output_invalid",
    { problems: problems.join("; ") },
    { problems, ...(provider && { provider }), ...(request_id && { request_id }) },
  );
}

/** Lets the model reply once the demanded call has been made: with the demand still there it never could. */
function relaxToolChoice(request: Request): void {
  if (request["tool_choice"] === "required" || typeof request["tool_choice"] === "object")
    delete request["tool_choice"];
}

function isDeclared(tools: unknown, name: string): boolean {
  return (
    Array.isArray(tools) &&
    tools.some((tool: { function?: { name?: unknown } } | null) => tool?.function?.name === name)
  );
}
