import type { Node, NodeAPI, NodeMessage } from "node-red";
import { asInputError, asRecord, type ChatError, isCancelled, reasonOf, untilAbort } from "../client/internal";
import { addFigures, figuresOf } from "../conversation/run/report";
import { abortedBeforeStart, type Outcome } from "../conversation/run/run-question";
import { channel, OPEN_TELEMETRY, registered } from "../conversation/trace/listeners";
import { type Arrival, Arrivals } from "./arrivals";
import { ChatInputs } from "./chat-inputs";
import { type ChatDef, withDefaults } from "./chat-options";
import { type Controls, FORGET, readControls } from "./controls";
import { putError } from "./error-reply";
import { FlowTools } from "./flow-tools";
import { keepTexts, keptTexts } from "./kept-texts";
import { localizeError } from "./localize";
import { Memory } from "./memory";
import { type ChatMessage, putCompletion, putReply } from "./message-reply";
import { nextMessages, offerMessage } from "./next-message";
import { MOST_NOTED, notedQuestions, totalsOf } from "./question-log";
import { type Progress, QuestionRunner, type Running } from "./question-runner";
import { editorId, makeTranslate, type Translate } from "./red";
import { StatusLine } from "./status-line";
import { beginTrace } from "./tracing";

type Send = (msg: NodeMessage | (NodeMessage | null)[]) => void;
type Done = (error?: Error) => void;

/** The fields of the form that say where something is written. */
type WrittenField = "output" | "conversation";

/** What the chat node does with its messages, from input to output. */
export class ChatSession {
  readonly #RED: NodeAPI;
  readonly #node: Node;
  readonly #def: ChatDef;
  readonly #translate: Translate;
  readonly #status: StatusLine;
  readonly #arrivals = new Arrivals();
  /** Messages that are not done. */
  readonly #running = new Set<Running>();
  readonly #inputs: ChatInputs;
  readonly #flowTools: FlowTools;
  readonly #memory: Memory;
  readonly #questions: QuestionRunner;
  /** What the editor calls this node, and what it shows of its questions. */
  readonly #id: string;
  readonly #noted: ReturnType<typeof notedQuestions>;
  readonly #totals: ReturnType<typeof totalsOf>;
  #isClosed = false;

  constructor(RED: NodeAPI, node: Node, def: ChatDef) {
    this.#RED = RED;
    this.#node = node;
    this.#def = withDefaults(def);
    this.#id = editorId(node);
    this.#noted = notedQuestions(this.#id);
    this.#totals = totalsOf(this.#def.config ?? "");
    this.#translate = makeTranslate(RED);
    this.#status = new StatusLine(node, this.#translate, def.statusShows === "cost");
    this.#inputs = new ChatInputs(RED, node, this.#def);
    this.#flowTools = new FlowTools(RED, node);
    this.#memory = new Memory(node, this.#def);
    this.#questions = new QuestionRunner(RED, node, this.#def, {
      inputs: this.#inputs,
      flowTools: this.#flowTools,
      memory: this.#memory,
      arrivals: this.#arrivals,
      translate: this.#translate,
    });
  }

  /** Takes a message: a question, or one that controls (`msg.abort`, `msg.reset`). */
  onInput = (msg: ChatMessage, send: Send, done: Done): void => {
    // Errors go to `done`; what `done` itself throws has nowhere else to go.
    this.#receive(msg, send, done).catch((error) => this.#node.error(error));
  };

  async #receive(msg: ChatMessage, send: Send, done: Done): Promise<void> {
    let controls: Controls | undefined;
    let refused: ChatError | undefined;
    if (nextMessages.isWanted) offerMessage(this.#id, msg);
    try {
      if (msg.abort !== undefined || msg.reset !== undefined) controls = readControls(msg);
    } catch (error) {
      refused = asInputError(error);
    }
    if (controls?.abort || controls?.reset) await this.#control(msg, controls, [...this.#running], done);
    else await this.#question(msg, send, done, refused);
  }

  /** Takes what a tool flow gives back through a link out node. */
  returned(id: string, msg: NodeMessage): void {
    this.#flowTools.returned(id, msg);
  }

  /** Ends everything at once and sends nothing more. */
  close(): void {
    this.#isClosed = true;
    this.#questions.close();
    this.#status.close();
    abortAll([...this.#running], undefined);
    this.#memory.stopForgetting();
  }

  /** Must be followed by `#running.delete`. */
  #begin(): Running {
    const running: Running = { conversation: Promise.resolve(undefined), abort: new AbortController() };
    this.#running.add(running);
    return running;
  }

  /** @param before - the questions that came before: an abort is not meant for those that come while a key is read */
  async #control(msg: ChatMessage, { abort, reset }: Controls, before: readonly Running[], done: Done): Promise<void> {
    const running = this.#begin();
    const arrival = reset ? this.#arrivals.arrive() : undefined;
    let error: ChatError | undefined;
    try {
      // A message that steers may carry anything else: only the conversation counts.
      const options = asRecord(msg.huggingface) ?? {};
      const conversation = this.#inputs.readConversation(msg, options, { signal: running.abort.signal, retries: 0 });
      running.conversation = conversation.catch(() => undefined);
      const key = await conversation;
      if (abort) {
        abortAll(before, key, abort === "forget" ? FORGET : undefined);
        this.#memory.stopForgetting();
      }
      if (arrival) this.#forget(key, arrival, msg);
    } catch (cause) {
      arrival?.entered();
      if (!isCancelled(cause)) error = localizeError(cause, this.#translate);
    }
    this.#running.delete(running);
    done(error);
  }

  /** Forgets behind all questions that came before; the message is done meanwhile. */
  #forget(key: string | undefined, { before, entered }: Arrival, msg: ChatMessage): void {
    before
      .then(() => {
        const forgotten = this.#memory.forget(key);
        entered();
        return forgotten;
      })
      .catch((error) => {
        if (this.#isClosed) return;
        if (isCancelled(error)) this.#warnUnanswered("conversation");
        else this.#node.error(localizeError(error, this.#translate), msg);
      })
      // Node-RED copies the message for a catch node, and what it holds may throw.
      .catch((error) => this.#node.error(reasonOf(error)));
  }

  /** @param refused - why it is no question */
  async #question(msg: ChatMessage, send: Send, done: Done, refused?: ChatError): Promise<void> {
    const running = this.#begin();
    const status = this.#status.begin();
    const progress: Progress = {};
    let error: ChatError | undefined;
    try {
      if (refused) throw refused;
      const ask = () => this.#questions.run(msg, send, running, status, progress);
      // As cheap as can be: most questions are not traced.
      const isTraced = channel.hasSubscribers || registered[OPEN_TELEMETRY]?.trace !== undefined;
      await (isTraced ? beginTrace(this.#node, msg, progress, ask) : ask()).catch((cause) => {
        // Aborted before anything was sent.
        if (!isCancelled(cause)) throw cause;
        progress.outcome = abortedBeforeStart(progress.lease?.history);
      });
      if (progress.outcome) await this.#finish(msg, progress, progress.outcome, running);
      if (progress.outcome && !this.#isClosed) sendReply(msg, progress.outcome, send);
    } catch (cause) {
      error = localizeError(cause, this.#translate);
    }
    progress.lease?.end();
    const failed = error;
    const hasFailed = failed !== undefined;
    if (error && !this.#isClosed) {
      putCompletion(msg, error.completion ?? progress.outcome?.completion);
      status.failed(error);
      if (await this.#sendError(msg, error, running, send)) error = undefined;
    }
    this.#running.delete(running);
    if (this.#isClosed) return;
    this.#note(progress, failed);
    if (!hasFailed && progress.outcome) status.done(progress.outcome.completion);
    done(error);
  }

  /** Notes how a question ended, for the node's form. */
  #note({ asked, outcome }: Progress, error: ChatError | undefined): void {
    const completion = error?.completion ?? outcome?.completion;
    const figures = figuresOf(completion, error?.code);
    this.#noted.push(figures);
    if (this.#noted.length > MOST_NOTED) this.#noted.shift();
    addFigures(this.#totals, figures);
    if (keptTexts.isWanted && asked) keepTexts(this.#id, asked(), completion?.message.content ?? "");
  }

  /** Sends the message of an error on output 1, where the form wants that. @returns false where it cannot be sent */
  async #sendError(msg: ChatMessage, error: ChatError, running: Running, send: Send): Promise<boolean> {
    if (this.#def.onError !== "reply") return false;
    try {
      await this.#write("output", running, (signal) =>
        untilAbort(putError(this.#RED, this.#node, msg, this.#inputs.output, error), signal),
      );
    } catch {
      // It may be frozen.
      return false;
    }
    if (!this.#isClosed) send([msg, null, null]);
    return true;
  }

  /** Writes what came of a question, also of one that was aborted. */
  async #finish(msg: ChatMessage, { save }: Progress, outcome: Outcome, running: Running): Promise<void> {
    await this.#write("output", running, (signal) => {
      const { output } = this.#inputs;
      const isPut = putReply(this.#RED, this.#node, msg, output, outcome);
      // Only a context store may take its time.
      return output.type === "msg" ? isPut : untilAbort(isPut, signal);
    });
    if (save) await this.#write("conversation", running, save);
  }

  /** An abort from now on ends the wait for a store that does not respond. */
  async #write(field: WrittenField, running: Running, write: (signal: AbortSignal) => Promise<void>): Promise<void> {
    if (this.#isClosed) return;
    running.abort = new AbortController();
    try {
      await write(running.abort.signal);
    } catch (error) {
      if (!isCancelled(error)) throw error;
      this.#warnUnanswered(field);
    }
  }

  #warnUnanswered(field: WrittenField): void {
    if (this.#isClosed) return;
    this.#node.warn(this.#translate("warning.store_unanswered", { field: this.#translate(`label.${field}`) }));
  }
}

/** Ends questions: those of a conversation, or all. One whose key is not known yet ends when it is. */
function abortAll(questions: readonly Running[], conversation: string | undefined, reason?: Error): void {
  for (const running of questions) {
    if (conversation === undefined) running.abort.abort(reason);
    else void running.conversation.then((own) => own === conversation && running.abort.abort(reason));
  }
}

function sendReply(msg: ChatMessage, { calls }: Outcome, send: Send): void {
  send(calls.length > 0 ? [null, null, msg] : [msg, null, null]);
}
