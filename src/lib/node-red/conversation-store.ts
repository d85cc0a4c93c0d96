import type { Node } from "node-red";
import { asRecord, ChatError } from "../client";
import type { Message } from "../conversation/prompt";

/** Conversations that one node remembers; beyond that the longest unused go. */
const MOST_CONVERSATIONS = 1000;
const PREFIX = "hf_";

/** What stands in the context store for a conversation. Values are never changed: a store may hand out its own. */
interface Entry {
  key: string;
  /** When it was written, in ms since 1970. */
  used: number;
  messages: Message[];
}

/** Node-RED's context of a node, as far as it is used; always with callbacks, since stores may answer later. */
interface Context {
  get(key: string, store: string | undefined, done: (error: Error | undefined, value?: unknown) => void): void;
  set(key: string, value: unknown, store: string | undefined, done: (error?: Error) => void): void;
  keys(store: string | undefined, done: (error: Error | undefined, keys?: string[]) => void): void;
}

/** Keeps the conversations of a node in a context store of Node-RED's, one entry each. */
export class ConversationStore {
  readonly #context: Context;
  readonly #store: string | undefined;
  /** When each was used, by the key of its entry; undefined where that stands in the store alone. */
  #used: Promise<Map<string, number | undefined>> | undefined;
  /** One tidies up at a time. */
  #tidied: Promise<void> = Promise.resolve();

  /** @param store - name of a context store; blank for the default one */
  constructor(node: Node, store: string) {
    this.#context = node.context() as unknown as Context;
    this.#store = store || undefined;
  }

  /**
   * @returns what is remembered of a conversation; nothing for one that is not known
   * @throws ChatError `memory_unreadable`
   */
  async load(key: string): Promise<Message[]> {
    try {
      const entry = await this.#read(entryKey(key));
      return entry?.key === key ? entry.messages : [];
    } catch (error) {
      throw this.#error("memory_unreadable", error);
    }
  }

  /** @throws ChatError `memory_unwritable` */
  async save(key: string, messages: Message[]): Promise<void> {
    try {
      const used = Date.now();
      const entry: Entry = { key, used, messages };
      await this.#write(entryKey(key), entry);
      (await this.#index()).set(entryKey(key), used);
      this.#tidied = this.#tidied.then(() => this.#tidy());
      await this.#tidied;
    } catch (error) {
      this.#tidied = Promise.resolve();
      throw this.#error("memory_unwritable", error);
    }
  }

  /**
   * Forgets a conversation.
   *
   * @throws ChatError `memory_unwritable`
   */
  async forget(key: string): Promise<void> {
    await this.#forget(async () => [entryKey(key)]);
  }

  /**
   * Forgets all conversations of the node but some.
   *
   * @throws ChatError `memory_unwritable`
   */
  async forgetAllBut(keys: string[]): Promise<void> {
    const kept = new Set(keys.map(entryKey));
    await this.#forget(async () => [...(await this.#index()).keys()].filter((name) => !kept.has(name)));
  }

  async #forget(find: () => Promise<string[]>): Promise<void> {
    try {
      const names = await find();
      await Promise.all(names.map((name) => this.#write(name, undefined)));
      const index = await this.#index();
      for (const name of names) index.delete(name);
    } catch (error) {
      throw this.#error("memory_unwritable", error);
    }
  }

  /** Read from the store once: from then on all that happens to it happens here. */
  #index(): Promise<Map<string, number | undefined>> {
    this.#used ??= this.#keys().then((keys) => new Map(keys.map((key) => [key, undefined])));
    // What failed is tried again the next time.
    this.#used.catch(() => {
      this.#used = undefined;
    });
    return this.#used;
  }

  /** Lets the longest unused conversations go. */
  async #tidy(): Promise<void> {
    const index = await this.#index();
    if (index.size <= MOST_CONVERSATIONS) return;
    const unknown = [...index.keys()].filter((name) => index.get(name) === undefined);
    const entries = await Promise.all(unknown.map((name) => this.#read(name)));
    for (const [at, name] of unknown.entries()) index.set(name, entries[at]?.used ?? 0);
    const oldestFirst = [...index].sort(([, a = 0], [, b = 0]) => a - b);
    const gone = oldestFirst.slice(0, index.size - MOST_CONVERSATIONS).map(([name]) => name);
    await Promise.all(gone.map((name) => this.#write(name, undefined)));
    for (const name of gone) index.delete(name);
  }

  #read(name: string): Promise<Entry | undefined> {
    return new Promise((resolve, reject) => {
      this.#context.get(name, this.#store, (error, value) => {
        if (error) reject(error);
        else resolve(isEntry(value) ? value : undefined);
      });
    });
  }

  /** @param value - undefined takes the entry out */
  #write(name: string, value: Entry | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#context.set(name, value, this.#store, (error) => (error ? reject(error) : resolve()));
    });
  }

  #keys(): Promise<string[]> {
    return new Promise((resolve, reject) => {
      this.#context.keys(this.#store, (error, keys = []) => {
        if (error) reject(error);
        else resolve(keys.filter((key) => key.startsWith(PREFIX)));
      });
    });
  }

  #error(key: "memory_unreadable" | "memory_unwritable", error: unknown): ChatError {
    return new ChatError(key, { store: this.#store ?? "default", reason: (error as Error).message ?? String(error) });
  }
}

/** A key such as `user@example.com` or `$parent.x` would be taken for a path, or for another context. */
function entryKey(key: string): string {
  return PREFIX + Buffer.from(key).toString("hex");
}

function isEntry(value: unknown): value is Entry {
  const entry = asRecord(value);
  return typeof entry?.key === "string" && Array.isArray(entry.messages);
}
