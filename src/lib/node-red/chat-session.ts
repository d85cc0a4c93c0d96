import type { Node, NodeAPI, NodeMessage, NodeMessageInFlow } from "node-red";
import { asInputError, asRecord, ChatError } from "../client";
import type { Answer } from "../conversation/answer";
import { ask, type Outcome } from "../conversation/ask";
import { readNumber, readObject } from "../conversation/fields";
import type { Message } from "../conversation/prompt";
import { Refusals } from "../conversation/refusals";
import { buildRequest, type MessageOptions, type Question, readMessageOptions } from "../conversation/request";
import { checkNames, declare, readFunctions, type Tool } from "../conversation/tools";
import { ChatInputs, type Inputs } from "./chat-inputs";
import { type ChatDef, heldProperties, inputName, readStreamSettings, typedInput, withDefaults } from "./chat-options";
import type { ConfigNode } from "./config-options";
import { withEnvironment } from "./environment";
import { localizeError, makeTranslate, type Translate } from "./localize";
import { Memory, type Recollection } from "./memory";
import { type RunStatus, StatusLine } from "./status-line";
import { type StreamMessage, StreamOutput } from "./stream-output";
import { ToolCalls } from "./tool-calls";
import { findTools } from "./tool-registry";
import { storeTypedInput } from "./typed-input";

type Send = (msg: NodeMessage | (NodeMessage | null)[]) => void;
type Done = (error?: Error) => void;

/** A question that runs or waits. */
interface Running {
  /** Conversation that it belongs to; undefined for none. */
  conversation: Promise<string | undefined>;
  abort: AbortController;
  recollection?: Recollection;
}

/** How a question ended, and what remembers it. */
interface Asked {
  outcome: Outcome;
  keep: () => Promise<void>;
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
  readonly #inputs: ChatInputs;
  readonly #toolCalls: ToolCalls;
  /** What has been warned of since the deploy. */
  readonly #warned = new Set<string>();
  readonly #refusals = new Refusals();
  readonly #memory: Memory;
  /** Settled when the keys of all messages before are known: their questions come first. */
  #arrivals: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(RED: NodeAPI, node: Node, def: ChatDef) {
    this.#RED = RED;
    this.#node = node;
    this.#def = withDefaults(def);
    this.#translate = makeTranslate(RED);
    this.#status = new StatusLine(node, this.#translate);
    this.#inputs = new ChatInputs(RED, node, this.#def);
    this.#toolCalls = new ToolCalls(RED, node);
    this.#memory = new Memory(node, this.#def);
  }

  /** Takes a message: a question, or one that steers (`msg.abort`, `msg.reset`). Never rejects. */
  async receive(msg: ChatMessage, send: Send, done: Done): Promise<void> {
    if (msg.abort === true || msg.reset === true) await this.#control(msg, [...this.#running], done);
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

  /** @param before - the questions that came before: an abort is not meant for those that come while a key is read */
  async #control(msg: ChatMessage, before: readonly Running[], done: Done): Promise<void> {
    let error: ChatError | undefined;
    try {
      // A message that steers may carry anything else: only the conversation counts.
      const conversation = this.#inputs.readConversation(msg, asRecord(msg.huggingface) ?? {});
      const turn = msg.reset === true ? this.#arrive(conversation) : undefined;
      const key = await conversation;
      if (msg.abort === true) await abortAll(before, key);
      if (turn) this.#forget(key, turn, msg);
    } catch (cause) {
      error = localizeError(cause, this.#translate);
    }
    done(error);
  }

  /** Takes its turn in the line of the conversation, behind all that came before; the message is done meanwhile. */
  #forget(key: string | undefined, turn: Promise<void>, msg: ChatMessage): void {
    turn
      .then(() => this.#memory.forget(key))
      .catch((error) => {
        if (!this.#isClosed) this.#node.error(localizeError(error, this.#translate), msg);
      });
  }

  async #answer(msg: ChatMessage, send: Send, done: Done): Promise<void> {
    const running: Running = { conversation: Promise.resolve(undefined), abort: new AbortController() };
    this.#running.add(running);
    const status = this.#status.begin();
    let outcome: Outcome | undefined;
    let error: ChatError | undefined;
    try {
      const asked = await this.#ask(msg, send, running, status);
      outcome = asked.outcome;
      if (!this.#isClosed) {
        await this.#store(msg, outcome);
        if (!this.#isClosed) await asked.keep();
        if (!this.#isClosed) this.#send(msg, outcome, send);
      }
    } catch (cause) {
      error = localizeError(cause, this.#translate);
    }
    running.recollection?.end();
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

  async #ask(msg: ChatMessage, send: Send, running: Running, status: RunStatus): Promise<Asked> {
    const config = this.#config();
    const options = reading(() => readMessageOptions(msg.huggingface));
    const conversation = this.#inputs.readConversation(msg, options);
    running.conversation = conversation.catch(() => undefined);
    // As they are when the message comes: contexts may hold the next one's when its turn comes.
    const inputs = this.#inputs.read(msg, options);
    inputs.catch(() => {});
    const turn = this.#arrive(conversation);
    const key = await conversation;
    // Without a key no conversation holds it up.
    if (key !== undefined) await turn;
    const client = config.client();
    const { signal } = running.abort;
    running.recollection = await this.#memory.begin(key, client, signal, status.waiting);
    const { claim, history, keep, waitedMs } = running.recollection;
    const tools = reading(() => this.#tools(msg));
    const read = await inputs.catch((error) => {
      throw asInputError(error);
    });
    const question = reading(() => this.#question(read, options, config, tools, history));
    const stream = reading(() => this.#openStream(msg, options, send));
    const onPiece = status.piece;
    const onAbort = () => (this.#isClosed ? stream?.drop() : stream?.hurry());
    signal.addEventListener("abort", onAbort);
    try {
      const outcome = await ask(client, question.request, {
        signal,
        claim,
        waitedMs,
        fallback: config.fallback(),
        tools,
        maxSteps: readNumber(this.#def.maxSteps, "maxSteps", 0),
        output: question.output,
        repairs: readNumber(this.#def.repairs, "repairs", 0),
        refusals: this.#refusals,
        listener: {
          onRoundStart: () => stream?.begin(),
          onTool: status.tool,
          onCallsDropped: (params) => this.#warnOnce("warning.calls_dropped", params),
          onWaiting: status.waiting,
          onAsking: status.asking,
          onRetry: status.retry,
          onFallback: (error) => localizeError(error, this.#translate),
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
      return { outcome, keep: () => keep(outcome, question) };
    } finally {
      if (signal.aborted) onAbort();
      await stream?.drained();
      signal.removeEventListener("abort", onAbort);
      stream?.drop();
    }
  }

  /** Notes that a message has come. @returns settled when the keys of all messages before are known */
  #arrive(key: Promise<string | undefined>): Promise<void> {
    const before = this.#arrivals;
    this.#arrivals = Promise.allSettled([before, key]).then(() => {});
    return before;
  }

  #question(
    inputs: Inputs,
    options: MessageOptions,
    config: ConfigNode,
    tools: Tool[],
    history: Message[] | undefined,
  ): Question {
    const def = this.#def;
    return buildRequest({
      ...inputs,
      promptName: inputName(def, "prompt"),
      imagesName: inputName(def, "images"),
      ...(history && { history }),
      form: { ...def, extra: withEnvironment(this.#RED, this.#node, readObject(def.extra, "extra")) },
      options,
      defaultModel: config.model(),
      serverStreams: config.serverStreams(),
      grammar: config.grammar(),
      tools: [...tools.map(declare), ...readFunctions(def.functions)],
      toolChoice: { choice: def.toolChoice, name: def.toolName },
    });
  }

  /** Puts what came of a question on the message, and where the form says. */
  async #store(msg: ChatMessage, { calls, completion, messages, reply }: Outcome): Promise<void> {
    msg.completion = completion satisfies Answer;
    msg.messages = messages;
    if (calls.length > 0) msg.payload = calls;
    else await storeTypedInput(this.#RED, this.#node, typedInput(this.#def, "output"), msg, reply);
  }

  #send(msg: ChatMessage, { calls }: Outcome, send: Send): void {
    send(calls.length > 0 ? [null, null, msg] : [msg, null, null]);
  }

  #config(): ConfigNode {
    const config = this.#RED.nodes.getNode(this.#def.config ?? "") as ConfigNode | null;
    if (typeof config?.client !== "function") throw new ChatError("config_missing");
    return config;
  }

  /** The functions that tool nodes carry out. Those that are missing or disabled are not offered. */
  #tools(msg: ChatMessage): Tool[] {
    const { found, missing } = findTools(this.#RED, this.#node, this.#def.tools);
    for (const id of missing) this.#warnOnce("warning.tool_missing", { id }, id);
    if (found.length === 0) return [];
    const timeoutMs = readNumber(this.#def.toolTimeout, "toolTimeout", 0) * 1000;
    const tools = this.#toolCalls.tools(found, msg, heldProperties(this.#def), timeoutMs);
    checkNames(tools.map(declare));
    return tools;
  }

  /** @param what - it is warned of once for each of these */
  #warnOnce(key: string, params: Record<string, string | number>, what = ""): void {
    const warning = `${key} ${what}`;
    if (this.#warned.has(warning)) return;
    this.#warned.add(warning);
    this.#node.warn(this.#translate(key, params));
  }

  /** The stream of a question, if it is wanted and anybody listens. */
  #openStream(msg: ChatMessage, options: MessageOptions, send: Send): StreamOutput | undefined {
    const settings = readStreamSettings(this.#def);
    const isWired = ((this.#node as unknown as { wires?: string[][] }).wires?.[1]?.length ?? 0) > 0;
    if (!(options.stream ?? settings.isWanted) || !isWired) return undefined;
    return new StreamOutput(this.#RED, msg, heldProperties(this.#def), {
      ...settings,
      send: (chunkMessage: StreamMessage) => send([null, chunkMessage, null]),
    });
  }
}

/** Ends questions: those of a conversation, or all. */
async function abortAll(questions: readonly Running[], conversation: string | undefined): Promise<void> {
  await Promise.all(
    questions.map(async (running) => {
      if (conversation === undefined || (await running.conversation) === conversation) running.abort.abort();
    }),
  );
}

/** `msg.completion` of an error that came before any request. */
function nothingCame() {
  return { message: { role: "assistant", content: "" }, attempts: 0, steps: [] };
}

/** What a message holds may throw when it is read, and may be too deep to be copied: then it cannot be sent. */
function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw asInputError(error);
  }
}

/** A message may be frozen; its error is told all the same. */
function setIfPossible(msg: ChatMessage, completion: unknown): void {
  try {
    msg.completion = completion;
  } catch {
    // nothing can be put on it
  }
}
