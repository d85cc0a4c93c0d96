/** The middle one. */
export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 ? at(sorted, middle - 0.5) : (at(sorted, middle - 1) + at(sorted, middle)) / 2;
}

/** The median of the ratios of what was measured side by side, which a noisy machine shifts less than either. */
export function ratio(values: number[], others: number[]): number {
  return median(values.map((value, index) => value / at(others, index)));
}

/** The median of the differences of what was measured side by side. */
export function difference(values: number[], others: number[]): number {
  return median(values.map((value, index) => value - at(others, index)));
}

function at(values: number[], index: number): number {
  return values[index] ?? Number.NaN;
}
