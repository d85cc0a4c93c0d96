import {
  asChatError,
  type ChatClient,
  type ChatError,
  type ChatRequest,
  type Completion,
  heldBackReply,
  isOfModel,
  isRouter,
  type Priority,
  type ProgressListener,
  type UnsupportedParam,
  unsupportedParams,
} from "../../client/internal";
import { askInPrompt, type JsonOutput } from "../json/structured-output";
import type { Message } from "../request/prompt";
import type { QuestionTrace } from "../trace/question-trace";
import { cutCall } from "./cut-call";
import { notePromptCut, type PromptCutListener } from "./cut-prompt";
import type { FallbackChain } from "./fallback";
import { sumOf } from "./report";
import type { SendableHistory } from "./sendable-history";
import {
  hasDemandingTools,
  leaveOut,
  type RefusedParam,
  type UnsupportedParams,
  warningOf,
} from "./unsupported-params";

/** In characters, or in tokens, which are fewer. */
const SHORT = 1000;

/** The body of a request whose messages we have read. */
export interface Request extends ChatRequest {
  messages: Message[];
}

/** Callbacks for a round. */
export interface RoundListener extends ProgressListener, PromptCutListener {
  /** Called once for a model when the server refuses something, and the question goes on without it. */
  onRefused?(what: RefusedParam, params: { model: string; message: string; field: string }): void;
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
  /** True if the provider that served a model is asked again, where the server has several. */
  isSticky: boolean;
  /** The messages, as each model gets them. */
  history: SendableHistory;
  /** Undefined where nobody listens. */
  trace?: QuestionTrace | undefined;
  /** The other server, where the question has moved there. */
  server: string | undefined;
  /** True if there is another server to ask. */
  hasOtherServer: boolean;
}

/**
 * One round of a question: one request, another where the server refuses what the question can do without, and others to
 * further models where one fails.
 *
 * @param whole - the request with all that is wanted; its model is that of `models`, its messages those of `history`
 * @returns the reply, with the attempts and times of all requests
 * @throws ChatError; its `completion` holds what had come
 */
export async function completeRound(client: ChatClient, whole: Request, options: RoundOptions): Promise<Completion> {
  const { hasOtherServer, history, isSticky, listener, models, output, server, signal, trace } = options;
  let { priority } = options;
  let refused = new Map<UnsupportedParam, string>();
  let before: Completion | undefined;
  for (;;) {
    const model = models?.current ?? whole.model;
    const wanted = { ...whole, model, messages: history.sentTo(model, server) };
    const isRefused = (refusal: UnsupportedParam) => refused.has(refusal) || options.unsupported.has(wanted, refusal);
    const isAllTaken = refused.size === 0 && options.unsupported.isEmpty;
    const request = without(wanted, output, isAllTaken ? undefined : isRefused);
    try {
      const hasFallback = models?.hasFallback === true;
      const provider = isSticky ? history.providerOf(model, server) : undefined;
      const how = { signal, listener, priority, hasFallback, hasOtherServer, provider };
      const completion = await (trace ? trace.chat(client, request, how) : client.complete(request, how));
      if (completion.provider && isRouter(client.endpoint.origin)) {
        history.served({ model, provider: completion.provider, server });
      }
      if (refused.size > 0) remember(refused, wanted, options);
      if (mayBeCut(request, completion)) notePromptCut(request, completion, client.endpoint.host, listener);
      const cut = completion.message.tool_calls && cutCall(completion);
      if (cut) throw cut;
      return before ? sumOf(before, completion) : completion;
    } catch (cause) {
      const error = asChatError(cause);
      // Where another server replies, the next question asks this one for any provider.
      if (error.code === "timeout" && !hasBegun(error)) history.dropProvider(model, server);
      if (error.completion && before) error.completion = sumOf(before, error.completion);
      const heldBack = output && heldBackReply(error);
      if (heldBack !== undefined && error.completion) {
        // Nobody has seen it yet, and a stream is the whole text of its round.
        if (heldBack !== "" && !hasBegun(error)) listener.onText?.(heldBack);
        return { ...error.completion, message: { role: "assistant", content: heldBack } };
      }
      const refusal = hasBegun(error)
        ? undefined
        : unsupportedParams(error, request).find(
            (param) => !refused.has(param) && canDoWithout(param, output, request),
          );
      if (refusal) {
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

/** False for prompt and reply that fit into the smallest window: most are so short, and nothing needs to be estimated. */
function mayBeCut({ messages, tools }: Request, { usage }: Completion): boolean {
  if (usage === undefined) return false;
  if (tools !== undefined || !(Number(usage["prompt_tokens"]) + Number(usage["completion_tokens"]) < SHORT))
    return true;
  let length = 0;
  for (const { content } of messages) length += typeof content === "string" ? content.length : SHORT;
  return length > SHORT;
}

/** True if a piece of the reply has come: in the middle of one nothing is tried again. */
function hasBegun({ completion }: ChatError): boolean {
  return completion?.timing.first_ms !== undefined;
}

/** True if a question can go on without it: a prompt can ask for JSON, and for no other format. */
function canDoWithout(refusal: UnsupportedParam, output: JsonOutput | undefined, request: Request): boolean {
  if (refusal === "tool_schema") return hasDemandingTools(request);
  return output !== undefined || (refusal !== "response_format" && refusal !== "json_word");
}

/** Lets the model reply once the demanded call has been made: with the demand still there it never could. */
export function withoutDemand(request: Request): Request {
  const { tool_choice, ...others } = request;
  return tool_choice === "required" || typeof tool_choice === "object" ? others : request;
}

/**
 * Returns the request without what its server refuses.
 *
 * @param isRefused - undefined where nothing is known, as with most servers
 */
function without(
  wanted: Request,
  output: JsonOutput | undefined,
  isRefused: ((refusal: UnsupportedParam) => boolean) | undefined,
): Request {
  const request = { ...wanted };
  if (isRefused) leaveOut(request, isRefused);
  if (!output) return request;
  if (isRefused?.("response_format")) delete request["response_format"];
  if (request["response_format"] === undefined || isRefused?.("json_word")) {
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
    const warning = warningOf(refusal);
    if (isNew && warning) listener.onRefused?.(warning, { model: wanted.model, message, field: refusal });
  }
}
