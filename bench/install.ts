import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { packageRoot } from "../dev/node-red";
import { npmCommand } from "../dev/npm";
import type { Effort } from "./measure";

const folder = path.join(__dirname, ".install");
/** Node-RED calls each of our files with nodes a node set. */
const OUR_SETS = Object.keys(require("../package.json")["node-red"].nodes).length;

/** The apparent size, in bytes, of what npm installs for a user of our package. */
export interface Installed {
  total: number;
  byPackage: [name: string, bytes: number][];
}

/** The cost of one start of Node-RED. */
export interface Start {
  ms: number;
  cpuMs: number;
  rss: number;
  used: number;
}

/** Installs the other contestants into this folder, the first time. */
export function installContestants(): void {
  if (existsSync(path.join(__dirname, "node_modules/openai"))) return;
  npm(["install", "--no-package-lock"], __dirname);
}

/** Packs our package and installs it as a user does, without development dependencies, in an empty folder. */
export function installOurs(): Installed {
  const user = path.join(folder, "ours");
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  mkdirSync(user, { recursive: true });
  const packed = npm(["pack", "--silent", "--ignore-scripts", "--pack-destination", folder], packageRoot).trim();
  writeFileSync(path.join(user, "package.json"), "{}\n");
  npm(["install", "--omit=dev", "--no-package-lock", path.join(folder, packed.split("\n").at(-1) ?? "")], user);
  const modules = path.join(user, "node_modules");
  const byPackage = packagesIn(modules).map((name): [string, number] => [name, sizeOf(path.join(modules, name))]);
  return { total: sizeOf(modules), byPackage: byPackage.sort(([, a], [, b]) => b - a) };
}

/** Starts Node-RED with and without our package, alternately. */
export function measureStarts(effort: Effort): Record<"without" | "ours", Start[]> {
  const starts: Record<"without" | "ours", Start[]> = { without: [], ours: [] };
  const without = path.join(folder, "without");
  mkdirSync(without, { recursive: true });
  writeFileSync(path.join(without, "package.json"), "{}\n");
  for (let turn = -1; turn < effort.starts; turn++) {
    for (const name of turn % 2 ? (["without", "ours"] as const) : (["ours", "without"] as const)) {
      const start = JSON.parse(node(["--expose-gc", path.join(__dirname, "start.js"), path.join(folder, name)]));
      if (start.sets !== (name === "ours" ? OUR_SETS : 0))
        throw new Error(`${start.sets} of our node sets were loaded`);
      // The first start is not measured: Node-RED writes its files.
      if (turn >= 0) starts[name].push(start);
    }
  }
  return starts;
}

function packagesIn(modules: string): string[] {
  const names = readdirSync(modules).filter((name) => !name.startsWith("."));
  return names.flatMap((name) =>
    name.startsWith("@") ? readdirSync(path.join(modules, name)).map((inner) => `${name}/${inner}`) : [name],
  );
}

/** Sums the bytes of all files (apparent size, not disk blocks). */
function sizeOf(file: string): number {
  const stat = statSync(file);
  if (!stat.isDirectory()) return stat.size;
  return readdirSync(file).reduce((sum, name) => sum + sizeOf(path.join(file, name)), 0);
}

function node(args: string[]): string {
  return execFileSync(process.execPath, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
}

function npm(args: string[], cwd: string): string {
  return execFileSync(...npmCommand(...args, "--no-audit", "--no-fund"), {
    cwd,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
}
