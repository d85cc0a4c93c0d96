import type { NodeAPI, NodeMessage, NodeMessageInFlow } from "node-red";
import { type Chunker, type ChunkMode, makeChunker } from "../conversation/chunker";
import { copyWithout } from "./message-copy";

/** A message of output 2. */
export interface StreamMessage extends NodeMessage {
  payload: string;
  parts: { id: string; type: "string"; ch: ""; index: number; count?: number; parts?: unknown };
  step: number;
  reasoning?: string;
  complete?: true;
  finish_reason?: string;
}

/** Where the messages of a stream go, and how it is cut. */
export interface StreamOptions {
  mode: ChunkMode;
  intervalMs: number;
  withReasoning: boolean;
  send: (msg: StreamMessage) => void;
}

/** What a chunk has no business with: what ends or steers something, and what is the reply's or its own. */
const LEFT_OUT = ["payload", "step", "complete", "error", "huggingface", "messages", "completion", "reasoning"];

/**
 * Makes the Stream messages of a question. They follow core's convention for parts of a string, so that a join node in
 * automatic mode gives the text back. Each message is independent of the others and of the input.
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
  #send: (msg: StreamMessage) => void;
  #step = 0;
  #partsId = "";
  #index = 0;
  #isOpen = false;

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
    const { mode, intervalMs } = options;
    this.#chunker = makeChunker(mode, intervalMs, (chunk, kind) => {
      const msg = this.#message(kind === "text" ? chunk : "");
      if (kind === "reasoning") msg.reasoning = chunk;
      this.#send(msg);
    });
  }

  /** Begins a round: a stream of its own for whoever joins it. */
  begin(): void {
    this.#step++;
    this.#partsId = this.#RED.util.generateId();
    this.#index = 0;
    this.#isOpen = true;
  }

  text(piece: string): void {
    if (this.#isOpen) this.#chunker.push(piece, "text");
  }

  reasoning(piece: string): void {
    if (this.#isOpen && this.#withReasoning) this.#chunker.push(piece, "reasoning");
  }

  /** Ends the round: sends what is held back, then the closing message. */
  end(finishReason: string | undefined): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#chunker.flush();
    const msg = this.#message("");
    msg.parts.count = this.#index;
    msg.complete = true;
    if (finishReason !== undefined) msg.finish_reason = finishReason;
    this.#send(msg);
  }

  /** Ends it without a word: the node is going away. */
  drop(): void {
    this.#isOpen = false;
    this.#send = () => {};
    this.#chunker.flush();
  }

  #message(payload: string): StreamMessage {
    const parts: StreamMessage["parts"] = { id: this.#partsId, type: "string", ch: "", index: this.#index++ };
    if (this.#outerParts !== undefined) parts.parts = this.#RED.util.cloneMessage(this.#outerParts as NodeMessage);
    // The literal first: V8 takes thirty times as long where properties follow what is spread.
    const msg = { payload, parts, step: this.#step, ...this.#shared } as StreamMessage;
    if (this.#hasObjects) Object.assign(msg, this.#RED.util.cloneMessage(this.#objects as NodeMessage));
    return msg;
  }
}
