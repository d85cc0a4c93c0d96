import type { NodeDef } from "node-red";
import { CHUNK_MODES, type ChunkMode } from "../conversation/chunker";
import type { HistoryLimits } from "../conversation/memory/history";
import type { FormOptions } from "../conversation/request/build";
import { readBoolean, readChoice, readNumber } from "../conversation/request/fields";
import { CHAT_DEFAULTS } from "./defaults";
import { label, type TypedInput } from "./typed-input";

/** The properties of a huggingface-chat as they stand in a flow file: numbers may be text. */
export interface ChatDef extends NodeDef, FormOptions {
  config?: string;
  prompt?: unknown;
  promptType?: string;
  images?: unknown;
  imagesType?: string;
  system?: unknown;
  systemType?: string;
  stream?: unknown;
  chunk?: unknown;
  chunkInterval?: unknown;
  streamReasoning?: unknown;
  repairs?: unknown;
  conversation?: unknown;
  conversationType?: string;
  store?: unknown;
  maxMessages?: unknown;
  maxHistoryTokens?: unknown;
  output?: unknown;
  outputType?: string;
  tools?: unknown;
  functions?: unknown;
  toolChoice?: unknown;
  toolName?: unknown;
  maxSteps?: unknown;
  toolTimeout?: unknown;
}

/** How the Stream messages are cut, and whether they are wanted. */
export interface StreamSettings {
  isWanted: boolean;
  mode: ChunkMode;
  intervalMs: number;
  withReasoning: boolean;
}

/**
 * What is missing or blank has its default; only a prompt that stands in the form may be blank, which is an error, and
 * images that are not in the message, which are none.
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

/** @throws ChatError `invalid_input` */
export function readStreamSettings({ stream, chunk, chunkInterval, streamReasoning }: ChatDef): StreamSettings {
  const mode = readChoice(chunk, "chunk", CHUNK_MODES);
  return {
    isWanted: readBoolean(stream, "stream"),
    mode,
    intervalMs: mode === "interval" ? readNumber(chunkInterval, "chunkInterval", 0) : 0,
    withReasoning: readBoolean(streamReasoning, "streamReasoning"),
  };
}

/** @throws ChatError `invalid_input` */
export function readHistoryLimits({ maxMessages, maxHistoryTokens }: ChatDef): HistoryLimits {
  return {
    messages: readNumber(maxMessages, "maxMessages", 1),
    tokens: maxHistoryTokens === "" ? undefined : readNumber(maxHistoryTokens, "maxHistoryTokens", 1),
  };
}

/** How what a typed input points to is called in messages to the user: `msg.payload`, or the field's own name. */
export function inputName(def: ChatDef, name: "prompt" | "images"): string {
  const { value, type } = typedInput(def, name);
  return ["msg", "flow", "global"].includes(type) ? label(value, type) : name;
}

/** The properties of the message that hold the prompt and the images. */
export function heldProperties(def: ChatDef): string[] {
  const inputs = [typedInput(def, "prompt"), typedInput(def, "images")];
  return inputs.filter(({ type }) => type === "msg").map(({ value }) => String(value));
}

/** The typed inputs of the form. */
export type InputName = "prompt" | "images" | "system" | "conversation" | "output";

/** A typed input of the form. */
export function typedInput(def: ChatDef, name: InputName): TypedInput {
  return { value: def[name], type: def[`${name}Type`] ?? "msg" };
}
