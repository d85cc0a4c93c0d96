import { asRecord } from "../../client/internal";
import { ChatError } from "../errors";
import { bytesOf, mediaPart } from "./media";

/** What no base64 has. A path such as `//srv/note.mp3`, read as base64, begins as an MP3 does. */
const NO_BASE64 = /[^\w+/=\s-]/;
/** In characters: what is longer is no path. */
const LONGEST_PATH = 1000;

/**
 * Reads the sound of a message: one or several, each as Buffer, data URI, base64 text, or a content part of the API.
 *
 * @param name - its source, for errors
 * @returns content parts of the API
 * @throws ChatError `sound_invalid` for what is neither WAV nor MP3, `sound_too_big` above 10 MB
 */
export function readSounds(value: unknown, name: string): unknown[] {
  if (value === undefined || value === null || value === "") return [];
  if (Array.isArray(value)) return Array.from(value, (item, index) => readSound(item, `${name}[${index}]`));
  return [readSound(value, name)];
}

function readSound(value: unknown, name: string): unknown {
  const part = asRecord(asRecord(value)?.["input_audio"]);
  const data = part ? part["data"] : value;
  const bytes = bytesOf(data) ?? (typeof data === "string" ? bytesOfText(base64Of(data)) : undefined);
  // Its first bytes say what it is, whatever is said beside it.
  const sound = bytes && mediaPart(bytes, name);
  if (sound?.type !== "input_audio") throw new ChatError("sound_invalid", { name });
  return sound;
}

function bytesOfText(text: string): Buffer | undefined {
  return NO_BASE64.test(text.slice(0, LONGEST_PATH)) ? undefined : Buffer.from(text, "base64");
}

function base64Of(text: string): string {
  return /^data:[^,]*;base64,/i.test(text) ? text.slice(text.indexOf(",") + 1) : text;
}
