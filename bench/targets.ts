import type { Results } from "./report";
import { difference, median, ratio } from "./statistics";

/** What was aimed at, and what came of it. */
export interface Target {
  what: string;
  /** The most that it may be. */
  limit: number;
  value: number;
  unit: string;
}

const MB = 1024 * 1024;

/** The targets of those parts that were measured. */
export function targets(results: Results): Target[] {
  return [...ofSpeed(results), ...ofPaced(results), ...ofLength(results), ...ofStart(results)];
}

function ofSpeed({ speed }: Results): Target[] {
  if (!speed?.ours) return [];
  const { ours, floor } = speed;
  const limits = { floor: 1.25, inference: 0.6, openai: 0.25, ai: 0.1 } as const;
  const found: Target[] = [];
  for (const [name, limit] of Object.entries(limits)) {
    const other = speed[name as keyof typeof limits];
    if (!other) continue;
    found.push({ what: `CPU per chunk, to ${name}`, limit, value: ratio(ours.perChunk, other.perChunk), unit: "x" });
  }
  for (const [name, limit] of Object.entries(limits)) {
    const other = speed[name as keyof typeof limits];
    if (!other) continue;
    const value = ratio(ours.perPaddedChunk, other.perPaddedChunk);
    found.push({ what: `CPU per chunk, to ${name}, no two chunks alike`, limit, value, unit: "x" });
  }
  if (floor) {
    const value = difference(ours.firstMs, floor.firstMs);
    found.push({ what: "first chunk after the floor's", limit: 1, value, unit: "ms" });
  }
  return found;
}

function ofPaced({ paced }: Results): Target[] {
  if (!paced?.ours) return [];
  return [{ what: "memory of a stream", limit: 60, value: paced.ours.perStream / 1024, unit: "KB" }];
}

function ofLength({ long, conversations }: Results): Target[] {
  if (!long || !conversations) return [];
  const found: Target[] = [];
  const [first, second] = long.tenths;
  const last = long.tenths.at(-1);
  if (first && second && last) {
    const grown = last.used - last.text - (first.used - first.text);
    found.push({
      what: "heap beside the text, from 10 % to 100 % of a long reply",
      limit: 5,
      value: grown / MB,
      unit: "MB",
    });
    found.push({
      what: "last tenth of a long reply, to the second",
      limit: 1.25,
      value: last.cpuMs / second.cpuMs,
      unit: "x",
    });
  }
  const [least, most] = [conversations[0], conversations.at(-1)];
  if (least && most) {
    for (const kind of ["inPrompt", "remembered"] as const) {
      const value = median(most[kind]) / most.messages / (median(least[kind]) / least.messages);
      const what = `message in ${most.messages}, to one in ${least.messages}, ${kind === "inPrompt" ? "in the prompt" : kind}`;
      found.push({ what, limit: 1.25, value, unit: "x" });
    }
  }
  return found;
}

function ofStart({ starts, installed }: Results): Target[] {
  if (!starts || !installed) return [];
  const delta = (name: "ms" | "rss") => {
    const [ours, without] = [starts.ours, starts.without].map((list) => list.map((start) => start[name]));
    return difference(ours ?? [], without ?? []);
  };
  return [
    { what: "added to Node-RED's start", limit: 40, value: delta("ms"), unit: "ms" },
    { what: "memory added at start (resident)", limit: 10, value: delta("rss") / MB, unit: "MB" },
    { what: "size on disk with dependencies (apparent)", limit: 6, value: installed.total / 1e6, unit: "MB" },
  ];
}
