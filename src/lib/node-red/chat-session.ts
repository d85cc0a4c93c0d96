import type { Node, NodeAPI, NodeMessage, NodeMessageInFlow } from "node-red";
import { asRecord, ChatError } from "../client";
import type { Answer } from "../conversation/answer";
import { ask, type Outcome } from "../conversation/ask";
import { readNumber, readObject } from "../conversation/fields";
import { Refusals } from "../conversation/refusals";
import { buildRequest, type MessageOptions, type Question, readMessageOptions } from "../conversation/request";
import { checkNames, declare, readFunctions, type Tool } from "../conversation/tools";
import { type ChatDef, promptName, promptProperty, readStreamSettings, typedInput, withDefaults } from "./chat-options";
import type { ConfigNode } from "./config-options";
import { withEnvironment } from "./environment";
import { localizeError, makeTranslate, type Translate } from "./localize";
import { type RunStatus, StatusLine } from "./status-line";
import { type StreamMessage, StreamOutput } from "./stream-output";
import { ToolCalls } from "./tool-calls";
import { findTools } from "./tool-registry";
import { resolveTypedInput, storeTypedInput } from "./typed-input";

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
  readonly #refusals = new Refusals();
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

  async #ask(msg: ChatMessage, send: Send, running: Running, status: RunStatus): Promise<Outcome> {
    const config = this.#config();
    const options = readMessageOptions(msg.huggingface);
    const conversation = this.#readConversation(msg, options);
    running.conversation = conversation.catch(() => undefined);
    await conversation;
    const tools = this.#tools(msg);
    const { request, output } = await this.#question(msg, options, config, tools);
    const stream = this.#openStream(msg, options, send);
    const onPiece = status.piece;
    try {
      return await ask(config.client(), request, {
        signal: running.abort.signal,
        tools,
        maxSteps: readNumber(this.#def.maxSteps, "maxSteps", 0),
        output,
        repairs: readNumber(this.#def.repairs, "repairs", 0),
        refusals: this.#refusals,
        listener: {
          onRoundStart: () => stream?.begin(),
          onTool: status.tool,
          onWaiting: status.waiting,
          onAsking: status.asking,
          onRetry: status.retry,
          onRefused: (field, params) => this.#node.warn(this.#translate(`warning.refused_${field}`, params)),
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

  async #question(msg: ChatMessage, options: MessageOptions, config: ConfigNode, tools: Tool[]): Promise<Question> {
    const def = this.#def;
    return buildRequest({
      prompt: options.messages === undefined ? await this.#resolve("prompt", msg) : undefined,
      promptName: promptName(def),
      system: options.system === undefined ? await this.#resolve("system", msg) : undefined,
      form: { ...def, extra: withEnvironment(this.#RED, this.#node, readObject(def.extra, "extra")) },
      options,
      defaultModel: config.model(),
      serverStreams: config.serverStreams(),
      grammar: config.grammar(),
      tools: [...tools.map(declare), ...readFunctions(def.functions)],
      toolChoice: { choice: def.toolChoice, name: def.toolName },
    });
  }

  async #reply(msg: ChatMessage, { calls, completion, messages, reply }: Outcome, send: Send): Promise<void> {
    msg.completion = completion satisfies Answer;
    msg.messages = messages;
    if (calls.length > 0) {
      msg.payload = calls;
      send([null, null, msg]);
      return;
    }
    await storeTypedInput(this.#RED, this.#node, typedInput(this.#def, "output"), msg, reply);
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
    const timeoutMs = readNumber(this.#def.toolTimeout, "toolTimeout", 0) * 1000;
    const tools = this.#toolCalls.tools(found, msg, promptProperty(this.#def), timeoutMs);
    checkNames(tools.map(declare));
    return tools;
  }

  /** The stream of a question, if it is wanted and anybody listens. */
  #openStream(msg: ChatMessage, options: MessageOptions, send: Send): StreamOutput | undefined {
    const settings = readStreamSettings(this.#def);
    const isWired = ((this.#node as unknown as { wires?: string[][] }).wires?.[1]?.length ?? 0) > 0;
    if (!(options.stream ?? settings.isWanted) || !isWired) return undefined;
    return new StreamOutput(this.#RED, msg, promptProperty(this.#def), {
      ...settings,
      send: (chunkMessage: StreamMessage) => send([null, chunkMessage, null]),
    });
  }

  async #readConversation(msg: ChatMessage, options: MessageOptions): Promise<string | undefined> {
    const key = options.conversation ?? (await this.#resolve("conversation", msg));
    if (key === undefined || key === null || key === "") return undefined;
    if (typeof key === "string" || typeof key === "number") return String(key);
    throw new ChatError("option_text", { name: "conversation" });
  }

  #resolve(name: "prompt" | "system" | "conversation", msg: ChatMessage): Promise<unknown> {
    return resolveTypedInput(this.#RED, this.#node, typedInput(this.#def, name), msg, name);
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
