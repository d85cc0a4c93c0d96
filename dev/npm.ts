import path from "node:path";

/**
 * Makes a command of npm's that runs without a shell on every system: on Windows npm is a script, which only a shell can start.
 *
 * @returns a program and its arguments
 */
export function npmCommand(...args: string[]): [program: string, args: string[]] {
  // Set by npm for the scripts that it runs.
  const cli = process.env["npm_execpath"] ?? "";
  if (path.basename(cli) === "npm-cli.js") return [process.execPath, [cli, ...args]];
  if (process.platform !== "win32") return ["npm", args];
  return [process.execPath, [path.join(path.dirname(process.execPath), "node_modules/npm/bin/npm-cli.js"), ...args]];
}
