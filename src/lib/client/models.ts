import type { Dispatcher } from "undici";
import type { Endpoint } from "./endpoint";
import { asRecord } from "./json";

/** A model as a server lists it. Only the router's entries have more than an id; what it does not say is absent. */
export interface ModelEntry {
  id: string;
  architecture?: { input_modalities?: string[]; output_modalities?: string[] };
  providers?: ModelProvider[];
}

/** Who serves a model behind the router (hub-docs, `inference-providers/hub-api.md`). */
export interface ModelProvider {
  provider: string;
  status?: string;
  /** In tokens. */
  context_length?: number;
  /** USD per million tokens. */
  pricing?: { input?: number; output?: number };
  is_free?: boolean;
  supports_tools?: boolean;
  supports_structured_output?: boolean;
  first_token_latency_ms?: number;
  /** Tokens per second. */
  throughput?: number;
}

/** Of the list, in bytes. The router's has some hundred kilobytes. */
const LONGEST_LIST = 16 * 1024 * 1024;
/** Until the headers, and between pieces of the list. */
const PATIENCE_MS = 30_000;

/** The server answers, and gives no list. */
export class ListRefused extends Error {
  constructor(readonly status: number) {
    super(`the list of models has the status ${status}`);
  }
}

/**
 * Fetches the list of models of a server, `GET /models` beside its chat completions.
 *
 * @returns the entries as they are, but for those without an id: what is in them may be of any kind
 * @throws ListRefused for a status other than 200; Error if the answer is no list, with the system's or undici's own
 *   code where the server was not reached
 */
export async function fetchModels(
  dispatcher: Dispatcher,
  { origin, path }: Endpoint,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<ModelEntry[]> {
  const limits = { headersTimeout: PATIENCE_MS, bodyTimeout: PATIENCE_MS, signal: signal ?? null };
  const answer = await dispatcher.request({ origin, path: modelsPath(path), method: "GET", headers, ...limits });
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of answer.body as AsyncIterable<Buffer>) {
    pieces.push(piece);
    length += piece.length;
    if (length > LONGEST_LIST) throw new Error("the list of models is too long");
  }
  if (answer.statusCode !== 200) throw new ListRefused(answer.statusCode);
  return readModels(JSON.parse(Buffer.concat(pieces).toString("utf8")));
}

function modelsPath(completionsPath: string): string {
  return completionsPath.replace(/\/chat\/completions(?=\?|$)/, "/models");
}

function readModels(answer: unknown): ModelEntry[] {
  const list = asRecord(answer)?.data;
  if (!Array.isArray(list)) throw new Error("this is no list of models");
  return list.filter((entry) => typeof asRecord(entry)?.id === "string") as ModelEntry[];
}
