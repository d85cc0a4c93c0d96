/**
 * The reply that all contestants read: chunks as Fireworks sends them through the router, 240 bytes each, every one in an
 * HTTP chunk of its own. It is generated, so it can have any length, and known here and in Node-RED, so a chunk
 * that is lost or doubled is noticed.
 */
const PIECES = (
  "Once| there| was| a| light|house| that| was| afraid| of| the| dark|.\n\n|Every| evening| it| lit| its| lamp| only| so|" +
  " as| not| to| be| alone|,| and| out| at| sea| the| ships| saw| the| light| and| thought|:| how| br|ave| it| is|!|" +
  ' "|Good| night|,"| said| the| café| on| the| qu|ay|.'
).split("|");

/** Chunks in a block: a multiple of the pieces, so that each block begins with the first one. */
const BLOCK = PIECES.length * 16;

/** Returns the text of a chunk. */
const piece = (index) => PIECES[index % PIECES.length];

const texts = new Map();

/** Returns the text of a whole reply, cached for lengths that repeat. */
function text(count) {
  const known = texts.get(count) ?? Array.from({ length: count }, (_, index) => piece(index)).join("");
  if (count <= BLOCK * 8) texts.set(count, known);
  return known;
}

const HEAD = Buffer.from(
  "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n" +
    "transfer-encoding: chunked\r\n\r\n",
);

function event(delta, finishReason = null, usage = null, more = {}) {
  const data = JSON.stringify({
    id: "fff5db6d-cfe7-4ab0-b064-93dabdf20085",
    object: "chat.completion.chunk",
    created: 1738851194,
    model: "accounts/fireworks/models/deepseek-r1",
    choices: [{ index: 0, delta, finish_reason: finishReason }],
    usage,
    ...more,
  });
  return httpChunk(`data: ${data}\n\n`);
}

function httpChunk(content) {
  const bytes = Buffer.from(content);
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")]);
}

const events = PIECES.map((content) => event({ content }));

/** Bytes of one chunk on the wire. */
const chunk = (index) => events[index % events.length];

/** Bytes before the first chunk. */
const start = Buffer.concat([HEAD, event({ role: "assistant" })]);

/** Bytes after the last chunk. */
const end = (count) =>
  Buffer.concat([
    event({}, "stop", { prompt_tokens: 20, completion_tokens: count, total_tokens: count + 20 }),
    httpChunk("data: [DONE]\n\n"),
    Buffer.from("0\r\n\r\n"),
  ]);

/** Pads a chunk as OpenAI does: no two are alike, and the size does not reveal the length of the text. */
const padded = (index) => {
  const padding = Buffer.from(String(index * 7919))
    .toString("base64url")
    .padEnd(14, "x")
    .slice(0, 6 + (index % 9));
  return event({ content: piece(index) }, null, null, { obfuscation: padding });
};

const blocks = {
  flood: Array.from({ length: BLOCK }, (_, index) => chunk(index)),
  padded: Array.from({ length: BLOCK }, (_, index) => padded(index)),
};
const wholeBlocks = { flood: Buffer.concat(blocks.flood), padded: Buffer.concat(blocks.padded) };

/**
 * Returns the bytes of the next chunks, from the start of a block: a whole block, or the rest of the reply.
 *
 * @param {"flood" | "padded"} kind
 * @param {number} left
 */
function blockOf(kind, left) {
  return left >= BLOCK ? wholeBlocks[kind] : Buffer.concat(blocks[kind].slice(0, left));
}

module.exports = { BLOCK, blockOf, chunk, end, piece, start, text };
