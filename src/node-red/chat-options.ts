import type { NodeDef } from "node-red";
import type { ChunkMode } from "../conversation/chunker";
import type { HistoryLimits } from "../conversation/memory/history";
import type { FormOptions } from "../conversation/request/build";
import { defaultsOf, formReader } from "../conversation/request/fields";
import { CHAT_FIELDS } from "../shared/chat-fields";
import type { NameOf } from "../shared/field";
import { label, type TypedInput } from "./typed-input";

/** The properties of a huggingface-chat where nothing is set. */
export const CHAT_DEFAULTS = defaultsOf(CHAT_FIELDS);
/** Readers for the fields of the form. */
export const readField = formReader(CHAT_FIELDS);

/** The properties of a huggingface-chat as a flow file holds them: numbers may be text. */
export interface ChatDef
  extends NodeDef,
    Omit<FormOptions, "name" | "config" | InputTypeName>,
    Partial<Record<InputTypeName, string>> {
  config?: string;
}
type InputTypeName = NameOf<typeof CHAT_FIELDS, "inputType">;

/** Whether there are Stream messages, and how the reply is cut into them. */
export interface StreamSettings {
  isWanted: boolean;
  mode: ChunkMode;
  intervalMs: number;
  withReasoning: boolean;
}

/**
 * Fills in the defaults of properties that are missing or blank. A prompt from the form stays blank, which is an error
 * later, and so do images from elsewhere than the message, which means none.
 */
export function withDefaults(def: Partial<ChatDef>): ChatDef {
  const mayBeBlank = [
    ...(["str", "template", "jsonata"].includes(def.promptType ?? "") ? ["prompt"] : []),
    ...((def.imagesType ?? "msg") === "msg" ? [] : ["images"]),
  ];
  const set = Object.entries(def).filter(
    ([name, value]) => value != null && (value !== "" || mayBeBlank.includes(name)),
  );
  return { ...CHAT_DEFAULTS, ...Object.fromEntries(set) } as ChatDef;
}

/**
 * Reads the settings of Stream messages.
 *
 * @throws ChatError `invalid_input`
 */
export function readStreamSettings(def: ChatDef): StreamSettings {
  const mode = readField.choice(def, "chunk");
  return {
    isWanted: readField.boolean(def, "stream"),
    mode,
    intervalMs: mode === "interval" ? readField.number(def, "chunkInterval") : 0,
    withReasoning: readField.boolean(def, "streamReasoning"),
  };
}

/**
 * Reads how much of a conversation is remembered.
 *
 * @throws ChatError `invalid_input`
 */
export function readHistoryLimits(def: ChatDef): HistoryLimits {
  return {
    messages: readField.number(def, "maxMessages"),
    tokens: def.maxHistoryTokens === "" ? undefined : readField.number(def, "maxHistoryTokens"),
  };
}

/** Returns what errors call the source of a typed input: `msg.payload`, or the field's own name. */
export function inputName(def: ChatDef, name: "prompt" | "images"): string {
  const { value, type } = typedInput(def, name);
  return ["msg", "flow", "global"].includes(type) ? label(value, type) : name;
}

/** Returns the properties of the message that hold the prompt and the images. */
export function heldProperties(def: ChatDef): string[] {
  const inputs = [typedInput(def, "prompt"), typedInput(def, "images")];
  return inputs.filter(({ type }) => type === "msg").map(({ value }) => String(value));
}

export type InputName = NameOf<typeof CHAT_FIELDS, "typedInput">;

/** Returns a typed input of the form. */
export function typedInput(def: ChatDef, name: InputName): TypedInput {
  return { value: def[name], type: def[`${name}Type`] ?? "msg" };
}
