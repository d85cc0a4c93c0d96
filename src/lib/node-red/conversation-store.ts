import type { Node } from "node-red";
import { asRecord, ChatError } from "../client";
import type { Message } from "../conversation/prompt";

/** Conversations that one node remembers; beyond that the longest unused go. */
const MOST_CONVERSATIONS = 1000;
/** What all of them may take together, in characters: a thousand with pictures would fill the memory of any machine. */
const LONGEST_OF_ALL = 128 * 1024 * 1024;
const PREFIX = "hf_";

/** What stands in the context store for a conversation. Values are never changed: a store may hand out its own. */
interface Entry {
  key: string;
  /** When it was written, in ms since 1970. */
  used: number;
  messages: Message[];
}

/** What is known of an entry without reading it. */
interface Known {
  used: number;
  /** Of its messages as JSON, in characters. */
  length: number;
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
  /** By the key of its entry; undefined where that stands in the store alone. */
  #known: Promise<Map<string, Known | undefined>> | undefined;
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
      // Before it is written: where the store fails here, nothing is remembered.
      const index = await this.#index();
      await this.#write(entryKey(key), { key, used, messages });
      index.set(entryKey(key), knownOf({ used, messages }));
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
    // Another Node-RED that shares the store may have written some that are not known here.
    await this.#forget(async () => (await this.#keys()).filter((name) => !kept.has(name)));
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

  /** Read from the store once; what another Node-RED writes into a shared store later is not in it. */
  #index(): Promise<Map<string, Known | undefined>> {
    this.#known ??= this.#keys().then((keys) => new Map(keys.map((key) => [key, undefined])));
    // What failed is tried again the next time.
    this.#known.catch(() => {
      this.#known = undefined;
    });
    return this.#known;
  }

  /** Lets the longest unused conversations go. */
  async #tidy(): Promise<void> {
    const index = await this.#index();
    const lengthOf = (entries: Iterable<Known | undefined>) => {
      let sum = 0;
      for (const entry of entries) sum += entry?.length ?? 0;
      return sum;
    };
    let length = lengthOf(index.values());
    if (index.size <= MOST_CONVERSATIONS && length <= LONGEST_OF_ALL) return;
    const unknown = [...index.keys()].filter((name) => index.get(name) === undefined);
    const entries = await Promise.all(unknown.map((name) => this.#read(name)));
    for (const [at, name] of unknown.entries()) {
      index.set(name, knownOf(entries[at]));
    }
    length = lengthOf(index.values());
    const oldestFirst = [...index].sort(([, a], [, b]) => (a?.used ?? 0) - (b?.used ?? 0));
    // The newest stays, whatever its size.
    for (const [name, entry] of oldestFirst.slice(0, -1)) {
      if (index.size <= MOST_CONVERSATIONS && length <= LONGEST_OF_ALL) break;
      const stored = await this.#read(name);
      length -= entry?.length ?? 0;
      if (stored && stored.used > (entry?.used ?? 0)) {
        // Another Node-RED that shares the store has gone on with it.
        const known = knownOf(stored);
        index.set(name, known);
        length += known.length;
        continue;
      }
      await this.#write(name, undefined);
      index.delete(name);
    }
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
  const bytes = Buffer.from(key);
  // Half a character, where a text was cut, has no bytes of its own in UTF-8.
  return bytes.toString() === key
    ? PREFIX + bytes.toString("hex")
    : `${PREFIX}_${Buffer.from(key, "utf16le").toString("hex")}`;
}

function knownOf({ used, messages }: Pick<Entry, "used" | "messages"> = { used: 0, messages: [] }): Known {
  return { used, length: JSON.stringify(messages).length };
}

function isEntry(value: unknown): value is Entry {
  const entry = asRecord(value);
  if (typeof entry?.key !== "string" || !Array.isArray(entry.messages)) return false;
  return entry.messages.every((message) => typeof asRecord(message)?.role === "string");
}
