import type { EditedNode } from "../red.js";
import { createTextList, type TextList } from "./text-list.js";

const ESCAPES: Record<string, string> = { "\n": "\\n", "\t": "\\t", "\r": "\\r", "\\": "\\\\" };
const UNESCAPES: Record<string, string> = { n: "\n", t: "\t", r: "\r", "\\": "\\" };

/** Makes the list of stop sequences. Line breaks, tabs and backslashes are shown and typed as \n, \r, \t and \\, since a field has one line. */
export function createStopList(element: HTMLElement, node: EditedNode): TextList {
  const placeholder = node._("huggingface-chat.placeholder.stop");
  return createTextList(
    element,
    node["stop"],
    { label: placeholder, placeholder, class: "huggingface-chat-stop" },
    { show: escapeStop, read: unescapeStop },
  );
}

export function escapeStop(text: string): string {
  return text.replace(/[\n\t\r\\]/g, (c) => ESCAPES[c] ?? c);
}

export function unescapeStop(written: string): string {
  return written.replace(/\\([ntr\\])/g, (whole, c: string) => UNESCAPES[c] ?? whole);
}
