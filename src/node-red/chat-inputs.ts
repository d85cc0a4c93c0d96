import type { Node, NodeAPI, NodeMessage } from "node-red";
import type { MessageOptions } from "../conversation/request/build";
import { type ChatDef, type InputName, typedInput } from "./chat-options";
import { ChatError } from "./errors";
import { resolveTypedInput } from "./typed-input";
import { type ReadOptions, readAgain } from "./until-abort";

/** What a question takes from the message and from contexts. */
export interface Inputs {
  prompt: unknown;
  system: unknown;
  images: unknown;
}

/** Reads what the typed inputs of the chat form point to. What `msg.huggingface` says in its place is not read. */
export class ChatInputs {
  readonly #RED: NodeAPI;
  readonly #node: Node;
  readonly #def: ChatDef;

  constructor(RED: NodeAPI, node: Node, def: ChatDef) {
    this.#RED = RED;
    this.#node = node;
    this.#def = def;
  }

  /**
   * @param again - how a context store that fails is tried again
   * @throws ChatError `invalid_input` for what cannot be resolved, `context_unreadable`, `cancelled`
   */
  async read(msg: NodeMessage, options: MessageOptions, again: ReadOptions): Promise<Inputs> {
    const resolve = (name: InputName) => readAgain(() => this.#resolve(name, msg), again);
    const [prompt, system, images] = await Promise.all([
      options.messages === undefined ? resolve("prompt") : undefined,
      options.system === undefined ? resolve("system") : undefined,
      resolve("images"),
    ]);
    return { prompt, system, images };
  }

  /**
   * The key of the conversation that a message belongs to.
   *
   * @param again - how a context store that fails is tried again
   * @returns undefined for none
   * @throws ChatError `invalid_input` for a key that is neither a text nor a number, `context_unreadable`, `cancelled`
   */
  async readConversation(
    msg: NodeMessage,
    options: Pick<MessageOptions, "conversation">,
    again?: ReadOptions,
  ): Promise<string | undefined> {
    const resolve = () => this.#resolve("conversation", msg);
    const read = () => (again ? readAgain(resolve, again) : resolve());
    const key = options.conversation === undefined ? await read() : options.conversation;
    if (key === undefined || key === null || key === "") return undefined;
    if (typeof key === "string" || typeof key === "number") return String(key);
    throw new ChatError("option_text", { name: "conversation" });
  }

  async #resolve(name: InputName, msg: NodeMessage): Promise<unknown> {
    const input = typedInput(this.#def, name);
    // What is left blank is not set, whatever its type. Of a prompt it is said that it is blank.
    if (input.value === "" && name !== "prompt") return undefined;
    return resolveTypedInput(this.#RED, this.#node, input, msg, name);
  }
}
