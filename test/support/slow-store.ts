/** A context store that answers asynchronously, as one over a network does, and can be made to fail. */

type Callback = (error?: Error | null, ...values: unknown[]) => void;

const DELAY_MS = 5;

class SlowStore {
  readonly #scopes = new Map<string, Map<string, string>>();
  /** Operations that fail from now on. */
  failing: ("get" | "set" | "keys")[] = [];

  /** Returns the values of a scope by key, parsed. */
  values(scope: string): Record<string, unknown> {
    const entries = [...this.#scope(scope)].map(([key, text]) => [key, JSON.parse(text)]);
    return Object.fromEntries(entries);
  }

  /** Returns its whole content as text. */
  get all(): string[] {
    return [...this.#scopes.values()].flatMap((scope) => [...scope.values()]);
  }

  /** Clears all values and failures. */
  reset(): void {
    this.#scopes.clear();
    this.failing = [];
  }

  open = async () => {};
  close = async () => {};
  clean = async () => {};

  delete = async (scope: string) => {
    this.#scopes.delete(scope);
  };

  get = (scope: string, key: string | string[], done: Callback) => {
    if (typeof done !== "function") throw new Error("this store is asynchronous");
    const found = [key].flat().map((name) => this.#scope(scope).get(name));
    this.#later("get", done, ...found.map((text) => text && JSON.parse(text)));
  };

  set = (scope: string, key: string | string[], value: unknown, done?: Callback) => {
    if (done && this.failing.includes("set")) {
      this.#later("set", done);
      return;
    }
    for (const [index, name] of [key].flat().entries()) {
      const item = Array.isArray(key) ? (value as unknown[])[index] : value;
      if (item === undefined) this.#scope(scope).delete(name);
      else this.#scope(scope).set(name, JSON.stringify(item));
    }
    if (done) this.#later("set", done);
  };

  keys = (scope: string, done: Callback) => this.#later("keys", done, [...this.#scope(scope).keys()]);

  #later(operation: "get" | "set" | "keys", done: Callback, ...values: unknown[]): void {
    const error = this.failing.includes(operation) ? new Error("the store is away") : null;
    setTimeout(() => (error ? done(error) : done(null, ...values)), DELAY_MS);
  }

  #scope(scope: string): Map<string, string> {
    const found = this.#scopes.get(scope) ?? new Map<string, string>();
    this.#scopes.set(scope, found);
    return found;
  }
}

export const slowStore = new SlowStore();
