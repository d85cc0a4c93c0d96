import vm from "node:vm";

let context: vm.Context | undefined;
let script: vm.Script | undefined;

/** What is ended with so much of its time used has used it up: clocks of threads and of the machine differ a little. */
const USED_UP = 0.8;
/** How much longer what was interrupted by a pause may take by the clock when it is done again. */
const MOST_LONGER = 10;

/**
 * Time that may be spent on something that must not hold the process for long, such as a pattern like `(a+)+$`, for which
 * JavaScript's engine goes back over a text for years if need be. A script in a context of its own is the one thing in
 * Node.js that can be ended from outside, and what it calls ends with it. A call costs about 0.1 ms.
 *
 * What counts is work. The limit of a script is one of the clock, which goes on where the process is stopped, the machine
 * sleeps, or others use its processor: what such a pause has ended is done again.
 */
export class TimeBudget {
  #leftMs: number;

  constructor(ms: number) {
    this.#leftMs = ms;
  }

  /**
   * Runs something within what is left.
   *
   * @param task - may be ended at any place and done again, so it must load no module and begin with nothing half done
   * @returns what it returns, or undefined if it was ended, or not begun since nothing was left
   * @throws what it throws
   */
  run<T>(task: () => T): T | undefined {
    const allowedMs = this.#leftMs;
    // The limit of a script is a whole number of milliseconds.
    let limitMs = Math.floor(allowedMs);
    while (limitMs >= 1) {
      const startedAt = performance.now();
      const workedBefore = cpuMs();
      const worked = () => Math.min(performance.now() - startedAt, cpuMs() - workedBefore);
      try {
        return runWithin(task, limitMs);
      } catch (error) {
        if ((error as NodeJS.ErrnoException | undefined)?.code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw error;
        const longer = (1.2 * allowedMs) / Math.max(worked(), 1);
        if (worked() >= USED_UP * allowedMs) limitMs = 0;
        else limitMs = Math.ceil(limitMs * Math.min(Math.max(longer, 2), MOST_LONGER));
      } finally {
        this.#leftMs = limitMs === 0 ? 0 : allowedMs - worked();
      }
    }
    return undefined;
  }
}

function runWithin<T>(task: () => T, limitMs: number): T {
  context ??= vm.createContext({});
  script ??= new vm.Script("run()");
  context["run"] = task;
  try {
    return script.runInContext(context, { timeout: limitMs });
  } finally {
    context["run"] = undefined;
  }
}

/** Time that a processor has worked for us. Of all threads where that of this one is not known (Node.js before 23.9). */
function cpuMs(): number {
  const { user, system } =
    (process as { threadCpuUsage?: NodeJS.Process["cpuUsage"] }).threadCpuUsage?.() ?? process.cpuUsage();
  return (user + system) / 1000;
}
