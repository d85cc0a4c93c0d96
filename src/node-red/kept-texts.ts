import { asRecord, asText } from "../client/internal";
import type { Message } from "../conversation/request/prompt";
import type { KeptTexts } from "../shared/admin-api";

const KEEP_MS = 15 * 60 * 1000;
/** In bytes, of one text and of all. */
const LONGEST_TEXT = 64 * 1024;
const LONGEST_OF_ALL = 8 * 1024 * 1024;

/** Somebody who looks at an editor. */
export interface Watcher {
  show(texts: KeptTexts): void;
  /** Called when keeping is over. */
  end(): void;
}

interface Keeping {
  until: number;
  timer: NodeJS.Timeout;
  watchers: Set<Watcher>;
}

interface Entry {
  id: string;
  bytes: number;
  texts: KeptTexts;
}

/** Nodes whose texts are kept, by the id that the editor knows. */
const keepings = new Map<string, Keeping>();
let entries: Entry[] = [];
let size = 0;

/** True while texts of any node are kept: all that a question costs where none are. */
export const keptTexts = { isWanted: false };

/**
 * Begins to keep the texts of a node, or joins somebody who has begun: for 15 minutes, or until the last one leaves.
 *
 * @param onBegin - called if nobody has begun before
 * @param onOver - called when keeping is over
 * @returns when it ends, in ms since 1970, what is kept already, and a function to leave
 */
export function watchTexts(
  id: string,
  watcher: Watcher,
  onBegin: () => void,
  onOver: () => void,
): { until: number; kept: KeptTexts[]; leave: () => void } {
  let keeping = keepings.get(id);
  if (!keeping) {
    const timer = setTimeout(() => end(id, onOver), KEEP_MS);
    timer.unref();
    keeping = { until: Date.now() + KEEP_MS, timer, watchers: new Set() };
    keepings.set(id, keeping);
    keptTexts.isWanted = true;
    onBegin();
  }
  const { watchers, until } = keeping;
  watchers.add(watcher);
  const leave = () => {
    watchers.delete(watcher);
    if (watchers.size === 0 && keepings.get(id)?.watchers === watchers) end(id, onOver);
  };
  const kept = entries.filter((entry) => entry.id === id).map(({ texts }) => texts);
  return { until, kept, leave };
}

/** Keeps the texts of a question, if those of its node are kept. */
export function keepTexts(id: string, prompt: string, reply: string): void {
  const keeping = keepings.get(id);
  if (!keeping) return;
  const texts = { at: Date.now(), prompt: cut(prompt), reply: cut(reply) };
  const bytes = Buffer.byteLength(texts.prompt) + Buffer.byteLength(texts.reply);
  entries.push({ id, bytes, texts });
  size += bytes;
  while (size > LONGEST_OF_ALL) size -= entries.shift()?.bytes ?? size;
  for (const watcher of keeping.watchers) watcher.show(texts);
}

/** Returns the text of the last message that no model wrote. */
export function lastText(messages: readonly Message[]): string {
  const content = messages.findLast(({ role }) => role !== "assistant")?.content;
  if (!Array.isArray(content)) return asText(content) ?? "";
  return content.map((part) => asText(asRecord(part)?.["text"]) ?? `(${asRecord(part)?.["type"]})`).join("\n");
}

function end(id: string, onOver: () => void): void {
  const keeping = keepings.get(id);
  if (!keeping) return;
  clearTimeout(keeping.timer);
  keepings.delete(id);
  keptTexts.isWanted = keepings.size > 0;
  entries = entries.filter((entry) => entry.id !== id);
  size = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  onOver();
  for (const watcher of [...keeping.watchers]) watcher.end();
}

function cut(text: string): string {
  if (Buffer.byteLength(text) <= LONGEST_TEXT) return text;
  // Not half of a character.
  const kept = Buffer.from(text).subarray(0, LONGEST_TEXT - 3);
  return `${kept.toString("utf8").replace(/\uFFFD+$/, "")}…`;
}
