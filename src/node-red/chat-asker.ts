import type { Node, NodeAPI, NodeMessage } from "node-red";
import { asInputError, type ChatClient, ChatError } from "../client/internal";
import { buildRequest, type MessageOptions, type Question, readMessageOptions } from "../conversation/request/build";
import { readObject } from "../conversation/request/fields";
import type { Message } from "../conversation/request/prompt";
import { ask, type Outcome, type QuestionListener } from "../conversation/run/run-question";
import { UnsupportedParams } from "../conversation/run/unsupported-params";
import { checkNames, declare, readFunctions, type Tool } from "../conversation/tools";
import type { ChatInputs, Inputs } from "./chat-inputs";
import { type ChatDef, heldProperties, inputName, readField, typedInput } from "./chat-options";
import type { ConfigNode } from "./config-options";
import { withEnvironment } from "./environment";
import type { FlowTools } from "./flow-tools";
import { localizeError, type Translate } from "./localize";
import type { ConversationLease, Memory } from "./memory";
import { type ChatMessage, checkOutput, checkProperties } from "./message-reply";
import type { Running, RunningQuestions } from "./running-questions";
import type { RunStatus } from "./status-line";
import { openStream, type StreamOutput } from "./stream-output";
import { findTools } from "./tool-registry";
import { type ReadOptions, untilAbort } from "./until-abort";

type Send = (msg: NodeMessage | (NodeMessage | null)[]) => void;

/** What becomes of a question, filled in as it goes on. */
export interface Asked {
  /** Its turn in the conversation, which is to be ended. */
  lease?: ConversationLease;
  outcome?: Outcome;
  /** Remembers the outcome. */
  save?: (signal: AbortSignal) => Promise<void>;
}

/** What the questions of a node share. */
interface Shared {
  inputs: ChatInputs;
  flowTools: FlowTools;
  memory: Memory;
  questions: RunningQuestions;
  translate: Translate;
}

/** Asks the questions of a chat node: reads what a message and the form say, and runs the conversation. */
export class ChatAsker {
  readonly #RED: NodeAPI;
  readonly #node: Node;
  readonly #def: ChatDef;
  readonly #shared: Shared;
  readonly #unsupported = new UnsupportedParams();
  /** What has been warned of since the deploy. */
  readonly #warned = new Set<string>();
  #isClosed = false;

  constructor(RED: NodeAPI, node: Node, def: ChatDef, shared: Shared) {
    this.#RED = RED;
    this.#node = node;
    this.#def = def;
    this.#shared = shared;
  }

  /** Streams send nothing more. */
  close(): void {
    this.#isClosed = true;
  }

  /** @throws ChatError; `cancelled` for an abort before anything was asked */
  async ask(msg: ChatMessage, send: Send, running: Running, status: RunStatus, asked: Asked): Promise<void> {
    const { inputs } = this.#shared;
    const config = this.#config();
    const options = reading(() => readMessageOptions(msg.huggingface));
    checkOutput(this.#RED, msg, typedInput(this.#def, "output"));
    const client = config.client();
    const { signal } = running.abort;
    const again = { signal, retries: client.retries, onRetry: status.retry };
    const conversation = inputs.readConversation(msg, options, again);
    running.conversation = conversation.catch(() => undefined);
    // As they are when the message comes: contexts may hold the next one's when its turn comes.
    const values = inputs.read(msg, options, again);
    values.catch(() => {});
    const lease = await this.#begin(conversation, client, again, status);
    asked.lease = lease;
    const { priority, history, waitedMs } = lease;
    const tools = reading(() => this.#tools(msg));
    const read = await values.catch((error) => {
      throw asInputError(error);
    });
    const question = reading(() => this.#question(read, options, config, tools, history));
    if (question.ignoresSchema) {
      this.#warnOnce("warning.schema_ignored", { field: this.#shared.translate("label.format") });
    }
    if (question.request["tools"] !== undefined) checkProperties(msg, ["payload"]);
    const stream = reading(() => openStream(this.#RED, this.#node, this.#def, msg, options.stream, send));
    const onAbort = () => (this.#isClosed ? stream?.drop() : stream?.hurry());
    signal.addEventListener("abort", onAbort);
    try {
      const outcome = await ask(client, question.request, {
        signal,
        priority,
        waitedMs,
        fallback: config.fallback(),
        tools,
        maxSteps: readField.number(this.#def, "maxSteps"),
        output: question.output,
        repairs: readField.number(this.#def, "repairs"),
        unsupported: this.#unsupported,
        listener: this.#listener(status, stream),
      });
      asked.outcome = outcome;
      asked.save = (writing) => lease.save(outcome, question, writing);
    } finally {
      if (signal.aborted) onAbort();
      await stream?.drained();
      signal.removeEventListener("abort", onAbort);
      stream?.drop();
    }
  }

  /** Takes the question's place in its conversation, behind all that came before, and brings what is remembered. */
  async #begin(
    conversation: Promise<string | undefined>,
    client: ChatClient,
    again: ReadOptions,
    status: RunStatus,
  ): Promise<ConversationLease> {
    const { memory, questions } = this.#shared;
    const { before, entered } = questions.arrive();
    let begun: Promise<ConversationLease>;
    try {
      const key = await conversation;
      // Without a key no conversation holds it up.
      if (key !== undefined) await untilAbort(before, again.signal);
      begun = memory.begin(key, client, again, status.waiting);
    } finally {
      entered();
    }
    return begun;
  }

  #listener(status: RunStatus, stream: StreamOutput | undefined): QuestionListener {
    const { translate } = this.#shared;
    const onDelta = status.delta;
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
        onDelta();
        stream?.text(delta);
      },
      onReasoning: (delta) => {
        onDelta();
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

/** What a message holds may throw when it is read, and may be too deep to be copied: then it cannot be sent. */
function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw asInputError(error);
  }
}
