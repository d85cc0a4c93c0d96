const net = require("node:net");
const { BLOCK, blockOf, chunk, end, start } = require("./recording");

/**
 * Serves realistic replies from memory over bare sockets, so that contestants never wait for the server. The
 * question says what is wanted: `bench:flood:2000` is 2,000 chunks at once, `bench:padded:2000` the same with no two alike,
 * `bench:paced:80:10` is 80 chunks, 10 a second.
 */
const TICK_MS = 5;

function onConnection(socket) {
  socket.setNoDelay(true);
  socket.on("error", () => {});
  let received = [];
  let length = 0;
  let whole = 0;
  socket.on("data", (bytes) => {
    received.push(bytes);
    length += bytes.length;
    if (length < whole) return;
    const request = Buffer.concat(received);
    const body = request.indexOf("\r\n\r\n") + 4;
    if (body < 4) return;
    whole = body + Number(/content-length: *(\d+)/i.exec(request.toString("latin1", 0, body))?.[1] ?? 0);
    if (length < whole) return;
    received = [];
    length = 0;
    whole = 0;
    // The question is at the end of the body, which may be long.
    const tail = request.toString("latin1", Math.max(body, request.length - 4096));
    answer(socket, tail.match(/bench:\w+[:\d]*/g)?.at(-1) ?? "");
  });
}

function answer(socket, wish) {
  const [, kind, count, perSecond] = wish.split(":");
  if (kind === "paced") startPaced(socket, Number(count), Number(perSecond));
  else if (kind === "flood" || kind === "padded") flood(socket, kind, Number(count));
  else socket.end("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
}

async function flood(socket, kind, count) {
  if (count <= BLOCK * 8) {
    const starts = Array.from({ length: Math.ceil(count / BLOCK) }, (_, index) => index * BLOCK);
    socket.write(Buffer.concat([start, ...starts.map((sent) => blockOf(kind, count - sent)), end(count)]));
    return;
  }
  socket.write(start);
  for (let sent = 0; sent < count && !socket.destroyed; sent += BLOCK) {
    if (!socket.write(blockOf(kind, count - sent))) await drained(socket);
  }
  socket.write(end(count));
}

function drained(socket) {
  return new Promise((resolve) => {
    const go = () => {
      socket.off("drain", go).off("close", go);
      resolve();
    };
    socket.on("drain", go).on("close", go);
  });
}

/** Running streams, each due at its own time, so that their chunks are spread out. */
const paced = new Set();
let ticker;

function startPaced(socket, count, perSecond) {
  const gap = 1000 / perSecond;
  paced.add({ socket, count, gap, sent: 0, dueAt: performance.now() + Math.random() * gap });
  socket.write(start);
  ticker ??= setInterval(tick, TICK_MS);
}

function tick() {
  const now = performance.now();
  for (const stream of paced) {
    // One write a chunk, as a model's server flushes it.
    for (; stream.dueAt <= now && stream.sent < stream.count; stream.dueAt += stream.gap) {
      stream.socket.write(chunk(stream.sent++));
    }
    if (stream.sent < stream.count && !stream.socket.destroyed) continue;
    if (!stream.socket.destroyed) stream.socket.write(end(stream.count));
    paced.delete(stream);
  }
  if (paced.size > 0) return;
  clearInterval(ticker);
  ticker = undefined;
}

const server = net.createServer(onConnection);
server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => process.send({ result: server.address().port }));
process.on("disconnect", () => process.exit());
