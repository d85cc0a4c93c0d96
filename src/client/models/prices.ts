import type { Completion, ModelEntry } from "../types";

/** The router measures and prices its providers anew every few hours. */
const FRESH_MS = 60 * 60 * 1000;
/** Wait before the next request for a list that could not be fetched. */
const PAUSE_MS = 5 * 60 * 1000;

/** In USD per million tokens. */
interface Price {
  input: number;
  output: number;
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

  /** @param load - fetches the list */
  constructor(load: () => Promise<ModelEntry[]>) {
    this.#load = load;
  }

  /** Begins to fetch the list if it is missing or old. */
  refresh(): void {
    const now = performance.now();
    if (now < this.#dueAt) return;
    this.#dueAt = now + PAUSE_MS;
    this.#load().then(
      (models) => {
        this.#prices = readPrices(models);
        this.#dueAt = performance.now() + FRESH_MS;
      },
      // Without prices replies only have no cost.
      () => {},
    );
  }

  /**
   * Adds the cost to a reply if price, provider and usage are known.
   *
   * @param model - as in the request, with or without `:provider`
   */
  addCost(model: string, completion: Completion): void {
    const { provider, usage } = completion;
    const [id = "", suffix = ""] = model.split(":");
    const price = this.#prices.get(`${id} ${provider ?? suffix}`);
    const input = usage?.["prompt_tokens"];
    const output = usage?.["completion_tokens"];
    if (!price || typeof input !== "number" || typeof output !== "number") return;
    completion.cost = inUsd((input * price.input + output * price.output) / 1e6);
  }
}

/** Rounds off the noise of binary fractions. */
export function inUsd(amount: number): number {
  return Number(amount.toPrecision(12));
}

function readPrices(models: ModelEntry[]): Map<string, Price> {
  const prices = new Map<string, Price>();
  for (const { id, providers = [] } of models) {
    for (const { provider, pricing: { input, output } = {} } of providers) {
      if (input !== undefined && output !== undefined) prices.set(`${id} ${provider}`, { input, output });
    }
  }
  return prices;
}
