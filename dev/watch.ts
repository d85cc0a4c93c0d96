import { type ChildProcess, fork } from "node:child_process";
import { type FSWatcher, readdirSync, watch } from "node:fs";
import path from "node:path";
import { TscWatchClient } from "tsc-watch/client";
import { bundle, compilerOptions, finish, forgetForeignFiles, seconds } from "./build";
import { bundleMcp } from "./bundle-mcp";
import { endWith } from "./failure";
import { packageRoot } from "./node-red";
import { port, refuseTakenPort } from "./port";

/**
 * Runs `npm start` and watches files. A change to the nodes' code, html or texts restarts Node-RED; the editor's scripts
 * only need a reload of the page.
 */

const url = `http://127.0.0.1:${port}/`;

/** Runs `npm start` without the build, one after the other; the next one waits with all modules loaded. */
class NodeRed {
  #running: ChildProcess | undefined;
  #next = this.#spawn();
  #isStarting = false;
  #isWanted = false;

  #spawn(): ChildProcess {
    return fork(path.join(packageRoot, "dev/start.ts"), { execArgv: ["-r", "tsx/cjs"] });
  }

  /** @param since when what was saved was seen */
  async restart(since: number): Promise<void> {
    this.#isWanted = true;
    if (this.#isStarting) return;
    this.#isStarting = true;
    while (this.#isWanted) {
      this.#isWanted = false;
      await stop(this.#running);
      this.#running = this.#next;
      const isReady = await begin(this.#running);
      this.#next = this.#spawn();
      if (isReady && !this.#isWanted) sayReady(since, url);
    }
    this.#isStarting = false;
  }

  async stop(): Promise<void> {
    await Promise.all([stop(this.#next), stop(this.#running)]);
  }
}

/** Resolves to true once it has started; it prints itself why it has not. */
function begin(child: ChildProcess): Promise<boolean> {
  return new Promise((resolve) => {
    child.once("message", () => resolve(true));
    child.once("exit", () => resolve(false));
    child.send("start");
  });
}

async function stop(child: ChildProcess | undefined): Promise<void> {
  if (!child?.connected) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.disconnect();
  await ended;
}

function sayReady(since: number, what: string): void {
  console.log(`Ready after ${seconds(since)} s: ${what}\n`);
}

/** Watches the folders below one, each by itself: so a file is seen that an editor replaces, and one in a new folder. */
function watchFolder(folder: string, pattern: RegExp, changed: () => void): void {
  const watched = new Map<string, FSWatcher>();
  let timer: NodeJS.Timeout | undefined;
  const look = (): void => {
    const folders = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    );
    for (const name of [folder, ...folders.map((entry) => path.join(entry.parentPath, entry.name))]) {
      if (watched.has(name)) continue;
      const watcher = watch(name, (event, file) => {
        if (event === "rename") look();
        if (file && !pattern.test(file)) return;
        // One save causes several events.
        clearTimeout(timer);
        timer = setTimeout(changed, 50);
      });
      watcher.on("error", () => watcher.close()).on("close", () => watched.delete(name));
      watched.set(name, watcher);
    }
  };
  look();
}

async function main(): Promise<void> {
  await refuseTakenPort("npm run dev");
  let started = performance.now();
  console.log("Building …");
  forgetForeignFiles();
  await bundleMcp();
  const nodeRed = new NodeRed();
  const compiler = new TscWatchClient();
  compiler.on("started", () => {
    started = performance.now();
  });
  compiler.on("success", async () => {
    await rebuild();
    await nodeRed.restart(started);
  });
  compiler.on("compile_errors", () => console.log("Not started anew: the code has mistakes.\n"));
  compiler.on("exit", () => end(1));
  compiler.start("--noClear", ...compilerOptions);
  watchFolder(path.join(packageRoot, "src/editor"), /\.ts$/, async () => {
    const since = performance.now();
    if (await rebuild()) sayReady(since, "load the page anew.");
  });
  watchFolder(path.join(packageRoot, "nodes"), /\.(html|json)$/, () => nodeRed.restart(performance.now()));
  const end = async (code: number): Promise<void> => {
    compiler.kill();
    await nodeRed.stop();
    process.exit(code);
  };
  process.once("SIGINT", () => end(0));
  process.once("SIGTERM", () => end(0));
  // The shell between npm and this process forwards no signal; it only ends.
  const parent = process.ppid;
  setInterval(() => process.ppid === parent || end(0), 500).unref();
}

/** Makes the editor's scripts; the bundler prints their errors itself. */
async function rebuild(): Promise<boolean> {
  try {
    await bundle();
    finish();
    return true;
  } catch {
    console.log("The forms are as they were: their code has mistakes.\n");
    return false;
  }
}

main().catch(endWith("Node-RED could not be started: "));
