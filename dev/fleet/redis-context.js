const { createClient } = require("@redis/client");

/**
 * A context store of Node-RED's in Redis or Valkey, for several instances that share one. To use it, put this file beside
 * `settings.js`, install `@redis/client` there, and write into `settings.js`:
 *
 *     contextStorage: {
 *       default: { module: "memory" },
 *       shared: { module: require("./redis-context.js"), config: { url: "redis://127.0.0.1:6379" } },
 *     },
 *
 * It follows https://nodered.org/docs/api/context/ with these limits: values are what JSON can hold, a key is a name and not
 * a path into a value, and a flow can only read it with a callback. There are no transactions: two that change one value
 * at the same time overwrite each other.
 *
 * Each scope (a node, a flow, or `global`) is one hash.
 */
class RedisContext {
  #client;
  #prefix;

  /** @param {{ url?: string, prefix?: string }} config */
  constructor({ url = "redis://127.0.0.1:6379", prefix = "node-red:" } = {}) {
    this.#prefix = prefix;
    // Without a connection every call fails at once, so a flow notices and nothing piles up.
    this.#client = createClient({ url, disableOfflineQueue: true });
    // The client reconnects by itself. Without a listener, its errors would crash Node-RED.
    const { host } = new URL(url);
    this.#client.on("error", (error) => console.error(`Context store at ${host}: ${error.message || error.code}`));
  }

  /** Connects in the background: Node-RED waits for this promise, and must start without the store, too. */
  async open() {
    // Fails only if it is closed before it connects.
    this.#client.connect().catch(() => {});
  }

  async close() {
    if (this.#client.isReady) await this.#client.close();
    else if (this.#client.isOpen) this.#client.destroy();
  }

  /** @param {string | string[]} key - for an array, the callback gets a value for each */
  get(scope, key, callback) {
    const hand = callback && ((error, values = []) => callback(error, ...values));
    finish("read from", hand, async () => {
      const keys = [key].flat().map(checked);
      const values = await this.#client.hmGet(this.#prefix + scope, keys);
      return values.map((text) => (text === null ? undefined : JSON.parse(text)));
    });
  }

  /** @param value - undefined deletes the key */
  set(scope, key, value, callback = () => {}) {
    finish("write to", callback, async () => {
      const keys = [key].flat().map(checked);
      const values = Array.isArray(key) ? [value].flat() : [value];
      const changes = this.#client.multi();
      for (const [at, name] of keys.entries()) {
        const text = JSON.stringify(values[at]);
        if (text === undefined) changes.hDel(this.#prefix + scope, name);
        else changes.hSet(this.#prefix + scope, name, text);
      }
      await changes.exec();
    });
  }

  keys(scope, callback) {
    finish("list", callback, () => this.#client.hKeys(this.#prefix + scope));
  }

  async delete(scope) {
    await this.#client.del(this.#prefix + scope);
  }

  /** Deletes nothing: a node that this instance does not know may be one of another instance. */
  async clean() {}
}

function checked(key) {
  if (/[.[\]"']/.test(key)) throw new Error(`This context store takes names and no paths: ${key}`);
  return key;
}

/** Passes the outcome to a callback outside the promise, which must not catch the callback's errors. */
function finish(what, callback, work) {
  if (typeof callback !== "function") throw new Error(`This context store needs a callback to ${what} it`);
  work().then(
    (value) => setImmediate(callback, undefined, value),
    (error) => setImmediate(callback, error),
  );
}

/** Node-RED calls this for each store of this type. */
module.exports = (config) => new RedisContext(config);
