import type { Node, NodeStatus } from "node-red";
import type { ChatError, Completion, PromptProgress } from "../client/internal";
import type { Translate } from "./red";

/** Node-RED sends every status to every open editor: four a second is what a person can read. */
const MOST = 4;
const WINDOW_MS = 1000;
/** In characters; the name of a function is the model's. */
const LONGEST_NAME = 64;
/** How a price is written: those of single replies are small. */
const COST: Intl.NumberFormatOptions = { maximumSignificantDigits: 3, useGrouping: false };
/** Between two counts of what is being written. */
const COUNT_MS = WINDOW_MS / MOST;

/** Silence of a server at home after which it may be loading its model, in ms; and between two such statuses. */
const LOADING_MS = 5000;

/** What the status shows of one question. */
export interface RunStatus {
  waiting(): void;
  /** @param mayLoad - true if the server may be loading its model */
  asking(mayLoad?: boolean): void;
  /** The server reads the prompt. */
  reading(progress: PromptProgress): void;
  retry(attempt: number, of: number, seconds: number): void;
  tool(name: string): void;
  /** How many deltas of the reply have come: whoever reads one counts it here. */
  deltas: number;
  /** Shows that count. Not needed while the line is `isCounting`. */
  writing(): void;
  readonly line: { isCounting: boolean };
  /**
   * It ends well, and yet not as its author wants it.
   *
   * @param gravity - of several, the gravest is shown; 1 or more
   * @param isLasting - shown while it runs, too
   */
  notice(text: string, gravity: number, isLasting: boolean): void;
  /** It ended well; nothing is shown while others still run. */
  done(completion: Completion): void;
  failed(error: ChatError): void;
}

/** Provider of replies that no model has written, and the status behind them. */
const DEMO = "demo";
/** How grave an error is: more than any notice. */
const ERROR = Number.POSITIVE_INFINITY;

interface Ending {
  /** Called only if it is shown: of a thousand questions at once, one is. */
  make: () => NodeStatus;
  gravity: number;
}

const yellow = (text: string): NodeStatus => ({ fill: "yellow", shape: "ring", text });

/**
 * Shows the status of a node that may have many questions running: the latest event of any of them, and when all have
 * ended the worst result, so that a failure among many successes is seen.
 */
export class StatusLine {
  readonly #node: Node;
  readonly #translate: Translate;
  readonly #showsCost: boolean;
  readonly #waiting = new Set<object>();
  /** Have a slot, or had one: before, a question is only on its way. */
  readonly #asking = new Set<object>();
  /** Makes the latest text, shown or about to be. */
  #latest: (() => NodeStatus) | undefined;
  #running = 0;
  /** Of the questions since none was running. */
  #worst: Ending | undefined;
  #isClosed = false;
  // The text is made when it is shown, not when something happens.
  #make: (() => NodeStatus) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #dueAt = 0;
  /** A count is about to be shown: the deltas until then need do nothing. */
  isCounting = false;
  /** When the latest were shown, the oldest first. */
  readonly #shownAt: number[] = [];
  /** Timers of questions that wait for a model to load. */
  readonly #loading = new Set<NodeJS.Timeout>();

  /** @param showsCost - what a reply has cost is shown in place of its tokens, where it is known */
  constructor(node: Node, translate: Translate, showsCost = false) {
    this.#node = node;
    this.#translate = translate;
    this.#showsCost = showsCost;
  }

  /** Begins to show a question. It must end with `done` or `failed`. */
  begin(): RunStatus {
    this.#running++;
    let notice: { text: string; gravity: number; isLasting: boolean } | undefined;
    /** What a question does matters less than how many wait. */
    const progress = (shape: NodeStatus["shape"], text: () => string) => (): NodeStatus => {
      this.isCounting = false;
      if (this.#waiting.size > 0) return this.#counts();
      return notice?.isLasting ? yellow(notice.text) : { fill: "blue", shape, text: text() };
    };
    const writing = progress("dot", () => this.#translate("status.writing", { count: run.deltas }));
    const asking = progress("ring", () => this.#translate("status.asking"));
    let loading: NodeJS.Timeout | undefined;
    const end = (make: () => NodeStatus, gravity: number) => {
      this.#stopLoading(loading);
      this.#running--;
      this.#asking.delete(run);
      this.#waiting.delete(run);
      if (gravity >= (this.#worst?.gravity ?? 0)) this.#worst = { make, gravity };
      const worst = this.#worst?.make ?? make;
      if (this.#running === 0) {
        this.#worst = undefined;
        this.#show(worst);
      } else if (gravity === ERROR) {
        this.#show(make);
      } else if (this.#waiting.size > 0) {
        this.#showCounts();
      }
    };
    const run: RunStatus = {
      line: this,
      deltas: 0,
      waiting: () => {
        this.#asking.delete(run);
        this.#waiting.add(run);
        this.#showCounts();
      },
      asking: (mayLoad) => {
        this.#waiting.delete(run);
        this.#asking.add(run);
        run.deltas = 0;
        this.#show(asking);
        this.#stopLoading(loading);
        // A question that is asked while the node closes ends without a word.
        if (mayLoad && !this.#isClosed) loading = this.#showLoading(run, progress);
      },
      reading: ({ processed, total }) => {
        this.#stopLoading(loading);
        const percent = Math.floor((100 * Math.min(processed, total)) / Math.max(total, 1));
        this.#show(
          progress("ring", () => this.#translate("status.reading", { percent })),
          COUNT_MS,
        );
      },
      retry: (attempt, of, seconds) => {
        this.#stopLoading(loading);
        const params = { attempt, of, seconds: Math.ceil(seconds) };
        // Attempts while an endpoint wakes up use up no retries.
        const key = attempt === 0 ? "status.waking" : "status.retry";
        this.#show(() => yellow(this.#translate(key, params)));
      },
      tool: (name) => {
        this.#show(progress("ring", () => this.#translate("status.tool", { name: name.slice(0, LONGEST_NAME) })));
      },
      writing: () => {
        this.#show(writing, COUNT_MS);
        this.isCounting = true;
      },
      notice: (text, gravity, isLasting) => {
        if (gravity > (notice?.gravity ?? 0)) notice = { text, gravity, isLasting };
      },
      done: (completion) => {
        if (notice) {
          const { text, gravity } = notice;
          end(() => yellow(text), gravity);
        } else if (completion.provider === DEMO) end(() => ({ fill: "grey", shape: "dot", text: DEMO }), 0);
        else end(() => ({ fill: "green", shape: "dot", text: this.#result(completion) }), 0);
      },
      failed: ({ summary }) => end(() => ({ fill: "red", shape: "ring", text: summary }), ERROR),
    };
    return run;
  }

  /** Shows nothing more. What still runs ends now, and its status with it. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    for (const timer of this.#loading) this.#stopLoading(timer);
    if (this.#running > 0) this.#node.status({});
  }

  #showCounts(): void {
    this.#show(() => this.#counts());
  }

  /**
   * Shows how long a question has been waiting for its first piece, while nothing newer is shown.
   *
   * @param progress - makes what is shown of a question that runs
   */
  #showLoading(
    run: RunStatus,
    progress: (shape: NodeStatus["shape"], text: () => string) => () => NodeStatus,
  ): NodeJS.Timeout {
    const askedAt = performance.now();
    let shown = this.#latest;
    const timer = setInterval(() => {
      if (run.deltas > 0) this.#stopLoading(timer);
      if (run.deltas > 0 || this.#latest !== shown) return;
      const seconds = Math.round((performance.now() - askedAt) / 1000);
      shown = progress("ring", () => this.#translate("status.loading", { seconds }));
      this.#show(shown);
    }, LOADING_MS);
    this.#loading.add(timer);
    return timer;
  }

  #stopLoading(timer: NodeJS.Timeout | undefined): void {
    if (!timer) return;
    clearInterval(timer);
    this.#loading.delete(timer);
  }

  /** Says how many wait, and how many run where some do. */
  #counts(): NodeStatus {
    const count = this.#waiting.size;
    const running = this.#asking.size;
    // Those that waited have ended since.
    if (count === 0) return { fill: "blue", shape: "ring", text: this.#translate("status.asking") };
    if (running === 0) return { fill: "grey", shape: "ring", text: this.#translate("status.waiting", { count }) };
    return { fill: "blue", shape: "ring", text: this.#translate("status.many", { running, count }) };
  }

  /** @param gapMs - least time since the one before, for what is not urgent */
  #show(make: () => NodeStatus, gapMs = 0): void {
    if (this.#isClosed) return;
    this.#make = make;
    this.#latest = make;
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

  #result({ cost, finish_reason, usage, timing }: Completion): string {
    // How long others took does not matter here.
    const seconds = (Math.max(0, timing.total_ms - timing.queued_ms) / 1000).toFixed(1);
    if (finish_reason === "aborted") return this.#translate("status.aborted", { seconds });
    if (this.#showsCost && cost !== undefined) {
      return this.#translate("status.done_cost", { cost: cost.toLocaleString("en-US", COST), seconds });
    }
    const tokens = usage?.["completion_tokens"];
    if (typeof tokens !== "number") return this.#translate("status.done", { seconds });
    return this.#translate("status.done_tokens", { tokens, seconds });
  }
}
