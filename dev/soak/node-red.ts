import { type ChildProcess, fork } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { freePort } from "../../test/support/server";
import { commonSettings, type NodeDef } from "../node-red";
import type { Sample } from "./drift";
import type { Event, Order, Report, Seen } from "./probe";

const START_MS = 60_000;
const DEPLOY_MS = 20_000;

/** A real `red.js` with the probe in it (see `probe.ts`), deployed to as the editor does. */
export class SoakNodeRed extends EventEmitter<{ [kind in Report["kind"]]: [report: Report] }> {
  readonly #userDir = mkdtempSync(path.join(tmpdir(), "huggingface-soak-"));
  readonly #onEvents: (events: readonly Event[], pieces: number) => void;
  #child: ChildProcess | undefined;
  #url = "";
  readonly problems: string[] = [];

  constructor(onEvents: (events: readonly Event[], pieces: number) => void) {
    super();
    this.#onEvents = onEvents;
  }

  async start(): Promise<void> {
    const port = await freePort();
    this.#url = `http://127.0.0.1:${port}`;
    const settings = JSON.stringify({ ...commonSettings, credentialSecret: false });
    const probe = JSON.stringify(path.join(__dirname, "probe.ts"));
    const file = path.join(this.#userDir, "settings.js");
    writeFileSync(
      file,
      `module.exports = { ...${settings}, logging: { console: { level: "off" } },
        contextStorage: { default: { module: "memory" }, disk: { module: "localfilesystem", config: { flushInterval: 1 } } },
        functionGlobalContext: { soak: require(${probe}) } };`,
    );
    writeFileSync(path.join(this.#userDir, "flows.json"), "[]");
    const args = ["-u", this.#userDir, "-s", file, "-p", String(port), "flows.json"];
    const child = fork(require.resolve("node-red/red.js"), args, {
      execArgv: process.execArgv,
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    this.#child = child;
    child.on("exit", (code) => code && this.problems.push(`Node-RED has ended with ${code}`));
    child.on("message", (report: Report) => {
      if (report.kind === "events") this.#onEvents(report.events, report.pieces);
      else if (report.kind === "problem") this.problems.push(report.text);
      else this.emit(report.kind, report);
    });
    await once(this, "started", { signal: AbortSignal.timeout(START_MS) });
  }

  async deploy(flow: readonly NodeDef[], type: "full" | "nodes"): Promise<void> {
    const started = once(this, "started", { signal: AbortSignal.timeout(DEPLOY_MS) });
    // A connection that is kept would be counted among the sockets.
    const headers = {
      "content-type": "application/json",
      "node-red-deployment-type": type,
      "node-red-api-version": "v1",
      connection: "close",
    };
    const response = await fetch(`${this.#url}/flows`, { method: "POST", headers, body: JSON.stringify(flow) });
    await response.text();
    if (!response.ok) throw new Error(`the deploy ended with ${response.status}`);
    await started;
  }

  receive(node: string, message: object, sound = false): void {
    this.#order({ kind: "receive", node, message, sound });
  }

  async sample(): Promise<Sample> {
    const [report] = await this.#ask({ kind: "sample" });
    if (report.kind !== "sample") throw new Error("no sample");
    return report.sample;
  }

  async resources(): Promise<Record<string, number>> {
    const [report] = await this.#ask({ kind: "resources" });
    if (report.kind !== "resources") throw new Error("no resources");
    return report.resources;
  }

  async seen(): Promise<Seen> {
    const [report] = await this.#ask({ kind: "seen" });
    if (report.kind !== "seen") throw new Error("nothing was seen");
    return report.seen;
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child?.connected) {
      const ended = once(child, "exit");
      child.disconnect();
      await ended;
    }
    rmSync(this.#userDir, { recursive: true, force: true, maxRetries: 5 });
  }

  #order(order: Order): void {
    if (!this.#child?.connected) throw new Error("Node-RED has ended");
    this.#child.send(order);
  }

  async #ask(order: Order & { kind: "sample" | "resources" | "seen" }): Promise<[Report]> {
    const answer = once(this, order.kind, { signal: AbortSignal.timeout(START_MS) });
    this.#order(order);
    const [report] = await answer;
    return [report];
  }
}
