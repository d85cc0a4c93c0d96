import { LOCAL_SERVERS } from "../completion/dialects";
import type { Connection } from "../connection/connection";
import type { Endpoint } from "../connection/endpoint";
import type { ModelEntry } from "../types";
import { asRecord } from "../unknown";
import { fetchJson } from "./list";
import type { ServerKind } from "./server-kind";

/** In ms. Nobody waits longer for what is nice to know. */
const PATIENCE_MS = 3000;

/**
 * Asks a server at home for the window of a model that it has loaded.
 *
 * @returns undefined where it does not tell
 * @throws what `fetchJson` throws
 */
export async function fetchWindow(
  { request }: Connection,
  { origin, path }: Endpoint,
  kind: ServerKind,
  model: string,
  headers: Record<string, string>,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  const source = LOCAL_SERVERS.find((server) => server.kind === kind)?.window;
  if (!source) return undefined;
  const limit = AbortSignal.timeout(PATIENCE_MS);
  const either = signal ? AbortSignal.any([signal, limit]) : limit;
  const response = asRecord(await fetchJson(request, { origin, path: besideV1(path, source.path) }, headers, either));
  const place = source.models
    ? loadedModel(response?.[source.models], model)
    : response?.["default_generation_settings"];
  return asTokens(asRecord(place)?.[source.field]);
}

function loadedModel(models: unknown, model: string): unknown {
  const names: unknown[] = [model, `${model}:latest`];
  return Array.isArray(models) ? models.find((entry) => names.includes(asRecord(entry)?.["name"])) : undefined;
}

/**
 * Finds the window of a model in the router's list.
 *
 * @param model - with or without `:provider`
 * @param provider - who has served it
 */
export function windowInList(models: ModelEntry[], model: string, provider: string | undefined): number | undefined {
  const [id = "", suffix] = model.split(":");
  const providers = models.find((entry) => entry.id === id)?.providers ?? [];
  return asTokens(providers.find((entry) => entry.provider === (provider ?? suffix))?.context_length);
}

function asTokens(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? value : undefined;
}

function besideV1(completionsPath: string, path: string): string {
  return completionsPath.replace(/(?:\/v1)?\/chat\/completions(?=\?|$)/, path);
}
