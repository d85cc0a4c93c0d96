import type { Redaction } from "../redaction";
import type { PartialCompletion } from "../types";

/**
 * Hides the secrets in a reply that came in several pieces: they are found only here, where the pieces are one text.
 *
 * @param wasHidden - a secret was hidden in a piece of the reply before it was put together
 */
export function redactCompletion(
  completion: PartialCompletion,
  { reply }: Redaction,
  wasHidden: boolean,
): PartialCompletion {
  const { message, reasoningToReturn = {} } = completion;
  const texts: string[] = [];
  const hide = (text: string): string => {
    const redacted = reply(text);
    texts.push(redacted);
    if (redacted !== text) wasHidden = true;
    return redacted;
  };
  const { reasoning } = message;
  hideTexts(message as unknown as Record<string, unknown>, hide);
  for (const { function: called } of message.tool_calls ?? []) {
    called.name = hide(called.name);
    called.arguments = hide(called.arguments);
  }
  hideTexts(reasoningToReturn, hide);
  // What lists the same text token by token, or part by part, would tell it all the same.
  if (wasHidden && texts.some((text) => text.includes("***"))) delete completion.logprobs;
  if (message.reasoning !== reasoning) delete reasoningToReturn["reasoning_details"];
  return completion;
}

function hideTexts(fields: Record<string, unknown>, hide: (text: string) => string): void {
  for (const [name, value] of Object.entries(fields)) if (typeof value === "string") fields[name] = hide(value);
}
