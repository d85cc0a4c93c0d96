import type { Node, NodeStatus } from "node-red";
import type { ChatError, Completion } from "../client/internal";
import { missingText } from "./platform-status";
import type { Translate } from "./red";

/** Node-RED sends every status to every open editor: four a second is what a person can read. */
const MOST = 4;
const WINDOW_MS = 1000;
/** In characters; the name of a function is the model's. */
const LONGEST_NAME = 64;
/** Between two counts of what is being written. */
const COUNT_MS = WINDOW_MS / MOST;

/** What the status shows of one question. */
export interface RunStatus {
  waiting(): void;
  asking(): void;
  retry(attempt: number, of: number, seconds: number): void;
  tool(name: string): void;
  /** How many deltas of the reply have come: whoever reads one counts it here. */
  deltas: number;
  /** Shows that count. Not needed while the line is `isCounting`. */
  writing(): void;
  readonly line: { isCounting: boolean };
  /** It ended well; nothing is shown while others still run. */
  done(completion: Completion): void;
  failed(error: ChatError): void;
}

/**
 * Shows the status of a node that may have many questions running: the latest event of any of them, and the result of the
 * last one.
 */
export class StatusLine {
  readonly #node: Node;
  readonly #translate: Translate;
  readonly #waiting = new Set<object>();
  #running = 0;
  #isClosed = false;
  // The text is made when it is shown, not when something happens.
  #make: (() => NodeStatus) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #dueAt = 0;
  /** A count is about to be shown: the deltas until then need do nothing. */
  isCounting = false;
  /** When the latest were shown, the oldest first. */
  readonly #shownAt: number[] = [];

  constructor(node: Node, translate: Translate) {
    this.#node = node;
    this.#translate = translate;
  }

  /** Begins to show a question. It must end with `done` or `failed`. */
  begin(): RunStatus {
    this.#running++;
    const writing = (): NodeStatus => {
      this.isCounting = false;
      return { fill: "blue", shape: "dot", text: this.#translate("status.writing", { count: run.deltas }) };
    };
    const end = () => {
      this.#running--;
      this.#waiting.delete(run);
    };
    const run: RunStatus = {
      line: this,
      deltas: 0,
      waiting: () => {
        this.#waiting.add(run);
        this.#showWaiting();
      },
      asking: () => {
        this.#waiting.delete(run);
        run.deltas = 0;
        this.#show(() => ({ fill: "blue", shape: "ring", text: this.#translate("status.asking") }));
      },
      retry: (attempt, of, seconds) => {
        const params = { attempt, of, seconds: Math.ceil(seconds) };
        // Attempts while an endpoint wakes up use up no retries.
        const key = attempt === 0 ? "status.waking" : "status.retry";
        this.#show(() => ({ fill: "yellow", shape: "ring", text: this.#translate(key, params) }));
      },
      tool: (name) => {
        this.#show(() => ({
          fill: "blue",
          shape: "ring",
          text: this.#translate("status.tool", { name: name.slice(0, LONGEST_NAME) }),
        }));
      },
      writing: () => {
        this.#show(writing, COUNT_MS);
        this.isCounting = true;
      },
      done: (completion) => {
        end();
        if (this.#running > 0) {
          if (this.#waiting.size > 0) this.#showWaiting();
          return;
        }
        this.#show(() => ({ fill: "green", shape: "dot", text: this.#result(completion) }));
      },
      failed: (error) => {
        end();
        const text = missingText(error, this.#translate) ?? error.code;
        this.#show(() => ({ fill: "red", shape: "ring", text }));
      },
    };
    return run;
  }

  /** Shows nothing more. What still runs ends now, and its status with it. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    if (this.#running > 0) this.#node.status({});
  }

  #showWaiting(): void {
    this.#show(() => ({
      fill: "grey",
      shape: "ring",
      text: this.#translate("status.waiting", { count: this.#waiting.size }),
    }));
  }

  /** @param gapMs - least time since the one before, for what is not urgent */
  #show(make: () => NodeStatus, gapMs = 0): void {
    if (this.#isClosed) return;
    this.#make = make;
    this.isCounting = false;
    const now = performance.now();
    const last = this.#shownAt.at(-1) ?? Number.NEGATIVE_INFINITY;
    const oldest = this.#shownAt.length < MOST ? Number.NEGATIVE_INFINITY : (this.#shownAt[0] ?? 0);
    const dueAt = Math.max(now, last + gapMs, oldest + WINDOW_MS);
    if (this.#timer && this.#dueAt <= dueAt) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#dueAt = dueAt;
    if (dueAt === now) this.#emit();
    else this.#timer = setTimeout(this.#emit, dueAt - now);
  }

  #emit = (): void => {
    this.#timer = undefined;
    const make = this.#make;
    if (!make) return;
    this.#make = undefined;
    this.#shownAt.push(performance.now());
    if (this.#shownAt.length > MOST) this.#shownAt.shift();
    this.#node.status(make());
  };

  #result({ finish_reason, usage, timing }: Completion): string {
    const seconds = (timing.total_ms / 1000).toFixed(1);
    if (finish_reason === "aborted") return this.#translate("status.aborted", { seconds });
    const tokens = usage?.["completion_tokens"];
    if (typeof tokens !== "number") return this.#translate("status.done", { seconds });
    return this.#translate("status.done_tokens", { tokens, seconds });
  }
}
