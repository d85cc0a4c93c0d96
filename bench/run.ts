import { writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { packageRoot } from "../dev/node-red";
import { chart } from "./chart";
import { installContestants, installOurs, measureStarts } from "./install";
import { type Effort, measureLength, measurePaced, measureSmall, measureSpeed } from "./measure";
import { CONTESTANTS, type Contestant } from "./processes";
import { report } from "./report";
import type { Results } from "./results";

/**
 * Compares our chat node with others:
 *
 *     npm run bench                                 all of it, some minutes; writes docs/benchmark.md and .svg
 *     npm run bench -- --quick                      less of each, under a minute; only prints
 *     npm run bench -- --only floor,ours            these contestants; only prints
 *     npm run bench -- --parts speed,paced          these parts of speed, paced, length, small, start; only prints
 *     npm run bench -- --profile <folder>           CPU profiles of every Node-RED; only prints
 */

const PARTS = ["speed", "paced", "length", "small", "start"];
const FULL: Effort = {
  generations: 5,
  rounds: 3,
  replies: 24,
  streams: 1000,
  pacedTurns: 5,
  pacedChunks: 80,
  longChunks: 1_000_000,
  messages: [1250, 2500, 5000, 10_000],
  starts: 15,
};
const QUICK: Effort = {
  generations: 1,
  rounds: 2,
  replies: 5,
  streams: 100,
  pacedTurns: 1,
  pacedChunks: 10,
  longChunks: 100_000,
  messages: [500, 2000],
  starts: 3,
};

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      parts: { type: "string" },
      profile: { type: "string" },
    },
  });
  const contestants = chosen(values.only, Object.keys(CONTESTANTS)) as Contestant[];
  const parts = chosen(values.parts, PARTS);
  const effort = values.quick ? QUICK : FULL;
  const nodeOptions = values.profile ? ["--cpu-prof", `--cpu-prof-dir=${path.resolve(values.profile)}`] : [];
  if (contestants.some((name) => name !== "floor" && name !== "ours")) installContestants();
  const results = await measure(contestants, parts, effort, nodeOptions);
  const text = report(results);
  console.log(text);
  if (values.quick || values.only || values.parts || values.profile) return;
  writeFileSync(path.join(packageRoot, "docs/benchmark.md"), text);
  writeFileSync(path.join(packageRoot, "docs/benchmark.svg"), chart(results));
}

async function measure(
  contestants: Contestant[],
  parts: string[],
  effort: Effort,
  nodeOptions: string[],
): Promise<Results> {
  const results: Results = { effort, load: loadavg()[0] ?? 0 };
  const is = (part: string) => {
    if (parts.includes(part)) console.error(`measuring: ${part}`);
    return parts.includes(part);
  };
  if (is("speed")) Object.assign(results, await measureSpeed(contestants, effort, nodeOptions));
  if (is("paced")) results.paced = await measurePaced(contestants, effort, nodeOptions);
  if (is("length")) Object.assign(results, await measureLength(effort, nodeOptions));
  if (is("small")) results.small = await measureSmall(effort);
  if (is("start")) {
    results.installed = installOurs();
    results.starts = measureStarts(effort);
  }
  return results;
}

function chosen(list: string | undefined, all: string[]): string[] {
  const names = list?.split(",") ?? all;
  const unknown = names.filter((name) => !all.includes(name));
  if (unknown.length > 0) throw new Error(`${unknown.join()} is none of ${all.join()}`);
  return names;
}

main().catch((error) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
