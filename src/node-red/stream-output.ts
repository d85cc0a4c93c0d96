import type { NodeAPI, NodeMessage, NodeMessageInFlow } from "node-red";
import { type Chunker, type DeltaKind, makeChunker } from "../conversation/chunker";
import type { StreamSettings } from "./chat-options";
import { copyWithout } from "./message-copy";
import { languageOf } from "./red";

/** A message of output 2. */
export interface StreamMessage extends NodeMessage {
  payload: string;
  /** Absent from snapshots: each is the whole text, and no part of one. */
  parts?: { id: string; type: "string"; ch: ""; index: number; count?: number; parts?: unknown };
  step: number;
  reasoning?: string;
  complete?: true;
  finish_reason?: string;
}

/** Where the messages of a stream go, and how it is cut. */
export interface StreamOptions extends Omit<StreamSettings, "isWanted" | "withProgress"> {
  /** Takes a message for each output. */
  send: (msg: (NodeMessage | null)[]) => void;
}

/** Messages in one turn of the event loop, by sentence or line: until it ends they wait in Node-RED. */
const MOST_AT_ONCE = 100;
/** In ms. What is copied into every message may be large. */
const LONGEST_TURN_MS = 10;

/** What waits while the messages of a delta are sent turn by turn. */
type Waiting = { kind: DeltaKind; delta: string } | "begin" | { finishReason: string | undefined };

/** Properties of the input that Stream messages do not get: those that control a node, and those of the reply or their own. */
export const LEFT_OUT = ["payload", "step", "complete", "error", "huggingface", "messages", "completion", "reasoning"];

/**
 * Makes the Stream messages of a question. They follow core's convention for parts of a string, so that a join node in
 * automatic mode gives the text back; but for snapshots, each of which has the whole text so far. Each message is independent of the others and of the input.
 */
export class StreamOutput {
  readonly #RED: NodeAPI;
  readonly #withReasoning: boolean;
  readonly #outerParts: unknown;
  // Texts, numbers and the like can be shared; what is an object is cloned for every message.
  readonly #shared: Record<string, unknown> = {};
  readonly #objects: Record<string, unknown> = {};
  readonly #hasObjects: boolean;
  readonly #chunker: Chunker;
  /** The texts of the round so far, where each message has the whole; undefined where it has what is new. */
  #snapshot: Record<DeltaKind, string> | undefined;
  /** Takes a delta of the text. Token by token it is sent as it comes: nothing is held back, and so nothing waits. */
  readonly text: (delta: string) => void;
  #send: StreamOptions["send"];
  #step = 0;
  #partsId = "";
  #index = 0;
  #isOpen = false;
  #isClosing = false;
  #leftThisTurn = MOST_AT_ONCE;
  /** 0 until the first chunk of a turn. */
  #turnEndsAt = 0;
  /** Why nothing more is sent. */
  #failure: { error: unknown } | undefined;
  /** Set while chunks are left for the next turn. */
  #nextTurn: NodeJS.Immediate | undefined;
  readonly #waiting: Waiting[] = [];
  /** How many of those have been done. */
  #doneOfWaiting = 0;
  #onDrained: (() => void)[] = [];

  /**
   * @param input - the question's message as it is now; later changes to it do not show
   * @param held - the properties that held the prompt and the images
   */
  constructor(RED: NodeAPI, input: NodeMessageInFlow, held: readonly string[], options: StreamOptions) {
    this.#RED = RED;
    this.#withReasoning = options.withReasoning;
    this.#send = options.send;
    const { parts, ...base } = copyWithout(RED, input, LEFT_OUT, held);
    this.#outerParts = parts;
    for (const [name, value] of Object.entries(base)) {
      if (typeof value === "object" && value !== null) this.#objects[name] = value;
      else this.#shared[name] = value;
    }
    this.#hasObjects = Object.keys(this.#objects).length > 0;
    const { mode, intervalMs, language } = options;
    if (mode === "snapshot") this.#snapshot = { text: "", reasoning: "" };
    const emit = this.#snapshot ? this.#emitSnapshot : this.#emit;
    this.text = mode === "token" ? this.#emit : (delta) => this.#push("text", delta);
    this.#chunker = makeChunker(mode, intervalMs, emit, this.#mayGoOn, language || languageOf(RED));
  }

  /** Begins a round: a stream of its own for whoever joins it. @returns settled when that of the round before has closed */
  begin(): Promise<void> | undefined {
    this.#take("begin");
    return this.drained();
  }

  reasoning(delta: string): void {
    if (this.#withReasoning) this.#push("reasoning", delta);
  }

  /** Ends the round: sends what is held back, then the closing message. */
  end(finishReason: string | undefined): void {
    this.#take({ finishReason });
  }

  /** @returns settled when all that was given has been sent; undefined if it has been. Rejected where sending has failed */
  drained(): Promise<void> | undefined {
    if (this.#nextTurn) return new Promise<void>((resolve) => this.#onDrained.push(resolve)).then(() => this.drained());
    return this.#failure && Promise.reject(this.#failure.error);
  }

  /** Sends all that is left at once, what is left of a text in one message. */
  hurry(): void {
    if (!this.#nextTurn) return;
    clearImmediate(this.#nextTurn);
    this.#nextTurn = undefined;
    this.#chunker.flush();
    this.#leftThisTurn = 0;
    for (let next = this.#next(); next; next = this.#next()) {
      if (!this.#do(next)) this.#chunker.flush();
    }
    this.#tellDrained();
  }

  /** Ends the stream and sends nothing more: the node closes. */
  drop(): void {
    this.#isOpen = false;
    this.#send = () => {};
    this.#doneOfWaiting = this.#waiting.length;
    this.hurry();
    this.#chunker.flush();
  }

  /** Sends a chunk. Chunks leave by timers, too, where nobody would catch what is thrown. */
  #emit = (chunk: string, kind: DeltaKind = "text"): void => {
    if (!this.#isOpen || this.#failure) return;
    const isText = kind === "text";
    const msg = this.#message(isText ? chunk : "");
    if (!isText) msg.reasoning = chunk;
    try {
      this.#send([null, msg]);
    } catch (error) {
      this.#failure = { error };
    }
  };

  /** Sends all of the round so far. The closing message does so, too: another before it would come too soon. */
  #emitSnapshot = (chunk: string, kind: DeltaKind): void => {
    const snapshot = this.#snapshot;
    if (!this.#isOpen || this.#failure || !snapshot) return;
    snapshot[kind] += chunk;
    if (this.#isClosing) return;
    try {
      const msg = this.#message(snapshot.text);
      if (kind === "reasoning") msg.reasoning = snapshot.reasoning;
      this.#send([null, msg]);
    } catch (error) {
      this.#failure = { error };
    }
  };

  #take(next: Waiting): void {
    if (this.#nextTurn) this.#waiting.push(next);
    else this.#do(next);
  }

  #wait(kind: DeltaKind, delta: string): void {
    const last = this.#waiting.at(-1);
    if (typeof last === "object" && "kind" in last && last.kind === kind) last.delta += delta;
    else this.#waiting.push({ kind, delta });
  }

  /** @returns false if chunks are left */
  #do(next: Waiting): boolean {
    if (next === "begin") {
      this.#step++;
      this.#partsId = this.#RED.util.generateId();
      this.#index = 0;
      if (this.#snapshot) this.#snapshot = { text: "", reasoning: "" };
      this.#isOpen = true;
      return true;
    }
    if ("kind" in next) return this.#cut(next.kind, next.delta);
    if (this.#isOpen) this.#close(next.finishReason);
    return true;
  }

  #close(finishReason: string | undefined): void {
    this.#isClosing = true;
    this.#chunker.flush();
    this.#isClosing = false;
    this.#isOpen = false;
    if (this.#failure) return;
    try {
      const msg = this.#message(this.#snapshot?.text ?? "");
      if (msg.parts) msg.parts.count = this.#index;
      msg.complete = true;
      if (finishReason !== undefined) msg.finish_reason = finishReason;
      this.#send([null, msg]);
    } catch (error) {
      this.#failure = { error };
    }
  }

  #push(kind: DeltaKind, delta: string): void {
    const isLater = this.#nextTurn !== undefined || this.#leftThisTurn <= 0;
    if (isLater) this.#wait(kind, delta);
    if (isLater || !this.#cut(kind, delta)) this.#nextTurn ??= setImmediate(this.#goOn);
  }

  #cut(kind: DeltaKind, delta: string): boolean {
    return !this.#isOpen || this.#chunker.push(delta, kind);
  }

  #next(): Waiting | undefined {
    const next = this.#waiting[this.#doneOfWaiting++];
    if (next) return next;
    this.#waiting.length = 0;
    this.#doneOfWaiting = 0;
    return undefined;
  }

  #mayGoOn = (): boolean => {
    const now = performance.now();
    if (this.#turnEndsAt === 0) {
      this.#turnEndsAt = now + LONGEST_TURN_MS;
      setImmediate(this.#beginTurn);
    }
    this.#leftThisTurn = now < this.#turnEndsAt ? this.#leftThisTurn - 1 : 0;
    return this.#leftThisTurn > 0;
  };

  /** Behind the messages of the turn before: Node-RED delivers each by an immediate of its own. */
  #beginTurn = (): void => {
    this.#leftThisTurn = MOST_AT_ONCE;
    this.#turnEndsAt = 0;
  };

  #goOn = (): void => {
    this.#beginTurn();
    let isDone = this.#chunker.resume();
    while (isDone) {
      const next = this.#next();
      if (!next) break;
      isDone = this.#do(next) && this.#mayGoOn();
    }
    this.#nextTurn = isDone ? undefined : setImmediate(this.#goOn);
    if (isDone) this.#tellDrained();
  };

  #tellDrained(): void {
    for (const tell of this.#onDrained.splice(0)) tell();
  }

  #message(payload: string): StreamMessage {
    let msg: StreamMessage;
    // The literal first: V8 takes thirty times as long where properties follow what is spread.
    if (this.#snapshot) {
      msg = { payload, step: this.#step, ...this.#shared } as StreamMessage;
    } else {
      const parts: StreamMessage["parts"] = { id: this.#partsId, type: "string", ch: "", index: this.#index++ };
      if (this.#outerParts !== undefined) parts.parts = this.#RED.util.cloneMessage(this.#outerParts as NodeMessage);
      msg = { payload, parts, step: this.#step, ...this.#shared } as StreamMessage;
    }
    if (this.#hasObjects) Object.assign(msg, this.#RED.util.cloneMessage(this.#objects as NodeMessage));
    return msg;
  }
}
