import {
  asChatError,
  type ChatError,
  type ChatRequest,
  type Meter as ClientMeter,
  type CompleteOptions,
  type Completion,
  isAmount,
  type LimitUse,
  type MeteredClient,
  quotedReply,
  untilAbort,
} from "../../client/internal";
import { estimatePrompt, tokensOfText } from "../tokens";
import type { Budget } from "./budget";

/** A question that waits for its first slot. */
interface Waiter {
  isCounted: boolean;
  refuse(error: ChatError): void;
}

/** Where what is counted is kept. */
export interface CountStore {
  /** Waits until what was counted before is known; undefined once that is over. */
  ready(): Promise<void> | undefined;
  /** Called when something was counted. */
  changed(): void;
}

/** The provider of replies that no model has written. */
const DEMO = "demo";

/** Lets questions through to a client as far as a budget allows, and counts what they use. */
export class Meter implements ClientMeter {
  readonly #budget: Budget;
  readonly #store: CountStore;
  readonly #waiting = new Set<Waiter>();

  constructor(budget: Budget, store: CountStore) {
    this.#budget = budget;
    this.#store = store;
  }

  /**
   * Asks, unless a limit is reached. A question is counted when its first request goes out, its tokens and cost when a reply
   * has come. Where that reaches a limit, all that wait for a slot are refused.
   *
   * @throws ChatError, `budget_exhausted` with `cause.limit` where a limit is reached
   */
  async ask(request: ChatRequest, options: CompleteOptions, client: MeteredClient): Promise<Completion> {
    await this.#ready(client, options);
    const waiter = new WaitingQuestion(options.priority === "begun");
    this.#budget.check(waiter.isCounted);
    this.#waiting.add(waiter);
    const { listener: heard, signal = waiter.signal } = options;
    const onSlot = () => {
      this.#budget.check(waiter.isCounted);
      this.#waiting.delete(waiter);
    };
    const onAsking = (isAtHome: boolean) => {
      // Throws where the server is left alone meanwhile: nothing is sent then.
      heard?.onAsking?.(isAtHome);
      if (!waiter.isCounted) this.#countQuestion(waiter);
    };
    try {
      const either = AbortSignal.any([signal, waiter.signal]);
      const listener = { ...heard, onAsking };
      const completion = await client.complete(request, { ...options, signal: either, listener, onSlot });
      return this.#count(request, completion, options, client);
    } catch (cause) {
      const error = waiter.error(asChatError(cause));
      // What has not begun has used nothing, unless the server says so.
      const { timing, usage } = error.completion ?? {};
      const quoted = quotedReply(error);
      const hasUsed = timing?.first_ms !== undefined || usage !== undefined || quoted !== undefined;
      if (error.completion && hasUsed) this.#count(request, error.completion, options, client, quoted);
      else if (error.completion) error.completion.limits = this.use();
      throw error;
    } finally {
      this.#waiting.delete(waiter);
    }
  }

  /** Returns what is used of each limit. */
  use(): LimitUse[] {
    return this.#budget.use();
  }

  /** Waits for what was counted before, and for prices where they are needed. These may take seconds, so the wait is told. */
  async #ready(client: MeteredClient, { signal, listener }: CompleteOptions): Promise<void> {
    const prices = this.#budget.needsPrices ? client.prices() : undefined;
    if (prices) listener?.onWaiting?.();
    const needed = [this.#store.ready(), prices];
    for (const wait of needed) if (wait) await (signal ? untilAbort(wait, signal) : wait);
  }

  #countQuestion(waiter: Waiter): void {
    waiter.isCounted = true;
    this.#budget.addQuestion();
    this.#changed();
  }

  /**
   * Counts a reply, or what had come of it, and writes into it what is used.
   *
   * @param quoted - what the model had written, where the server made an error of it
   */
  #count(
    request: ChatRequest,
    completion: Completion,
    { listener }: CompleteOptions,
    client: MeteredClient,
    quoted?: string,
  ): Completion {
    const { model } = request;
    const { tokens, usage } = tokensOf(request, completion, quoted);
    const known = completion.cost ?? client.costOf(model, { ...completion, usage });
    const usd = completion.provider === DEMO ? 0 : known;
    this.#budget.addSpent({ tokens, usd });
    this.#changed();
    completion.limits = this.use();
    const instead = usd === undefined ? this.#budget.tokensForUsd : undefined;
    if (instead !== undefined) listener?.onPriceMissing?.({ model, tokens: instead });
    const near = this.#budget.near();
    if (near) listener?.onLimitNear?.(near);
    return completion;
  }

  /** Refuses those that wait where a limit is reached now. */
  #changed(): void {
    this.#store.changed();
    for (const waiter of [...this.#waiting]) {
      try {
        this.#budget.check(waiter.isCounted);
      } catch (error) {
        this.#waiting.delete(waiter);
        waiter.refuse(asChatError(error));
      }
    }
  }
}

class WaitingQuestion implements Waiter {
  isCounted: boolean;
  readonly #refusal = new AbortController();
  #error: ChatError | undefined;

  constructor(isCounted: boolean) {
    this.isCounted = isCounted;
  }

  get signal(): AbortSignal {
    return this.#refusal.signal;
  }

  refuse(error: ChatError): void {
    this.#error = error;
    this.#refusal.abort();
  }

  /** Returns why it was refused in the place of the error that says that it has ended. */
  error(cause: ChatError): ChatError {
    const error = this.#error;
    if (!error || cause.code !== "cancelled") return cause;
    if (cause.completion) error.completion = cause.completion;
    if (cause.cause.attempts !== undefined) error.cause.attempts = cause.cause.attempts;
    return error;
  }
}

/** Returns the tokens of a reply as the server tells them, or an estimate. */
function tokensOf(request: ChatRequest, { message, usage }: Completion, quoted = "") {
  const { prompt_tokens, completion_tokens, total_tokens } = usage ?? {};
  const told = [prompt_tokens, completion_tokens].map((count) => (isAmount(count) ? count : undefined));
  const [prompt = Math.ceil(estimatePrompt(request)), written = estimateReply(message, quoted)] = told;
  const tokens = isAmount(total_tokens) ? total_tokens : prompt + written;
  return { tokens, usage: { ...usage, prompt_tokens: prompt, completion_tokens: written } };
}

function estimateReply({ content, reasoning = "", tool_calls = [] }: Completion["message"], quoted: string): number {
  const calls = tool_calls.map(({ function: called }) => called.name + called.arguments);
  return Math.ceil(tokensOfText([content || quoted, reasoning, ...calls].join("\n")));
}
