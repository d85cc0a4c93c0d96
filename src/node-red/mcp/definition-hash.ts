import { createHash } from "node:crypto";
import type { McpTool } from "./types";

/** In characters, of hexadecimal digits. */
const LENGTH = 16;

/** Returns what tells one definition of a tool from another: a part of the SHA-256 of its description and schema. */
export function definitionHash({
  description = "",
  inputSchema,
}: Pick<McpTool, "description" | "inputSchema">): string {
  const text = JSON.stringify([description, inputSchema]);
  return createHash("sha256").update(text).digest("hex").slice(0, LENGTH);
}
