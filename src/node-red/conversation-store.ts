import { createHash } from "node:crypto";
import type { Node } from "node-red";
import { asRecord, isCancelled, reasonOf, untilAbort } from "../client/internal";
import type { Remembered } from "../conversation/memory/remembered";
import { ChatError } from "./errors";
import { codeOf } from "./read-again";
import { contextOf, type NodeContext } from "./red";

/** Conversations that one node remembers; beyond that the longest unused go. */
const MOST_CONVERSATIONS = 1000;
/** What all of them may take together, in characters: a thousand with pictures would fill the memory of any machine. */
const LONGEST_OF_ALL = 128 * 1024 * 1024;
const PREFIX = "hf_";
/** In bytes. A longer key may be a whole document; in its place stands a hash of it. */
const LONGEST_KEY = 1024;

/** What stands in the context store for a conversation. Values are never changed: a store may hand out its own. */
interface Entry extends Remembered {
  /** For a long one its hash. */
  key: string;
  /** When it was written, in ms since 1970. */
  used: number;
}

/** What is known of an entry without reading it. */
interface Known {
  used: number;
  /** Of its name, its key, and what is remembered as JSON, in characters. */
  length: number;
}

/** Where a conversation stands in the store. */
interface Place {
  name: string;
  key: string;
}

/** Keeps the conversations of a node in a context store of Node-RED's, one entry each. */
export class ConversationStore {
  readonly #context: NodeContext;
  readonly #store: string | undefined;
  /** By the key of its entry; undefined where that stands in the store alone. */
  #known: Promise<Map<string, Known | undefined>> | undefined;
  #isKnown = false;
  /** One tidies up at a time. */
  #tidied: Promise<void> = Promise.resolve();

  /** @param store - name of a context store; blank for the default one */
  constructor(node: Node, store: string) {
    this.#context = contextOf(node);
    this.#store = store || undefined;
  }

  /**
   * @returns what is remembered of a conversation; nothing for one that is not known
   * @throws ChatError `memory_unreadable`
   */
  async load(key: string): Promise<Remembered> {
    try {
      const place = placeOf(key);
      const entry = await this.#read(place.name);
      return entry?.key === place.key ? entry : { messages: [], by: [] };
    } catch (error) {
      throw this.#error("memory_unreadable", error);
    }
  }

  /**
   * @param signal - ends the wait for a store that does not respond
   * @throws ChatError `memory_unwritable`, `cancelled`
   */
  async save(key: string, remembered: Remembered, signal: AbortSignal): Promise<void> {
    await this.#change(signal, async () => {
      const { name, ...place } = placeOf(key);
      const used = Date.now();
      // Before it is written: where the store fails here, nothing is remembered.
      const index = await this.#index();
      const entry = { ...place, used, ...remembered };
      await this.#write(name, entry);
      index.set(name, knownOf(name, entry));
      this.#tidied = this.#tidied.then(() => this.#tidy());
      await this.#tidied;
    });
  }

  /**
   * Forgets a conversation.
   *
   * @param signal - ends the wait for a store that does not respond
   * @throws ChatError `memory_unwritable`, `cancelled`
   */
  async forget(key: string, signal: AbortSignal): Promise<void> {
    await this.#forget(async () => [placeOf(key).name], signal);
  }

  /**
   * Forgets all conversations of the node but some.
   *
   * @param signal - ends the wait for a store that does not respond
   * @throws ChatError `memory_unwritable`, `cancelled`
   */
  async forgetAllBut(keys: string[], signal: AbortSignal): Promise<void> {
    const kept = new Set(keys.map((key) => placeOf(key).name));
    // Another Node-RED that shares the store may have written some that are not known here.
    await this.#forget(async () => (await this.#keys()).filter((name) => !kept.has(name)), signal);
  }

  async #forget(find: () => Promise<string[]>, signal: AbortSignal): Promise<void> {
    await this.#change(signal, async () => {
      const names = await find();
      await Promise.all(names.map((name) => this.#write(name, undefined)));
      const index = await this.#index();
      for (const name of names) index.delete(name);
    });
  }

  /** Changes the store. Where it fails or does not respond, all is read anew the next time. */
  async #change(signal: AbortSignal, act: () => Promise<void>): Promise<void> {
    try {
      await untilAbort(act(), signal);
    } catch (error) {
      this.#tidied = Promise.resolve();
      if (!this.#isKnown) this.#known = undefined;
      throw isCancelled(error) ? error : this.#error("memory_unwritable", error);
    }
  }

  /** Read from the store once; what another Node-RED writes into a shared store later is not in it. */
  #index(): Promise<Map<string, Known | undefined>> {
    this.#known ??= this.#keys().then((keys) => {
      this.#isKnown = true;
      return new Map(keys.map((key) => [key, undefined]));
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
      index.set(name, knownOf(name, entries[at]));
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
        const known = knownOf(name, stored);
        index.set(name, known);
        length += known.length;
        continue;
      }
      await this.#write(name, undefined);
      index.delete(name);
    }
  }

  async #read(name: string): Promise<Entry | undefined> {
    const { value } = await ask((done) => this.#context.get(name, this.#store, done));
    return isEntry(value) ? value : undefined;
  }

  /** @param value - undefined takes the entry out */
  async #write(name: string, value: Entry | undefined): Promise<void> {
    await ask((done) => this.#context.set(name, value, this.#store, done));
  }

  async #keys(): Promise<string[]> {
    const { value: keys } = await ask((done) => this.#context.keys(this.#store, done));
    // A store may say in many ways that it has none.
    return Array.isArray(keys) ? keys.filter((key) => typeof key === "string" && key.startsWith(PREFIX)) : [];
  }

  #error(key: "memory_unreadable" | "memory_unwritable", error: unknown): ChatError {
    // Nothing was asked where it could not be read. Where it could not be written the reply has been paid for.
    const retryable = key === "memory_unreadable";
    return new ChatError(
      key,
      { store: this.#store ?? "default", reason: reasonOf(error) },
      { retryable, ...codeOf(error) },
    );
  }
}

/**
 * Asks the store. What it gives is looked at only when its callback has returned: what throws in there has nobody who
 * catches it, and ends Node-RED.
 *
 * @returns its value in an object: a promise in a store must not be waited for, since it may never end
 */
function ask(act: (done: (error: unknown, value?: unknown) => void) => void): Promise<{ value: unknown }> {
  return new Promise((resolve, reject) => {
    act((error, value) => (error ? reject(error) : resolve({ value })));
  });
}

/** Finds the place of a key: one such as `user@example.com` or `$parent.x` would be read as a path or another context. */
function placeOf(key: string): Place {
  const utf16 = Buffer.from(key, "utf16le");
  if (Buffer.byteLength(key) > LONGEST_KEY) {
    const hash = createHash("sha256").update(utf16).digest("hex");
    return { name: `${PREFIX}h${hash}`, key: `sha256:${hash}` };
  }
  const bytes = Buffer.from(key);
  // Half a character, where a text was cut, has no bytes of its own in UTF-8.
  const isWhole = bytes.toString() === key;
  return { name: PREFIX + (isWhole ? bytes.toString("hex") : `_${utf16.toString("hex")}`), key };
}

function knownOf(name: string, { key, used, ...remembered }: Entry = { key: "", used: 0, messages: [] }): Known {
  return { used, length: name.length + key.length + JSON.stringify(remembered).length };
}

function isEntry(value: unknown): value is Entry {
  const entry = asRecord(value);
  if (typeof entry?.["key"] !== "string" || !Array.isArray(entry["messages"])) return false;
  return entry["messages"].every((message) => typeof asRecord(message)?.["role"] === "string");
}
