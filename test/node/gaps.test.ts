import assert from "node:assert/strict";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { gzipSync } from "node:zlib";
import { chatFlow, type Message, type NodeRed } from "../support/node-red";
import { chunk, replyChunks, sseEvent, type TestServer } from "../support/server";
import { useNodeRed } from "../support/use-node-red";

/** A kind of reply or message that can block the event loop. Its size grows with the number. */
interface Kind {
  /** the body of the reply, as events */
  body: (size: number) => string;
  size: number;
  chat?: Message;
  /** what is on the message beside the prompt */
  beside?: (size: number) => Message;
}

const end = sseEvent(chunk(undefined, { finish_reason: "stop" }));
const callsOf = (from: number, count: number) =>
  Array.from({ length: count }, (_, at) => ({
    index: from + at,
    id: `call${from + at}`,
    function: { name: "f", arguments: "{}" },
  }));

const KINDS: Record<string, Kind> = {
  "line ends, sent by lines": {
    size: 20_000,
    body: (size) => sseEvent(chunk("\n".repeat(size))) + end,
    chat: { stream: true, chunk: "line" },
  },
  "short sentences, sent by sentences": {
    size: 2000,
    body: (size) => sseEvent(chunk("Yes. No. ".repeat(size))) + end,
    chat: { stream: true, chunk: "sentence" },
  },
  "calls in one round": {
    size: 5000,
    body: (size) => sseEvent({ choices: [{ delta: { tool_calls: callsOf(0, size) }, finish_reason: "tool_calls" }] }),
  },
  "calls in many events": {
    size: 5000,
    body: (size) =>
      callsOf(0, size)
        .map((call) => sseEvent({ choices: [{ delta: { tool_calls: [call] } }] }))
        .join("") + end,
  },
  "arguments nested deep": {
    size: 20_000,
    body: (size) =>
      sseEvent({
        choices: [{ delta: { tool_calls: [{ id: "a", function: { name: "f", arguments: "X" } }] } }],
      }).replace('"X"', `${"[".repeat(size)}${"]".repeat(size)}`) + end,
  },
  "chunks that come at once": {
    size: 5000,
    body: (size) =>
      replyChunks(Array.from({ length: size }, () => "word "))
        .map(sseEvent)
        .join(""),
    chat: { stream: true },
  },
  "chunks that come at once, beside much else": {
    size: 50,
    body: (size) =>
      replyChunks(Array.from({ length: size }, () => "word "))
        .map(sseEvent)
        .join(""),
    chat: { stream: true },
    beside: () => ({ rows: Array.from({ length: 2000 }, (_, id) => ({ id, name: `row ${id}`, values: [1, 2, 3] })) }),
  },
};

/** The second measurement is this many times larger. */
const LARGER = 4;
/** How much more a gap may grow, and how often it is measured then, since machines also pause for other reasons. */
const TOLERANCE = 3;
const NOISE_MS = 100;
const TIMES = 3;

const turns = () => new Promise((resolve) => setTimeout(resolve, 20));

describe("huggingface-chat, how long others wait", function () {
  this.timeout(60_000);
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its));

  /** Returns the longest time, in ms, for which the event loop was blocked while a question was answered. */
  async function longestGap({ body, beside }: Kind, size: number, isPacked: boolean): Promise<number> {
    const text = body(size);
    const bytes = isPacked ? gzipSync(text) : Buffer.from(text);
    server.handle((_, response) => {
      response.writeHead(200, {
        "content-type": "text/event-stream",
        ...(isPacked && { "content-encoding": "gzip" }),
      });
      response.end(bytes);
    });
    const msg = { payload: "Hi", ...beside?.(size) };
    const done = red.completions("chat").length + 1;
    const gaps = monitorEventLoopDelay({ resolution: 2 });
    gaps.enable();
    // It measures from its last turn, so it needs one before and one after.
    await turns();
    gaps.reset();
    red.send("chat", msg);
    await red.completed("chat", done, 30_000);
    await turns();
    gaps.disable();
    return gaps.max / 1e6;
  }

  for (const [what, kind] of Object.entries(KINDS)) {
    for (const isPacked of [false, true]) {
      it(`does not grow faster than the size: ${what}${isPacked ? ", packed" : ""}`, async () => {
        // The test's records of messages would grow with each chunk.
        const flow = chatFlow(server.url, kind.chat, { retries: 0 }).filter(({ id }) => id !== "stream-sink");
        await red.deploy(flow);
        await longestGap(kind, 1, isPacked);
        const small = await longestGap(kind, kind.size, isPacked);
        const most = LARGER * TOLERANCE * small + NOISE_MS;
        let large = Number.POSITIVE_INFINITY;
        for (let time = 0; time < TIMES && large > most; time++) {
          large = Math.min(large, await longestGap(kind, LARGER * kind.size, isPacked));
        }
        assert.ok(large <= most, `${small} ms, then ${large} ms`);
      });
    }
  }
});
