import {
  asChatError,
  type ChatClient,
  type ChatError as ClientError,
  type Completion,
  failedCall,
} from "../../client/internal";
import { ChatError } from "../errors";
import { offeredTools, withMeantNames } from "./call-names";
import type { ReportBuilder } from "./report";
import { completeRound, type Request, type RoundListener, type RoundOptions } from "./round";
import { TextCalls } from "./text-calls";

/** Callbacks for calls that a model writes wrongly. */
export interface WrongCallListener {
  /** Called when a call that the model has written as text stays text. */
  onTextCall?(params: { model: string }): void;
}

export interface AskOptions extends RoundOptions {
  listener: RoundListener &
    WrongCallListener & {
      onRoundStart?(): Promise<void> | undefined;
      onRoundEnd?(finishReason: string | undefined): void;
    };
  report: ReportBuilder;
  maxSteps: number;
}

const UNREADABLE = "(a call that could not be read)";

/**
 * Asks for one round, and reads the calls in its reply as they are meant: those that the model wrote as text, and those
 * with more than a name for their name. Where the server could not read a call, the model is told so and asked again.
 *
 * @throws ChatError; its `completion` holds what had come
 */
export async function askRound(client: ChatClient, request: Request, options: AskOptions): Promise<Completion> {
  const { history, listener, report, maxSteps } = options;
  let { priority } = options;
  for (;;) {
    try {
      return await readRound(client, request, { ...options, priority });
    } catch (cause) {
      const failed = failedTry(asChatError(cause));
      if (!failed) throw cause;
      if (failed.error.completion) report.add(failed.error.completion);
      if (++report.callRounds > maxSteps) throw new ChatError("too_many_steps", { count: maxSteps });
      history.addFailedTry(failed.reply, failed.sentence);
      listener.onRoundEnd?.("invalid_output");
      await listener.onRoundStart?.();
      priority = "begun";
    }
  }
}

async function readRound(client: ChatClient, request: Request, options: AskOptions): Promise<Completion> {
  const offered = request["tools"] === undefined ? undefined : offeredTools(request["tools"]);
  if (!offered) return completeRound(client, request, options);
  const { listener, output } = options;
  const mayCall = output === undefined && request["tool_choice"] !== "none";
  const texts = mayCall ? new TextCalls(offered, listener.onText?.bind(listener)) : undefined;
  try {
    const heard = texts ? { ...listener, onText: texts.push } : listener;
    const completion = await completeRound(client, request, { ...options, listener: heard });
    const { message } = completion;
    if (message.tool_calls) message.tool_calls = withMeantNames(message.tool_calls, offered);
    const model = options.models?.current ?? request.model;
    if (texts?.finish(message)) listener.onTextCall?.({ model });
    return completion;
  } finally {
    texts?.flush();
  }
}

/** Reads the error of a call that the server could not read. */
function failedTry(error: ClientError): { error: ClientError; reply: string; sentence: string } | undefined {
  const call = failedCall(error);
  if (call === undefined) return undefined;
  return { error, reply: call.trim() || UNREADABLE, sentence: String(error.params["message"] ?? "") || UNREADABLE };
}
