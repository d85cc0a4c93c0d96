import { asChatError, type ChatClient, type ChatRequest, type Completion, type ProgressListener } from "../client";
import { nothing, sumOf } from "./answer";
import type { Message } from "./prompt";
import { heldBackReply, type Refusal, type Refusals, refusalOf } from "./refusals";
import { askInPrompt, type JsonOutput } from "./structured-output";

/** The body of a request whose messages we have read. */
export interface Request extends ChatRequest {
  messages: Message[];
}

/** What is told of a round. */
export interface RoundListener extends ProgressListener {
  /** A server does not take a field, and the question goes without it. Told once for a model. */
  onRefused?(field: "response_format" | "stream_options", params: { model: string; said: string }): void;
}

export interface RoundOptions {
  signal: AbortSignal;
  listener: RoundListener;
  /** A later round of a question. */
  isContinuation: boolean;
  /** What the reply must be; undefined for a text. */
  output: JsonOutput | undefined;
  refusals: Refusals;
}

/**
 * One round of a question: one request, and another where the server refuses what the question can do without.
 *
 * @returns the reply, with the attempts and times of all requests
 * @throws ChatError; its `completion` holds what had come
 */
export async function completeRound(client: ChatClient, whole: Request, options: RoundOptions): Promise<Completion> {
  const { isContinuation, listener, output, refusals, signal } = options;
  const refused = new Map<Refusal, string>();
  let before = nothing();
  for (;;) {
    const request = without(whole, output, (refusal) => refused.has(refusal) || refusals.has(whole, refusal));
    try {
      const ahead = isContinuation || refused.size > 0;
      const completion = await client.complete(request, { signal, listener, isContinuation: ahead });
      remember(refused, whole, options);
      return sumOf(before, completion);
    } catch (cause) {
      const error = asChatError(cause);
      if (error.completion) error.completion = sumOf(before, error.completion);
      const heldBack = output && heldBackReply(error);
      if (heldBack) return heldBack;
      const refusal = refusalOf(error, request);
      if (!refusal || refused.has(refusal) || !canDoWithout(refusal, output)) throw error;
      refused.set(refusal, String(error.params.said ?? ""));
      before = error.completion ?? before;
    }
  }
}

/** A prompt can ask for JSON, and for no other format. */
function canDoWithout(refusal: Refusal, output: JsonOutput | undefined): boolean {
  return refusal === "stream_options" || output !== undefined;
}

/** The request as the server takes it. */
function without(whole: Request, output: JsonOutput | undefined, isRefused: (refusal: Refusal) => boolean): Request {
  const request = { ...whole };
  if (isRefused("stream_options")) delete request.stream_options;
  if (!output) return request;
  if (isRefused("response_format")) delete request.response_format;
  if (request.response_format === undefined || isRefused("json_word")) {
    request.messages = askInPrompt(request.messages, output);
  }
  return request;
}

/** Done only when the server has answered: its error may have had another reason than the one that it seemed to name. */
function remember(refused: Map<Refusal, string>, whole: Request, { listener, refusals }: RoundOptions): void {
  for (const [refusal, said] of refused) {
    const isNew = refusals.add(whole, refusal);
    if (isNew && refusal !== "json_word") listener.onRefused?.(refusal, { model: whole.model, said });
  }
}
