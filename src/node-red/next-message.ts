import { isUtf8 } from "node:buffer";
import { types } from "node:util";
import type { NodeMessage } from "node-red";
import { isSecretHeader } from "../shared/limits";

/** In characters of JSON. */
const LONGEST = 64 * 1024;
/** Levels of a message that are copied. */
const DEEPEST = 20;
const HIDDEN = "***";
/** Node-RED's own, and the request and response of an http node. */
const LEFT_OUT = new Set(["_msgid", "_linkSource", "_event", "req", "res"]);

type Take = (msg: NodeMessage) => void;

/** Who waits for the next message of a chat node, by the id that the editor knows. */
const waiting = new Map<string, Set<Take>>();
/** True while somebody waits: all that a message costs where nobody does. */
export const nextMessages = { isWanted: false };

/** Hands over the next message of a node once. @returns a function that ends the wait */
export function awaitNextMessage(id: string, take: Take): () => void {
  const takers = waiting.get(id) ?? new Set();
  waiting.set(id, takers.add(take));
  nextMessages.isWanted = true;
  return () => {
    takers.delete(take);
    if (takers.size === 0) waiting.delete(id);
    nextMessages.isWanted = waiting.size > 0;
  };
}

/** Hands a message to those who wait for one of this node. */
export function offerMessage(id: string, msg: NodeMessage): void {
  for (const take of [...(waiting.get(id) ?? [])]) take(msg);
}

/**
 * Writes a message as JSON text of at most 64 KB, as a question would read it. What is secret by its name is hidden, bytes that
 * are no text become data URIs, and what is too large or cannot be written is named in its place.
 *
 * @param hide - hides secrets in a text
 */
export function messageText(msg: NodeMessage, hide: (text: string) => string): string {
  let left = LONGEST;
  const write = (value: unknown, level: number): unknown => {
    left -= 2;
    if (left < 0) return undefined;
    if (typeof value === "string") return fitted(hide(value));
    if (value === undefined || value === null || typeof value === "number" || typeof value === "boolean") {
      left -= String(value).length;
      return value;
    }
    if (typeof value !== "object" || level > DEEPEST) return `(${typeof value})`;
    if (types.isUint8Array(value)) {
      const isText = value.length <= left && !value.includes(0) && isUtf8(value);
      return fitted(isText ? hide(Buffer.from(value).toString("utf8")) : bytesText(value, left));
    }
    if (types.isDate(value)) return write(value.toJSON(), level);
    if (isOpaque(value)) return `(${Object.prototype.toString.call(value).slice("[object ".length, -1)})`;
    if (Array.isArray(value)) {
      const items: unknown[] = [];
      for (const item of value) {
        if (left < 0) break;
        items.push(write(item, level + 1));
      }
      return items;
    }
    const entries: [string, unknown][] = [];
    for (const [name, item] of Object.entries(value)) {
      if ((level === 0 && LEFT_OUT.has(name)) || name === "__proto__") continue;
      left -= name.length + 6;
      if (left < 0) break;
      entries.push([name, isSecretHeader(name) && typeof item !== "object" ? HIDDEN : write(item, level + 1)]);
    }
    return Object.fromEntries(entries);
  };
  const fitted = (text: string): string => {
    const whole = JSON.stringify(text).length;
    const kept = whole <= left ? text : `(${text.length} characters)`;
    left -= Math.min(whole <= left ? whole : kept.length, left);
    return kept;
  };
  const copy = write(msg, 0);
  const texts = [JSON.stringify(copy, undefined, 2), JSON.stringify(copy)];
  return (
    texts.find((text) => text.length <= LONGEST) ?? JSON.stringify({ payload: `(${texts[1]?.length} characters)` })
  );
}

/** True for objects that JSON would make `{}` of. */
function isOpaque(value: object): boolean {
  return [types.isMap, types.isSet, types.isNativeError, types.isPromise, types.isRegExp].some((is) => is(value));
}

function bytesText(bytes: Uint8Array, left: number): string {
  if (bytes.length * 1.4 > left) return `(${bytes.length} bytes)`;
  const buffer = Buffer.from(bytes);
  const isPng = buffer.toString("latin1", 1, 4) === "PNG";
  return `data:${isPng ? "image/png" : "application/octet-stream"};base64,${buffer.toString("base64")}`;
}
