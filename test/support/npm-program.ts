import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { npmCommand } from "../../dev/npm";
import { freePort } from "./server";

/**
 * Fetches packages into a folder of their own, without running their scripts.
 *
 * @returns the folder; undefined, with a line that says "skipped", where npm cannot be reached
 */
export async function fetchPackages(...packages: string[]): Promise<string | undefined> {
  const folder = mkdtempSync(path.join(tmpdir(), "huggingface-npm-"));
  const flags = ["--no-audit", "--no-fund", "--no-save", "--ignore-scripts", "--prefix", folder];
  try {
    await promisify(execFile)(...npmCommand("install", ...flags, ...packages), { cwd: folder, timeout: 180_000 });
    return folder;
  } catch {
    console.log(`        skipped: npm cannot fetch ${packages.join(" and ")} here`);
    return undefined;
  }
}

/** A server of others, in a process of its own, always at the same port of this machine. */
export class Program {
  port = 0;
  #child: ChildProcess | undefined;
  readonly #command: (port: number) => { args: string[]; env?: NodeJS.ProcessEnv };

  /** @param command - makes the arguments for Node.js, and the variables beside those of this process */
  constructor(command: (port: number) => { args: string[]; env?: NodeJS.ProcessEnv }) {
    this.#command = command;
  }

  /** Starts it, and waits until it listens. */
  async start(): Promise<void> {
    this.port ||= await freePort();
    const { args, env } = this.#command(this.port);
    this.#child = spawn(process.execPath, args, { env: { ...process.env, ...env }, stdio: "ignore" });
    for (let turn = 0; turn < 600; turn++) {
      if (await isOpen(this.port)) return;
      await sleep(100);
    }
    throw new Error(`${args.join(" ")} does not listen`);
  }

  /** Kills it. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
