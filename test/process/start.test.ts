import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { readExamples } from "../../dev/examples";
import type { NodeDef } from "../../dev/node-red";
import { root } from "../support/root";
import { freePort } from "../support/server";

/** Runs `npm start` in a folder of its own. */
class Start {
  output = "";
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;

  constructor(
    readonly port: number,
    userDir: string,
  ) {
    this.#child = spawn(process.execPath, ["--import", "tsx", "dev/start.ts"], {
      cwd: root,
      env: { ...process.env, PORT: String(port), EXAMPLES_DIR: userDir },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (data) => {
        this.output += data;
      });
    }
    this.#ended = new Promise((resolve) => this.#child.on("close", resolve));
  }

  /** Resolves when the editor's address is printed, or the process has ended. */
  async ready(): Promise<void> {
    let over = false;
    this.#ended.then(() => {
      over = true;
    });
    while (!over && !this.output.includes("Node-RED's editor:"))
      await new Promise((resolve) => setTimeout(resolve, 50));
  }

  ended(): Promise<number | null> {
    return this.#ended;
  }

  stop(): Promise<number | null> {
    this.#child.kill("SIGINT");
    return this.#ended;
  }

  async flows(): Promise<NodeDef[]> {
    return (await fetch(`http://127.0.0.1:${this.port}/flows`)).json() as Promise<NodeDef[]>;
  }
}

describe("npm start", function () {
  this.timeout(60_000);
  let userDir: string;
  let port: number;
  let running: Start | undefined;

  beforeEach(async () => {
    userDir = mkdtempSync(path.join(tmpdir(), "huggingface-start-"));
    port = await freePort();
  });
  afterEach(async () => {
    await running?.stop();
    rmSync(userDir, { recursive: true, force: true, maxRetries: 5 });
  });

  it("opens the editor with every example in a tab, and keeps what is changed there", async () => {
    running = new Start(port, userDir);
    await running.ready();
    assert.match(running.output, /HF_TOKEN is not set: questions go to a stand-in on this machine/);
    const before = await running.flows();
    const tabs = readExamples().map((example) => example.flow.find((node) => node.type === "tab")?.label);
    assert.deepEqual(
      before.filter((node) => node.type === "tab").map((node) => node.label),
      tabs,
    );
    assert.match(await (await fetch(`http://127.0.0.1:${port}/`)).text(), /Node-RED/);
    // On Windows a signal kills a process at once, without an exit code of its own.
    assert.equal(await running.stop(), process.platform === "win32" ? null : 0);

    changeFlows(userDir, (node) => {
      if (node.type === "huggingface-chat") node.name = "changed";
      if (node.type === "tab" && node.label === tabs[0]) node.label = "Mine";
    });
    const own = "https://my-server.example/v1";
    changeFlows(userDir, (node, index) => {
      if (node.type === "huggingface-config" && index === firstConfig(before)) node.baseUrl = own;
    });
    running = new Start(port, userDir);
    await running.ready();
    const after = await running.flows();
    assert.ok(after.some((node) => node.label === "Mine"));
    assert.ok(after.every((node) => node.type !== "huggingface-chat" || node.name === "changed"));
    const urls = after.filter((node) => node.type === "huggingface-config").map((node) => node.baseUrl);
    const standIn = `http://127.0.0.1:${port + 1000}/v1`;
    assert.ok(running.output.includes(`${standIn}.`), running.output);
    assert.deepEqual(urls, [own, ...urls.slice(1).map(() => standIn)]);
  });

  it("says so when its port is taken, before anything else, and what to do", async () => {
    const other = net.createServer();
    await new Promise<void>((resolve) => other.listen(port, "127.0.0.1", resolve));
    running = new Start(port, userDir);
    assert.equal(await running.ended(), 1);
    assert.match(
      running.output,
      new RegExp(`^Node-RED could not be started: port ${port} is taken. .*PORT=\\d+ npm start$`, "m"),
    );
    assert.doesNotMatch(running.output, /Building|HF_TOKEN/);
    await new Promise((resolve) => other.close(resolve));
  });
});

function firstConfig(flow: NodeDef[]): number {
  return flow.findIndex((node) => node.type === "huggingface-config");
}

function changeFlows(userDir: string, change: (node: NodeDef, index: number) => void): void {
  const file = path.join(userDir, "flows.json");
  const flow: NodeDef[] = JSON.parse(readFileSync(file, "utf8"));
  flow.forEach(change);
  writeFileSync(file, JSON.stringify(flow));
}
