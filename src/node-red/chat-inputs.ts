import type { Node, NodeAPI, NodeMessage } from "node-red";
import { asInputError, reasonOf } from "../client/internal";
import type { MessageOptions } from "../conversation/request/build";
import { checkEnvironment } from "../conversation/request/fields";
import { isReply } from "../conversation/request/prompt";
import { type ChatDef, type InputName, typedInput } from "./chat-options";
import { ChatError } from "./errors";
import type { ChatMessage } from "./message-reply";
import { codeOf, type ReadOptions, readAgain } from "./read-again";
import { evaluateProperty, makeTranslate, stepsOf, type Translate } from "./red";
import { readSurroundings, renderTemplate } from "./template";
import { label, storeError, type TypedInput } from "./typed-input";

/** What a question takes from the message and from contexts. */
export interface Inputs {
  prompt: unknown;
  system: unknown;
  images: unknown;
  audio: unknown;
}

/** Types whose value may take time, and may fail for a moment: contexts, and expressions that read them. */
const LASTING = new Set(["flow", "global", "jsonata", "template"]);
/** In ms: a number so near to the time of day is a timestamp, as an inject node sends it unless told otherwise. */
const NEAR_NOW_MS = 60 * 60 * 1000;

/** Warnings of a node between two deploys. */
const MOST_WARNINGS = 100;

/** Reads what the typed inputs of the chat form point to. What `msg.huggingface` says in its place is not read. */
export class ChatInputs {
  readonly #RED: NodeAPI;
  readonly #node: Node;
  readonly #translate: Translate;
  readonly #inputs: Record<InputName, TypedInput>;
  /** What has been warned of since the deploy. */
  readonly #warned = new Set<string>();

  constructor(RED: NodeAPI, node: Node, def: ChatDef) {
    this.#RED = RED;
    this.#node = node;
    this.#translate = makeTranslate(RED);
    this.#inputs = {
      prompt: typedInput(def, "prompt"),
      images: typedInput(def, "images"),
      audio: typedInput(def, "audio"),
      system: typedInput(def, "system"),
      conversation: typedInput(def, "conversation"),
      output: typedInput(def, "output"),
    };
  }

  /** Where the reply goes. */
  get output(): TypedInput {
    return this.#inputs.output;
  }

  /** True if messages may have a key without one of their own in `msg.huggingface`. */
  get hasConversation(): boolean {
    return this.#inputs.conversation.value !== "";
  }

  /**
   * @param again - how a context store that fails is tried again
   * @throws ChatError `invalid_input` for what cannot be resolved, `context_unreadable`, `cancelled`
   */
  async read(msg: ChatMessage, options: MessageOptions, again: ReadOptions): Promise<Inputs> {
    const resolve = (name: InputName) => this.#resolve(name, msg, again);
    const [prompt, system, images, audio] = await Promise.all([
      options.messages === undefined ? resolve("prompt") : undefined,
      options.system === undefined ? resolve("system") : undefined,
      resolve("images"),
      resolve("audio"),
    ]);
    this.#checkTimestamp(prompt);
    for (const { name, apiName } of options.formNames ?? []) {
      const field = this.#translate(`label.${name}`);
      this.#warnOnce(apiName === "" ? "form_only" : "form_name", { name, apiName, field }, name);
    }
    // Image and sound were for the question that this is the reply to.
    const media = isReply(prompt, msg.completion) ? { images: undefined, audio: undefined } : { images, audio };
    return { prompt, system, ...media };
  }

  /**
   * Reads the key of the conversation that a message belongs to.
   *
   * @param again - how a context store that fails is tried again
   * @returns undefined for none
   * @throws ChatError `invalid_input` for a key that is neither a text nor a number, `context_unreadable`, `cancelled`
   */
  async readConversation(
    msg: NodeMessage,
    options: Pick<MessageOptions, "conversation">,
    again: ReadOptions,
  ): Promise<string | undefined> {
    const key =
      options.conversation === undefined ? await this.#resolve("conversation", msg, again) : options.conversation;
    if (key === undefined || key === null || (typeof key === "string" && key.trim() === "")) return undefined;
    if (typeof key === "string" || typeof key === "number") return String(key);
    throw new ChatError("option_text", { name: "conversation" });
  }

  async #resolve(name: InputName, msg: NodeMessage, again: ReadOptions): Promise<unknown> {
    const input = this.#inputs[name];
    // What is left blank is not set, whatever its type. Of a prompt it is said that it is blank.
    if (input.value === "" && name !== "prompt") return undefined;
    const onUnknown = (unknown: string) => {
      const params = { name: unknown, field: this.#translate(`label.${name}`) };
      this.#warnOnce("template_unknown", params, `${name} ${unknown}`);
    };
    const resolve = () => resolveTypedInput(this.#RED, this.#node, input, msg, name, onUnknown);
    return LASTING.has(input.type) ? readAgain(resolve, again) : resolve();
  }

  /** A timestamp is asked all the same: it may be meant. */
  #checkTimestamp(prompt: unknown): void {
    if (typeof prompt !== "number" || !(Math.abs(prompt - Date.now()) <= NEAR_NOW_MS)) return;
    const { value, type } = this.#inputs.prompt;
    this.#warnOnce("timestamp", { property: label(value, type) });
  }

  /** @param what - it is warned of once for each of these */
  #warnOnce(key: string, params: Record<string, string>, what = ""): void {
    const warning = `${key} ${what}`;
    // Names may come from a stranger, and there may be any number of them.
    if (this.#warned.has(warning) || this.#warned.size >= MOST_WARNINGS) return;
    this.#warned.add(warning);
    this.#node.warn(this.#translate(`warning.${key}`, params));
  }
}

/** Reads parts of a message: these may throw when they are read, or be too deep to be copied. */
export function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw asInputError(error);
  }
}

/**
 * Resolves a typed input against a message: Node-RED's own types, and `template`, a Mustache text over the message,
 * contexts and the environment, in which nothing is HTML-escaped. Always by callback: JSONata and context stores may answer later.
 *
 * @param name - the property's name in the form, for messages
 * @param onUnknown - called with a name in a template that nothing has
 * @throws ChatError `invalid_input` if it cannot be resolved, `context_unreadable` if a context store fails
 */
async function resolveTypedInput(
  RED: NodeAPI,
  node: Node,
  { value, type }: TypedInput,
  msg: NodeMessage,
  name: string,
  onUnknown?: (name: string) => void,
): Promise<unknown> {
  if (String(value).includes("${")) checkEnvironment(value, name);
  // From a variable that holds JSON: Node-RED would write `[object Object]`.
  if (type === "str" && typeof value === "object") return value;
  if (type === "template") {
    const template = String(value ?? "");
    const values = await readSurroundings(RED, node, template, name);
    return renderTemplate(template, msg, name, { values, ...(onUnknown && { onUnknown }) });
  }
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => {
      const property = label(value, type);
      const isStore = (type === "flow" || type === "global") && !isNoPath(error);
      if (type === "msg" && isAbsent(RED, msg, String(value))) resolve(undefined);
      else if (isStore) reject(storeError("context_unreadable", { name, property, reason: reasonOf(error) }, error));
      else reject(new ChatError("property_failed", { name, property, reason: reasonOf(error) }));
    };
    const onResult = (error: unknown, result?: unknown) => {
      if (error) fail(error);
      // `resolve` would wait for it, and it may never come.
      else if (isPromise(result)) reject(new ChatError("property_promise", { name, property: label(value, type) }));
      else resolve(result);
    };
    try {
      evaluateProperty(RED, { value, type }, node, msg, onResult);
    } catch (error) {
      fail(error);
    }
  });
}

/** True if a path ends early because there is nothing: the message has no such property, which is no mistake. */
function isAbsent(RED: NodeAPI, msg: NodeMessage, path: string): boolean {
  try {
    const keys = stepsOf(RED, msg, path);
    let value: unknown = msg;
    for (const key of keys) {
      if (value === undefined || value === null) return true;
      value = (value as Record<string, unknown>)[key];
    }
    return false;
  } catch {
    // no path, or a getter that throws
    return false;
  }
}

/** True if the error is Node-RED's about a path, and not a store's. */
function isNoPath(error: unknown): boolean {
  return codeOf(error).code === "INVALID_EXPR";
}

function isPromise(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  try {
    return typeof (value as { then?: unknown }).then === "function";
  } catch {
    // A getter that throws: whoever reads more of it will say so.
    return false;
  }
}
