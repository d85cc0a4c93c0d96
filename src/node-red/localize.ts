import type { NodeAPI } from "node-red";
import { asChatError, type ChatError, oneLine } from "../client/internal";
// For the words of Node-RED in the errors of the client.
import "./errors";

/** Looks up a text in the language that Node-RED runs in. */
export type Translate = (key: string, params?: Record<string, string | number>) => string;

/** A number that was written by us. */
const NUMBER = /^[\d.]+$/;

/** Returns what looks up the texts of the chat node, by keys without its name. Parameters may come from a stranger. */
export function makeTranslate(RED: NodeAPI): Translate {
  return (key, params = {}) => {
    const clean = Object.entries(params).map(([name, value]) => [
      name,
      typeof value === "string" && !NUMBER.test(value) ? oneLine(value) : value,
    ]);
    return RED._(`huggingface-chat.${key}`, Object.fromEntries(clean));
  };
}

/** Makes a ChatError in Node-RED's language of whatever was thrown. */
export function localizeError(error: unknown, translate: Translate): ChatError {
  const known = asChatError(error);
  const key = `errors.${known.key}`;
  const text = translate(key, known.params);
  // The test helper has no catalogue and gives the key back.
  if (text && !text.endsWith(key)) known.message = text;
  return known;
}
