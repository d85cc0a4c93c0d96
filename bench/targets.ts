import { ROWS, SMALL_HEAP_MB, SMALL_HEAP_STREAMS } from "./measure";
import type { Results } from "./results";
import { differences, median, quartiles, ratios } from "./statistics";

/** A target and its result. */
export interface Target {
  what: string;
  /** The upper limit. */
  limit: number;
  value: number;
  /** Half of the turns were between these. */
  middle?: [number, number];
  unit: string;
}

const MB = 1024 * 1024;

/** The targets of those parts that were measured. */
export function targets(results: Results): Target[] {
  return [...ofSpeed(results), ...ofPaced(results), ...ofLength(results), ...ofSmall(results), ...ofStart(results)];
}

function ofSpeed({ speed }: Results): Target[] {
  if (!speed?.ours) return [];
  const { ours, floor } = speed;
  const limits = { floor: 1, inference: 0.6, openai: 0.25, ai: 0.1 } as const;
  const limitsOfPadded = { ...limits, floor: 1.1 };
  const found: Target[] = [];
  for (const [name, limit] of Object.entries(limits)) {
    const other = speed[name as keyof typeof limits];
    if (!other) continue;
    found.push(ofTurns(`CPU per chunk, to ${name}`, limit, ratios(ours.perChunk, other.perChunk), "x"));
  }
  for (const [name, limit] of Object.entries(limitsOfPadded)) {
    const other = speed[name as keyof typeof limits];
    if (!other) continue;
    const values = ratios(ours.perPaddedChunk, other.perPaddedChunk);
    found.push(ofTurns(`CPU per chunk, to ${name}, no two chunks alike`, limit, values, "x"));
  }
  if (floor) {
    const values = differences(ours.firstMs, floor.firstMs);
    found.push(ofTurns("first chunk after the floor's", 1, values, "ms"));
  }
  return found;
}

function ofPaced({ paced }: Results): Target[] {
  if (!paced?.ours) return [];
  const perStream = paced.ours.map((one) => one.perStream / 1024);
  const found = [ofTurns("memory of a stream", 60, perStream, "KB")];
  if (!paced.floor) return found;
  const [ours, floor] = [paced.ours, paced.floor].map((turns) => turns.map((one) => one.cpuMs / one.chunks));
  return [ofTurns("CPU per chunk of streams at once, to floor", 1.2, ratios(ours ?? [], floor ?? []), "x"), ...found];
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

function ofSmall({ small }: Results): Target[] {
  if (!small) return [];
  const { rows, completed, first } = small;
  const left = first.map((bytes) => bytes / MB);
  return [
    ofTurns(`message with ${ROWS} rows beside its text, to core's split`, 1, ratios(rows.ours, rows.split), "x"),
    {
      what: `of ${SMALL_HEAP_STREAMS} replies at once in a heap of ${SMALL_HEAP_MB} MB, those that did not come whole`,
      limit: 0,
      value: SMALL_HEAP_STREAMS - completed,
      unit: "",
    },
    ofTurns("heap that the first question adds", 5, left, "MB"),
  ];
}

function ofStart({ starts, installed }: Results): Target[] {
  if (!starts || !installed) return [];
  const added = (name: "ms" | "cpuMs" | "rss", by: number) => {
    const [ours = [], without = []] = [starts.ours, starts.without].map((list) =>
      list.map((start) => start[name] / by),
    );
    return differences(ours, without);
  };
  return [
    ofTurns("added to Node-RED's start", 40, added("ms", 1), "ms"),
    ofTurns("the same in CPU time, which other work shifts less", 40, added("cpuMs", 1), "ms"),
    ofTurns("memory added at start (resident)", 10, added("rss", MB), "MB"),
    { what: "size on disk with dependencies (apparent)", limit: 6, value: installed.total / 1e6, unit: "MB" },
  ];
}

function ofTurns(what: string, limit: number, values: number[], unit: string): Target {
  return { what, limit, value: median(values), middle: quartiles(values), unit };
}
