import { asRecord } from "../unknown";
import { firstOf, PART_TEXTS } from "./dialects";

/** Levels of content parts that are read. No server nests them deep. */
const DEEPEST_PART = 20;

/** Returns the text of a string, a part, or an array of parts. Encrypted reasoning has none. */
export function joinText(value: unknown, levels = DEEPEST_PART): string {
  if (typeof value === "string") return value;
  if (levels === 0) return "";
  if (Array.isArray(value)) return value.map((part) => joinText(part, levels - 1)).join("");
  const part = asRecord(value);
  return part ? joinText(firstOf(part, PART_TEXTS), levels - 1) : "";
}
