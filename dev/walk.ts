import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import inspector from "node:inspector/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { build } from "./build";
import { commonSettings, deploy, type NodeDef, packageRoot, type Red, startRed } from "./node-red";

/**
 * Walks with a question through our code, as V8 counts it in a real Node-RED: the files that a question passes, and the
 * calls of our own functions that each delta of a streamed reply costs.
 *
 *     npm run walk              the figures
 *     npm run walk -- --list    with the names of files and functions
 */

const ours = path.join(packageRoot, "nodes") + path.sep;

/** Functions of ours that have run, with how often: `client/retry.js backoff`. */
type Calls = Map<string, number>;

/** What a question has passed. */
export interface Walk {
  /** Files in which a function has run, or that were loaded for it. */
  files: string[];
  calls: Calls;
  /** Our files on the way of a delta, from the connection to Node-RED's `send`, without repeats in a row. */
  way: string[];
}

/** Sends `deltas` words, each in a write of its own, so that every delta comes by itself. */
function startServer(): Promise<{ server: http.Server; baseUrl: string }> {
  const server = http.createServer((request, response) => {
    request.resume().on("end", () => {
      const deltas = Number(request.headers["x-deltas"]);
      response.writeHead(200, { "content-type": "text/event-stream" });
      const send = (sent: number): void => {
        const isLast = sent === deltas;
        const choice = isLast
          ? { delta: {}, finish_reason: "stop" }
          : { delta: { content: `${sent > 0 ? " " : ""}word${sent % 10}` } };
        const chunk = { id: "1", object: "chat.completion.chunk", model: "m", choices: [{ index: 0, ...choice }] };
        response.write(`data: ${JSON.stringify(chunk)}\n\n`);
        if (isLast) response.end("data: [DONE]\n\n");
        else setTimeout(send, 1, sent + 1);
      };
      send(0);
    });
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      resolve({ server, baseUrl: `http://127.0.0.1:${port}/v1` });
    });
  });
}

function flow(baseUrl: string): NodeDef[] {
  const place = { z: "tab", x: 100, y: 100 };
  const sink = (id: string): NodeDef => ({
    ...place,
    id,
    type: "function",
    func: `global.get("walk").${id}(msg);`,
    outputs: 0,
    wires: [],
  });
  const config = { type: "huggingface-config", model: "test/model", baseUrl, timeout: "5" };
  const chat = { ...place, type: "huggingface-chat", wires: [["reply"], ["stream"], []] };
  return [
    { id: "tab", type: "tab", label: "Walk" },
    { ...config, id: "few", headers: { "x-deltas": "10" }, x: 1 },
    { ...config, id: "many", headers: { "x-deltas": "110" }, x: 1 },
    { ...chat, id: "plain", config: "few" },
    { ...chat, id: "short", config: "few", stream: true },
    { ...chat, id: "long", config: "many", stream: true },
    { ...chat, id: "memory", config: "few", conversation: "topic", conversationType: "msg" },
    sink("reply"),
    sink("stream"),
    { ...place, id: "catch", type: "catch", wires: [["error"]] },
    sink("error"),
  ];
}

/** Takes the questions through a Node-RED of its own. */
class Walker {
  readonly #red: Red;
  readonly #session: inspector.Session;
  readonly #context: Record<string, (msg: { error?: { message: string } }) => void>;

  constructor(
    red: Red,
    session: inspector.Session,
    context: Record<string, (msg: { error?: { message: string } }) => void>,
  ) {
    this.#red = red;
    this.#session = session;
    this.#context = context;
  }

  /** Asks "Hi" of a node and says what it has passed. */
  async ask(id: string): Promise<Walk> {
    const way = new Set<string>();
    await this.#session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
    await this.#session.post("Profiler.takePreciseCoverage");
    await new Promise<void>((resolve, reject) => {
      this.#context["reply"] = () => resolve();
      this.#context["stream"] = () => {};
      this.#context["error"] = (msg) => reject(new Error(msg.error?.message));
      this.#red.nodes.getNode(id)?.receive({ payload: "Hi", topic: "t" });
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    const { result } = await this.#session.post("Profiler.takePreciseCoverage");
    await this.#session.post("Profiler.stopPreciseCoverage");
    const calls: Calls = new Map();
    for (const { url, functions } of result) {
      const file = url.replace(/^file:\/\//, "");
      if (!file.startsWith(ours)) continue;
      for (const { functionName, ranges } of functions) {
        const [{ count, startOffset } = { count: 0, startOffset: 0 }] = ranges;
        if (count > 0) calls.set(`${file.slice(ours.length)} ${functionName || "(anonymous)"}:${startOffset}`, count);
      }
    }
    const files = [...new Set([...calls.keys()].map((name) => name.split(" ")[0] ?? ""))].sort();
    return { files, calls, way: [...way] };
  }
}

async function walk(): Promise<void> {
  await build(console.error);
  const userDir = mkdtempSync(path.join(tmpdir(), "huggingface-walk-"));
  const { server, baseUrl } = await startServer();
  const context: Record<string, () => void> = {};
  const settings = {
    ...commonSettings,
    userDir,
    flowFile: "flows.json",
    credentialSecret: false,
    httpAdminRoot: false,
    httpNodeRoot: false,
    functionGlobalContext: { walk: context },
    logging: { console: { level: "error" } },
  };
  const red = await startRed(http.createServer(), settings);
  try {
    await deploy(red, flow(baseUrl));
    const session = new inspector.Session();
    session.connect();
    await session.post("Profiler.enable");
    const walker = new Walker(red, session, context);
    const first = await walker.ask("plain");
    const plain = await walker.ask("plain");
    const short = await walker.ask("short");
    const long = await walker.ask("long");
    const memory = await walker.ask("memory");
    console.log(
      `files: first ${first.files.length}, plain ${plain.files.length}, stream ${short.files.length}, memory ${memory.files.length}`,
    );
    let sum = 0;
    for (const [name, count] of long.calls) {
      const each = (count - (short.calls.get(name) ?? 0)) / 100;
      sum += each;
      if (each > 0.05) console.log(each.toFixed(2), name);
    }
    console.log("calls a delta", sum.toFixed(1));
    if (process.argv.includes("--list")) for (const [name] of plain.calls) console.log(name);
  } finally {
    await red.stop();
    server.closeAllConnections();
    server.close();
    rmSync(userDir, { recursive: true, force: true, maxRetries: 5 });
  }
}

walk().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
