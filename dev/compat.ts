import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { packageRoot } from "./node-red";

/**
 * Runs the tests with the other supported Node-RED. Each version of Node.js has a copy of the project with
 * Node-RED 5 instead of 4.1, and with the dependencies that npm picks for that Node.js.
 *
 *     npm run test:compat                       Node.js 22 and 24
 *     npm run test:compat -- 24                 one of them
 *     npm run test:compat -- 24 -- -g memory    with options as those of npm test
 */

/** The groups to run. Those with a browser or whole programs run once, since they depend little on Node.js. */
const NODE_VERSIONS: Record<string, string[]> = { "22": ["--groups", "unit,client,node,package"], "24": [] };
const NODE_RED = "~5.0.7";
const folder = path.join(packageRoot, ".compat");
/** Files that the copy makes itself or does not need. */
const LEFT_OUT = new Set([".build", ".compat", ".git", ".node-red", "node_modules", "package-lock.json"]);

function main(): void {
  const [versions, testOptions] = readArguments(process.argv.slice(2));
  const failed = versions.filter((version) => !passes(version, testOptions));
  if (failed.length > 0) throw new Error(`the tests fail with Node.js ${failed.join(" and ")}`);
}

function readArguments(args: string[]): [versions: string[], testOptions: string[]] {
  const end = args.indexOf("--");
  const versions = end < 0 ? args : args.slice(0, end);
  return [versions.length > 0 ? versions : Object.keys(NODE_VERSIONS), end < 0 ? [] : args.slice(end + 1)];
}

function passes(version: string, testOptions: string[]): boolean {
  const node = installNode(version);
  const copy = copyProject(`node-${version}`);
  run(node, [npmCli(), "install", "--no-audit", "--no-fund"], copy);
  run(node, [npmCli(), "run", "-s", "build"], copy);
  const red = JSON.parse(readFileSync(path.join(copy, "node_modules/node-red/package.json"), "utf8")).version;
  const undici = JSON.parse(readFileSync(path.join(copy, "node_modules/undici/package.json"), "utf8")).version;
  console.log(`\nNode.js ${run(node, ["--version"], copy, "pipe").trim()}, Node-RED ${red}, undici ${undici}`);
  const options = [...(NODE_VERSIONS[version] ?? []), ...testOptions];
  const tests = spawnSync(node, ["--import", "tsx", "dev/test.ts", ...options], environment(node, copy));
  return tests.status === 0;
}

/** npm's package `node` downloads its binary at install; the packages of the platforms contain it. */
function installNode(version: string): string {
  const isWindows = process.platform === "win32";
  const name = `node-${isWindows ? "win" : process.platform}-${process.arch}`;
  const prefix = path.join(folder, `runtime-${version}`);
  const node = path.join(prefix, "node_modules", name, isWindows ? "bin/node.exe" : "bin/node");
  mkdirSync(prefix, { recursive: true });
  writeFileSync(path.join(prefix, "package.json"), "{}\n");
  if (!existsSync(node))
    run(process.execPath, [npmCli(), "install", "--no-audit", "--no-fund", `${name}@${version}`], prefix);
  return node;
}

/** The installed packages of an earlier run stay: npm only adds what is new. */
function copyProject(name: string): string {
  const copy = path.join(folder, name);
  mkdirSync(copy, { recursive: true });
  for (const part of ["src", "test", "nodes", "dev", "examples", "resources", "bench", "docs"]) {
    rmSync(path.join(copy, part), { recursive: true, force: true, maxRetries: 5 });
  }
  for (const name of readdirSync(packageRoot)) {
    if (LEFT_OUT.has(name)) continue;
    // The benchmark's own packages are not installed in the copy.
    const filter = (file: string) => !/[\\/]bench[\\/](node_modules|\.install)/.test(file);
    cpSync(path.join(packageRoot, name), path.join(copy, name), { recursive: true, filter });
  }
  const file = path.join(copy, "package.json");
  const description = JSON.parse(readFileSync(file, "utf8"));
  description.devDependencies["node-red"] = NODE_RED;
  writeFileSync(file, `${JSON.stringify(description, null, 2)}\n`);
  linkRecordings();
  return copy;
}

/** Links the recorded replies beside the copy. A junction, since links need special rights on Windows. */
function linkRecordings(): void {
  const beside = path.join(packageRoot, "..", "shared");
  const link = path.join(folder, "shared");
  if (existsSync(beside) && !existsSync(link)) symlinkSync(beside, link, "junction");
}

function npmCli(): string {
  const cli = process.env.npm_execpath;
  if (!cli) throw new Error("start this with npm: npm run test:compat");
  return cli;
}

function environment(node: string, cwd: string) {
  const PATH = `${path.dirname(node)}${path.delimiter}${process.env.PATH}`;
  return { cwd, stdio: "inherit" as const, env: { ...process.env, PATH } };
}

function run(command: string, args: string[], cwd: string, stdio: "inherit" | "pipe" = "inherit"): string {
  const result = spawnSync(command, args, { ...environment(command, cwd), stdio, encoding: "utf8" });
  if (result.status !== 0) throw new Error(`${path.basename(command)} ${args.join(" ")} has failed`);
  return result.stdout ?? "";
}

try {
  main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
