import type { Node, NodeAPI, NodeMessage } from "node-red";
import { asInputError, type ChatClient, onAbort, untilAbort } from "../client/internal";
import { buildRequest, type MessageOptions, type Question, readMessageOptions } from "../conversation/request/build";
import { readObject } from "../conversation/request/fields";
import type { Message } from "../conversation/request/prompt";
import { type Outcome, type QuestionListener, runQuestion } from "../conversation/run/run-question";
import { UnsupportedParams } from "../conversation/run/unsupported-params";
import { checkNames, declare, readFunctions, type Tool } from "../conversation/tools";
import type { Arrivals } from "./arrivals";
import type { ChatInputs, Inputs } from "./chat-inputs";
import {
  type ChatDef,
  heldProperties,
  inputName,
  readField,
  readStreamSettings,
  type StreamSettings,
} from "./chat-options";
import type { ConfigNode, ConfigSettings } from "./config-options";
import { withEnvironment } from "./environment";
import { ChatError } from "./errors";
import type { FlowTools } from "./flow-tools";
import { localizeError } from "./localize";
import type { ConversationLease, Memory } from "./memory";
import { type ChatMessage, checkOutput, checkProperties } from "./message-reply";
import type { ReadOptions } from "./read-again";
import { findNode, isWired, type Translate } from "./red";
import type { RunStatus } from "./status-line";
import { StreamOutput } from "./stream-output";
import { findTools } from "./tool-registry";

type Send = (msg: NodeMessage | (NodeMessage | null)[]) => void;

/** A question that runs or waits, or a message that steers while its key is being read. */
export interface Running {
  /** Conversation that it belongs to; undefined for none. */
  conversation: Promise<string | undefined>;
  abort: AbortController;
}

/** How far a question has come, filled in as it goes on. */
export interface Progress {
  /** Must be ended; absent for a question without a conversation. */
  lease?: ConversationLease;
  outcome?: Outcome;
  /** Remembers the outcome. */
  save?: (signal: AbortSignal) => Promise<void>;
}

/** What all questions of a node have from the form. */
interface FormSettings {
  stream: StreamSettings;
  maxSteps: number;
  repairs: number;
}

/** The output for Stream messages. */
const STREAM = 1;
/** Extra fields that say nothing. */
const NO_FIELDS = new Set<unknown>(["", "{}"]);

const isEmpty = (list: unknown): boolean => Array.isArray(list) && list.length === 0;

/** What the questions of a node share. */
interface Shared {
  inputs: ChatInputs;
  flowTools: FlowTools;
  memory: Memory;
  arrivals: Arrivals;
  translate: Translate;
}

/** Runs the questions of a chat node: reads what a message and the form say, and asks. */
export class QuestionRunner {
  readonly #RED: NodeAPI;
  readonly #node: Node;
  readonly #def: ChatDef;
  readonly #shared: Shared;
  /** How the prompt and the images are called in messages to the user. */
  readonly #names: { promptName: string; imagesName: string };
  readonly #unsupported = new UnsupportedParams();
  /** Read at the first question, since they may be wrong. */
  #formSettings: FormSettings | undefined;
  /** What has been warned of since the deploy. */
  readonly #warned = new Set<string>();
  #isClosed = false;

  constructor(RED: NodeAPI, node: Node, def: ChatDef, shared: Shared) {
    this.#RED = RED;
    this.#node = node;
    this.#def = def;
    this.#names = { promptName: inputName(def, "prompt"), imagesName: inputName(def, "images") };
    this.#shared = shared;
  }

  /** Streams send nothing more. */
  close(): void {
    this.#isClosed = true;
  }

  /** @throws ChatError; `cancelled` for an abort before anything was asked */
  async run(msg: ChatMessage, send: Send, running: Running, status: RunStatus, progress: Progress): Promise<void> {
    const { inputs } = this.#shared;
    const config = this.#config();
    const options = reading(() => readMessageOptions(msg.huggingface, "msg.huggingface"));
    checkOutput(this.#RED, msg, inputs.output);
    const settings = config.settings ?? config.open();
    const { client } = settings;
    const { signal } = running.abort;
    const again = { signal, retries: client.retries, onRetry: status.retry };
    const conversation = this.#conversation(msg, options, again, running);
    // As they are when the message comes: contexts may change while it waits.
    const values = inputs.read(msg, options, again);
    values.catch(() => {});
    const lease = conversation && (await this.#begin(conversation, client, again, status));
    if (lease) progress.lease = lease;
    const form = this.#formSettings ?? this.#readFormSettings();
    const tools = reading(() => this.#tools(msg));
    const read = await values.catch((error) => {
      throw asInputError(error);
    });
    const question = reading(() => this.#question(read, options, settings, tools, lease?.history));
    if (question.ignoresSchema) {
      this.#warnOnce("warning.schema_ignored", { field: this.#shared.translate("label.format") });
    }
    if (question.request["tools"] !== undefined) checkProperties(msg, ["payload"]);
    const stream = reading(() => this.#openStream(msg, options.stream ?? form.stream.isWanted, form.stream, send));
    const hurry = () => (this.#isClosed ? stream?.drop() : stream?.hurry());
    const stopListening = stream && onAbort(signal, hurry);
    try {
      const outcome = await runQuestion(client, question.request, {
        signal,
        ...(lease && { priority: lease.priority, waitedMs: lease.waitedMs }),
        fallback: settings.fallback,
        tools,
        maxSteps: form.maxSteps,
        repairs: form.repairs,
        output: question.output,
        unsupported: this.#unsupported,
        listener: this.#listener(status, stream),
      });
      progress.outcome = outcome;
      if (lease) progress.save = (writing) => lease.save(outcome, question, writing);
    } finally {
      if (signal.aborted) hurry();
      await stream?.drained();
      stopListening?.();
      stream?.drop();
    }
  }

  /** Takes the question's place in its conversation, behind all that came before, and brings what is remembered. */
  async #begin(
    conversation: Promise<string | undefined>,
    client: ChatClient,
    again: ReadOptions,
    status: RunStatus,
  ): Promise<ConversationLease | undefined> {
    const { memory, arrivals } = this.#shared;
    const { before, entered } = arrivals.arrive();
    let begun: Promise<ConversationLease> | undefined;
    try {
      const key = await conversation;
      if (key !== undefined) {
        await untilAbort(before, again.signal);
        begun = memory.begin(key, client, again, status.waiting);
      }
    } finally {
      entered();
    }
    return begun;
  }

  /** Begins to read the key of a question's conversation. @returns undefined where it can have none */
  #conversation(
    msg: ChatMessage,
    options: MessageOptions,
    again: ReadOptions,
    running: Running,
  ): Promise<string | undefined> | undefined {
    const { inputs } = this.#shared;
    if (options.conversation === undefined && !inputs.hasConversation) return undefined;
    const conversation = inputs.readConversation(msg, options, again);
    running.conversation = conversation.catch(() => undefined);
    return conversation;
  }

  /** Opens the stream of a question, if it is wanted and its output is wired. */
  #openStream(msg: ChatMessage, isWanted: boolean, settings: StreamSettings, send: Send): StreamOutput | undefined {
    if (!isWanted || !isWired(this.#node, STREAM)) return undefined;
    return new StreamOutput(this.#RED, msg, heldProperties(this.#def), { ...settings, send });
  }

  /** @throws ChatError `invalid_input` */
  #readFormSettings(): FormSettings {
    this.#formSettings = {
      stream: readStreamSettings(this.#def),
      maxSteps: readField.number(this.#def, "maxSteps"),
      repairs: readField.number(this.#def, "repairs"),
    };
    return this.#formSettings;
  }

  #listener(status: RunStatus, stream: StreamOutput | undefined): QuestionListener {
    const { translate } = this.#shared;
    const { line } = status;
    return {
      onRoundStart: () => stream?.begin(),
      onTool: status.tool,
      onCallsDropped: (params) => this.#warnOnce("warning.calls_dropped", params),
      onWaiting: status.waiting,
      onAsking: status.asking,
      onRetry: status.retry,
      onFallback: (error) => localizeError(error, translate),
      onRefused: (field, params) => this.#node.warn(translate(`warning.refused_${field}`, params)),
      onText: (delta) => {
        status.deltas++;
        if (!line.isCounting) status.writing();
        stream?.text(delta);
      },
      onReasoning: (delta) => {
        status.deltas++;
        if (!line.isCounting) status.writing();
        stream?.reasoning(delta);
      },
      onLeftOut: (field) => this.#node.debug(`left out of the reply, since it is nested too deep: ${field}`),
      onRoundEnd: (finishReason) => {
        if (this.#isClosed) stream?.drop();
        else stream?.end(finishReason);
      },
    };
  }

  #question(
    inputs: Inputs,
    options: MessageOptions,
    settings: ConfigSettings,
    tools: Tool[],
    history: Message[] | undefined,
  ): Question {
    const def = this.#def;
    return buildRequest({
      ...inputs,
      ...this.#names,
      ...(history && { history }),
      form: NO_FIELDS.has(def.extra) ? def : this.#withExtra(def),
      options,
      defaultModel: settings.model,
      serverStreams: settings.serverStreams,
      grammar: settings.grammar,
      tools: isEmpty(def.functions) ? tools.map(declare) : [...tools.map(declare), ...readFunctions(def.functions)],
      toolChoice: { choice: def.toolChoice, name: def.toolName },
    });
  }

  #withExtra(def: ChatDef): ChatDef {
    return { ...def, extra: withEnvironment(this.#RED, this.#node, readObject(def.extra, "extra")) };
  }

  #config(): ConfigNode {
    const config = findNode<ConfigNode>(this.#RED, this.#def.config ?? "");
    if (typeof config?.open !== "function") throw new ChatError("config_missing");
    return config;
  }

  /** Returns the functions that tool nodes carry out. Those that are missing or disabled are not offered. */
  #tools(msg: ChatMessage): Tool[] {
    if (isEmpty(this.#def.tools)) return [];
    const { found, missing } = findTools(this.#RED, this.#node, this.#def.tools);
    for (const id of missing) this.#warnOnce("warning.tool_missing", { id }, id);
    if (found.length === 0) return [];
    const timeoutMs = readField.number(this.#def, "toolTimeout") * 1000;
    const tools = this.#shared.flowTools.tools(found, msg, heldProperties(this.#def), timeoutMs);
    checkNames(tools.map(declare));
    return tools;
  }

  /** @param what - it is warned of once for each of these */
  #warnOnce(key: string, params: Record<string, string | number>, what = ""): void {
    const warning = `${key} ${what}`;
    if (this.#warned.has(warning)) return;
    this.#warned.add(warning);
    this.#node.warn(this.#shared.translate(key, params));
  }
}

/** Reads parts of a message: these may throw when they are read, or be too deep to be copied. */
function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw asInputError(error);
  }
}
