import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { chatFlow, flowNode, type Message } from "../support/node-red";
import { freePort, inTurn, reply, startServer, type TestServer } from "../support/server";

const root = path.join(__dirname, "../..");

/** Node-RED as users start it, in a process of its own that can be killed. */
class OwnNodeRed {
  readonly #userDir: string;
  readonly #port: number;
  #child: ChildProcess | undefined;
  #output = "";

  constructor(userDir: string, port: number) {
    this.#userDir = userDir;
    this.#port = port;
  }

  async start(): Promise<void> {
    const args = ["-u", this.#userDir, "-s", path.join(this.#userDir, "settings.js"), "-p", String(this.#port)];
    const child = spawn(process.execPath, [require.resolve("node-red/red.js"), ...args, "flows.json"], { cwd: root });
    this.#child = child;
    this.#output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (this.#output += data));
    while (!this.#output.includes("Started flows")) {
      if (child.exitCode !== null) throw new Error(`Node-RED has ended: ${this.#output}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
  }

  async ask(question: string): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.#port}/ask?question=${question}`)).text();
  }

  /** What stands in the files of the context store. */
  get stored(): string {
    const folder = path.join(this.#userDir, "context");
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".json"));
    return files.map((file) => readFileSync(path.join(folder, file), "utf8")).join("\n");
  }
}

describe("a conversation in a store on disk", function () {
  this.timeout(90_000);
  let userDir: string;
  let server: TestServer;
  let red: OwnNodeRed;

  before(async () => {
    userDir = mkdtempSync(path.join(tmpdir(), "huggingface-restart-"));
    server = await startServer();
    red = new OwnNodeRed(userDir, await freePort());
    const settings = {
      nodesDir: root,
      uiHost: "127.0.0.1",
      httpAdminRoot: false,
      credentialSecret: false,
      contextStorage: { default: { module: "localfilesystem", config: { flushInterval: 1 } } },
      telemetry: { enabled: false, updateNotification: false },
    };
    writeFileSync(path.join(userDir, "settings.js"), `module.exports = ${JSON.stringify(settings)};`);
    const chat = { conversation: "kept", conversationType: "str", prompt: "req.query.question" };
    const own = ["tab", "huggingface-config", "huggingface-chat"];
    const flow = chatFlow(server.url, { ...chat, wires: [["out"], [], []] }).filter(({ type }) => own.includes(type));
    writeFileSync(
      path.join(userDir, "flows.json"),
      JSON.stringify([
        ...flow,
        flowNode("in", "http in", { url: "/ask", method: "get", wires: [["chat"]] }),
        flowNode("out", "http response", { statusCode: "", headers: {} }),
      ]),
    );
  });
  after(async () => {
    await red.end("SIGKILL");
    await server.close();
    rmSync(userDir, { recursive: true, force: true, maxRetries: 5 });
  });

  const sent = () => server.last.body.messages.map(({ content }: Message) => content);

  it("goes on after Node-RED was killed, and after it was ended in the middle of a question", async () => {
    server.handle(inTurn(reply("1"), reply("2"), () => {}, reply("4")));
    await red.start();
    assert.equal(await red.ask("one"), "1");
    while (!red.stored.includes('"one"')) await new Promise((resolve) => setTimeout(resolve, 100));
    await red.end("SIGKILL");

    await red.start();
    assert.equal(await red.ask("two"), "2");
    assert.deepEqual(sent(), ["one", "1", "two"]);
    const unanswered = red.ask("three").catch(() => {});
    await server.waitFor(3);
    await red.end("SIGTERM");
    await unanswered;

    await red.start();
    assert.equal(await red.ask("four"), "4");
    assert.deepEqual(sent(), ["one", "1", "two", "2", "four"]);
  });
});
