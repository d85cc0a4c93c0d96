/** A model of a server's list, as the picker shows it. Unknown values are undefined. */
export interface ModelRow {
  id: string;
  /** The providers that the server lists; empty if it lists only ids. */
  providers: ProviderRow[];
  /** In tokens: the smallest of all providers, since the router picks one. */
  context: number | undefined;
  /** USD per million tokens: the lowest of all. */
  input: number | undefined;
  output: number | undefined;
  /** The shortest time to the first token, in seconds. */
  latency: number | undefined;
  /** The highest rate, in tokens per second. */
  throughput: number | undefined;
  /** True if some provider supports it. */
  tools: boolean;
  json: boolean;
  images: boolean;
  audio: boolean;
  video: boolean;
  licence: string | undefined;
}

/** A provider of a model. */
export interface ProviderRow {
  name: string;
  isLive: boolean;
  /** For a while, as an offer. */
  isFree: boolean;
  context: number | undefined;
  input: number | undefined;
  output: number | undefined;
  /** For tokens of the prompt that the provider has cached. */
  cached: number | undefined;
  latency: number | undefined;
  throughput: number | undefined;
  tools: boolean;
  json: boolean;
}

/** Columns by which the list can be sorted. */
export type ModelColumn = "id" | "context" | "input" | "output" | "latency" | "throughput";

export interface ModelFilter {
  /** Words that the id or a provider's name must contain. */
  text: string;
  tools: boolean;
  json: boolean;
  images: boolean;
}

/** Reads a server's list of models. Skips entries without an id, and ignores fields of another type. */
export function readModelRows(models: unknown): ModelRow[] {
  return Array.isArray(models) ? models.flatMap(readModelRow) : [];
}

function readModelRow(entry: unknown): ModelRow[] {
  const { id, license, providers, architecture } = asRecord(entry);
  if (typeof id !== "string" || id === "") return [];
  const rows = Array.isArray(providers) ? providers.flatMap(readProviderRow) : [];
  const inputs = asRecord(architecture)["input_modalities"];
  const takes = (kind: string) => Array.isArray(inputs) && inputs.includes(kind);
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
      images: takes("image"),
      audio: takes("audio"),
      video: takes("video"),
      licence: typeof license === "string" ? license : undefined,
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
      cached: asNumber(pricing["cached"]),
      latency: latency === undefined ? undefined : latency / 1000,
      throughput: asNumber(provider["throughput"]),
      tools: provider["supports_tools"] === true,
      json: provider["supports_structured_output"] === true,
    },
  ];
}

/** Returns the matching rows, sorted by a column, unknown values last in both directions. */
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
 * Splits a model's name into its id and what follows the colon. A name that the server itself lists is not split:
 * some servers have models such as `llama3.2:3b`.
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

/** Formats a number of tokens: `128k`, `1M`. */
export function showTokens(tokens: number | undefined): string {
  if (tokens === undefined) return "";
  if (tokens >= 1e6) return `${round(tokens / 1e6)}M`;
  return tokens >= 1000 ? `${Math.round(tokens / 1000)}k` : String(tokens);
}

/** Formats USD in cents; a price below ten cents with two significant digits. */
export function showPrice(price: number | undefined): string {
  if (price === undefined) return "";
  const cents = price.toFixed(2);
  const isExact = price >= 0.1 || Number(cents) === price;
  // A number below a millionth would have an exponent.
  return `$${isExact ? cents : price.toLocaleString("en-US", { maximumSignificantDigits: 2 })}`;
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
