import type { Dispatcher } from "undici";
import type { Connection } from "../connection/connection";
import { KeptConnections } from "../connection/kept-connections";
import { loadModule } from "../load-module";
import { asRecord, parseJson } from "../unknown";
import { type DemoReply, demoReply } from "./reply";

/** Time between two words, in ms. */
const PACE_MS = 25;
/** The one that is listed. */
const MODEL = "demo";
const HEADERS = { "content-type": "text/event-stream", "x-inference-provider": "demo" };

/** Answers in place of a server, without a network. */
export function openDemo(): Connection {
  const { exchange } = loadModule("exchange", (): typeof import("../response/exchange") =>
    require("../response/exchange"),
  );
  const dispatcher = new DemoDispatcher();
  return {
    dispatcher: dispatcher as unknown as Dispatcher,
    request: (async () => ({ statusCode: 200, body: listing() })) as unknown as Connection["request"],
    kept: new KeptConnections(),
    proxyHost: undefined,
    exchange,
  };
}

/** Streams replies as a server does; whoever asks cannot tell them apart. */
class DemoDispatcher {
  readonly #running = new Set<Stream>();

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const stream = new Stream(handler, () => this.#running.delete(stream));
    this.#running.add(stream);
    stream.start(eventsOf(demoReply(asRecord(parseJson(String(options.body))) ?? {})));
    return true;
  }

  async destroy(): Promise<void> {
    for (const stream of this.#running) stream.abort(new Error("closed"));
  }
}

/** One reply that is being sent. */
class Stream implements Dispatcher.DispatchController {
  readonly #handler: Dispatcher.DispatchHandler;
  readonly #onEnd: () => void;
  #timer: NodeJS.Timeout | undefined;
  aborted = false;
  paused = false;
  reason: Error | null = null;

  constructor(handler: Dispatcher.DispatchHandler, onEnd: () => void) {
    this.#handler = handler;
    this.#onEnd = onEnd;
  }

  start(events: string[]): void {
    this.#handler.onRequestStart?.(this, {});
    if (this.aborted) return;
    this.#handler.onResponseStart?.(this, 200, HEADERS);
    const left = events.values();
    const next = () => {
      const { value, done } = left.next();
      if (done) {
        this.#onEnd();
        this.#handler.onResponseEnd?.(this, {});
        return;
      }
      this.#timer = setTimeout(next, PACE_MS);
      this.#handler.onResponseData?.(this, Buffer.from(`data: ${value}\n\n`));
    };
    this.#timer = setTimeout(next, PACE_MS);
  }

  abort(reason: Error): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    clearTimeout(this.#timer);
    this.#onEnd();
    this.#handler.onResponseError?.(this, reason);
  }

  // Nobody pauses what comes word by word.
  pause(): void {}
  resume(): void {}
}

function eventsOf({ deltas, call, usage }: DemoReply): string[] {
  const base = { id: "demo", object: "chat.completion.chunk", created: Math.floor(Date.now() / 1000), model: MODEL };
  const chunk = (delta: object, finish_reason: string | null = null) =>
    JSON.stringify({ ...base, choices: [{ index: 0, delta, finish_reason }] });
  const calls = call ? [{ tool_calls: [{ index: 0, id: "demoCall1", type: "function", function: call }] }] : [];
  return [
    chunk({ role: "assistant", content: "" }),
    ...deltas.map((content) => chunk({ content })),
    ...calls.map((delta) => chunk(delta)),
    chunk({}, call ? "tool_calls" : "stop"),
    JSON.stringify({ ...base, choices: [], usage }),
    "[DONE]",
  ];
}

async function* listing(): AsyncGenerator<Buffer> {
  yield Buffer.from(JSON.stringify({ object: "list", data: [{ id: MODEL, object: "model", owned_by: "demo" }] }));
}
