import vm from "node:vm";

let context: vm.Context | undefined;
let script: vm.Script | undefined;

/**
 * Runs something that must not hold Node-RED for long, such as a pattern like `(a+)+$`, for which JavaScript's engine
 * goes back over a text for years if need be. A script in a context of its own is the one thing in Node.js that can be
 * ended from outside, and what it calls ends with it. A call costs about 0.1 ms.
 *
 * @param limitMs - after so many milliseconds it is ended, wherever it is
 * @returns what it returns, or undefined if it was ended
 * @throws what it throws
 */
export function withTimeLimit<T>(run: () => T, limitMs: number): T | undefined {
  context ??= vm.createContext({});
  script ??= new vm.Script("run()");
  context.run = run;
  try {
    return script.runInContext(context, { timeout: limitMs });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_SCRIPT_EXECUTION_TIMEOUT") return undefined;
    throw error;
  } finally {
    context.run = undefined;
  }
}
