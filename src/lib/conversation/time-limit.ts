import vm from "node:vm";

let context: vm.Context | undefined;
let script: vm.Script | undefined;

/**
 * Time that may be spent on something that must not hold Node-RED for long, such as a pattern like `(a+)+$`, for which
 * JavaScript's engine goes back over a text for years if need be. A script in a context of its own is the one thing in
 * Node.js that can be ended from outside, and what it calls ends with it. A call costs about 0.1 ms.
 */
export class TimeBudget {
  #leftMs: number;

  constructor(ms: number) {
    this.#leftMs = ms;
  }

  /**
   * Runs something within what is left.
   *
   * @returns what it returns, or undefined if it was ended, or not begun since nothing was left
   * @throws what it throws
   */
  run<T>(task: () => T): T | undefined {
    // The limit of a script is a whole number of milliseconds.
    const limitMs = Math.floor(this.#leftMs);
    if (limitMs < 1) return undefined;
    const startedAt = performance.now();
    context ??= vm.createContext({});
    script ??= new vm.Script("run()");
    context.run = task;
    try {
      return script.runInContext(context, { timeout: limitMs });
    } catch (error) {
      if ((error as NodeJS.ErrnoException | undefined)?.code === "ERR_SCRIPT_EXECUTION_TIMEOUT") return undefined;
      throw error;
    } finally {
      context.run = undefined;
      this.#leftMs -= performance.now() - startedAt;
    }
  }
}
