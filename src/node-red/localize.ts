import { asChatError, type ChatError } from "../client/internal";
// For the words of Node-RED in the errors of the client.
import "./errors";
import type { Translate } from "./red";

/** Makes a ChatError in Node-RED's language of whatever was thrown. */
export function localizeError(error: unknown, translate: Translate): ChatError {
  const known = asChatError(error);
  const key = `errors.${known.key}`;
  const text = translate(key, known.params);
  // The test helper has no catalogue and gives the key back.
  if (text && !text.endsWith(key)) known.message = text;
  return known;
}
