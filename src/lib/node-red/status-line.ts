import type { Node, NodeStatus } from "node-red";
import type { ChatError, Completion } from "../client";
import type { Translate } from "./localize";

/** Node-RED sends every status to every open editor: four a second is what a person can read. */
const INTERVAL_MS = 250;

/** What one question shows of itself. */
export interface RunStatus {
  waiting(): void;
  asking(): void;
  retry(attempt: number, of: number, seconds: number): void;
  /** A piece of the reply has come. Called for each of them, so it only counts. */
  piece(): void;
  /** It ended well; nothing is shown while others still run. */
  done(completion: Completion): void;
  failed(error: ChatError): void;
}

/**
 * The status under a node that may have many questions running: the newest news of any of them, and the result when
 * the last one is done.
 */
export class StatusLine {
  readonly #node: Node;
  readonly #translate: Translate;
  readonly #waiting = new Set<object>();
  #running = 0;
  #isClosed = false;
  // The text is made when it is shown, not when something happens.
  #make: () => NodeStatus = () => ({});
  #isDirty = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(node: Node, translate: Translate) {
    this.#node = node;
    this.#translate = translate;
  }

  /** Begins to show a question. It must end with `done` or `failed`. */
  begin(): RunStatus {
    const run = {};
    let pieces = 0;
    this.#running++;
    const busy = (text: () => string) => this.#show(() => ({ fill: "blue", shape: "dot", text: text() }));
    const writing = () => this.#translate("status.writing", { count: pieces });
    const end = () => {
      this.#running--;
      this.#waiting.delete(run);
    };
    return {
      waiting: () => {
        this.#waiting.add(run);
        this.#show(() => ({
          fill: "grey",
          shape: "ring",
          text: this.#translate("status.waiting", { count: this.#waiting.size }),
        }));
      },
      asking: () => {
        this.#waiting.delete(run);
        pieces = 0;
        this.#show(() => ({ fill: "blue", shape: "ring", text: this.#translate("status.asking") }));
      },
      retry: (attempt, of, seconds) => {
        const params = { attempt, of, seconds: Math.ceil(seconds) };
        this.#show(() => ({ fill: "yellow", shape: "ring", text: this.#translate("status.retry", params) }));
      },
      piece: () => {
        pieces++;
        if (!this.#isDirty) busy(writing);
      },
      done: (completion) => {
        end();
        if (this.#running > 0) return;
        this.#show(() => ({ fill: "green", shape: "dot", text: this.#result(completion) }));
      },
      failed: (error) => {
        end();
        this.#show(() => ({ fill: "red", shape: "ring", text: error.code }));
      },
    };
  }

  /** Shows nothing more. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  #show(make: () => NodeStatus): void {
    if (this.#isClosed) return;
    this.#make = make;
    this.#isDirty = true;
    if (!this.#timer) this.#emit();
  }

  #emit = (): void => {
    this.#timer = undefined;
    if (!this.#isDirty) return;
    this.#isDirty = false;
    this.#timer = setTimeout(this.#emit, INTERVAL_MS);
    this.#node.status(this.#make());
  };

  #result({ finish_reason, usage, timing }: Completion): string {
    const seconds = (timing.total_ms / 1000).toFixed(1);
    if (finish_reason === "aborted") return this.#translate("status.aborted", { seconds });
    const tokens = usage?.completion_tokens;
    if (typeof tokens !== "number") return this.#translate("status.done", { seconds });
    return this.#translate("status.done_tokens", { tokens, seconds });
  }
}
