/** A model of a server's list, as the picker shows it. What the server does not say is undefined. */
export interface ModelRow {
  id: string;
  /** What the server says of everybody who serves it; none where the list has only ids. */
  providers: ProviderRow[];
  /** In tokens: the least of all providers, since the router picks one. */
  context: number | undefined;
  /** USD per million tokens: the least of all. */
  input: number | undefined;
  output: number | undefined;
  /** The shortest time to the first token, in seconds. */
  latency: number | undefined;
  /** The highest rate, in tokens per second. */
  throughput: number | undefined;
  /** True if some provider is known to do it. */
  tools: boolean;
  json: boolean;
  images: boolean;
}

/** Who serves a model. */
export interface ProviderRow {
  name: string;
  isLive: boolean;
  /** For a while, as an offer. */
  isFree: boolean;
  context: number | undefined;
  input: number | undefined;
  output: number | undefined;
  latency: number | undefined;
  throughput: number | undefined;
  tools: boolean;
  json: boolean;
}

/** Columns by which the list can be sorted. */
export type ModelColumn = "id" | "context" | "input" | "output" | "latency" | "throughput";

export interface ModelFilter {
  /** Words that the id, or a provider's name, must have. */
  text: string;
  tools: boolean;
  json: boolean;
  images: boolean;
}

/** Reads a server's list of models. Entries without an id are left out, fields of another kind count as not said. */
export function readModelRows(models: unknown): ModelRow[] {
  return Array.isArray(models) ? models.flatMap(readModelRow) : [];
}

function readModelRow(entry: unknown): ModelRow[] {
  const { id, providers, architecture } = asRecord(entry);
  if (typeof id !== "string" || id === "") return [];
  const rows = Array.isArray(providers) ? providers.flatMap(readProviderRow) : [];
  const inputs = asRecord(architecture)["input_modalities"];
  return [
    {
      id,
      providers: rows,
      context: least(rows.map(({ context }) => context)),
      input: least(rows.map(({ input }) => input)),
      output: least(rows.map(({ output }) => output)),
      latency: least(rows.map(({ latency }) => latency)),
      throughput: most(rows.map(({ throughput }) => throughput)),
      tools: rows.some(({ tools }) => tools),
      json: rows.some(({ json }) => json),
      images: Array.isArray(inputs) && inputs.includes("image"),
    },
  ];
}

function readProviderRow(entry: unknown): ProviderRow[] {
  const provider = asRecord(entry);
  if (typeof provider["provider"] !== "string" || provider["provider"] === "") return [];
  const pricing = asRecord(provider["pricing"]);
  const latency = asNumber(provider["first_token_latency_ms"]);
  return [
    {
      name: provider["provider"],
      isLive: provider["status"] !== "error",
      isFree: provider["is_free"] === true,
      context: asNumber(provider["context_length"]),
      input: asNumber(pricing["input"]),
      output: asNumber(pricing["output"]),
      latency: latency === undefined ? undefined : latency / 1000,
      throughput: asNumber(provider["throughput"]),
      tools: provider["supports_tools"] === true,
      json: provider["supports_structured_output"] === true,
    },
  ];
}

/** The rows that fit, sorted by a column; what is not said comes last, whichever the direction. */
export function chooseRows(rows: ModelRow[], filter: ModelFilter, by: ModelColumn, isDescending: boolean): ModelRow[] {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (row: ModelRow) => {
    if ((filter.tools && !row.tools) || (filter.json && !row.json) || (filter.images && !row.images)) return false;
    const names = [row.id, ...row.providers.map(({ name }) => name)].join(" ").toLowerCase();
    return words.every((word) => names.includes(word));
  };
  const direction = isDescending ? -1 : 1;
  return rows.filter(fits).sort((a, b) => {
    const [left, right] = [a[by], b[by]];
    if (left === undefined || right === undefined) return Number(left === undefined) - Number(right === undefined);
    const order = typeof left === "string" ? left.localeCompare(String(right)) : left - Number(right);
    return order * direction || a.id.localeCompare(b.id);
  });
}

/**
 * The parts of a model's name: its id, and what follows the colon. A name that the server itself lists is whole:
 * Some servers have models such as `llama3.2:3b`.
 */
export function splitModel(name: string, rows: ModelRow[] = []): { id: string; suffix: string } {
  const whole = name.trim();
  if (rows.some(({ id }) => id === whole)) return { id: whole, suffix: "" };
  const [id = "", ...suffix] = whole.split(":");
  return { id, suffix: suffix.join(":") };
}

export function joinModel(id: string, suffix: string): string {
  return suffix ? `${id}:${suffix}` : id;
}

/** A number of tokens: `128k`, `1M`. */
export function showTokens(tokens: number | undefined): string {
  if (tokens === undefined) return "";
  if (tokens >= 1e6) return `${round(tokens / 1e6)}M`;
  return tokens >= 1000 ? `${Math.round(tokens / 1000)}k` : String(tokens);
}

/** USD, in cents; a price below ten cents has two digits that count. */
export function showPrice(price: number | undefined): string {
  if (price === undefined) return "";
  const cents = price.toFixed(2);
  const isExact = price >= 0.1 || Number(cents) === price;
  return `$${isExact ? cents : Number(price.toPrecision(2))}`;
}

/** Seconds, or tokens per second. */
export function showRate(value: number | undefined): string {
  return value === undefined ? "" : String(value >= 10 ? Math.round(value) : round(value));
}

const round = (value: number) => Math.round(value * 10) / 10;

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function asNumber(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

function least(values: (number | undefined)[]): number | undefined {
  return values.reduce((a, b) => (a === undefined || (b !== undefined && b < a) ? b : a), undefined);
}

function most(values: (number | undefined)[]): number | undefined {
  return values.reduce((a, b) => (a === undefined || (b !== undefined && b > a) ? b : a), undefined);
}
