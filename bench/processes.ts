import { type ChildProcess, fork } from "node:child_process";
import path from "node:path";

/** The contestants, in the order of the table. */
export const CONTESTANTS = {
  floor: "floor: undici, eventsource-parser, JSON.parse, one send",
  ours: "huggingface chat, Stream on",
  inference: "ten lines around @huggingface/inference",
  openai: "ten lines around openai",
  ai: "ten lines around ai and @ai-sdk/openai-compatible",
} as const;

export type Contestant = keyof typeof CONTESTANTS;

/** A process of the benchmark that takes orders. */
export class Worker {
  readonly #child: ChildProcess;

  constructor(script: string, args: string[], nodeOptions: string[] = []) {
    this.#child = fork(path.join(__dirname, script), args, { execArgv: nodeOptions });
  }

  /** Returns the next answer. @throws Error if the process has failed or ended */
  answer<T>(): Promise<T> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null) => reject(new Error(`a process of the benchmark ended with ${code}`));
      this.#child.once("exit", onExit);
      this.#child.once("message", ({ result, error }: { result: T; error?: string }) => {
        this.#child.off("exit", onExit);
        if (error === undefined) resolve(result);
        else reject(new Error(error));
      });
    });
  }

  call<T>(command: string, options: object = {}): Promise<T> {
    const answer = this.answer<T>();
    this.#child.send({ command, options });
    return answer;
  }

  /** Lets the process end by itself, so that it writes its profile. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    await new Promise<void>((resolve) => {
      this.#child.once("exit", () => resolve());
      this.#child.disconnect();
    });
  }
}

/** The server and its address. */
export async function startServer(): Promise<{ url: string; worker: Worker }> {
  const worker = new Worker("server.js", []);
  const port = await worker.answer<number>();
  return { url: `http://127.0.0.1:${port}/v1`, worker };
}

/** A Node-RED of its own for one contestant. @param nodeOptions - for profiles */
export async function startHost(
  contestant: Contestant | "split",
  url: string,
  nodeOptions: string[] = [],
): Promise<Worker> {
  const worker = new Worker("host.js", [JSON.stringify({ contestant, url })], ["--expose-gc", ...nodeOptions]);
  await worker.answer();
  return worker;
}
