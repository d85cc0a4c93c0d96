import { once } from "node:events";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { chunk, sseEvent } from "./server";

/** Raw HTTP, for servers that break its rules. */

export const STREAM_HEAD = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n";
export const JSON_HEAD = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

/** A whole reply of one text, as a stream of events. */
export function replyEvents(text: string): string {
  return `${sseEvent(chunk(text))}${sseEvent(chunk(undefined, { finish_reason: "stop" }))}data: [DONE]\n\n`;
}

/** A whole reply, after which the connection closes. */
export function rawReply(text: string): string {
  return `${STREAM_HEAD}connection: close\r\n\r\n${replyEvents(text)}`;
}

/** One piece of a chunked body. */
export function chunked(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

/** Writes a text byte by byte with a pause before each, until its end or until the client disconnects. */
export async function trickle(socket: Socket, text: string, everyMs: number): Promise<void> {
  for (const char of text) {
    if (socket.destroyed) return;
    socket.write(char);
    await sleep(everyMs);
  }
}

/**
 * Writes the same bytes repeatedly, no faster than they are read, until the client disconnects.
 *
 * @param most - bytes after which it stops, so that a client that never disconnects is noticed
 * @returns how many bytes were written
 */
export async function flood(socket: Socket, bytes: Buffer | string, most = 100 * 1024 * 1024): Promise<number> {
  let written = 0;
  const gone = once(socket, "close");
  while (!socket.destroyed && written < most) {
    written += Buffer.byteLength(bytes);
    if (!socket.write(bytes)) await Promise.race([once(socket, "drain"), gone]);
  }
  return written;
}
