/** How a question can end. */
export type End = "reply" | "calls" | "error" | "redeploy";

/** Accounts for every question: each that is asked must end once, in one way. */
export class Ledger {
  /** Questions that run: the node that they were sent to, and when. */
  readonly #open = new Map<number, { node: string; at: number }>();
  readonly ends: Record<End, number> = { reply: 0, calls: 0, error: 0, redeploy: 0 };
  readonly codes: Record<string, number> = {};
  asked = 0;
  /** Questions for which `done` was called. */
  readonly #done = new Set<number>();
  /** From a question to its end, in ms: the longest of all. */
  slowestMs = 0;
  /** Replies that were on their way to the next node when a redeploy took it away. */
  lost = 0;
  /** What should not have happened. */
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

  /** A redeploy of these nodes is over: what ran in them when it began has ended in nothing. */
  redeployed(ids: readonly number[]): void {
    for (const id of ids) {
      if (!this.#open.delete(id)) continue;
      this.ends.redeploy++;
      // Node-RED hands a message on a moment after it was sent: `done` has been called by then.
      if (this.#done.has(id)) this.lost++;
    }
  }

  /** The questions that run in one of these nodes. */
  openIn(nodes: readonly string[]): number[] {
    return [...this.#open].filter(([, { node }]) => nodes.includes(node)).map(([id]) => id);
  }

  get open(): number {
    return this.#open.size;
  }

  /** What does not add up, in words; empty if all does. */
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
