/** How a question can end. */
export type End = "reply" | "calls" | "error" | "redeploy";

/** Checks that every question ends exactly once. */
export class Ledger {
  /** Running questions: their node and start. */
  readonly #open = new Map<number, { node: string; at: number }>();
  readonly ends: Record<End, number> = { reply: 0, calls: 0, error: 0, redeploy: 0 };
  readonly codes: Record<string, number> = {};
  asked = 0;
  /** Questions for which `done` was called. */
  readonly #done = new Set<number>();
  /** The longest time from a question to its end, in ms. */
  slowestMs = 0;
  /** Replies that were on their way to the next node when a redeploy took it away. */
  lost = 0;
  /** Problems found so far. */
  readonly problems: string[] = [];

  /** @returns the number of a new question */
  ask(node: string): number {
    this.asked++;
    this.#open.set(this.asked, { node, at: performance.now() });
    return this.asked;
  }

  end(id: number, how: Exclude<End, "redeploy">, code?: string): void {
    const asked = this.#open.get(id);
    if (asked) this.slowestMs = Math.max(this.slowestMs, performance.now() - asked.at);
    if (!this.#open.delete(id)) this.problems.push(`question ${id} has ended again, or after a redeploy: ${how}`);
    this.ends[how]++;
    if (code) this.codes[code] = (this.codes[code] ?? 0) + 1;
  }

  done(id: number): void {
    if (this.#done.has(id)) this.problems.push(`done was called again for question ${id}`);
    this.#done.add(id);
  }

  /** Records the end of a redeploy of these nodes: what ran in them at its beginning has ended without a result. */
  redeployed(ids: readonly number[]): void {
    for (const id of ids) {
      if (!this.#open.delete(id)) continue;
      this.ends.redeploy++;
      // Node-RED delivers a message a moment after it was sent, when `done` has already been called.
      if (this.#done.has(id)) this.lost++;
    }
  }

  /** Returns the questions that run in one of these nodes. */
  openIn(nodes: readonly string[]): number[] {
    return [...this.#open].filter(([, { node }]) => nodes.includes(node)).map(([id]) => id);
  }

  get open(): number {
    return this.#open.size;
  }

  /** Returns the problems found, in words. */
  audit(): string[] {
    const { reply, calls, error, redeploy } = this.ends;
    const found = [...this.problems];
    if (this.open > 0)
      found.push(
        `${this.open} questions never ended: ${[...this.#open.values()]
          .map(({ node }) => node)
          .join(", ")
          .slice(0, 200)}`,
      );
    if (this.asked !== reply + calls + error + redeploy)
      found.push(`${this.asked} asked, ${reply + calls + error + redeploy} ended`);
    const told = reply + calls + error + this.lost;
    if (this.#done.size !== told) found.push(`done was called for ${this.#done.size} questions of ${told}`);
    return found;
  }
}
