import { asChatError, type ChatClient, type Completion, type Priority } from "../../client/internal";
import { ChatError } from "../errors";
import { checkBudget } from "../json/schema";
import { type JsonOutput, readJsonReply } from "../json/structured-output";
import type { Message } from "../request/prompt";
import {
  dropCalls,
  isDeclared,
  MOST_CALLS,
  type ParsedCall,
  parseCall,
  runTool,
  type Tool,
  withoutBlankArguments,
} from "../tools";
import type { QuestionTrace } from "../trace/question-trace";
import type { WrongCallListener } from "./ask-round";
import type { Otherwise, OtherwiseListener } from "./otherwise";
import { Place } from "./place";
import { emptyCompletion, type Report, ReportBuilder } from "./report";
import type { Request, RoundListener } from "./round";
import { bringsResults, type Origins, SendableHistory } from "./sendable-history";
import { UnsupportedParams } from "./unsupported-params";

/** How a question ended, unless in an error. */
export interface Outcome {
  completion: Report;
  /** The conversation including the reply, ready to be sent on; without failed repairs. */
  messages: Message[];
  /** What is known of the messages beside them. */
  origins: Origins;
  /** False for a question of which nothing is remembered: `messages` are those without it. */
  isKept: boolean;
  /** The text of the reply, or the value of its JSON. */
  reply: unknown;
  /** Calls that nobody here carries out; empty for a reply. */
  calls: ParsedCall[];
}

/** Callbacks for a question while it runs: its progress, and how each round ended. */
export interface QuestionListener extends RoundListener, WrongCallListener, OtherwiseListener {
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
  /** True if the provider that served a model serves its later rounds, too; only at the router. */
  stickyProvider?: boolean;
  /** Another server, asked where this one cannot be reached. */
  otherwise?: Otherwise | undefined;
  /** What is known of remembered messages in the request. */
  origins?: Origins;
  /** Undefined where nobody listens. */
  trace?: QuestionTrace | undefined;
}

/** The reason of an abort that ends a question as if it had never been asked. */
export const FORGET = "forget";

/**
 * Asks a question and says how it ended. While the model calls functions that are carried out here, their results go
 * back to it; a reply that should be JSON and is not goes back with what is wrong. An abort is an outcome: the text so
 * far, with the finish reason `aborted`. One with the reason `FORGET` keeps nothing of the question.
 *
 * @throws ChatError; its `completion` holds what had come
 */
export async function runQuestion(client: ChatClient, request: Request, options: QuestionOptions): Promise<Outcome> {
  return new QuestionRun(client, request, options).run();
}

/** Returns the outcome of a question that was aborted before it could be asked. @param messages - of its conversation */
export function abortedBeforeStart(messages: Message[] = []): Outcome {
  return {
    completion: { ...emptyCompletion(), finish_reason: "aborted", steps: [] },
    messages,
    origins: { writers: new Map(), providers: new Map() },
    isKept: false,
    reply: "",
    calls: [],
  };
}

/** The rounds of one question. */
class QuestionRun {
  readonly #options: QuestionOptions;
  readonly #tools: Map<string, Tool>;
  readonly #place: Place;
  readonly #report = new ReportBuilder();
  readonly #history: SendableHistory;
  readonly #startedAt: number;
  #repairsLeft: number;
  /** The question is the result of a call, or a call has been made: with the demand for one there were no reply. */
  #hasCalled: boolean;
  #isRoundOpen = false;

  constructor(client: ChatClient, request: Request, options: QuestionOptions) {
    this.#options = options;
    const { fallback = [], output, stickyProvider = false, unsupported = new UnsupportedParams() } = options;
    this.#place = new Place({ client, request, output, fallback, stickyProvider, unsupported });
    this.#tools = new Map(options.tools?.map((tool) => [tool.name, tool]));
    this.#history = new SendableHistory(request.messages, options.origins);
    this.#startedAt = performance.now() - (options.waitedMs ?? 0);
    this.#repairsLeft = options.repairs ?? 0;
    this.#hasCalled = bringsResults(request.messages);
  }

  async run(): Promise<Outcome> {
    try {
      return await this.#rounds();
    } catch (cause) {
      const error = asChatError(cause);
      const dropped = error.completion ? dropCalls(error.completion.message) : 0;
      const aborted = error.code === "cancelled" ? error.completion : undefined;
      this.#endRound(aborted ? "aborted" : "error");
      if (aborted) return this.#stopped(aborted.message.content ?? "", aborted, dropped);
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
        if (this.#options.signal.aborted) return this.#stopped(completion.message.content ?? "");
      } else {
        this.#report.add(completion);
        this.#history.addReply(completion, this.#place.writer(completion));
      }
      if (others.length === 0) continue;
      const { tools } = this.#place.request;
      return this.#outcome(
        undefined,
        others.map((call) => withoutBlankArguments(call, tools)),
      );
    }
  }

  /** Asks for one round. Its end is told when it is known what came of it. */
  async #round(): Promise<Completion> {
    const { priority = "new", listener, maxSteps = Number.POSITIVE_INFINITY, otherwise, signal } = this.#options;
    this.#isRoundOpen = true;
    await listener.onRoundStart?.();
    return this.#place.ask({
      signal,
      listener,
      priority: this.#report.rounds > 0 ? "begun" : priority,
      hasCalled: this.#hasCalled,
      history: this.#history,
      report: this.#report,
      otherwise,
      maxSteps,
      trace: this.#options.trace,
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
    return this.#tools.size > 0 && !isDeclared(this.#place.request["tools"], call.name);
  }

  /**
   * Carries out calls in parallel; their results are in the order of the calls.
   *
   * @param dropped - further calls of the round, of which the last result tells
   */
  async #runCalls(completion: Completion, calls: ParsedCall[], dropped: number): Promise<void> {
    const { listener, maxSteps = Number.POSITIVE_INFINITY, signal, trace } = this.#options;
    const round = this.#report.add(completion);
    if (++this.#report.callRounds > maxSteps) throw new ChatError("too_many_steps", { count: maxSteps });
    this.#hasCalled = true;
    const names = [...this.#tools.keys()];
    const budget = checkBudget();
    const outcomes = await Promise.all(
      calls.map((call) => {
        listener.onTool?.(call.name);
        const run = () => runTool(this.#tools.get(call.name), call, names, signal, budget);
        return trace ? trace.tool(call, signal, run) : run();
      }),
    );
    round.tool_calls = outcomes.map(({ parts: _, ...report }) => report);
    this.#history.addCalls(completion, this.#place.writer(completion), outcomes, dropped);
  }

  /** @returns undefined for a reply that has been sent back */
  #readReply(completion: Completion): Outcome | undefined {
    const { output } = this.#place;
    const { finish_reason, message } = completion;
    this.#report.add(completion);
    const text = message.content ?? "";
    const read = output ? readJsonReply(message, finish_reason, output) : { value: text };
    if ("value" in read) {
      this.#endRound(finish_reason);
      // Where a server takes forced JSON for thoughts, these are the reply.
      const said = output && text.trim() === "" ? { ...message, content: message.reasoning ?? "" } : message;
      this.#history.addReply({ ...completion, message: said }, this.#place.writer(completion));
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
    const { messages, origins } = this.#history;
    return { completion: this.#buildReport(), messages, origins, isKept: true, reply, calls };
  }

  /** @param unfinished - a round that is not in the sums yet */
  #buildReport(unfinished?: Completion): Report {
    const { timing, ...report } = this.#report.build(this.#place.failed, unfinished);
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

  /**
   * @param unfinished - the round that was cut short; undefined where it is over
   * @param dropped - further calls of that round
   */
  #stopped(text: string, unfinished?: Completion, dropped = 0): Outcome {
    const kept = this.#history.stop(unfinished, this.#place.writer(unfinished ?? emptyCompletion()), dropped);
    const isKept = kept === "question" && this.#options.signal.reason !== FORGET;
    const { messages, before, origins } = this.#history;
    const completion = { ...this.#buildReport(unfinished), finish_reason: "aborted" };
    const last = completion.steps.at(-1);
    if (last && last.tool_calls.length === 0) last.finish_reason = "aborted";
    return { completion, messages: isKept ? messages : before, origins, isKept, reply: text, calls: [] };
  }
}

function invalidOutput(problems: string[], { provider, request_id }: Completion): ChatError {
  return new ChatError(
    "output_invalid",
    { problems: problems.join("; ") },
    { problems, ...(provider && { provider }), ...(request_id && { request_id }) },
  );
}
