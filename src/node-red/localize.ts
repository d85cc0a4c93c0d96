import type { NodeAPI } from "node-red";
import { asChatError, type ChatError, oneLine } from "../client/internal";

/** Looks a text up in the language that Node-RED runs in. */
export type Translate = (key: string, params?: Record<string, string | number>) => string;

/** A number that was written by us. */
const NUMBER = /^[\d.]+$/;

/** The texts of the chat node: keys without the node's name before them. What they name may come from a stranger. */
export function makeTranslate(RED: NodeAPI): Translate {
  return (key, params = {}) => {
    const clean = Object.entries(params).map(([name, value]) => [
      name,
      typeof value === "string" && !NUMBER.test(value) ? oneLine(value) : value,
    ]);
    return RED._(`huggingface-chat.${key}`, Object.fromEntries(clean));
  };
}

/**
 * Makes an error that a flow can see of whatever was thrown: a ChatError in Node-RED's language. What is no ChatError
 * is a mistake of ours or of a library, and says so.
 */
export function localizeError(error: unknown, translate: Translate): ChatError {
  const known = asChatError(error);
  const key = `errors.${known.key}`;
  const text = translate(key, known.params);
  // The test helper has no catalogue and gives the key back.
  if (text && !text.endsWith(key)) known.message = text;
  return known;
}
