import type { Node, NodeAPI, NodeDef, NodeMessage, NodeMessageInFlow } from "node-red";
import { asRecord, ChatError } from "../client";
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
  readObject,
} from "../conversation/request";
import { checkNames, declare, type Tool } from "../conversation/tools";
import type { ConfigNode } from "./config-options";
import { CHAT_DEFAULTS } from "./defaults";
import { withEnvironment } from "./environment";
import { localizeError, makeTranslate, type Translate } from "./localize";
import { StatusLine } from "./status-line";
import { type StreamMessage, StreamOutput } from "./stream-output";
import { ToolCalls } from "./tool-calls";
import { findTools } from "./tool-registry";
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
  tools?: unknown;
  toolChoice?: unknown;
  toolName?: unknown;
  maxSteps?: unknown;
  toolTimeout?: unknown;
}

type Send = (msg: NodeMessage | (NodeMessage | null)[]) => void;
type Done = (error?: Error) => void;

/** A question that runs or waits. */
interface Running {
  /** Conversation that it belongs to; undefined for none. */
  conversation: Promise<string | undefined>;
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
  readonly #toolCalls: ToolCalls;
  /** Tool nodes that are missing, each warned of once. */
  readonly #warned = new Set<string>();
  #isClosed = false;

  constructor(RED: NodeAPI, node: Node, def: ChatDef) {
    this.#RED = RED;
    this.#node = node;
    this.#def = withDefaults(def);
    this.#translate = makeTranslate(RED);
    this.#status = new StatusLine(node, this.#translate);
    this.#toolCalls = new ToolCalls(RED, node);
  }

  /** Takes a message: a question, or one that steers (`msg.abort`, `msg.reset`). Never rejects. */
  async receive(msg: ChatMessage, send: Send, done: Done): Promise<void> {
    if (msg.abort === true || msg.reset === true) await this.#control(msg, done);
    else await this.#answer(msg, send, done);
  }

  /** Takes what a tool flow gives back through a link out node. */
  returned(id: string, msg: NodeMessage): void {
    this.#toolCalls.returned(id, msg);
  }

  /** Ends everything at once and without a word. */
  close(): void {
    this.#isClosed = true;
    this.#status.close();
    for (const { abort } of this.#running) abort.abort();
  }

  async #control(msg: ChatMessage, done: Done): Promise<void> {
    let error: ChatError | undefined;
    try {
      // A message that steers may carry anything else: only the conversation counts.
      const key = await this.#readConversation(msg, {
        conversation: asRecord(msg.huggingface)?.conversation,
        fields: {},
      });
      if (msg.abort === true) await this.#abort(key);
    } catch (cause) {
      error = localizeError(cause, this.#translate);
    }
    done(error);
  }

  async #abort(conversation: string | undefined): Promise<void> {
    await Promise.all(
      [...this.#running].map(async (running) => {
        if (conversation === undefined || (await running.conversation) === conversation) running.abort.abort();
      }),
    );
  }

  async #answer(msg: ChatMessage, send: Send, done: Done): Promise<void> {
    const running: Running = { conversation: Promise.resolve(undefined), abort: new AbortController() };
    this.#running.add(running);
    const status = this.#status.begin();
    let outcome: Outcome | undefined;
    let error: ChatError | undefined;
    try {
      outcome = await this.#ask(msg, send, running, status);
      if (!this.#isClosed) await this.#reply(msg, outcome, send);
    } catch (cause) {
      error = localizeError(cause, this.#translate);
    }
    this.#running.delete(running);
    if (this.#isClosed) return;
    if (error) {
      setIfPossible(msg, error.completion ?? outcome?.completion ?? nothingCame());
      status.failed(error);
    } else if (outcome) {
      status.done(outcome.completion);
    }
    done(error);
  }

  async #ask(
    msg: ChatMessage,
    send: Send,
    running: Running,
    status: ReturnType<StatusLine["begin"]>,
  ): Promise<Outcome> {
    const config = this.#config();
    const options = readMessageOptions(msg.huggingface);
    const conversation = this.#readConversation(msg, options);
    running.conversation = conversation.catch(() => undefined);
    await conversation;
    const tools = this.#tools(msg);
    const request = buildRequest({
      prompt: options.messages === undefined ? await this.#resolve("prompt", msg) : undefined,
      promptName: this.#promptName(),
      system: options.system === undefined ? await this.#resolve("system", msg) : undefined,
      form: { ...this.#def, extra: withEnvironment(this.#RED, this.#node, readObject(this.#def.extra, "extra")) },
      options,
      defaultModel: config.model(),
      serverStreams: config.serverStreams(),
      tools: tools.map(declare),
      toolChoice: { choice: this.#def.toolChoice, name: this.#def.toolName },
    });
    const stream = this.#openStream(msg, options, send);
    const client = config.client();
    const onPiece = status.piece;
    try {
      return await ask(client, request, {
        signal: running.abort.signal,
        tools,
        maxSteps: readNumber(this.#def.maxSteps, "maxSteps"),
        listener: {
          onRoundStart: () => stream?.begin(),
          onTool: status.tool,
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

  /** The functions that tool nodes carry out. Those that are missing or disabled are not offered. */
  #tools(msg: ChatMessage): Tool[] {
    const { found, missing } = findTools(this.#RED, this.#node, this.#def.tools);
    for (const id of missing) {
      if (this.#warned.has(id)) continue;
      this.#warned.add(id);
      this.#node.warn(this.#translate("warning.tool_missing", { id }));
    }
    if (found.length === 0) return [];
    const timeoutMs = readNumber(this.#def.toolTimeout, "toolTimeout") * 1000;
    const tools = this.#toolCalls.tools(found, msg, this.#promptProperty(), timeoutMs);
    checkNames(tools.map(declare));
    return tools;
  }

  #promptName(): string {
    const { prompt, promptType = "" } = this.#def;
    return ["msg", "flow", "global"].includes(promptType) ? label(prompt, promptType) : "prompt";
  }

  #promptProperty(): string | undefined {
    return this.#def.promptType === "msg" ? String(this.#def.prompt) : undefined;
  }

  /** The stream of a question, if it is wanted and anybody listens. */
  #openStream(msg: ChatMessage, options: MessageOptions, send: Send): StreamOutput | undefined {
    const { chunk, chunkInterval, streamReasoning } = this.#def;
    const isWanted = options.stream ?? readBoolean(this.#def.stream, "stream");
    if (!CHUNK_MODES.includes(chunk as ChunkMode)) {
      checkEnvironment(chunk, "chunk");
      throw new ChatError("option_choice", { name: "chunk", value: String(chunk), choices: CHUNK_MODES.join(", ") });
    }
    const intervalMs = chunk === "interval" ? readNumber(chunkInterval, "chunkInterval") : 0;
    const withReasoning = readBoolean(streamReasoning, "streamReasoning");
    const isWired = ((this.#node as unknown as { wires?: string[][] }).wires?.[1]?.length ?? 0) > 0;
    if (!isWanted || !isWired) return undefined;
    return new StreamOutput(this.#RED, msg, this.#promptProperty(), {
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

/** A message may be frozen; its error is told all the same. */
function setIfPossible(msg: ChatMessage, completion: unknown): void {
  try {
    msg.completion = completion;
  } catch {
    // nothing can be put on it
  }
}

/** What is missing or blank has its default; only a prompt that stands in the form may be blank, which is an error. */
function withDefaults(def: ChatDef): ChatDef {
  const mayBeBlank = ["str", "template", "jsonata"].includes(def.promptType ?? "") ? "prompt" : undefined;
  const set = Object.entries(def).filter(([name, value]) => value != null && (value !== "" || name === mayBeBlank));
  return { ...CHAT_DEFAULTS, ...Object.fromEntries(set) } as unknown as ChatDef;
}
