import { CACHED_PRICES } from "../completion/dialects";
import type { Connection } from "../connection/connection";
import type { Endpoint } from "../connection/endpoint";
import { isClosedByServer } from "../connection/kept-connections";
import { ChatError, reasonOf } from "../errors/chat-error";
import { connectionError, isOfConnection } from "../errors/from-connection";
import { errorFromResponse, type RequestContext } from "../errors/from-response";
import { oneLine } from "../one-line";
import type { Redact } from "../redaction";
import type { ModelEntry, ModelProvider } from "../types";
import { asRecord, parseJson } from "../unknown";

/** In bytes. The router's list has some hundred kilobytes. */
const LONGEST_LIST = 16 * 1024 * 1024;
/** Longest silence, before the headers and between chunks of the list. */
const PATIENCE_MS = 30_000;

/** The server responds, but with no list. */
class ListRefused extends Error {
  constructor(readonly status: number) {
    super(`the list of models has the status ${status}`);
  }
}

/**
 * Fetches the list of models of a server, `GET /models` beside its chat completions.
 *
 * @param redact - keeps secrets out of what a server echoes
 * @returns the entries, with only the fields of `ModelEntry` that have the right type and without those that lack an id;
 *   and who owns them, which tells the kind of server
 * @throws ListRefused for a status other than 200; Error if the response is no list, with the system's or undici's own
 *   code if the server was not reached
 */
export async function fetchModels(
  { request, kept }: Connection,
  endpoint: Endpoint,
  redact: Redact,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<{ models: ModelEntry[]; owners: Set<string> }> {
  const list = () => fetchJson(request, { ...endpoint, path: modelsPath(endpoint.path) }, headers, signal);
  try {
    return readModels(await list(), redact);
  } catch (error) {
    // The server may have closed a kept connection; to ask for a list again costs nothing.
    if (signal?.aborted || !isClosedByServer(error)) throw error;
    kept.closeIdle();
    return readModels(await list(), redact);
  }
}

/**
 * Fetches the JSON at an address.
 *
 * @throws ListRefused for a status other than 200; Error for a document that is too long, and where the server was not
 *   reached
 */
export async function fetchJson(
  request: Connection["request"],
  { origin, path }: Pick<Endpoint, "origin" | "path">,
  headers: Record<string, string>,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  const limits = { headersTimeout: PATIENCE_MS, bodyTimeout: PATIENCE_MS, signal: signal ?? null };
  const response = await request({ origin, path, method: "GET", headers, ...limits });
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response.body as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > LONGEST_LIST) throw new Error("the list of models is too long");
  }
  if (response.statusCode !== 200) throw new ListRefused(response.statusCode);
  return parseJson(Buffer.concat(chunks).toString("utf8"));
}

/** Makes the error for a list that could not be fetched. */
export function listError(error: unknown, context: RequestContext, proxyHost: string | undefined): ChatError {
  if (error instanceof ChatError) return error;
  if (error instanceof ListRefused && (error.status === 401 || error.status === 403)) {
    return errorFromResponse({ status: error.status, headers: {}, body: "" }, context);
  }
  if (isOfConnection(error)) return connectionError(error, context.host, false, proxyHost);
  return new ChatError("models_unavailable", { host: context.host, reason: context.redact(reasonOf(error)) });
}

function modelsPath(completionsPath: string): string {
  return completionsPath.replace(/\/chat\/completions(?=\?|$)/, "/models");
}

function readModels(response: unknown, redact: Redact): { models: ModelEntry[]; owners: Set<string> } {
  const list = asRecord(response)?.["data"];
  if (!Array.isArray(list)) throw new Error("this is no list of models");
  const read = new FieldReader(redact);
  const owners = new Set(list.flatMap((value) => read.text(asRecord(value)?.["owned_by"]) ?? []));
  const models = list.flatMap((value) => {
    const entry = asRecord(value) ?? {};
    const id = read.text(entry["id"]);
    if (id === undefined) return [];
    const architecture = asRecord(entry["architecture"]);
    const fields = {
      architecture:
        architecture &&
        definedOnly({
          input_modalities: read.texts(architecture["input_modalities"]),
          output_modalities: read.texts(architecture["output_modalities"]),
        }),
      license: read.text(entry["license"]),
      providers: Array.isArray(entry["providers"])
        ? entry["providers"].flatMap((provider) => readProvider(asRecord(provider) ?? {}, read))
        : undefined,
    };
    return { id, ...definedOnly(fields) };
  });
  return { models, owners };
}

function readProvider(entry: Record<string, unknown>, read: FieldReader): ModelProvider[] {
  const provider = read.text(entry["provider"]);
  if (provider === undefined) return [];
  const pricing = asRecord(entry["pricing"]);
  const fields = {
    status: read.text(entry["status"]),
    context_length: read.number(entry["context_length"]),
    pricing:
      pricing &&
      definedOnly({
        input: read.number(pricing["input"]),
        output: read.number(pricing["output"]),
        cached: CACHED_PRICES.map(({ field }) => read.number(pricing[field])).find((price) => price !== undefined),
      }),
    is_free: read.boolean(entry["is_free"]),
    supports_tools: read.boolean(entry["supports_tools"]),
    supports_structured_output: read.boolean(entry["supports_structured_output"]),
    first_token_latency_ms: read.number(entry["first_token_latency_ms"]),
    throughput: read.number(entry["throughput"]),
  };
  return [{ provider, ...definedOnly(fields) }];
}

/** Reads the fields of a list; those of another type are undefined. */
class FieldReader {
  constructor(readonly redact: Redact) {}

  text(value: unknown): string | undefined {
    return typeof value === "string" && value !== "" ? oneLine(this.redact(value)) : undefined;
  }

  texts(value: unknown): string[] | undefined {
    return Array.isArray(value) ? value.flatMap((item) => this.text(item) ?? []) : undefined;
  }

  number(value: unknown): number | undefined {
    return typeof value === "number" && Number.isFinite(value) ? value : undefined;
  }

  boolean(value: unknown): boolean | undefined {
    return typeof value === "boolean" ? value : undefined;
  }
}

function definedOnly(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
