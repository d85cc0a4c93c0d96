/** True for a delta beside a message that brings nothing. */
export function isBlank(delta: Record<string, unknown>): boolean {
  for (const [name, value] of Object.entries(delta)) {
    const isEmpty = value === null || value === "" || (Array.isArray(value) && value.length === 0);
    if (name !== "role" && !isEmpty) return false;
  }
  return true;
}
