import { once } from "node:events";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { chunk, sseEvent } from "./server";

/** Pieces of HTTP as they stand on the wire, for servers that break its rules. */

export const STREAM_HEAD = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n";
export const JSON_HEAD = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

/** A whole reply of one text, as a stream of events. */
export function replyEvents(text: string): string {
  return `${sseEvent(chunk(text))}${sseEvent(chunk(undefined, { finish_reason: "stop" }))}data: [DONE]\n\n`;
}

/** A whole reply, with the connection closed behind it. */
export function rawReply(text: string): string {
  return `${STREAM_HEAD}connection: close\r\n\r\n${replyEvents(text)}`;
}

/** One piece of a chunked body. */
export function chunked(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

/** Writes a text byte by byte with a pause before each, until it is all there or the client has gone. */
export async function trickle(socket: Socket, text: string, everyMs: number): Promise<void> {
  for (const char of text) {
    if (socket.destroyed) return;
    socket.write(char);
    await sleep(everyMs);
  }
}

/**
 * Writes the same bytes again and again, no faster than they are taken, until the client has gone.
 *
 * @param most - bytes after which it ends by itself, so that a client that never goes is noticed
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
