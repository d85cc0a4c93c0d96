import {
  type AssistantMessage,
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
import { askInPrompt, type JsonOutput, repairMessages } from "../json/structured-output";
import type { Message } from "../request/prompt";
import { sendableCall } from "../tools";
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

/** The messages of a question as its rounds go on: those that are handed out, and those that the server gets. */
export class SendableHistory {
  /** The question, and the rounds that are complete; without reasoning and without failed repairs. */
  readonly messages: Message[];
  /** The same as the server gets it, with the reasoning that it wants back and the replies that it is to repair. */
  readonly sent: Message[];

  constructor(messages: readonly Message[]) {
    this.messages = [...messages];
    this.sent = [...messages];
  }

  /** Adds the last message of a question. */
  addReply(message: AssistantMessage): void {
    this.messages.push(sendable(message));
  }

  /** Adds the text of a reply that was aborted. It may be empty, and no server takes an empty message back. */
  addAborted(text: string): void {
    if (text) this.messages.push({ role: "assistant", content: text });
  }

  /** Adds a round whose calls were carried out. */
  addCalls({ message, reasoningToReturn }: Completion, results: readonly Message[]): void {
    const round = sendable(message);
    this.messages.push(round, ...results);
    this.sent.push({ ...round, ...reasoningToReturn }, ...results);
  }

  /** Adds a reply that goes back to the model, with what is wrong with it. */
  addRepair(text: string, problems: string[]): void {
    this.sent.push(...repairMessages(text, problems));
  }
}

/** Returns a message as it is sent on: reasoning stays behind. */
function sendable({ role, content, tool_calls }: AssistantMessage): Message {
  return tool_calls ? { role, content, tool_calls: tool_calls.map(sendableCall) } : { role, content };
}
