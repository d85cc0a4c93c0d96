/** The middle one. */
export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 ? at(sorted, middle - 0.5) : (at(sorted, middle - 1) + at(sorted, middle)) / 2;
}

/** The values that have a quarter of all below them, and above them. */
export function quartiles(values: number[]): [number, number] {
  const sorted = [...values].sort((a, b) => a - b);
  const quarter = Math.floor(sorted.length / 4);
  return [at(sorted, quarter), at(sorted, sorted.length - 1 - quarter)];
}

/** The ratios of what was measured side by side, whose median a noisy machine shifts less than either. */
export function ratios(values: number[], others: number[]): number[] {
  return values.map((value, index) => value / at(others, index));
}

/** The differences of what was measured side by side. */
export function differences(values: number[], others: number[]): number[] {
  return values.map((value, index) => value - at(others, index));
}

function at(values: number[], index: number): number {
  return values[index] ?? Number.NaN;
}
