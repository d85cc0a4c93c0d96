import { type AssistantMessage, type Completion, inUsd, type Usage } from "../../client/internal";
import type { QuestionFigures, TotalsResponse } from "../../shared/admin-api";
import type { CallReport } from "../tools";
import type { Fallback } from "./fallback";
import { addUsage } from "./usage";

/** One round of a question. */
export interface RoundReport {
  finish_reason?: string;
  usage?: Usage;
  tool_calls: CallReport[];
}

/** What is known of a reply whose prompt the server has cut. */
export type Cut = { truncated_prompt?: true };

/** What is reported of a question: its completion, round by round. */
export type Report = Omit<Completion, "reasoningToReturn"> & Cut & { steps: RoundReport[]; fallbacks?: Fallback[] };

/** Makes a completion for which no request was made. */
export const emptyCompletion = (content = ""): Completion => ({
  message: { role: "assistant", content } satisfies AssistantMessage,
  attempts: 0,
  timing: { queued_ms: 0, total_ms: 0 },
});

/**
 * Returns what is noted of a question that has ended.
 *
 * @param completion - undefined for one that ended before it was asked
 * @param error - code of the error that it ended with
 */
export function figuresOf(completion: Partial<Report> | undefined, error: string | undefined): QuestionFigures {
  const { model, provider, cost, usage, timing, steps, finish_reason } = completion ?? {};
  const figures: QuestionFigures = {
    at: Date.now(),
    total_ms: timing?.total_ms ?? 0,
    rounds: steps?.length ?? 0,
    ended: error ?? finish_reason ?? "",
    hasFailed: error !== undefined,
  };
  if (model !== undefined) figures.model = model;
  if (provider !== undefined) figures.provider = provider;
  if (cost !== undefined) figures.cost = cost;
  if (timing?.first_ms !== undefined) figures.first_ms = timing.first_ms;
  if (typeof usage?.["prompt_tokens"] === "number") figures.prompt_tokens = usage["prompt_tokens"];
  if (typeof usage?.["completion_tokens"] === "number") figures.completion_tokens = usage["completion_tokens"];
  return figures;
}

/** Adds a question to the totals of its configuration. */
export function addFigures(totals: TotalsResponse, figures: QuestionFigures): void {
  totals.since ??= figures.at;
  totals.questions++;
  if (figures.hasFailed) totals.failed++;
  totals.prompt_tokens += figures.prompt_tokens ?? 0;
  totals.completion_tokens += figures.completion_tokens ?? 0;
  if (figures.cost !== undefined) totals.cost = inUsd(totals.cost + figures.cost);
}

/** Returns the last of two completions, with the counts and times of both. */
export function sumOf(before: Completion & Cut, last: Completion): Completion & Cut {
  const usage = addUsage(before.usage, last.usage);
  // The first piece of the question is that of its first round; a request that brought none only delays it.
  const first_ms =
    before.timing.first_ms ??
    (last.timing.first_ms === undefined ? undefined : before.timing.total_ms + last.timing.first_ms);
  const timing = {
    ...last.timing,
    queued_ms: before.timing.queued_ms + last.timing.queued_ms,
    total_ms: before.timing.total_ms + last.timing.total_ms,
    ...(first_ms !== undefined && { first_ms }),
  };
  const sum: Completion & Cut = { ...last, attempts: before.attempts + last.attempts, timing };
  if (usage) sum.usage = usage;
  if (before.truncated_prompt) sum.truncated_prompt = true;
  return sum;
}

/** @returns undefined if one is not known: what a part has cost is not what all of it has cost */
function sumOfCosts(before: number | undefined, last: number | undefined): number | undefined {
  return before === undefined || last === undefined ? undefined : inUsd(before + last);
}

/** Adds up the rounds of a question. */
export class ReportBuilder {
  readonly #rounds: RoundReport[] = [];
  #sum: Completion | undefined;

  get isEmpty(): boolean {
    return this.#sum === undefined;
  }

  /** Rounds that are over, among them those that are to be repaired. */
  get rounds(): number {
    return this.#rounds.length;
  }

  /** Rounds in which functions were called. */
  callRounds = 0;

  /** Takes a round into the sums. @returns its report, to which the calls are added */
  add(completion: Completion): RoundReport {
    const { finish_reason, usage } = completion;
    const round: RoundReport = { tool_calls: [] };
    if (finish_reason !== undefined) round.finish_reason = finish_reason;
    if (usage) round.usage = usage;
    this.#rounds.push(round);
    const cost = this.#sum ? sumOfCosts(this.#sum.cost, completion.cost) : completion.cost;
    this.#sum = this.#sum ? sumOf(this.#sum, completion) : { ...completion };
    if (cost === undefined) delete this.#sum.cost;
    else this.#sum.cost = cost;
    return round;
  }

  /**
   * Returns the report of the question.
   *
   * @param fallbacks - models that failed
   * @param unfinished - a round that is not in the sums yet
   */
  build(fallbacks: Fallback[], unfinished?: Completion): Report {
    // Without a request there was no round.
    if (unfinished && unfinished.attempts > 0) this.add(unfinished);
    const { reasoningToReturn: _, ...completion } = this.#sum ?? unfinished ?? emptyCompletion();
    return { ...completion, steps: this.#rounds, ...(fallbacks.length > 0 && { fallbacks }) };
  }
}
