/** What a bounded map may hold. */
export interface MapLimits {
  count: number;
  /** Of all keys together, in characters. */
  length?: number;
}

/** Maps texts to values; when there are too many, those that were set longest ago go. */
export class BoundedMap<T> {
  readonly #limits: MapLimits;
  readonly #entries = new Map<string, T>();
  #length = 0;

  constructor(limits: MapLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): T | undefined {
    return this.#entries.get(key);
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  /** Sets a value as the newest one, also where the key is there already. */
  set(key: string, value: T): void {
    if (!this.#entries.delete(key)) this.#length += key.length;
    this.#entries.set(key, value);
    const { count, length = Number.POSITIVE_INFINITY } = this.#limits;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= count && this.#length <= length) break;
      this.#entries.delete(oldest);
      this.#length -= oldest.length;
    }
  }

  clear(): void {
    this.#entries.clear();
    this.#length = 0;
  }
}
