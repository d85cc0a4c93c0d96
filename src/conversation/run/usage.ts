import { asRecord, type Usage } from "../../client/internal";

/** Adds up token counts, also those inside details. What only one of them has stays. */
export function addUsage(sum: Usage | undefined, usage: Usage | undefined): Usage | undefined {
  if (!sum || !usage) return sum ?? usage;
  const result: Usage = { ...sum };
  for (const [name, value] of Object.entries(usage)) {
    const before = result[name];
    const details = asRecord(value);
    if (typeof value === "number" && typeof before === "number") result[name] = before + value;
    else if (details && asRecord(before)) result[name] = addUsage(asRecord(before), details);
    else if (value !== null && value !== undefined) result[name] = value;
  }
  return result;
}
