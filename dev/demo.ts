import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { build } from "./build";
import { chooseServer } from "./chosen-server";
import { exampleModel } from "./examples";
import { endWith } from "./failure";
import { deploy, headlessSettings, type NodeDef, type Red, startRed } from "./node-red";

const question = "In one sentence: what is Node-RED?";
const patienceMs = 120_000;

/** The parts of a Reply that the demo reads. */
interface Reply {
  payload: string;
  completion: { model?: string; finish_reason?: string; usage?: object; timing?: { total_ms?: number } };
}

/** The functions of this program that the flow's function nodes call. */
interface Listeners {
  chunk(text: string): void;
  reply(msg: Reply): void;
  error(msg: { error: { message: string } }): void;
}

/** Asks one question through the two nodes in a Node-RED without an editor, and prints what comes back. */
async function demo(): Promise<void> {
  await build(console.log);
  const server = await chooseServer();
  const userDir = mkdtempSync(path.join(tmpdir(), "huggingface-demo-"));
  let red: Red | undefined;
  try {
    console.log(server.explanation);
    const context: Partial<Listeners> = {};
    red = await startRed(http.createServer(), { ...headlessSettings, userDir, functionGlobalContext: context });
    console.log(`Node-RED ${red.version()} runs without an editor.\n`);
    await deploy(red, flow(server.baseUrl));
    printReply(await ask(red, context));
  } finally {
    await red?.stop();
    await server.stop();
    rmSync(userDir, { recursive: true, force: true, maxRetries: 5 });
  }
}

function flow(baseUrl: string): NodeDef[] {
  return [
    { id: "tab", type: "tab", label: "Demo" },
    { id: "config", type: "huggingface-config", name: "", model: exampleModel(), baseUrl },
    {
      ...place("chat", 1),
      type: "huggingface-chat",
      name: "",
      config: "config",
      stream: true,
      wires: [["reply"], ["stream"], []],
    },
    call("reply", 'global.get("reply")(msg);'),
    call("stream", 'global.get("chunk")(msg.payload);'),
    { ...place("catch", 3), type: "catch", name: "", scope: null, uncaught: false, wires: [["error"]] },
    call("error", 'global.get("error")(msg);'),
  ];
}

/** Makes a function node that passes its message to this program. */
function call(id: string, func: string): NodeDef {
  return { ...place(id, 2), type: "function", name: id, func, outputs: 1, libs: [], wires: [[]] };
}

/** Node-RED treats a node without coordinates as a config node. */
function place(id: string, column: number): { id: string; z: string; x: number; y: number } {
  return { id, z: "tab", x: 150 * column, y: 100 };
}

function ask(red: Red, listeners: Partial<Listeners>): Promise<Reply> {
  console.log(`Question: ${question}`);
  process.stdout.write("Stream:   ");
  return new Promise((resolve, reject) => {
    const fail = (reason: string): void => reject(new Error(reason));
    const timer = setTimeout(() => fail(`no reply within ${patienceMs / 1000} s`), patienceMs);
    const settled = (): void => {
      clearTimeout(timer);
      process.stdout.write("\n");
    };
    listeners.chunk = (text) => process.stdout.write(text);
    listeners.reply = (msg) => {
      settled();
      resolve(msg);
    };
    listeners.error = (msg) => {
      settled();
      fail(msg.error.message);
    };
    red.nodes.getNode("chat")?.receive({ payload: question });
  });
}

function printReply({ payload, completion }: Reply): void {
  const { model, finish_reason, usage, timing } = completion;
  console.log(`\nReply:    ${payload}`);
  console.log(`Model:    ${model ?? "not told"}`);
  console.log(`Finished: ${finish_reason ?? "not told"}${timing?.total_ms ? ` after ${timing.total_ms} ms` : ""}`);
  console.log(`Usage:    ${usage ? JSON.stringify(usage) : "not told"}`);
}

demo().then(() => process.exit(0), endWith("The demo failed: "));
