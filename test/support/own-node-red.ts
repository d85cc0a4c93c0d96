import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { NodeDef } from "./node-red";
import { root } from "./root";
import { freePort } from "./server";

/** A setting that requires a login; the token identifies the user. */
export const ADMIN_AUTH = `adminAuth: {
  type: "credentials",
  users: async () => null,
  tokens: async (token) => ({
    reader: { username: "reader", permissions: "read" },
    writer: { username: "writer", permissions: "*" },
  })[token] ?? null,
}`;

/** What Node-RED logs, in each language, when its flows run. */
function startedText(language: string): string {
  const runtime = path.dirname(require.resolve("@node-red/runtime/package.json"));
  const texts = JSON.parse(readFileSync(path.join(runtime, `locales/${language}/runtime.json`), "utf8"));
  return texts.nodes.flows["started-flows"];
}

/** Node-RED as users start it, in a process of its own that can be killed. */
export class OwnNodeRed {
  /** The Node.js that runs it. */
  node = process.execPath;
  readonly userDir = mkdtempSync(path.join(tmpdir(), "huggingface-own-"));
  readonly #flow: NodeDef[];
  readonly #settings: string;
  readonly #started: string;
  readonly #env: NodeJS.ProcessEnv;
  #port = 0;
  #child: ChildProcess | undefined;
  #output = "";

  /**
   * @param settings - beside those of all tests
   * @param more - settings that JSON cannot express, as JavaScript between braces
   * @param env - environment variables beside those of this process
   */
  constructor(
    flow: NodeDef[],
    settings: { lang?: string; [name: string]: unknown },
    more = "",
    env: NodeJS.ProcessEnv = {},
  ) {
    this.#flow = flow;
    this.#started = startedText(settings.lang ?? "en-US");
    this.#env = { ...process.env, ...env };
    const common = {
      nodesDir: root,
      uiHost: "127.0.0.1",
      credentialSecret: false,
      lang: "en-US",
      telemetry: { enabled: false, updateNotification: false },
    };
    this.#settings = `module.exports = { ...${JSON.stringify({ ...common, ...settings })}, ${more} };`;
  }

  /** The URL of its http nodes and admin routes. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Its output since it was started. */
  get output(): string {
    return this.#output;
  }

  /** Starts or restarts it, and waits until its flow runs. */
  async start(): Promise<void> {
    if (this.#port === 0) {
      this.#port = await freePort();
      writeFileSync(path.join(this.userDir, "settings.js"), this.#settings);
      writeFileSync(path.join(this.userDir, "flows.json"), JSON.stringify(this.#flow));
    }
    const args = ["-u", this.userDir, "-s", path.join(this.userDir, "settings.js"), "-p", String(this.#port)];
    const child = spawn(this.node, [require.resolve("node-red/red.js"), ...args, "flows.json"], {
      cwd: root,
      env: this.#env,
    });
    this.#child = child;
    this.#output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (data) => {
        this.#output += data;
      });
    }
    while (!this.#output.includes(this.#started)) {
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

  /** Freezes it, sockets open, until `thaw`. */
  freeze(): void {
    this.#child?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#child?.kill("SIGCONT");
  }

  /** Ends it for good. */
  async remove(): Promise<void> {
    await this.end("SIGKILL");
    rmSync(this.userDir, { recursive: true, force: true, maxRetries: 5 });
  }
}
