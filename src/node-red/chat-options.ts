import type { NodeDef } from "node-red";
import type { ChunkMode } from "../conversation/chunker";
import type { HistoryLimits } from "../conversation/memory/history";
import type { FormOptions } from "../conversation/request/build";
import { defaultsOf, formReader, readText } from "../conversation/request/fields";
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
  /** Code of the language of sentences; blank for Node-RED's. */
  language: string;
  withReasoning: boolean;
  /** Whether there are messages on how much of the prompt is read. */
  withProgress: boolean;
}

/**
 * Fills in the defaults of properties that are missing or blank. A prompt from the form stays blank, which is an error
 * later, and so do images and sound from elsewhere than the message, which means none.
 */
export function withDefaults(def: Partial<ChatDef>): ChatDef {
  const mayBeBlank = [
    ...(["str", "template", "jsonata"].includes(def.promptType ?? "") ? ["prompt"] : []),
    ...((def.imagesType ?? "msg") === "msg" ? [] : ["images"]),
    ...((def.audioType ?? "msg") === "msg" ? [] : ["audio"]),
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
function readStreamSettings(def: ChatDef): StreamSettings {
  const mode = readField.choice(def, "chunk");
  return {
    isWanted: readField.boolean(def, "stream"),
    mode,
    intervalMs: mode === "interval" || mode === "snapshot" ? readField.number(def, "chunkInterval") : 0,
    language: mode === "sentence" ? readText(def.chunkLanguage, "chunkLanguage").trim() : "",
    withReasoning: readField.boolean(def, "streamReasoning"),
    withProgress: readField.boolean(def, "progress"),
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
export function inputName(def: ChatDef, name: "prompt" | "images" | "audio"): string {
  const { value, type } = typedInput(def, name);
  return ["msg", "flow", "global"].includes(type) ? label(value, type) : name;
}

/** Returns the properties of the message that hold the prompt, the images and the sound. */
export function heldProperties(def: ChatDef): string[] {
  const inputs = (["prompt", "images", "audio"] as const).map((name) => typedInput(def, name));
  return inputs.filter(({ type }) => type === "msg").map(({ value }) => String(value));
}

export type InputName = NameOf<typeof CHAT_FIELDS, "typedInput">;

/** Returns a typed input of the form. */
export function typedInput(def: ChatDef, name: InputName): TypedInput {
  return { value: def[name], type: def[`${name}Type`] ?? "msg" };
}

/** What all questions of a node have from the form. */
export interface FormSettings {
  stream: StreamSettings;
  maxSteps: number;
  repairs: number;
}

/** @throws ChatError `invalid_input` */
export function readFormSettings(def: ChatDef): FormSettings {
  readField.choice(def, "onError");
  return {
    stream: readStreamSettings(def),
    maxSteps: readField.number(def, "maxSteps"),
    repairs: readField.number(def, "repairs"),
  };
}
