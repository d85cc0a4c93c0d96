import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { type Asking, FEATURES, type Feature, type Message, NotSupported } from "./live-features";
import { deploy, headlessSettings, type NodeDef, type Red, startRed } from "./node-red";

/**
 * Runs the chat node in a real Node-RED against a server that runs, and tells how well the server does.
 *
 *     npm run live -- http://localhost:11434/v1 llama3.2
 *
 * A token comes from `HF_TOKEN` and is sent to that address. The exit code is 1 if something went wrong, and 0 if all went
 * well or is not supported.
 */

/** Words of servers that cannot do what was asked. */
const UNSUPPORTED =
  /unsupported|not? support|does ?n.t support|not (permitted|allowed|enabled|implemented)|requires|unknown field/i;

interface Row {
  feature: string;
  outcome: "ok" | "no" | "not supported";
  ms: number;
  seen: string;
}

/** What the function nodes of the flow call. */
interface Listeners {
  reply?: (msg: Message) => void;
  piece?: (msg: { payload: string; complete?: boolean }) => void;
  error?: (msg: Message) => void;
}

interface Server {
  baseUrl: string;
  model: string;
  token: string | undefined;
}

/** What the tools say, by name. */
const TOOLS: Record<string, string> = { get_weather: "21 degrees and sunny", get_time: "12:30" };
const CITY = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };

function flow({ baseUrl, model, token }: Server, { chat = {}, tools = [] }: Feature): NodeDef[] {
  const place = { z: "tab", x: 100, y: 100 };
  const call = (id: string, listener: string) => ({
    ...{ ...place, id, type: "function", outputs: 0, wires: [] },
    func: `global.get("live").${listener}?.(msg);`,
  });
  const toolNodes = tools.flatMap((name) => [
    {
      ...{ ...place, id: name, type: "huggingface-tool", name, description: `Tells the ${name.slice(4)} in a city.` },
      ...{ parameters: JSON.stringify(CITY), wires: [[`${name}-says`]] },
    },
    {
      ...{ ...place, id: `${name}-says`, type: "function", outputs: 1, wires: [[`${name}-back`]] },
      func: `msg.payload = ${JSON.stringify(TOOLS[name])}; return msg;`,
    },
    { ...place, id: `${name}-back`, type: "link out", mode: "return", links: [] },
  ]);
  return [
    { id: "tab", type: "tab", label: "Live" },
    { id: "config", type: "huggingface-config", model, baseUrl, ...(token && { credentials: { token } }) },
    {
      ...{ ...place, id: "chat", type: "huggingface-chat", config: "config", tools, ...chat },
      wires: [["on-reply"], ["on-piece"], []],
    },
    call("on-reply", "reply"),
    call("on-piece", "piece"),
    { ...place, id: "catch", type: "catch", scope: null, wires: [["on-error"]] },
    call("on-error", "error"),
    ...toolNodes,
  ];
}

function asking(red: Red, listeners: Listeners): Asking {
  const steer = (message: object) => red.nodes.getNode("chat")?.receive(message);
  return {
    steer,
    ask: (message, onPiece) =>
      new Promise((resolve, reject) => {
        let pieces = 0;
        listeners.reply = resolve;
        listeners.error = reject;
        listeners.piece = ({ payload, complete }) => !complete && onPiece?.(payload, ++pieces);
        steer(message);
      }),
  };
}

async function attempt(red: Red, listeners: Listeners, server: Server, feature: Feature): Promise<Row> {
  await deploy(red, flow(server, feature));
  const begin = performance.now();
  const row = (outcome: Row["outcome"], seen: string): Row => ({
    ...{ feature: feature.name, outcome, seen },
    ms: performance.now() - begin,
  });
  try {
    return row("ok", await feature.run(asking(red, listeners)));
  } catch (thrown) {
    if (thrown instanceof NotSupported) return row("not supported", thrown.message);
    if (thrown instanceof Error) return row("no", thrown.message);
    const { code, message = "" } = (thrown as Message).error ?? {};
    return row(UNSUPPORTED.test(message) ? "not supported" : "no", `${code}: ${message}`);
  }
}

function print({ feature, outcome, ms, seen }: Row): void {
  const line = seen.replace(/\s+/g, " ");
  const time = `${(ms / 1000).toFixed(1)} s`;
  console.log(`${feature.padEnd(18)} ${outcome.padEnd(14)} ${time.padStart(7)}  ${line.slice(0, 160)}`);
}

/** @returns true if nothing went wrong */
async function live(server: Server): Promise<boolean> {
  const userDir = mkdtempSync(path.join(tmpdir(), "huggingface-live-"));
  const listeners: Listeners = {};
  const warnings: string[] = [];
  const red = await startRed(http.createServer(), {
    ...headlessSettings,
    userDir,
    functionGlobalContext: { live: listeners },
    logging: {
      warnings: { level: "warn", handler: () => (entry: { msg: unknown }) => warnings.push(String(entry.msg)) },
    },
  });
  const rows: Row[] = [];
  try {
    console.log(`${server.model} at ${server.baseUrl}, in Node-RED ${red.version()}\n`);
    for (const feature of FEATURES) {
      warnings.length = 0;
      const row = await attempt(red, listeners, server, feature);
      if (warnings.length > 0) row.seen += ` (${warnings.join(" ")})`;
      rows.push(row);
      print(row);
    }
  } finally {
    await red.stop();
    rmSync(userDir, { recursive: true, force: true, maxRetries: 5 });
  }
  const count = (wanted: Row["outcome"]) => rows.filter(({ outcome }) => outcome === wanted).length;
  console.log(`\n${count("ok")} ok, ${count("no")} no, ${count("not supported")} not supported`);
  return count("no") === 0;
}

const [baseUrl, model] = process.argv.slice(2);
if (!baseUrl || !model) {
  console.error("Usage: npm run live -- URL MODEL, for example http://localhost:11434/v1 llama3.2");
  process.exit(2);
}
live({ baseUrl, model, token: process.env.HF_TOKEN }).then(
  (isFine) => process.exit(isFine ? 0 : 1),
  (error) => {
    console.error(`It could not be tried: ${error instanceof Error ? error.message : error}`);
    process.exit(2);
  },
);
