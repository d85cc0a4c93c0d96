/** Returns the median. */
export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 ? at(sorted, middle - 0.5) : (at(sorted, middle - 1) + at(sorted, middle)) / 2;
}

/** Returns the first and third quartile. */
export function quartiles(values: number[]): [number, number] {
  const sorted = [...values].sort((a, b) => a - b);
  const quarter = Math.floor(sorted.length / 4);
  return [at(sorted, quarter), at(sorted, sorted.length - 1 - quarter)];
}

/** Returns the ratios of neighbouring measurements; noise shifts their median less than either value. */
export function ratios(values: number[], others: number[]): number[] {
  return values.map((value, index) => value / at(others, index));
}

/** Returns the differences of neighbouring measurements. */
export function differences(values: number[], others: number[]): number[] {
  return values.map((value, index) => value - at(others, index));
}

function at(values: number[], index: number): number {
  return values[index] ?? Number.NaN;
}
