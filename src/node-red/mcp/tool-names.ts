import { createHash } from "node:crypto";

/** The longest name of a function that servers accept. */
const LONGEST = 64;
/** Of a server's part of it, so that something is left of the tool's. */
const LONGEST_SERVER = 24;
/** Hexadecimal digits behind names that would be too long, or equal. */
const DIGITS = 6;

/**
 * Makes names of functions that servers accept, each but once. The names depend on nothing but what they are made of and
 * what came before, so that they stay equal from one question to the next.
 */
export class ToolNames {
  readonly #taken: Set<string>;

  /** @param taken - names of other functions */
  constructor(taken: Iterable<string>) {
    this.#taken = new Set(taken);
  }

  /** Returns a name such as `docs_search` for the tool `search` of the server `docs`. */
  add(server: string, tool: string): string {
    const whole = `${legal(server).slice(0, LONGEST_SERVER) || "mcp"}_${legal(tool) || "tool"}`;
    const isFree = whole.length <= LONGEST && !this.#taken.has(whole);
    const name = isFree ? whole : this.#parted(whole, `${server}\n${tool}`);
    this.#taken.add(name);
    return name;
  }

  /** Puts digits behind a name that is too long or taken. */
  #parted(whole: string, source: string): string {
    for (let turn = 0; ; turn++) {
      const hash = createHash("sha256").update(`${source}\n${turn}`).digest("hex").slice(0, DIGITS);
      const name = `${whole.slice(0, LONGEST - DIGITS - 1)}_${hash}`;
      if (!this.#taken.has(name)) return name;
    }
  }
}

/** Returns a text with `_` for what no name may have, and none at its ends. */
function legal(text: string): string {
  const name = text.replace(/[^A-Za-z0-9_-]+/g, "_");
  // Not the pattern `_+$`: it is tried at each place of a long run of them.
  let begin = 0;
  let end = name.length;
  while (begin < end && name[begin] === "_") begin++;
  while (end > begin && name[end - 1] === "_") end--;
  return name.slice(begin, end);
}
