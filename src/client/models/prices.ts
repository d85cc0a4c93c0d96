import { CACHED_TOKENS, REPORTED_COSTS } from "../completion/dialects";
import type { Completion, ModelEntry, Usage } from "../types";
import { asRecord, isAmount } from "../unknown";

/** The router measures and prices its providers anew every few hours. */
const FRESH_MS = 60 * 60 * 1000;
/** Wait before the next request for a list that could not be fetched. */
const PAUSE_MS = 5 * 60 * 1000;
/** Longest wait of a question that needs prices. */
const LONGEST_WAIT_MS = 5000;

/** In USD per million tokens. */
interface Price {
  input: number;
  output: number;
  /** Of the part of the prompt that the provider had in its cache. */
  cached?: number;
}

/**
 * Computes what replies have cost, from the prices in a server's list of models. No question waits for the list: a
 * reply that comes before it has no cost.
 */
export class PriceList {
  readonly #load: () => Promise<ModelEntry[]>;
  /** By model and provider, with a space between them. */
  #prices = new Map<string, Price>();
  #dueAt = Number.NEGATIVE_INFINITY;
  /** Ends with the first list, whether it came or not. */
  #loading: Promise<void> | undefined;
  /** Of the first questions, for that. */
  #wait: Promise<void> | undefined;
  #isReady = false;

  /** @param load - fetches the list */
  constructor(load: () => Promise<ModelEntry[]>) {
    this.#load = load;
  }

  /** Begins to fetch the list if it is missing or old. */
  refresh(): void {
    const now = performance.now();
    if (now < this.#dueAt) return;
    this.#dueAt = now + PAUSE_MS;
    const loading = this.#load().then(
      (models) => {
        this.#prices = readPrices(models);
        this.#dueAt = performance.now() + FRESH_MS;
      },
      // Without prices replies only have no cost.
      () => {},
    );
    this.#loading ??= loading;
  }

  /** Waits for the first list, at most five seconds. @returns undefined once that is over */
  ready(): Promise<void> | undefined {
    if (this.#isReady) return undefined;
    this.refresh();
    this.#wait ??= new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, LONGEST_WAIT_MS);
      this.#loading?.then(() => {
        clearTimeout(timer);
        resolve();
      });
    }).then(() => {
      this.#isReady = true;
    });
    return this.#wait;
  }

  /**
   * Returns the cost of a reply in USD if price, provider and usage are known, and make sense.
   *
   * @param model - as in the request, with or without `:provider`
   */
  costOf(model: string, completion: Completion): number | undefined {
    const { provider, usage } = completion;
    const [id = "", suffix = ""] = model.split(":");
    const price = this.#prices.get(`${id} ${provider ?? suffix}`);
    const input = usage?.["prompt_tokens"];
    const output = usage?.["completion_tokens"];
    if (!price || !isAmount(input) || !isAmount(output)) return undefined;
    const cached = price.cached === undefined ? 0 : Math.min(cachedTokens(usage), input);
    const atOnce = (input - cached) * price.input + cached * (price.cached ?? 0);
    const cost = (atOnce + output * price.output) / 1e6;
    return isAmount(cost) ? inUsd(cost) : undefined;
  }
}

/** Adds what the server itself says that a reply has cost, if it is an amount. */
export function addReportedCost(usage: Usage, completion: Completion): void {
  const amounts = REPORTED_COSTS.map(({ field }) => usage[field]);
  const cost = amounts.find(isAmount);
  if (cost !== undefined) completion.cost = inUsd(cost);
}

/** Returns how much of a prompt came from a cache. */
function cachedTokens(usage: Usage | undefined): number {
  const said = CACHED_TOKENS.map((row) => ("inside" in row ? asRecord(usage?.[row.inside]) : usage)?.[row.field]);
  return said.find((count): count is number => typeof count === "number" && count > 0) ?? 0;
}

/** Rounds off the noise of binary fractions. */
export function inUsd(amount: number): number {
  return Number(amount.toPrecision(12));
}

function readPrices(models: ModelEntry[]): Map<string, Price> {
  const prices = new Map<string, Price>();
  for (const { id, providers = [] } of models) {
    for (const { provider, pricing: { input, output, cached } = {} } of providers) {
      if (!isAmount(input) || !isAmount(output)) continue;
      prices.set(`${id} ${provider}`, { input, output, ...(isAmount(cached) && { cached }) });
    }
  }
  return prices;
}
