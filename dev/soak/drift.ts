/** What is measured at one moment. */
export interface Sample {
  /** In MB. */
  rss: number;
  /** After a collection, in MB. */
  heap: number;
  /** Memory of Buffers and the like, in MB. */
  external: number;
  sockets: number;
  timers: number;
  /** Open file descriptors, sockets included; 0 where the system does not tell. */
  files: number;
  /** Median delay of the event loop since the last sample, in ms. */
  delay: number;
  delay99: number;
  /** The longest, which other programs on the machine can lengthen. */
  longest: number;
}

/** A sample and when it was taken, in seconds since the start. */
export interface TimedSample extends Sample {
  at: number;
}

/** How a value has grown in the second half of a run. */
export interface Growth {
  /** By the median slope. */
  grown: number;
  /** What it has grown at least, with 99 % confidence. */
  atLeast: number;
  /** How it has grown in the last quarter. A leak goes on there; a step, as after a reply of many megabytes, does not. */
  lately: number;
  /** More is drift. */
  most: number;
}

/**
 * The growth that is allowed in the second half of a run, however long it is: no healthy value grows with the number of
 * questions. Not judged are the 99th percentile and the longest delay, which other programs on the machine change.
 */
const MOST: Partial<Record<keyof Sample, number>> = {
  rss: 40,
  heap: 4,
  external: 8,
  sockets: 12,
  timers: 12,
  files: 12,
  delay: 20,
};

/** Normal quantile for a confidence of 99 % on one side. */
const Z = 2.326;
/** Fewer say nothing. */
const FEWEST = 8;

/** Returns how each judged value has grown in the second half of a run. */
export function growthOf(samples: readonly TimedSample[]): Record<string, Growth> {
  const end = samples.at(-1)?.at ?? 0;
  const growths = Object.entries(MOST).map(([name, most]) => {
    const since = (start: number) =>
      slopeOf(
        samples.filter(({ at }) => at >= start).map((sample) => [sample.at, sample[name as keyof Sample]] as const),
      );
    return [name, { ...since(end / 2), lately: since((end * 3) / 4).grown, most }];
  });
  return Object.fromEntries(growths);
}

/** Returns the values that have drifted, in words. */
export function driftOf(samples: readonly TimedSample[]): string[] {
  return Object.entries(growthOf(samples))
    .filter(([, { grown, atLeast, lately, most }]) => grown > most && atLeast > 0 && lately > most / 2)
    .map(([name, { grown, most }]) => `${name} has grown by ${grown} in the second half, ${most} is allowed`);
}

/**
 * The Theil-Sen slope, the median of the slopes between all pairs of points, times the time that they span. A third of the points may be
 * outliers (load comes in waves) without moving it much. The bound is Sen's, from the variance of Kendall's tau.
 */
function slopeOf(points: readonly (readonly [at: number, value: number])[]): { grown: number; atLeast: number } {
  const count = points.length;
  if (count < FEWEST) return { grown: 0, atLeast: 0 };
  const slopes = points.flatMap(([at, value], index) =>
    points.slice(index + 1).map(([later, other]) => (other - value) / (later - at)),
  );
  slopes.sort((a, b) => a - b);
  const span = (points.at(-1)?.[0] ?? 0) - (points[0]?.[0] ?? 0);
  const spread = Z * Math.sqrt((count * (count - 1) * (2 * count + 5)) / 18);
  const at = (index: number) => rounded((slopes[Math.max(0, Math.round(index))] ?? 0) * span);
  return { grown: at(slopes.length / 2), atLeast: at((slopes.length - spread) / 2) };
}

export const rounded = (value: number): number => Math.round(value * 100) / 100;
