import { asRecord } from "../../client/internal";
import type { Fields } from "./fields";

/** The two words by which chat templates switch thinking off. */
const NO_THINKING = { enable_thinking: false, thinking: false };

/**
 * Switches thinking off in the chat template, for the reasoning effort `none`: some servers obey the one and some the
 * other. What the user has set there wins.
 */
export function addTemplateKwargs(fields: Fields): void {
  const own = fields["chat_template_kwargs"];
  if (own === undefined || asRecord(own)) fields["chat_template_kwargs"] = { ...NO_THINKING, ...asRecord(own) };
}
