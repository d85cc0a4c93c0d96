import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../test/support/server";

/** A server of the fleet, on a port of 127.0.0.1. */
export interface Service {
  port: number;
  /** Starts it again after `stop`, with what it has kept. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

const START_MS = 10_000;
const DURABLE = ["--appendonly", "yes", "--appendfsync", "always"];

/** @returns the path of the first of these programs that is installed */
function find(...names: string[]): string | undefined {
  // Debian installs servers in a folder that is not on users' PATH.
  const folders = [...(process.env.PATH ?? "").split(path.delimiter), "/usr/sbin", "/usr/local/sbin"];
  const files = process.platform === "win32" ? names.map((name) => `${name}.exe`) : names;
  return files.flatMap((file) => folders.map((folder) => path.join(folder, file))).find(existsSync);
}

const findBroker = () => find("mosquitto");
const findStore = () => find("valkey-server", "redis-server");

/** Returns what must be installed before a fleet can start, in words; empty if nothing is missing. */
export function missingServices(): string {
  const missing = [];
  if (!findBroker()) missing.push("mosquitto");
  if (!findStore()) missing.push("valkey-server or redis-server");
  return missing.join(" and ");
}

export async function startBroker(folder: string): Promise<Service> {
  const port = await freePort();
  const file = path.join(folder, "mosquitto.conf");
  // By default the broker queues 1,000 messages for a client, too few for the chunks of hundreds of questions.
  writeFileSync(file, `listener ${port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 20000\nlog_type none\n`);
  return startService(findBroker(), ["-c", file], port);
}

/** Starts Redis or Valkey, which writes to disk at once, so that it knows all when it is started again. */
export async function startStore(folder: string): Promise<Service> {
  const port = await freePort();
  const args = ["--bind", "127.0.0.1", "--port", String(port), "--save", "", "--dir", folder, ...DURABLE];
  return startService(findStore(), args, port);
}

async function startService(program: string | undefined, args: string[], port: number): Promise<Service> {
  if (!program) throw new Error(`not installed: ${missingServices()}`);
  let child: ChildProcess | undefined;
  const start = async () => {
    const started = spawn(program, args, { stdio: "ignore" });
    child = started;
    const endAt = performance.now() + START_MS;
    while (!(await isListening(port))) {
      if (started.exitCode !== null || performance.now() > endAt) throw new Error(`${program} does not start`);
      await sleep(50);
    }
  };
  await start();
  return { port, start, stop: async () => child && end(child) };
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1");
    const answer = (isThere: boolean) => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once("connect", () => answer(true));
    socket.once("error", () => answer(false));
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
}
