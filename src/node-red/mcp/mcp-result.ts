import { reasonOf } from "../../client/internal";
import { mediaPart } from "../../conversation/request/media";
import type { MediaPart, ToolAnswer } from "../../conversation/tools";
import type { McpResult } from "./types";

/**
 * Reads the result of a call: its texts, and its images where the model sees them.
 *
 * @throws Error for one that the server itself calls an error; its message is for the model
 */
export function readResult({ content, isError }: McpResult): string | ToolAnswer {
  const parts: MediaPart[] = [];
  const texts = content.map((item) => (item.type === "text" ? item.text : addImage(item, parts)));
  const text = texts.filter(Boolean).join("\n");
  if (isError) throw new Error(text || "It has failed.");
  return parts.length > 0 ? { text, parts } : text;
}

/** @returns what stands in the text for an image; blank for one that is sent */
function addImage({ data, mimeType }: { data: Buffer; mimeType: string }, parts: MediaPart[]): string {
  try {
    const part = mediaPart(data, "the result");
    if (part) parts.push(part);
    return part ? "" : `(An image of type ${mimeType}, which cannot be sent.)`;
  } catch (error) {
    return `(${reasonOf(error)})`;
  }
}
