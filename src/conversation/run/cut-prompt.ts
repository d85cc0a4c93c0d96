import {
  asRecord,
  type ChatRequest,
  type Completion,
  type ServerKind,
  serverKind,
  type Usage,
} from "../../client/internal";
import { estimatePrompt } from "../tokens";
import type { Cut } from "./report";

/** Callbacks for prompts that are cut. */
export interface PromptCutListener {
  /** Called when the server seems to have cut the prompt without saying so. */
  onPromptCut?(server: ServerKind | "other", params: { model: string; counted: number; estimated: number }): void;
}

/** Below this estimate, in tokens, the server's template weighs too much, and no window is so small. */
const SHORTEST = 1500;
/** A server that counts less than this part of the estimate has not read all. */
const LEAST_PART = 0.6;
/** The smallest window of a context. Those of most servers are this, doubled once or several times. */
const SMALLEST_WINDOW = 2048;
/** Tokens by which a full window may be missed: end marks count differently. */
const NEAR = 8;
/** A prompt that alone fills a window was cut only if it seems to be as long as that. */
const AS_LONG = 0.8;

/**
 * Marks a reply to a prompt that the server has cut, and tells of it. Servers at home cut a prompt that is longer than
 * their window, mostly from the front, and answer as if nothing had happened.
 *
 * @param request - as it was sent
 * @param host - of the server, with its port
 */
export function notePromptCut(
  request: ChatRequest,
  completion: Completion & Cut,
  host: string,
  listener: PromptCutListener,
): void {
  const counted = countedTokens(completion.usage);
  if (counted === undefined) return;
  const estimated = estimatePrompt(request);
  if (!isCut(counted, estimated, completion.usage)) return;
  completion.truncated_prompt = true;
  const params = { model: request.model, counted, estimated: Math.round(estimated) };
  listener.onPromptCut?.(serverKind(completion, host) ?? "other", params);
}

/** True if the server has not read all of a prompt, as far as its counts tell. */
export function isPromptCut(request: ChatRequest, usage: Usage | undefined): boolean {
  const counted = countedTokens(usage);
  return counted !== undefined && isCut(counted, estimatePrompt(request), usage);
}

function isCut(counted: number, estimated: number, usage: Usage | undefined): boolean {
  if (estimated > SHORTEST && counted < LEAST_PART * estimated) return true;
  const written = usage?.["completion_tokens"];
  if (typeof written === "number" && fillsWindow(counted + written)) return true;
  return fillsWindow(counted) && estimated >= AS_LONG * counted;
}

function fillsWindow(tokens: number): boolean {
  let window = SMALLEST_WINDOW;
  while (window + NEAR < tokens) window *= 2;
  return Math.abs(tokens - window) <= NEAR;
}

/** Tokens of the prompt with those from a cache. @returns undefined where the server tells none */
function countedTokens(usage: Usage | undefined): number | undefined {
  const prompt = usage?.["prompt_tokens"];
  // Some say 0 for a prompt that they had cached.
  if (typeof prompt !== "number" || !Number.isFinite(prompt) || prompt <= 0) return undefined;
  const cached = asRecord(usage?.["prompt_tokens_details"])?.["cached_tokens"];
  // Where they are not included there may be more of them than of the others.
  const besides = typeof cached === "number" && cached > prompt ? cached : 0;
  return prompt + besides + count(usage, "cache_read_input_tokens") + count(usage, "cache_creation_input_tokens");
}

function count(usage: Usage | undefined, name: string): number {
  const value = usage?.[name];
  return typeof value === "number" && value > 0 ? value : 0;
}
