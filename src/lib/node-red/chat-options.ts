import type { NodeDef } from "node-red";
import { CHUNK_MODES, type ChunkMode } from "../conversation/chunker";
import { readBoolean, readChoice, readNumber } from "../conversation/fields";
import type { FormOptions } from "../conversation/request";
import { CHAT_DEFAULTS } from "./defaults";
import { label, type TypedInput } from "./typed-input";

/** The properties of a huggingface-chat as they stand in a flow file: numbers may be text. */
export interface ChatDef extends NodeDef, FormOptions {
  config?: string;
  prompt?: unknown;
  promptType?: string;
  system?: unknown;
  systemType?: string;
  stream?: unknown;
  chunk?: unknown;
  chunkInterval?: unknown;
  streamReasoning?: unknown;
  repairs?: unknown;
  conversation?: unknown;
  conversationType?: string;
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

/** What is missing or blank has its default; only a prompt that stands in the form may be blank, which is an error. */
export function withDefaults(def: ChatDef): ChatDef {
  const mayBeBlank = ["str", "template", "jsonata"].includes(def.promptType ?? "") ? "prompt" : undefined;
  const set = Object.entries(def).filter(([name, value]) => value != null && (value !== "" || name === mayBeBlank));
  return { ...CHAT_DEFAULTS, ...Object.fromEntries(set) } as unknown as ChatDef;
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

/** How the prompt is called in messages to the user. */
export function promptName({ prompt, promptType = "" }: ChatDef): string {
  return ["msg", "flow", "global"].includes(promptType) ? label(prompt, promptType) : "prompt";
}

/** The property of the message that holds the prompt, if one does. */
export function promptProperty({ prompt, promptType }: ChatDef): string | undefined {
  return promptType === "msg" ? String(prompt) : undefined;
}

/** A typed input of the form. */
export function typedInput(def: ChatDef, name: "prompt" | "system" | "conversation" | "output"): TypedInput {
  return { value: def[name], type: def[`${name}Type`] ?? "msg" };
}
