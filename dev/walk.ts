import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import inspector from "node:inspector/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import nodeRed from "node-red";
import { build } from "./build";
import { deploy, headlessSettings, type NodeDef, packageRoot, type Red, startRed } from "./node-red";

/**
 * Follows a question through our code in a real Node-RED, as V8 counts it: which files it passes, and what each delta of a
 * streamed reply costs in calls of our own functions.
 *
 *     npm run walk              the figures
 *     npm run walk -- --list    and the names of the files and functions, and of all files that are loaded
 */

const ours = path.join(packageRoot, "nodes") + path.sep;
const TOKEN = "hf_of-nobody-but-as-long-as-others";
/** Numbers of deltas: of a short reply, and of two whose difference gives the cost of a delta. */
const SHORT = 10;
const FEW = 50;
const MANY = 150;

/** The calls of each of our functions, by `file function:offset`. */
type Calls = Map<string, number>;

/** The result of the walk. */
export interface Findings {
  /** Files in which a function runs for a question after the first one, by kind of question. */
  files: Record<Route, string[]>;
  /** Our files that are loaded in the end, by whatever. */
  loaded: string[];
  /** Calls of our own functions for each delta of a reply, by function. */
  callsPerDelta: Map<string, number>;
  /** Our files from the connection to Node-RED's `send`, as a delta passes them. */
  way: string[];
}

const ROUTES = ["plain", "token", "stream", "memory"] as const;
type Route = (typeof ROUTES)[number];

/** Sends as many words, one at a time, as the request's header says. */
async function startServer(): Promise<{ server: http.Server; baseUrl: string }> {
  const server = http.createServer((request, response) => {
    const deltas = Number(request.headers["x-deltas"]);
    const chunk = (more: object) => `data: ${JSON.stringify({ id: "1", model: "m", ...more })}\n\n`;
    const send = (sent: number): void => {
      if (sent < deltas) {
        const content = `${sent > 0 ? " " : ""}word${sent % 10}`;
        response.write(chunk({ choices: [{ index: 0, delta: { content }, finish_reason: null }] }));
        setTimeout(send, 1, sent + 1);
      } else {
        const usage = { prompt_tokens: 5, completion_tokens: deltas, total_tokens: 5 + deltas };
        response.write(chunk({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }));
        response.end(`${chunk({ choices: [], usage })}data: [DONE]\n\n`);
      }
    };
    response.writeHead(200, { "content-type": "text/event-stream" });
    request.resume().on("end", () => send(0));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1` };
}

function flow(baseUrl: string): NodeDef[] {
  const place = { z: "tab", x: 100, y: 100 };
  const chat = { ...place, type: "huggingface-chat", wires: [["on-reply"], ["on-stream"], []] };
  const sink = { ...place, type: "function", outputs: 0, wires: [] };
  const configFor = (id: string, deltas: number, more: object = { credentials: { token: TOKEN } }) => ({
    ...{ id, type: "huggingface-config", model: "test/model", baseUrl, headers: { "x-deltas": String(deltas) } },
    ...more,
  });
  return [
    { id: "tab", type: "tab", label: "Walk" },
    configFor("short-without-token", SHORT, {}),
    configFor("short", SHORT),
    configFor("few", FEW),
    configFor("many", MANY),
    { ...chat, id: "plain", config: "short-without-token" },
    { ...chat, id: "token", config: "short" },
    { ...chat, id: "stream", config: "short", stream: true },
    { ...chat, id: "few-streamed", config: "few", stream: true },
    { ...chat, id: "many-streamed", config: "many", stream: true },
    { ...chat, id: "memory", config: "short", conversation: "topic", conversationType: "msg" },
    { ...sink, id: "on-reply", func: 'global.get("walk").reply();' },
    { ...sink, id: "on-stream", func: "" },
    { ...place, id: "catch", type: "catch", wires: [["on-error"]] },
    { ...sink, id: "on-error", func: 'global.get("walk").error(msg.error);' },
  ];
}

/** The functions that the flow calls. */
interface Listeners {
  reply?: () => void;
  error?: (error: { message: string }) => void;
}

/** Asks questions of the nodes in a Node-RED and counts what runs for them. */
class Walker {
  readonly #red: Red;
  readonly #listeners: Listeners;
  readonly #session = new inspector.Session();

  constructor(red: Red, listeners: Listeners) {
    this.#red = red;
    this.#listeners = listeners;
    this.#session.connect();
  }

  /** Asks "Hi" and counts the calls of our functions until the reply is there. */
  async count(node: string): Promise<Calls> {
    await this.#session.post("Profiler.enable");
    await this.#session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
    await this.#session.post("Profiler.takePreciseCoverage");
    await this.#ask(node);
    const { result } = await this.#session.post("Profiler.takePreciseCoverage");
    await this.#session.post("Profiler.disable");
    const calls: Calls = new Map();
    for (const { url, functions } of result) {
      const file = url.replace(/^file:\/\//, "");
      if (!file.startsWith(ours)) continue;
      for (const { functionName, ranges } of functions) {
        const [range] = ranges;
        if (!range || range.count === 0) continue;
        calls.set(`${file.slice(ours.length)} ${functionName || "(anonymous)"}:${range.startOffset}`, range.count);
      }
    }
    return calls;
  }

  /** Asks "Hi" of a node that streams. @returns our files on the stack when a delta is sent, the first one first */
  async way(node: string): Promise<string[]> {
    const stacks: string[] = [];
    // Node-RED awaits handlers with no argument or with two.
    nodeRed.hooks.add("onSend.walk", (_events) => {
      stacks.push(new Error().stack ?? "");
    });
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 200;
    await this.#ask(node);
    Error.stackTraceLimit = limit;
    nodeRed.hooks.remove("onSend.walk");
    // The first delta costs more than the others.
    const stack = stacks[Math.floor(stacks.length / 2)] ?? "";
    const files = stack.split("\n").flatMap((line) => {
      const at = line.indexOf(ours);
      return at < 0 ? [] : [line.slice(at + ours.length).replace(/:\d+:\d+\)?$/, "")];
    });
    return files.reverse().filter((file, index, all) => file !== all[index - 1]);
  }

  async #ask(node: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#listeners.reply = resolve;
      this.#listeners.error = ({ message }) => reject(new Error(message));
      this.#red.nodes.getNode(node)?.receive({ payload: "Hi", topic: "Anna" });
    });
    // Waits for what follows a reply: the end of its body, the status.
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Starts Node-RED and follows questions through it. */
export async function walk(): Promise<Findings> {
  const userDir = mkdtempSync(path.join(tmpdir(), "huggingface-walk-"));
  const { server, baseUrl } = await startServer();
  const listeners: Listeners = {};
  const settings = {
    ...headlessSettings,
    userDir,
    functionGlobalContext: { walk: listeners },
  };
  const red = await startRed(http.createServer(), settings);
  try {
    await deploy(red, flow(baseUrl));
    return await findings(new Walker(red, listeners));
  } finally {
    await red.stop();
    server.closeAllConnections();
    server.close();
    rmSync(userDir, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function findings(walker: Walker): Promise<Findings> {
  const files: Partial<Findings["files"]> = {};
  for (const route of ROUTES) {
    // The first question makes the client and the connection.
    await walker.count(route);
    files[route] = filesOf(await walker.count(route));
  }
  for (const node of ["few-streamed", "many-streamed"]) await walker.count(node);
  const few = await walker.count("few-streamed");
  const many = await walker.count("many-streamed");
  const callsPerDelta = new Map<string, number>();
  for (const [name, count] of many) {
    const each = (count - (few.get(name) ?? 0)) / (MANY - FEW);
    // Fewer calls are occasional, such as those of a timer.
    if (each >= 0.05) callsPerDelta.set(name, each);
  }
  const loaded = Object.keys(require.cache).flatMap((file) => (file.startsWith(ours) ? [file.slice(ours.length)] : []));
  return {
    files: files as Findings["files"],
    loaded: loaded.sort(),
    callsPerDelta,
    way: await walker.way("many-streamed"),
  };
}

function filesOf(calls: Calls): string[] {
  return [...new Set([...calls.keys()].map((name) => name.split(" ")[0] ?? ""))].sort();
}

async function main(): Promise<void> {
  await build(console.error);
  const { files, loaded, callsPerDelta, way } = await walk();
  for (const route of ROUTES) console.log(`${String(files[route].length).padStart(3)} files: ${route}`);
  const sum = [...callsPerDelta.values()].reduce((all, each) => all + each, 0);
  console.log(`${sum.toFixed(1)} calls a delta, through ${way.join(" > ")}`);
  if (!process.argv.includes("--list")) return;
  for (const route of ROUTES) console.log(`\n${route}:\n${files[route].join("\n")}`);
  console.log(`\nloaded:\n${loaded.join("\n")}\n`);
  for (const [name, each] of callsPerDelta) console.log(each.toFixed(2), name.replace(/:\d+$/, ""));
}

if (require.main === module) {
  main().catch((error) => {
    console.error(error);
    process.exitCode = 1;
  });
}
