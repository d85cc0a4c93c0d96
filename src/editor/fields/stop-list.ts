import type { EditedNode } from "../red.js";
import { createTextList, type TextList } from "./text-list.js";

const ESCAPES: Record<string, string> = { "\n": "\\n", "\t": "\\t", "\r": "\\r", "\\": "\\\\" };
const UNESCAPES: Record<string, string> = { n: "\n", t: "\t", r: "\r", "\\": "\\" };

/** Makes the list of stop sequences. They are shown, and typed, with \n, \t, \r and \\ for what a one-line field cannot hold. */
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
