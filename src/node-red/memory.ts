import type { Node } from "node-red";
import { type ChatClient, isCancelled, type Priority, untilAbort } from "../client/internal";
import { answerAgain, toAnswered } from "../conversation/memory/answered";
import { tokenCorrection } from "../conversation/memory/history";
import { KeyedMutex, type Lock } from "../conversation/memory/keyed-mutex";
import { recall, toRemember } from "../conversation/memory/remembered";
import type { Question } from "../conversation/request/build";
import { checkEnvironment } from "../conversation/request/fields";
import type { Message } from "../conversation/request/prompt";
import type { Outcome } from "../conversation/run/run-question";
import type { Origins } from "../conversation/run/sendable-history";
import type { Arrival } from "./arrivals";
import { type ChatDef, readHistoryLimits } from "./chat-options";
import { ConversationStore } from "./conversation-store";
import { type ReadOptions, readAgain } from "./read-again";

/** A question's lease of its conversation: until it ends, no other question of the conversation is sent. */
export interface ConversationLease {
  /** What is remembered; undefined where there is nothing to remember. */
  history?: Message[];
  /** What is known of its messages beside them. */
  origins?: Origins;
  /** Returns the answer that is remembered for an idempotency key; undefined if there is none, or another question came since. */
  answered?(idempotencyKey: string): Outcome | undefined;
  /** `admitted` if the question has waited for its lease, so that it is not refused any more. */
  priority: Priority;
  /** How long it has waited. */
  waitedMs: number;
  /**
   * Remembers how the question ended, unless nothing of it is kept.
   *
   * @param idempotencyKey - under which the answer can be had again
   * @param signal - ends the wait for a store that does not respond
   * @throws ChatError `memory_unwritable`, `cancelled`
   */
  save(outcome: Outcome, question: Question, signal: AbortSignal, idempotencyKey?: string): Promise<void>;
  /** Lets the next question of the conversation go on. */
  end(): void;
}

/** Longest wait of a question that was aborted, for the store. */
const LONGEST_GLANCE_MS = 500;

const NOTHING: ConversationLease = { priority: "new", waitedMs: 0, save: async () => {}, end: () => {} };

/** What a node remembers: conversations, one entry each, in a context store that the user has chosen. */
export class Memory {
  readonly #def: ChatDef;
  readonly #store: ConversationStore;
  readonly #locks = new KeyedMutex();
  /** End the waits for stores in which something is being forgotten. */
  readonly #forgetting = new Set<AbortController>();

  constructor(node: Node, def: ChatDef) {
    this.#def = def;
    this.#store = new ConversationStore(node, String(def.store ?? ""));
  }

  /**
   * Takes a question's place in its conversation, behind all that came before, and brings what is remembered.
   *
   * @param key - may come later; undefined for a question that belongs to no conversation
   * @returns undefined for a question without a key
   * @throws ChatError of `begin`
   */
  async enter(
    key: Promise<string | undefined>,
    { before, entered }: Arrival,
    client: ChatClient,
    again: ReadOptions,
    onWait: () => void,
  ): Promise<ConversationLease | undefined> {
    let begun: Promise<ConversationLease> | undefined;
    try {
      const known = await key;
      if (known !== undefined) {
        const isAborted = await untilAbort(before, again.signal).then(() => false, isCancelled);
        begun = isAborted ? this.#aborted(known) : this.begin(known, client, again, onWait);
      }
    } finally {
      entered();
    }
    return begun;
  }

  /**
   * Waits until the questions of the same conversation before this one have ended.
   *
   * @param key - undefined for a question that belongs to no conversation
   * @param again - how the store is read again where it fails
   * @returns nothing to remember if its signal fires first
   * @throws ChatError `queue_full`, `memory_unreadable`, or `invalid_input` for limits that are none
   */
  async begin(
    key: string | undefined,
    client: ChatClient,
    again: ReadOptions,
    onWaiting: () => void,
  ): Promise<ConversationLease> {
    if (key === undefined) return NOTHING;
    checkEnvironment(this.#def.store, "store");
    const limits = readHistoryLimits(this.#def);
    const queuedAt = performance.now();
    const isBusy = this.#locks.isBusy(key);
    const endReserve = isBusy ? client.reserve() : undefined;
    if (isBusy) onWaiting();
    const lock = await this.#locks.lock(key, again.signal);
    endReserve?.();
    if (!lock) return this.#aborted(key);
    try {
      const loaded = await readAgain(() => this.#store.load(key), again);
      const { history, origins } = recall(loaded, { ...limits, tokens: undefined });
      return {
        history,
        origins,
        answered: (idempotencyKey) => answerAgain(loaded.answered, idempotencyKey, { messages: history, origins }),
        waitedMs: performance.now() - queuedAt,
        priority: isBusy ? "admitted" : "new",
        save: async (outcome, { request, added }, signal, idempotencyKey) => {
          const { completion, messages, isKept } = outcome;
          if (!isKept) return;
          const { response_format = "", tools = "" } = request;
          const sent = [...messages.slice(0, -1), response_format, tools];
          const { steps, truncated_prompt } = completion;
          const correction = (!truncated_prompt && tokenCorrection(steps.at(-1)?.usage, sent)) || 1;
          const remembered = toRemember(messages.slice(added), outcome.origins, limits, correction);
          const answered = idempotencyKey === undefined ? undefined : toAnswered(idempotencyKey, outcome);
          await this.#store.save(key, answered ? { ...remembered, answered } : remembered, signal);
        },
        end: lock.release,
      };
    } catch (error) {
      lock.release();
      if (isCancelled(error)) return this.#aborted(key);
      throw error;
    }
  }

  /** Returns what a question that was aborted has of its conversation: its messages are those from before it. */
  async #aborted(key: string): Promise<ConversationLease> {
    try {
      const limits = readHistoryLimits(this.#def);
      const loaded = await untilAbort(this.#store.load(key), AbortSignal.timeout(LONGEST_GLANCE_MS));
      return { ...NOTHING, ...recall(loaded, { ...limits, tokens: undefined }) };
    } catch {
      // What it was asked for is over, and nothing depends on it.
      return NOTHING;
    }
  }

  /**
   * Forgets a conversation, or all, behind the questions that came before.
   *
   * @throws ChatError `memory_unwritable`, `cancelled` where `stopForgetting` ended the wait
   */
  async forget(key: string | undefined): Promise<void> {
    if (key !== undefined) {
      await this.#locked(this.#locks.lock(key), (signal) => this.#store.forget(key, signal));
      return;
    }
    const { locks, others } = this.#locks.lockAll();
    const busy = locks.map(([name]) => name);
    await Promise.all([
      this.#locked(others, (signal) => this.#store.forgetAllBut(busy, signal)),
      ...locks.map(([name, lock]) => this.#locked(lock, (signal) => this.#store.forget(name, signal))),
    ]);
  }

  /** Waits no longer for stores in which something is being forgotten; what still waits for a lock is forgotten later. */
  stopForgetting(): void {
    for (const abort of this.#forgetting) abort.abort();
  }

  async #locked(lock: Promise<Lock | undefined>, act: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const taken = await lock;
    const abort = new AbortController();
    this.#forgetting.add(abort);
    try {
      await act(abort.signal);
    } finally {
      this.#forgetting.delete(abort);
      taken?.release();
    }
  }
}
