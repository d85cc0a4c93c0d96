import type { Node, NodeAPI, NodeMessage } from "node-red";
import { asInputError, mayKnowTemplates, onAbort } from "../client/internal";
import { buildRequest, type MessageOptions, type Question, readMessageOptions } from "../conversation/request/build";
import { readObject } from "../conversation/request/fields";
import type { Message } from "../conversation/request/prompt";
import { type Outcome, type QuestionListener, runQuestion } from "../conversation/run/run-question";
import { UnsupportedParams } from "../conversation/run/unsupported-params";
import { declare, readFunctions, type Tool } from "../conversation/tools";
import type { QuestionTrace } from "../conversation/trace/question-trace";
import type { Arrivals } from "./arrivals";
import { type ChatInputs, type Inputs, reading } from "./chat-inputs";
import {
  type ChatDef,
  type FormSettings,
  heldProperties,
  inputName,
  readFormSettings,
  type StreamSettings,
} from "./chat-options";
import type { ConfigNode, ConfigSettings } from "./config-options";
import { FORGET } from "./controls";
import { withEnvironment } from "./environment";
import { ChatError } from "./errors";
import type { FlowTools } from "./flow-tools";
import { Judge } from "./judge";
import { keptTexts, lastText } from "./kept-texts";
import { localizeError } from "./localize";
import { type AddMcpTools, mcpToolsOf } from "./mcp/lazy";
import type { ConversationLease, Memory } from "./memory";
import { type ChatMessage, checkOutput, checkProperties } from "./message-reply";
import { Notices } from "./notices";
import { type Build, OtherServers } from "./other-server";
import { type ProgressOutput, progressOutput } from "./progress-output";
import type { ReadOptions } from "./read-again";
import { findNode, type Translate } from "./red";
import type { RunStatus } from "./status-line";
import { StreamOutput } from "./stream-output";

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
  /** Absent where nobody listens. */
  trace?: QuestionTrace;
  /** Returns the text of the prompt, without secrets; set only while texts are kept. */
  asked?: () => string;
  /** Remembers the outcome. */
  save?: (signal: AbortSignal) => Promise<void>;
}

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
  /** How the prompt, the images and the sound are called in messages to the user. */
  readonly #names: { promptName: string; imagesName: string; audioName: string };
  readonly #unsupported = new UnsupportedParams();
  /** Read at the first question, since they may be wrong. */
  #formSettings: FormSettings | undefined;
  readonly #notices: Notices;
  readonly #judge: Judge;
  readonly #others: OtherServers;
  /** Undefined where no server is chosen. */
  readonly #mcp: AddMcpTools | undefined;
  #isClosed = false;

  constructor(RED: NodeAPI, node: Node, def: ChatDef, shared: Shared) {
    this.#RED = RED;
    this.#node = node;
    this.#def = def;
    this.#names = {
      promptName: inputName(def, "prompt"),
      imagesName: inputName(def, "images"),
      audioName: inputName(def, "audio"),
    };
    this.#shared = shared;
    this.#notices = new Notices(node, shared.translate);
    this.#judge = new Judge(RED, node, def, this.#notices, shared.translate);
    this.#others = new OtherServers(RED);
    this.#mcp = mcpToolsOf({ RED, node, def, notices: this.#notices, ...shared });
  }

  /** Streams send nothing more. */
  close(): void {
    this.#isClosed = true;
  }

  /** @throws ChatError; `cancelled` for an abort before anything was asked */
  async run(msg: ChatMessage, send: Send, running: Running, status: RunStatus, progress: Progress): Promise<void> {
    const { arrivals, inputs, memory } = this.#shared;
    const config = this.#config();
    const options = reading(() => readMessageOptions(msg.huggingface, "msg.huggingface"));
    checkOutput(this.#RED, msg, inputs.output);
    const settings = config.settings ?? config.open();
    const { client } = settings;
    const { signal } = running.abort;
    const again = { signal, retries: client.retries, onRetry: status.retry };
    const conversation = this.#conversation(msg, options, again, running, status);
    // As they are when the message comes: contexts may change while it waits.
    const values = inputs.read(msg, options, again);
    values.catch(() => {});
    const lease = conversation && (await memory.enter(conversation, arrivals.arrive(), client, again, status.waiting));
    if (lease) progress.lease = lease;
    const answered = options.idempotencyKey === undefined ? undefined : lease?.answered?.(options.idempotencyKey);
    if (answered) {
      progress.outcome = answered;
      return;
    }
    this.#formSettings ??= readFormSettings(this.#def);
    const form = this.#formSettings;
    const own = isEmpty(this.#def.tools)
      ? []
      : reading(() => this.#shared.flowTools.picked(this.#def, msg, this.#judge, status));
    const tools = this.#mcp ? await this.#mcp(own, msg, signal, status) : own;
    const read = await values.catch((error) => {
      throw asInputError(error);
    });
    const build: Build = (asked, its) => this.#question(read, asked, its, tools, lease?.history);
    const question = reading(() => build(options, settings));
    reading(() => this.#judge.prompt(msg, read.prompt, status));
    if (keptTexts.isWanted) progress.asked = () => client.redact(lastText(question.request.messages));
    if (question.ignoresSchema) {
      this.#notices.warnOnce("warning.schema_ignored", { field: this.#shared.translate("label.format") });
    }
    if (question.request["tools"] !== undefined) checkProperties(msg, ["payload"]);
    const isStream = (options.stream ?? form.stream.isWanted) && this.#judge.stream(status);
    const stream = isStream ? reading(() => this.#openStream(msg, form.stream, send)) : undefined;
    const tellProgress = form.stream.withProgress ? this.#openProgress(msg, send) : undefined;
    const hurry = () => (this.#isClosed ? stream?.drop() : stream?.hurry());
    const stopListening = stream && onAbort(signal, hurry);
    try {
      const outcome = await runQuestion(client, question.request, {
        signal,
        ...(lease && { priority: lease.priority, waitedMs: lease.waitedMs }),
        ...(lease?.origins && { origins: lease.origins }),
        fallback: settings.fallback,
        tools,
        maxSteps: form.maxSteps,
        repairs: form.repairs,
        output: question.output,
        unsupported: this.#unsupported,
        stickyProvider: settings.stickyProvider,
        otherwise: settings.circuit && this.#others.of(config, settings, options, build),
        listener: this.#listener(status, stream, tellProgress),
        trace: progress.trace?.of(settings),
      });
      progress.outcome = outcome;
      if (signal.reason === FORGET) outcome.messages = lease?.history ?? [];
      else if (lease) progress.save = (writing) => lease.save(outcome, question, writing, options.idempotencyKey);
      this.#judge.outcome(outcome, status);
    } finally {
      if (signal.aborted) hurry();
      await stream?.drained();
      stopListening?.();
      stream?.drop();
    }
  }

  /** Begins to read the key of a question's conversation. @returns undefined where it can have none */
  #conversation(
    msg: ChatMessage,
    options: MessageOptions,
    again: ReadOptions,
    running: Running,
    status: RunStatus,
  ): Promise<string | undefined> | undefined {
    const { inputs } = this.#shared;
    if (options.conversation === undefined && !inputs.hasConversation) return undefined;
    const conversation = inputs.readConversation(msg, options, again);
    running.conversation = conversation.catch(() => undefined);
    return conversation.then((key) => {
      this.#judge.key(key, options, status);
      return key;
    });
  }

  #openStream(msg: ChatMessage, settings: StreamSettings, send: Send): StreamOutput {
    return new StreamOutput(this.#RED, msg, heldProperties(this.#def), { ...settings, send });
  }

  #openProgress(msg: ChatMessage, send: Send): ProgressOutput | undefined {
    return progressOutput(this.#RED, this.#node, msg, heldProperties(this.#def), send);
  }

  #listener(
    status: RunStatus,
    stream: StreamOutput | undefined,
    tellProgress: ProgressOutput | undefined,
  ): QuestionListener {
    const { translate } = this.#shared;
    const { line } = status;
    return {
      onRoundStart: () => stream?.begin(),
      onTool: status.tool,
      onCallsDropped: (params) => this.#notices.warnOnce("warning.calls_dropped", params),
      onWaiting: status.waiting,
      onAsking: status.asking,
      onPromptProgress: (progress) => {
        status.reading(progress);
        if (!this.#isClosed) tellProgress?.(progress);
      },
      onRetry: status.retry,
      onPromptCut: (server, params) => this.#judge.promptCut(server, params, status),
      onLimitNear: (limit) => this.#judge.limitNear(limit, status),
      onPriceMissing: (params) => this.#notices.warnOnce("warning.price_missing", params, params.model),
      onTextCall: (params) => this.#notices.warnOnce("warning.text_call", params, params.model),
      onFallback: (error) => localizeError(error, translate),
      onOtherwise: (params) => this.#notices.raise(status, "otherwise", params, params.to),
      onNoOtherwise: (params) => this.#notices.warnOnce("warning.no_otherwise", params),
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
      mayKnowTemplates: () => mayKnowTemplates(settings.client.endpoint),
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
}
