import type { Socket } from "node:net";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { chunked, flood, JSON_HEAD, rawReply, replyEvents, STREAM_HEAD, trickle } from "./raw";
import { chunk, completion, type RawHandler, sseEvent } from "./server";

/** The configuration's idle timeout, in seconds. */
export const TIMEOUT = 0.3;
/** The pause between single bytes: a fraction of the idle timeout. */
const SLOW_MS = 30;

/** A way in which a server misbehaves, and the expected outcome. */
export interface Fault {
  /** Answers a complete request. */
  answer?: RawHandler;
  /** Handles a connection before anything was sent. */
  connect?: (socket: Socket) => void;
  /** The error: its code and sentence. */
  code?: string | undefined;
  says?: RegExp | undefined;
  /** The text that had arrived when it failed. */
  partial?: string | RegExp | undefined;
  /** A longer idle timeout, in seconds, for much data without silence. */
  timeout?: number;
  /** The reply, if no error is expected. */
  reply?: string;
}

const REPLY = replyEvents("Hello");
const HALF = sseEvent(chunk("Hel"));
/** Too deep for recursion. */
const DEEP = `${"[".repeat(20_000)}${"]".repeat(20_000)}`;
/** An idle timeout for replies that end by a limit on their size, on slow machines. */
const PATIENT = 15;
const write = (text: string | Buffer) => (socket: Socket) => socket.write(text);
const send = (text: string | Buffer) => (socket: Socket) => socket.end(text);
/** Ends a connection as a crash does. */
const reset = (socket: Socket) => socket.resetAndDestroy();
/** Ends the connection after what was written has arrived. */
const writeAndReset = (text: string) => (socket: Socket) => socket.write(text, () => setTimeout(reset, 20, socket));
const packed = (encoding: string, body: Buffer) =>
  Buffer.concat([Buffer.from(`${STREAM_HEAD}content-encoding: ${encoding}\r\nconnection: close\r\n\r\n`), body]);

export const FAULTS: Record<string, Fault> = {
  "a reset at once": { connect: reset, code: "provider_unavailable", says: /^Connection (closed|failed)/ },
  "an end at once": {
    connect: (socket) => socket.end(),
    code: "provider_unavailable",
    says: /^Connection (closed|failed)/,
  },
  "a reset before the headers": { answer: reset, code: "provider_unavailable", says: /^Connection (closed|failed)/ },
  "a reset in the headers": {
    answer: writeAndReset("HTTP/1.1 200 OK\r\ncontent-ty"),
    code: "provider_unavailable",
    says: /^Connection (closed|failed)/,
  },
  "a reset after the headers": {
    answer: writeAndReset(`${STREAM_HEAD}\r\n`),
    code: "provider_unavailable",
    says: /^Reply incomplete/,
  },
  "a reset in mid-stream": {
    answer: writeAndReset(`${STREAM_HEAD}\r\n${HALF}`),
    code: "provider_unavailable",
    says: /^Reply incomplete/,
    partial: "Hel",
  },
  "a reset in mid-stream, in chunks": {
    answer: writeAndReset(`${STREAM_HEAD}transfer-encoding: chunked\r\n\r\n${chunked(HALF)}`),
    code: "provider_unavailable",
    says: /^Connection lost/,
    partial: "Hel",
  },
  "an end in mid-stream": {
    answer: send(`${STREAM_HEAD}connection: close\r\n\r\n${HALF}`),
    code: "provider_unavailable",
    says: /^Reply incomplete/,
    partial: "Hel",
  },
  "an end before the length that was announced": {
    answer: send(`${JSON_HEAD}content-length: 1000\r\n\r\n{"choices":`),
    code: "provider_unavailable",
    says: /^Connection lost/,
  },
  "an end within a chunk": {
    answer: send(`${STREAM_HEAD}transfer-encoding: chunked\r\n\r\n${chunked(HALF)}ff\r\ndata`),
    code: "provider_unavailable",
    says: /^Connection lost/,
    partial: "Hel",
  },
  "silence before the headers": { answer: () => {}, code: "timeout", says: /^No reply within 0.3 s/ },
  "silence in the headers": { answer: write("HTTP/1.1 200 OK\r\n"), code: "timeout", says: /^No reply within/ },
  "silence after the headers": { answer: write(`${STREAM_HEAD}\r\n`), code: "timeout", says: /^No reply within/ },
  "silence in mid-stream": {
    answer: write(`${STREAM_HEAD}\r\n${HALF}`),
    code: "timeout",
    says: /^Reply stalled: .*for 0.3 s/,
    partial: "Hel",
  },
  "silence in mid-document": {
    answer: write(`${JSON_HEAD}content-length: 1000\r\n\r\n{"choices":`),
    code: "timeout",
    says: /^No reply within/,
  },
  "silence after the finish reason": {
    answer: write(`${STREAM_HEAD}\r\n${REPLY.replace("data: [DONE]\n\n", "")}`),
    reply: "Hello",
  },
  "headers byte by byte": {
    answer: (socket) => trickle(socket, `${STREAM_HEAD}x-long: ${"x".repeat(1000)}`, SLOW_MS),
    code: "timeout",
    says: /^No reply within/,
  },
  "a body byte by byte": {
    answer: async (socket) => {
      socket.write(`${STREAM_HEAD}\r\n`);
      await trickle(socket, sseEvent(chunk("x".repeat(1000))), SLOW_MS);
    },
    code: "timeout",
    says: /^No reply within/,
  },
  "comments alone": {
    answer: async (socket) => {
      socket.write(`${STREAM_HEAD}\r\n`);
      await trickle(socket, ":\n\n".repeat(100), SLOW_MS);
    },
    code: "timeout",
    says: /^No reply within/,
  },
  "a header that never ends": {
    answer: (socket) => {
      socket.write("HTTP/1.1 200 OK\r\nx-long: ");
      return flood(socket, "x".repeat(4096));
    },
    code: "provider_unavailable",
    says: /^Not a chat completion .*: its headers are too long/,
    timeout: PATIENT,
  },
  "headers without end": {
    answer: (socket) => {
      socket.write("HTTP/1.1 200 OK\r\n");
      return flood(socket, "x-one: more\r\n".repeat(1000));
    },
    code: "provider_unavailable",
    says: /^Not a chat completion .*: its headers are too long/,
    timeout: PATIENT,
  },
  "garbage in place of HTTP": {
    answer: send("\x00\x01\x02 what \xff\xfe\r\n\r\n"),
    code: "provider_unavailable",
    says: /^Not a chat completion/,
  },
  "a body of garbage": {
    answer: send(`${JSON_HEAD}connection: close\r\n\r\n\x00\x01\x02 what {[`),
    code: "provider_unavailable",
    says: /^Not a chat completion .*: .*what/,
  },
  "a stream of garbage": {
    answer: send(`${STREAM_HEAD}connection: close\r\n\r\ndata: \x00\x01 what {[\n\n`),
    code: "provider_unavailable",
    says: /^Not a chat completion .*: .*what/,
  },
  "an empty body": {
    answer: send(`${JSON_HEAD}connection: close\r\n\r\n`),
    code: "provider_unavailable",
    says: /^Not a chat completion .*: empty/,
  },
  "a web page": {
    answer: send("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n<html>Welcome</html>"),
    code: "provider_unavailable",
    says: /^Web page instead of a reply: "Welcome/,
  },
  "chunks with a size that is none": {
    answer: send(`${STREAM_HEAD}transfer-encoding: chunked\r\n\r\nnonsense\r\n`),
    code: "provider_unavailable",
    says: /^Not a chat completion/,
  },
  "gzip that nobody asked for": { answer: send(packed("gzip", gzipSync(REPLY))), reply: "Hello" },
  "br that nobody asked for": { answer: send(packed("br", brotliCompressSync(REPLY))), reply: "Hello" },
  "gzip that breaks off": {
    answer: send(packed("gzip", gzipSync(replyEvents("x".repeat(20_000) + Math.random())).subarray(0, 60))),
    code: "provider_unavailable",
    says: /^Reply incomplete/,
  },
  "gzip with garbage in it": {
    answer: send(packed("gzip", Buffer.concat([gzipSync(REPLY).subarray(0, 30), Buffer.alloc(200, 0xff)]))),
    code: "provider_unavailable",
    says: /^Not a chat completion/,
  },
  "br with garbage in it": {
    answer: send(packed("br", Buffer.alloc(200, 0xfe))),
    code: "provider_unavailable",
    says: /^Not a chat completion/,
  },
  "a bomb of gzip": {
    answer: (socket) => socket.end(packed("gzip", gzipSync(Buffer.alloc(100 * 1024 * 1024, "data: ")))),
    code: "provider_unavailable",
    says: /more than 16 MB.*Max. tokens/,
    timeout: PATIENT,
  },
  "a line of 100 MB": {
    answer: async (socket) => {
      socket.write(`${STREAM_HEAD}\r\ndata: `);
      await flood(socket, "x".repeat(65_536));
    },
    code: "provider_unavailable",
    says: /more than 16 MB/,
    timeout: PATIENT,
  },
  "a document of 100 MB": {
    answer: async (socket) => {
      socket.write(`${JSON_HEAD}\r\n{"choices":[{"message":{"content":"`);
      await flood(socket, "x".repeat(65_536));
    },
    code: "provider_unavailable",
    says: /more than 16 MB/,
    timeout: PATIENT,
  },
  "blanks without end": {
    answer: async (socket) => {
      socket.write(`${JSON_HEAD}\r\n`);
      await flood(socket, " \n".repeat(32_768));
    },
    code: "provider_unavailable",
    says: /more than 16 MB/,
    timeout: PATIENT,
  },
  "a stream without end": {
    answer: async (socket) => {
      socket.write(`${STREAM_HEAD}\r\n`);
      await flood(socket, sseEvent(chunk("x".repeat(60_000))));
    },
    code: "provider_unavailable",
    says: /more than 16 MB.*Max. tokens/,
    partial: /^x/,
    timeout: PATIENT,
  },
  "a stream of nothing without end": {
    answer: async (socket) => {
      socket.write(`${STREAM_HEAD}\r\n`);
      await flood(socket, sseEvent({ ...chunk(""), padding: "x".repeat(60_000) }));
    },
    code: "provider_unavailable",
    says: /more than 16 MB/,
    timeout: PATIENT,
  },
  "an error page without end": {
    answer: async (socket) => {
      socket.write("HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\n\r\n<title>Bad Gateway</title>");
      await flood(socket, "x".repeat(65_536));
    },
    code: "provider_unavailable",
    says: /\(502\): Bad Gateway/,
    timeout: PATIENT,
  },
  "UTF-8 that is none": {
    answer: send(
      Buffer.concat([
        Buffer.from(`${STREAM_HEAD}connection: close\r\n\r\ndata: {"choices":[{"delta":{"content":"Hell`),
        Buffer.from([0xff, 0xc3, 0x28]),
        Buffer.from(`"},"finish_reason":"stop"}]}\n\n`),
      ]),
    ),
    reply: "Hell\uFFFD\uFFFD(",
  },
  "a 102 and a 103 before the answer": {
    answer: send(`HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n${rawReply("Hello")}`),
    reply: "Hello",
  },
  "102 without end": {
    answer: (socket) => trickle(socket, "HTTP/1.1 102 Processing\r\n\r\n".repeat(10), SLOW_MS / 4),
    code: "timeout",
    says: /^No reply within/,
  },
  // undici reports an error of its own, but the server caused it: no 100 was requested.
  "a 100 before the answer": {
    answer: send(`HTTP/1.1 100 Continue\r\n\r\n${rawReply("Hello")}`),
    code: "provider_unavailable",
    says: /^Connection (closed|failed)/,
  },
  "another protocol": {
    answer: send("HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n"),
    code: "provider_unavailable",
    says: /^Connection (closed|failed)/,
  },
  "HTTP/1.0": {
    answer: send(`HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\n${REPLY}`),
    reply: "Hello",
  },
  "a document by HTTP/1.0": {
    answer: send(`HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n${JSON.stringify(completion("Hello"))}`),
    reply: "Hello",
  },
  "chunks with trailers": {
    answer: send(
      `${STREAM_HEAD}transfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n${chunked(REPLY)}0\r\nx-sum: 1\r\n\r\n`,
    ),
    reply: "Hello",
  },
  "chunks of one byte": {
    answer: send(`${STREAM_HEAD}transfer-encoding: chunked\r\n\r\n${[...REPLY].map(chunked).join("")}0\r\n\r\n`),
    reply: "Hello",
  },
  "a status without a reply": {
    answer: send("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n"),
    code: "provider_unavailable",
    says: /^Not a chat completion .*: empty/,
  },
  "more than the length that was announced": {
    answer: send(`${JSON_HEAD}content-length: 2\r\n\r\n{}{"choices":[]}`),
    code: "provider_unavailable",
    says: /^Not a chat completion/,
  },
  "usage, probabilities and a new field nested too deep": {
    answer: send(
      rawReply("Hello").replace('"finish_reason":"stop"', `"finish_reason":"stop","logprobs":{"content":[${DEEP}]}`),
    ),
    reply: "Hello",
  },
  "a whole reply nested too deep": {
    answer: send(
      `${JSON_HEAD}connection: close\r\n\r\n{"usage":{"a":${DEEP}},"new":${DEEP},${JSON.stringify(completion("Hello")).slice(1)}`,
    ),
    reply: "Hello",
  },
  "gzip with garbage behind the end mark": {
    answer: send(packed("gzip", Buffer.concat([gzipSync(REPLY), Buffer.alloc(200, 0xff)]))),
    reply: "Hello",
  },
  "events that bring nothing behind the finish reason": {
    answer: async (socket) => {
      socket.write(`${STREAM_HEAD}\r\n${REPLY.replace("data: [DONE]\n\n", "")}`);
      await trickle(socket, sseEvent({ choices: [] }).repeat(50), 5);
    },
    reply: "Hello",
  },
  "probabilities without end beside one letter": {
    answer: async (socket) => {
      socket.write(`${STREAM_HEAD}\r\n${sseEvent(chunk("a"))}`);
      await flood(socket, sseEvent({ choices: [{ delta: {}, logprobs: { content: ["x".repeat(60_000)] } }] }));
    },
    code: "provider_unavailable",
    says: /more than 16 MB/,
    partial: "a",
    timeout: PATIENT,
  },
};
