import {
  asChatError,
  type ChatClient,
  type ChatError,
  type ChatRequest,
  type Completion,
  heldBackReply,
  isOfModel,
  type Priority,
  type ProgressListener,
  type UnsupportedParam,
} from "../../client/internal";
import { askInPrompt, type JsonOutput } from "../json/structured-output";
import type { Message } from "../request/prompt";
import type { FallbackChain } from "./fallback";
import { sumOf } from "./report";
import { type UnsupportedParams, unsupportedParam } from "./unsupported-params";

/** The body of a request whose messages we have read. */
export interface Request extends ChatRequest {
  messages: Message[];
}

/** Callbacks for a round. */
export interface RoundListener extends ProgressListener {
  /** Called once for a model when the server refuses a field, and the question goes on without it. */
  onRefused?(field: "response_format" | "stream_options", params: { model: string; message: string }): void;
  /** Called when a model fails and another one is asked. May put the error's message into the user's language. */
  onFallback?(error: ChatError): void;
}

export interface RoundOptions {
  signal: AbortSignal;
  listener: RoundListener;
  priority: Priority;
  /** Undefined where there is only the one of the request. */
  models: FallbackChain | undefined;
  /** What the reply must be; undefined for a text. */
  output: JsonOutput | undefined;
  unsupported: UnsupportedParams;
}

/**
 * One round of a question: one request, another where the server refuses what the question can do without, and others to
 * further models where one fails.
 *
 * @param whole - the request with all that is wanted; its model is that of `models`
 * @returns the reply, with the attempts and times of all requests
 * @throws ChatError; its `completion` holds what had come
 */
export async function completeRound(client: ChatClient, whole: Request, options: RoundOptions): Promise<Completion> {
  const { listener, models, output, signal } = options;
  let { priority } = options;
  let refused = new Map<UnsupportedParam, string>();
  let before: Completion | undefined;
  for (;;) {
    const wanted = models ? { ...whole, model: models.current } : whole;
    const request = without(
      wanted,
      output,
      (refusal) => refused.has(refusal) || (!options.unsupported.isEmpty && options.unsupported.has(wanted, refusal)),
    );
    try {
      const hasFallback = models?.hasFallback === true;
      const completion = await client.complete(request, { signal, listener, priority, hasFallback });
      if (refused.size > 0) remember(refused, wanted, options);
      return before ? sumOf(before, completion) : completion;
    } catch (cause) {
      const error = asChatError(cause);
      if (error.completion && before) error.completion = sumOf(before, error.completion);
      const heldBack = output && heldBackReply(error);
      if (heldBack !== undefined && error.completion) {
        return { ...error.completion, message: { role: "assistant", content: heldBack } };
      }
      const refusal = unsupportedParam(error, request);
      if (refusal && !refused.has(refusal) && canDoWithout(refusal, output)) {
        refused.set(refusal, String(error.params["message"] ?? ""));
      } else if (models?.hasFallback && isOfModel(error) && !hasBegun(error)) {
        listener.onFallback?.(error);
        models.moveOn(error);
        refused = new Map();
      } else {
        throw error;
      }
      before = error.completion ?? before;
      priority = "begun";
    }
  }
}

/** True if a piece of the reply has come: in the middle of one nothing is tried again. */
function hasBegun({ completion }: ChatError): boolean {
  return completion?.timing.first_ms !== undefined;
}

/** True if a question can go on without a field: a prompt can ask for JSON, and for no other format. */
function canDoWithout(refusal: UnsupportedParam, output: JsonOutput | undefined): boolean {
  return refusal === "stream_options" || output !== undefined;
}

/** Returns the request without what its server refuses. */
function without(
  wanted: Request,
  output: JsonOutput | undefined,
  isRefused: (refusal: UnsupportedParam) => boolean,
): Request {
  const request = { ...wanted };
  if (isRefused("stream_options")) delete request["stream_options"];
  if (!output) return request;
  if (isRefused("response_format")) delete request["response_format"];
  if (request["response_format"] === undefined || isRefused("json_word")) {
    request.messages = askInPrompt(request.messages, output);
  }
  return request;
}

/** Remembers refusals, once the server has replied: its error may have had another reason than it seemed to name. */
function remember(
  refused: Map<UnsupportedParam, string>,
  wanted: Request,
  { listener, unsupported }: RoundOptions,
): void {
  for (const [refusal, message] of refused) {
    const isNew = unsupported.add(wanted, refusal);
    if (isNew && refusal !== "json_word") listener.onRefused?.(refusal, { model: wanted.model, message });
  }
}
