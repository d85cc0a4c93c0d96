/** Returns a field's text for a value of a flow file: an object as JSON, since not every object can become a string. */
export function shownText(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
