/** Returns what a field shows of a value that a flow file may hold: an object as JSON, since not every object has a text. */
export function shownText(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
