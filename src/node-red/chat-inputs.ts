import type { Node, NodeAPI, NodeMessage } from "node-red";
import type { MessageOptions } from "../conversation/request/build";
import { type ChatDef, type InputName, typedInput } from "./chat-options";
import { ChatError } from "./errors";
import { type ReadOptions, readAgain } from "./read-again";
import { resolveTypedInput, type TypedInput } from "./typed-input";

/** What a question takes from the message and from contexts. */
export interface Inputs {
  prompt: unknown;
  system: unknown;
  images: unknown;
}

/** Types whose value may take time, and may fail for a moment: contexts, and expressions that read them. */
const LASTING = new Set(["flow", "global", "jsonata"]);

/** Reads what the typed inputs of the chat form point to. What `msg.huggingface` says in its place is not read. */
export class ChatInputs {
  readonly #RED: NodeAPI;
  readonly #node: Node;
  readonly #inputs: Record<InputName, TypedInput>;

  constructor(RED: NodeAPI, node: Node, def: ChatDef) {
    this.#RED = RED;
    this.#node = node;
    this.#inputs = {
      prompt: typedInput(def, "prompt"),
      images: typedInput(def, "images"),
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
  async read(msg: NodeMessage, options: MessageOptions, again: ReadOptions): Promise<Inputs> {
    const resolve = (name: InputName) => this.#resolve(name, msg, again);
    const [prompt, system, images] = await Promise.all([
      options.messages === undefined ? resolve("prompt") : undefined,
      options.system === undefined ? resolve("system") : undefined,
      resolve("images"),
    ]);
    return { prompt, system, images };
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
    if (key === undefined || key === null || key === "") return undefined;
    if (typeof key === "string" || typeof key === "number") return String(key);
    throw new ChatError("option_text", { name: "conversation" });
  }

  async #resolve(name: InputName, msg: NodeMessage, again: ReadOptions): Promise<unknown> {
    const input = this.#inputs[name];
    // What is left blank is not set, whatever its type. Of a prompt it is said that it is blank.
    if (input.value === "" && name !== "prompt") return undefined;
    const resolve = () => resolveTypedInput(this.#RED, this.#node, input, msg, name);
    return LASTING.has(input.type) ? readAgain(resolve, again) : resolve();
  }
}
