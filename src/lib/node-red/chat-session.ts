import type { Node, NodeAPI, NodeDef, NodeMessage, NodeMessageInFlow } from "node-red";
import { ChatError } from "../client";
import { type Answer, ask, type Outcome } from "../conversation/ask";
import { CHUNK_MODES, type ChunkMode } from "../conversation/chunker";
import {
  buildRequest,
  checkEnvironment,
  type FormOptions,
  type MessageOptions,
  readBoolean,
  readMessageOptions,
  readNumber,
} from "../conversation/request";
import type { ConfigNode } from "./config-options";
import { CHAT_DEFAULTS } from "./defaults";
import { localizeError, makeTranslate, type Translate } from "./localize";
import { StatusLine } from "./status-line";
import { type StreamMessage, StreamOutput } from "./stream-output";
import { label, resolveTypedInput, storeTypedInput, type TypedInput } from "./typed-input";

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
  conversation?: unknown;
  conversationType?: string;
  output?: unknown;
  outputType?: string;
}

type Send = (msg: NodeMessage | (NodeMessage | null)[]) => void;
type Done = (error?: Error) => void;

/** A question that runs or waits. */
interface Running {
  /** Conversation that it belongs to; undefined for none, or as long as that is not known. */
  conversation: string | undefined;
  abort: AbortController;
}

/** The message of a question, as far as we read and write it. */
interface ChatMessage extends NodeMessageInFlow {
  huggingface?: unknown;
  abort?: unknown;
  reset?: unknown;
  messages?: unknown;
  completion?: unknown;
}

/** What the chat node does with its messages, from input to output. */
export class ChatSession {
  readonly #RED: NodeAPI;
  readonly #node: Node;
  readonly #def: ChatDef;
  readonly #translate: Translate;
  readonly #status: StatusLine;
  readonly #running = new Set<Running>();
  #isClosed = false;

  constructor(RED: NodeAPI, node: Node, def: ChatDef) {
    this.#RED = RED;
    this.#node = node;
    this.#def = withDefaults(def);
    this.#translate = makeTranslate(RED);
    this.#status = new StatusLine(node, this.#translate);
  }

  /** Takes a message: a question, or one that steers (`msg.abort`, `msg.reset`). Never rejects. */
  async receive(msg: ChatMessage, send: Send, done: Done): Promise<void> {
    if (msg.abort === true || msg.reset === true) await this.#control(msg, done);
    else await this.#answer(msg, send, done);
  }

  /** Ends everything at once and without a word. */
  close(): void {
    this.#isClosed = true;
    this.#status.close();
    for (const { abort } of this.#running) abort.abort();
  }

  async #control(msg: ChatMessage, done: Done): Promise<void> {
    try {
      const conversation = await this.#readConversation(msg, readMessageOptions(msg.huggingface));
      if (msg.abort === true) {
        for (const running of this.#running) {
          if (conversation === undefined || running.conversation === conversation) running.abort.abort();
        }
      }
      done();
    } catch (error) {
      done(localizeError(error, this.#translate));
    }
  }

  async #answer(msg: ChatMessage, send: Send, done: Done): Promise<void> {
    const running: Running = { conversation: undefined, abort: new AbortController() };
    this.#running.add(running);
    const status = this.#status.begin();
    let outcome: Outcome | undefined;
    try {
      outcome = await this.#ask(msg, send, running, status);
      if (this.#isClosed) return;
      await this.#reply(msg, outcome, send);
      status.done(outcome.completion);
      done();
    } catch (cause) {
      if (this.#isClosed) return;
      const error = localizeError(cause, this.#translate);
      msg.completion = error.completion ?? outcome?.completion ?? nothingCame();
      status.failed(error);
      done(error);
    } finally {
      this.#running.delete(running);
    }
  }

  async #ask(
    msg: ChatMessage,
    send: Send,
    running: Running,
    status: ReturnType<StatusLine["begin"]>,
  ): Promise<Outcome> {
    const config = this.#config();
    const options = readMessageOptions(msg.huggingface);
    running.conversation = await this.#readConversation(msg, options);
    const request = buildRequest({
      prompt: options.messages === undefined ? await this.#resolve("prompt", msg) : undefined,
      promptName: label(this.#def.prompt, this.#def.promptType ?? ""),
      system: options.system === undefined ? await this.#resolve("system", msg) : undefined,
      form: this.#def,
      options,
      defaultModel: config.model(),
      serverStreams: config.serverStreams(),
    });
    const stream = this.#openStream(msg, options, send);
    const client = config.client();
    stream?.begin();
    const onPiece = status.piece;
    try {
      return await ask(client, request, {
        signal: running.abort.signal,
        listener: {
          onWaiting: status.waiting,
          onAsking: status.asking,
          onRetry: status.retry,
          onText: (piece) => {
            onPiece();
            stream?.text(piece);
          },
          onReasoning: (piece) => {
            onPiece();
            stream?.reasoning(piece);
          },
          onRoundEnd: (finishReason) => {
            if (this.#isClosed) stream?.drop();
            else stream?.end(finishReason);
          },
        },
      });
    } finally {
      stream?.drop();
    }
  }

  async #reply(msg: ChatMessage, { calls, completion, messages, text }: Outcome, send: Send): Promise<void> {
    msg.completion = completion satisfies Answer;
    msg.messages = messages;
    if (calls.length > 0) {
      msg.payload = calls;
      send([null, null, msg]);
      return;
    }
    await storeTypedInput(this.#RED, this.#node, this.#input("output"), msg, text);
    send([msg, null, null]);
  }

  #config(): ConfigNode {
    const config = this.#RED.nodes.getNode(this.#def.config ?? "") as ConfigNode | null;
    if (typeof config?.client !== "function") throw new ChatError("config_missing");
    return config;
  }

  /** The stream of a question, if it is wanted and anybody listens. */
  #openStream(msg: ChatMessage, options: MessageOptions, send: Send): StreamOutput | undefined {
    const { chunk, chunkInterval, prompt, promptType, streamReasoning } = this.#def;
    const isWanted = options.stream ?? readBoolean(this.#def.stream, "stream");
    if (!CHUNK_MODES.includes(chunk as ChunkMode)) {
      checkEnvironment(chunk, "chunk");
      throw new ChatError("option_choice", { name: "chunk", value: String(chunk), choices: CHUNK_MODES.join(", ") });
    }
    const intervalMs = chunk === "interval" ? readNumber(chunkInterval, "chunkInterval") : 0;
    const withReasoning = readBoolean(streamReasoning, "streamReasoning");
    const isWired = ((this.#node as unknown as { wires?: string[][] }).wires?.[1]?.length ?? 0) > 0;
    if (!isWanted || !isWired) return undefined;
    return new StreamOutput(this.#RED, msg, promptType === "msg" ? String(prompt) : undefined, {
      mode: chunk as ChunkMode,
      intervalMs,
      withReasoning,
      send: (chunkMessage: StreamMessage) => send([null, chunkMessage, null]),
    });
  }

  async #readConversation(msg: ChatMessage, options: MessageOptions): Promise<string | undefined> {
    const key = options.conversation ?? (await this.#resolve("conversation", msg));
    if (key === undefined || key === null || key === "") return undefined;
    if (typeof key === "string" || typeof key === "number") return String(key);
    throw new ChatError("option_text", { name: "conversation" });
  }

  #input(name: "prompt" | "system" | "conversation" | "output"): TypedInput {
    return { value: this.#def[name], type: this.#def[`${name}Type`] ?? "msg" };
  }

  #resolve(name: "prompt" | "system" | "conversation", msg: ChatMessage): Promise<unknown> {
    return resolveTypedInput(this.#RED, this.#node, this.#input(name), msg, name);
  }
}

/** `msg.completion` of an error that came before any request. */
function nothingCame() {
  return { message: { role: "assistant", content: "" }, attempts: 0, steps: [] };
}

/** What is missing or blank has its default; only the prompt's own field may be blank, which is an error of its own. */
function withDefaults(def: ChatDef): ChatDef {
  const set = Object.entries(def).filter(([name, value]) => value != null && (value !== "" || name === "prompt"));
  return { ...CHAT_DEFAULTS, ...Object.fromEntries(set) } as unknown as ChatDef;
}
