import type { AssistantMessage, Completion } from "../../client/internal";
import { repairMessages } from "../json/structured-output";
import type { Message } from "../request/prompt";
import { sendableCall } from "../tools";

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
