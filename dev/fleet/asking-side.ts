import { mkdtempSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { deploy, headlessSettings, type Red, startRed } from "../node-red";
import { ASK, askingFlow, PARTITIONS } from "./flows";
import { type Answer, Ledger } from "./ledger";

/** The counters of the node *Ask*. */
interface Counts {
  again: number;
  doubles: number;
}

/** The longest wait for all answers, in ms. */
const PATIENCE_MS = 120_000;

/** A worker accepts questions a second after it has claimed a partition. */
const CLAIM_MS = 2000;

/** The Node-RED of this process, which asks the fleet with the flow of the examples. */
export class AskingSide {
  ledger = new Ledger();
  readonly #red: Red;
  readonly #ask: string;
  /** The worker of each partition. */
  readonly #holders = new Map<string, string>();

  private constructor(red: Red, ask: string, context: Record<string, unknown>) {
    this.#red = red;
    this.#ask = ask;
    context.fleet = {
      chunk: (answer: Answer) => this.ledger.chunk(answer),
      reply: (answer: Answer) => this.ledger.reply(answer),
      failed: (answer: Answer) => this.ledger.failed(answer),
      serves: ({ topic, payload }: { topic: string; payload: string }) => this.#holders.set(topic, payload),
    };
  }

  static async start(folder: string, brokerPort: number, askAgainSeconds: number): Promise<AskingSide> {
    const context: Record<string, unknown> = {};
    const red = await startRed(http.createServer(), {
      ...headlessSettings,
      userDir: mkdtempSync(path.join(folder, "asking-")),
      functionGlobalContext: context,
    });
    const flow = askingFlow(brokerPort, askAgainSeconds);
    const side = new AskingSide(red, flow.find(({ name }) => name === ASK)?.id ?? "", context);
    await deploy(red, flow);
    return side;
  }

  /** Waits until this many workers share the partitions. */
  async servedBy(workers: number): Promise<void> {
    await this.#until(`the partitions are not served by ${workers} workers`, () => {
      const counts = new Map<string, number>();
      for (const holder of this.#holders.values()) counts.set(holder, (counts.get(holder) ?? 0) + 1);
      const shares = [...counts.values()];
      return (
        this.#holders.size === PARTITIONS &&
        !counts.has("") &&
        shares.length === workers &&
        Math.max(...shares) - Math.min(...shares) <= 1
      );
    });
    await sleep(CLAIM_MS);
  }

  /**
   * Asks questions in conversations, `parallel` conversations at a time, and as many single questions as conversations.
   *
   * @param name - the load's name, which keeps its conversations separate from others
   */
  async load(name: string, conversations: number, turns: number, parallel: number): Promise<void> {
    for (let index = 0; index < conversations; index++) {
      // Asks all at once; the flow sends one after the other.
      for (let turn = 1; turn <= turns; turn++) this.#send(`${name}-${index}`, turn, true);
      this.#send(`${name}-single-${index}`, 1, false);
      await this.#until("no reply comes", () => this.ledger.open < parallel * (turns + 1));
    }
    await this.answered();
  }

  /** Asks each conversation of a load once more, so that the model hears all that is remembered of it. */
  async hearAll(name: string, conversations: number, turns: number): Promise<void> {
    for (let index = 0; index < conversations; index++) this.#send(`${name}-${index}`, turns + 1, true);
    await this.answered();
  }

  /** Waits until all questions have their reply. */
  async answered(): Promise<void> {
    await this.#until("not all is answered", () => this.ledger.open === 0);
  }

  async answeredSoMany(replies: number): Promise<void> {
    await this.#until("no reply comes", () => this.ledger.replies >= replies);
  }

  /** Returns how often the flow has asked again, and dropped a second reply. */
  counts(): Counts {
    const node = this.#red.nodes.getNode(this.#ask) as unknown as {
      context(): { get(key: string): { counts: Counts } };
    };
    return { ...node.context().get("books").counts };
  }

  async stop(): Promise<void> {
    await deploy(this.#red, []);
    await this.#red.stop();
  }

  #send(name: string, turn: number, isConversation: boolean): void {
    const number = this.ledger.ask(name, turn);
    const question = { number, payload: `${name} ${turn}`, ...(isConversation && { conversation: name }) };
    this.#red.nodes.getNode(this.#ask)?.receive(question);
  }

  async #until(what: string, isTrue: () => boolean): Promise<void> {
    const endAt = performance.now() + PATIENCE_MS;
    while (!isTrue()) {
      if (performance.now() > endAt) throw new Error(`${what}; ${this.ledger.audit().slice(0, 5).join("; ")}`);
      await sleep(20);
    }
  }
}
