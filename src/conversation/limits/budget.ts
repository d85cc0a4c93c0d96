import { asRecord, inUsd, type LimitUse } from "../../client/internal";
import { LIMIT_PERIODS } from "../../shared/limits";
import { ChatError } from "../errors";
import { type Period, windowAt } from "./windows";

/** A limit as the configuration has it. */
export type Limit = Pick<LimitUse, "amount" | "unit" | "per">;

/** What was used in one window. */
interface Counts {
  questions: number;
  usd: number;
  tokens: number;
  /** Those of the tokens whose price nobody knows. */
  unpriced: number;
}

/** What one request has used. `usd` is undefined where nobody knows its price. */
export interface Spent {
  tokens: number;
  usd: number | undefined;
}

/** What is kept over a restart: for each period its last windows, by their start. */
export type SavedCounts = { [P in Period]?: [start: number, counts: Counts][] };

/** A clock that jumps finds what it counted, in this many windows of each period. */
const MOST_WINDOWS = 64;
/** From this part of a limit on there is a warning. */
const NEAR = 0.8;
/** Where a limit in USD meets a model without a price, so many tokens stand for one USD. */
const TOKENS_PER_USD = 1_000_000;
/** What a limit of a longer period allows a day; of a shorter one the day has as much, which errs on the safe side. */
const PART_OF_DAY: Partial<Record<Period, number>> = { month: 1 / 30 };

/** The error of a limit that is reached. */
const LIMIT_ERRORS = { questions: "limit_questions", usd: "limit_usd", tokens: "limit_tokens" } as const;

/** A limit that counts in its own way: in place of one in USD, the tokens without a price. */
interface Rule extends Limit {
  counted: keyof Counts;
}

/** Counts what is used of limits in windows of the calendar. Knows nothing of requests, stores and timers. */
export class Budget {
  readonly limits: readonly Limit[];
  readonly #rules: Rule[];
  readonly #periods: Period[];
  readonly #now: () => number;
  readonly #windows = new Map<Period, Map<number, Counts>>();

  /** @param now - the time of day, in ms since 1970: it may jump in both directions */
  constructor(limits: readonly Limit[], now: () => number = Date.now) {
    this.limits = limits;
    this.#now = now;
    this.#rules = limits.map((limit) => ({ ...limit, counted: limit.unit }));
    const tokens = tokensADay(limits);
    if (tokens !== undefined) this.#rules.push({ amount: tokens, unit: "tokens", per: "day", counted: "unpriced" });
    this.#periods = LIMIT_PERIODS.filter((period) => this.#rules.some(({ per }) => per === period));
  }

  /** True if a limit is in USD, so that prices are needed. */
  get needsPrices(): boolean {
    return this.limits.some(({ unit }) => unit === "usd");
  }

  /** Tokens that limit models without a price, where a limit in USD has none to count; undefined where no limit is in USD. */
  get tokensForUsd(): number | undefined {
    return this.needsPrices ? this.#rules.find(({ unit }) => unit === "tokens")?.amount : undefined;
  }

  /** @returns what is used of each limit of the configuration */
  use(): LimitUse[] {
    const now = this.#now();
    return this.#rules.slice(0, this.limits.length).map((rule) => this.#useOf(rule, now));
  }

  /**
   * Returns the limit that a request would break, of several the one that lasts longest.
   *
   * @param isCounted - true for a later request of a question, which limits of questions do not hold up
   */
  reached(isCounted = false): LimitUse | undefined {
    return this.#worst((rule, { used }) => used >= rule.amount && !(isCounted && rule.unit === "questions"));
  }

  /** Returns a limit of which four fifths are used. */
  near(): LimitUse | undefined {
    return this.#worst((rule, { used }) => used >= rule.amount * NEAR);
  }

  /** @throws ChatError `budget_exhausted` where a limit is reached; see `reached` */
  check(isCounted = false): void {
    const limit = this.reached(isCounted);
    if (limit) throw limitError(limit, this.#now());
  }

  addQuestion(): void {
    this.#add({ questions: 1, usd: 0, tokens: 0, unpriced: 0 });
  }

  addSpent({ tokens, usd }: Spent): void {
    this.#add({ questions: 0, usd: usd ?? 0, tokens, unpriced: usd === undefined ? tokens : 0 });
  }

  /** @returns what to keep, as plain data */
  save(): SavedCounts {
    const saved: SavedCounts = {};
    for (const [period, windows] of this.#windows) {
      saved[period] = [...windows].map(([start, counts]) => [start, { ...counts }]);
    }
    return saved;
  }

  /** Adds what was kept to what has been counted since. What is not ours is left out. */
  load(saved: unknown): void {
    for (const period of this.#periods) {
      const since = this.#windows.get(period);
      const windows = new Map(readWindows(asRecord(saved)?.[period]));
      this.#windows.set(period, windows);
      for (const [start, counts] of since ?? []) this.#addTo(period, start, counts);
    }
  }

  #worst(isMeant: (rule: Rule, use: LimitUse) => boolean): LimitUse | undefined {
    const now = this.#now();
    let worst: LimitUse | undefined;
    for (const rule of this.#rules) {
      const use = this.#useOf(rule, now);
      if (isMeant(rule, use) && (!worst || use.resets_at > worst.resets_at)) worst = use;
    }
    return worst;
  }

  #useOf({ amount, unit, per, counted }: Rule, now: number): LimitUse {
    const { start, end } = windowAt(per, now);
    const used = this.#windows.get(per)?.get(start)?.[counted] ?? 0;
    return { amount, unit, per, used: inUsd(used), resets_at: new Date(end).toISOString() };
  }

  #add(counts: Counts): void {
    const now = this.#now();
    for (const period of this.#periods) this.#addTo(period, windowAt(period, now).start, counts);
  }

  #addTo(period: Period, start: number, { questions, usd, tokens, unpriced }: Counts): void {
    const windows = this.#windows.get(period) ?? new Map<number, Counts>();
    this.#windows.set(period, windows);
    const before = windows.get(start) ?? { questions: 0, usd: 0, tokens: 0, unpriced: 0 };
    // The latest stands last.
    windows.delete(start);
    windows.set(start, {
      questions: sum(before.questions, questions),
      usd: sum(before.usd, usd),
      tokens: sum(before.tokens, tokens),
      unpriced: sum(before.unpriced, unpriced),
    });
    for (const oldest of windows.keys()) {
      if (windows.size <= MOST_WINDOWS) break;
      windows.delete(oldest);
    }
  }
}

/** Adds what servers tell, and stays finite: JSON in a store writes Infinity as null, and the count would be lost. */
function sum(before: number, added: number): number {
  return Math.min(before + added, Number.MAX_VALUE);
}

/** Tokens a day that take the place of USD; undefined where no limit is in USD, or the user has set one in tokens. */
function tokensADay(limits: readonly Limit[]): number | undefined {
  const usd = limits.filter(({ unit }) => unit === "usd");
  if (usd.length === 0 || limits.some(({ unit }) => unit === "tokens")) return undefined;
  const amounts = usd.map(({ amount, per }) => amount * (PART_OF_DAY[per] ?? 1));
  return Math.round(Math.min(...amounts) * TOKENS_PER_USD);
}

function limitError(limit: LimitUse, now: number): ChatError {
  const { amount, unit, used, resets_at } = limit;
  const until = localTime(new Date(resets_at));
  const seconds = Math.max(1, Math.ceil((Date.parse(resets_at) - now) / 1000));
  return new ChatError(LIMIT_ERRORS[unit], { amount, used, until }, { retryable: true, retry_after: seconds, limit });
}

/** Writes a time as clocks in the user's place show it: `2026-11-26 14:05`. */
function localTime(date: Date): string {
  const two = (number: number) => String(number).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

function readWindows(saved: unknown): [number, Counts][] {
  if (!Array.isArray(saved)) return [];
  return saved.slice(-MOST_WINDOWS).flatMap((entry): [number, Counts][] => {
    const [start, counts] = Array.isArray(entry) ? entry : [];
    const { questions, usd, tokens, unpriced } = asRecord(counts) ?? {};
    const numbers = [start, questions, usd, tokens, unpriced].map((value) =>
      typeof value === "number" ? value : Number.NaN,
    );
    // A count below zero would let more through than is allowed.
    if (!numbers.every((number) => Number.isFinite(number)) || numbers.slice(1).some((number) => number < 0)) return [];
    const [at = 0, q = 0, u = 0, t = 0, p = 0] = numbers;
    return [[at, { questions: q, usd: u, tokens: t, unpriced: p }]];
  });
}
