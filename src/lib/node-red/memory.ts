import type { Node } from "node-red";
import type { ChatClient, Claim } from "../client";
import type { Outcome } from "../conversation/ask";
import { tokenCorrection, trimHistory } from "../conversation/history";
import { Lines, type Turn } from "../conversation/lines";
import { copyMessages, type Message } from "../conversation/prompt";
import type { Question } from "../conversation/request";
import { type ChatDef, readHistoryLimits } from "./chat-options";
import { ConversationStore } from "./conversation-store";

/** A question's turn in its conversation. */
export interface Recollection {
  /** What is remembered; undefined where there is nothing to remember. */
  history?: Message[];
  /** Whether the question has waited for its turn, so that it is not refused any more. */
  claim: Claim;
  /** How long it has waited. */
  waitedMs: number;
  /**
   * Remembers how the question ended.
   *
   * @throws ChatError `memory_unwritable`
   */
  keep(outcome: Outcome, question: Question): Promise<void>;
  /** Lets the next question of the conversation have its turn. */
  end(): void;
}

const NOTHING: Recollection = { claim: "new", waitedMs: 0, keep: async () => {}, end: () => {} };

/** @returns undefined if `signal` fires first; what fails afterwards is nobody's business */
function untilAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const onAbort = () => resolve(undefined);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/** What a node remembers: conversations, one entry each, in a context store that the user has chosen. */
export class Memory {
  readonly #def: ChatDef;
  readonly #store: ConversationStore;
  readonly #lines = new Lines();

  constructor(node: Node, def: ChatDef) {
    this.#def = def;
    this.#store = new ConversationStore(node, String(def.store ?? ""));
  }

  /**
   * Waits until the questions of the same conversation before this one have ended.
   *
   * @param key - undefined for a question that belongs to no conversation
   * @returns nothing to remember if `signal` fires first
   * @throws ChatError `queue_full`, `memory_unreadable`, or `invalid_input` for limits that are none
   */
  async begin(
    key: string | undefined,
    client: ChatClient,
    signal: AbortSignal,
    onWaiting: () => void,
  ): Promise<Recollection> {
    if (key === undefined) return NOTHING;
    const limits = readHistoryLimits(this.#def);
    const queuedAt = performance.now();
    const isBusy = this.#lines.isBusy(key);
    const release = isBusy ? client.reserve() : undefined;
    if (isBusy) onWaiting();
    const turn = await this.#lines.enter(key, signal);
    release?.();
    if (!turn) return NOTHING;
    try {
      const loaded = await untilAbort(this.#store.load(key), signal);
      if (!loaded) {
        turn.end();
        return NOTHING;
      }
      return {
        // A copy: a store may hand out its own, and messages of flows are changed.
        history: copyMessages(trimHistory(loaded, { ...limits, tokens: undefined }, 1)),
        waitedMs: performance.now() - queuedAt,
        claim: isBusy ? "admitted" : "new",
        keep: ({ completion, messages }, { request, added }) => {
          const { response_format = "", tools = "" } = request;
          const sent = [...messages.slice(0, -1), response_format, tools];
          const correction = tokenCorrection(completion.steps.at(-1)?.usage, sent) ?? 1;
          return this.#store.save(key, trimHistory(copyMessages(messages.slice(added)), limits, correction));
        },
        end: turn.end,
      };
    } catch (error) {
      turn.end();
      throw error;
    }
  }

  /**
   * Forgets a conversation, or all, behind the questions that came before.
   *
   * @throws ChatError `memory_unwritable`
   */
  async forget(key: string | undefined): Promise<void> {
    if (key !== undefined) {
      await this.#inTurn(this.#lines.enter(key), () => this.#store.forget(key));
      return;
    }
    const { lines, others } = this.#lines.enterAll();
    const busy = lines.map(([name]) => name);
    await Promise.all([
      this.#inTurn(others, () => this.#store.forgetAllBut(busy)),
      ...lines.map(([name, turn]) => this.#inTurn(turn, () => this.#store.forget(name))),
    ]);
  }

  async #inTurn(turn: Promise<Turn | undefined>, act: () => Promise<void>): Promise<void> {
    const taken = await turn;
    try {
      await act();
    } finally {
      taken?.end();
    }
  }
}
