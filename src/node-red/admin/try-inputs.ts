import type { NodeAPI } from "node-red";
import { recall } from "../../conversation/memory/remembered";
import { type MessageOptions, readMessageOptions } from "../../conversation/request/build";
import { readObject } from "../../conversation/request/fields";
import type { Message } from "../../conversation/request/prompt";
import type { Origins } from "../../conversation/run/sendable-history";
import type { TryForm } from "../../shared/admin-api";
import { ChatInputs, type Inputs, reading } from "../chat-inputs";
import { type ChatDef, type InputName, readHistoryLimits, typedInput } from "../chat-options";
import { ConversationStore } from "../conversation-store";
import { ChatError } from "../errors";
import type { ChatMessage } from "../message-reply";
import { readAgain } from "../read-again";
import { setProperty } from "../red";
import type { Unchecked } from "./form-client";
import { type FormNodeOptions, formNode, runningChat } from "./form-node";

/** Typed inputs whose value goes to the server. */
const SENT: readonly InputName[] = ["prompt", "system", "images", "audio"];
/** Types of typed inputs that read what is not in the form. */
const FROM_ELSEWHERE = new Set(["env", "flow", "global"]);

/** What a question of the form takes from its sample message, from contexts and from memory. */
export interface TryInputs {
  msg: ChatMessage;
  options: MessageOptions;
  inputs: Inputs;
  /** The key of its conversation. */
  key: string | undefined;
  history?: Message[];
  origins?: Origins;
}

/**
 * Reads what a question would read, by the same code: typed inputs, templates, `msg.huggingface` and the conversation.
 *
 * @param trial - the sample: a text, or a whole message as JSON, images and sound
 * @throws ChatError `invalid_input`, `secret_withheld`, `context_unreadable`, `memory_unreadable`, `cancelled`
 */
export async function readTryInputs(
  around: FormNodeOptions,
  def: ChatDef,
  trial: Pick<Unchecked<TryForm>, "prompt" | "message" | "images" | "audio">,
  signal: AbortSignal,
): Promise<TryInputs> {
  const { RED, isTrusted } = around;
  if (!isTrusted) {
    for (const name of SENT)
      if (FROM_ELSEWHERE.has(typedInput(def, name).type)) throw new ChatError("secret_withheld", { name });
  }
  const msg = sampleMessage(RED, def, trial);
  const options = reading(() => readMessageOptions(msg.huggingface, "msg.huggingface"));
  const again = { signal, retries: 0 };
  let withheld: ChatError | undefined;
  const onWithheld = (error: ChatError) => {
    withheld ??= error;
  };
  const reader = new ChatInputs(RED, formNode({ ...around, onWithheld }), def);
  const inputs = await reader.read(msg, options, again).catch((error) => {
    throw withheld ?? error;
  });
  for (const name of ["images", "audio"] as const) {
    const dropped = trial[name];
    if (Array.isArray(dropped) && dropped.length > 0) inputs[name] = [...[inputs[name] ?? []].flat(), ...dropped];
  }
  // What is remembered of people goes only to where the node is deployed to send it.
  const mayRemember = isTrusted && (options.conversation !== undefined || reader.hasConversation);
  const key = mayRemember ? await reader.readConversation(msg, options, again) : undefined;
  return { msg, options, inputs, key, ...(key !== undefined && (await remembered(around, def, key, signal))) };
}

/** Reads what the deployed node remembers; nothing is written, and nobody is waited for. */
async function remembered(
  { RED, nodes, place }: FormNodeOptions,
  def: ChatDef,
  key: string,
  signal: AbortSignal,
): Promise<{ history?: Message[]; origins?: Origins }> {
  const node = runningChat(RED, nodes, place.id);
  if (!node) return {};
  const store = new ConversationStore(node, String(def.store ?? ""));
  const loaded = await readAgain(() => store.load(key), { signal, retries: 0 });
  return recall(loaded, { ...readHistoryLimits(def), tokens: undefined });
}

/** @throws ChatError `json_invalid`, `not_an_object` for a message that is none */
function sampleMessage(
  RED: NodeAPI,
  def: ChatDef,
  { prompt, message }: Pick<Unchecked<TryForm>, "prompt" | "message">,
): ChatMessage {
  if (hasMessage(message)) return { _msgid: "", ...readObject(message, "msg") };
  const msg: ChatMessage = { _msgid: "", payload: prompt };
  const { value, type } = typedInput(def, "prompt");
  if (type === "msg" && value !== "payload") {
    try {
      setProperty(RED, msg, String(value), prompt);
    } catch {
      // A question that reads it says what is wrong with the path.
    }
  }
  return msg;
}

/** True if there is a whole message, and not only a prompt. */
export function hasMessage(message: unknown): boolean {
  return typeof message === "string" && message.trim() !== "";
}
