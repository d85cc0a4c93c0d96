import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { endWith } from "./failure";
import { packageRoot } from "./node-red";

/**
 * Runs the tests, two groups at a time: those of the forms mostly wait for the browser, and those of whole programs for
 * these. What a group has printed is shown when it ends.
 *
 *     npm test                              all groups
 *     npm test -- -g "words of a title"     with options of mocha
 *     npm test -- test/unit/retry.test.ts   some files
 *     npm test -- --groups unit,client      some groups
 */

/** Each group is a process of its own, since Node-RED cannot be started twice in one. The longest comes first. */
const GROUPS: Record<string, string> = {
  editor: "test/editor/**/*.test.ts",
  package: "test/*.test.ts",
  unit: "test/unit/**/*.test.ts",
  client: "test/client/**/*.test.ts",
  node: "test/node/**/*.test.ts",
  process: "test/process/**/*.test.ts",
};
const LANES = 2;

const mocha = path.join(packageRoot, "node_modules/mocha/bin/mocha.js");
const running = new Set<ChildProcess>();

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  if (args.some((arg) => /\.ts$/.test(arg) && existsSync(arg))) {
    process.exitCode = await run(args, process.stdout.write.bind(process.stdout));
    return;
  }
  const [groups, options] = chosen(args);
  const failed: string[] = [];
  const reports: string[] = [];
  const startedAt = performance.now();
  const lane = async () => {
    for (let group = groups.shift(); group !== undefined; group = groups.shift()) {
      const report = await reportOf(group, options);
      if (report === undefined) continue;
      failed.push(group);
      reports.push(report);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  console.log(`\nAll tests took ${seconds(startedAt)}.`);
  if (failed.length === 0) return;
  // Once more at the end, where a log that was cut still has them.
  console.error(reports.join("\n"));
  console.error(`Failed: ${failed.join(", ")}`);
  process.exitCode = 1;
}

/** The groups to run, and further options of mocha. */
function chosen(args: string[]): [groups: string[], options: string[]] {
  const at = args.indexOf("--groups");
  if (at < 0) return [Object.keys(GROUPS), args];
  const wanted = (args[at + 1] ?? "").split(",");
  const unknown = wanted.filter((group) => !(group in GROUPS));
  if (unknown.length > 0) {
    throw new Error(`There is no group "${unknown.join('", "')}". The groups are ${Object.keys(GROUPS).join(", ")}.`);
  }
  return [Object.keys(GROUPS).filter((group) => wanted.includes(group)), args.toSpliced(at, 2)];
}

/** Runs a group. @returns undefined if all passed, else what failed */
async function reportOf(group: string, options: string[]): Promise<string | undefined> {
  const startedAt = performance.now();
  console.log(`${group}: running`);
  let output = "";
  const code = await run([GROUPS[group] as string, ...options], (text) => {
    output += text;
  });
  console.log(`\n${group}: ${code === 0 ? "done" : "failed"} after ${seconds(startedAt)}\n${output}`);
  // Without the line that counts them: CI adds those up.
  return code === 0 ? undefined : (output.split(/^ +\d+ failing$/m)[1] ?? output.slice(-5000));
}

/** Runs mocha, and returns its exit code. */
function run(args: string[], print: (text: string) => void): Promise<number> {
  return new Promise((resolve, reject) => {
    const color = process.stdout.isTTY ? ["--color"] : [];
    const child = spawn(process.execPath, [mocha, ...color, ...args], {
      cwd: packageRoot,
      stdio: ["ignore", "pipe", "pipe"],
    });
    running.add(child);
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", print);
    child.on("error", reject);
    child.on("close", (code) => {
      running.delete(child);
      resolve(code ?? 1);
    });
  });
}

function seconds(startedAt: number): string {
  return `${Math.round((performance.now() - startedAt) / 1000)} s`;
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    for (const child of running) child.kill(signal);
    process.exit(1);
  });
}

main().catch(endWith());
