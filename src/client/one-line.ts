/** In characters, of a name or of what a server says in an error. */
export const LONGEST_NAME = 1000;
/** Line breaks and other control characters. */
const BREAK = /[\p{Cc}\u2028\u2029]/u;
/** Characters that change the direction of what follows: with them a text looks like another one. */
const DIRECTIONS = /[\u202A-\u202E\u2066-\u2069]/g;

/** Cleans a text from outside for an error, a log or a status: one line, without control characters, not too long. */
export function oneLine(text: string): string {
  // Cleaning megabytes would be wasted.
  const begin = text.slice(0, 4 * LONGEST_NAME);
  const line = begin.replace(DIRECTIONS, "").replace(/[\s\p{Cc}]+/gu, (run) => (BREAK.test(run) ? " " : run));
  if (line.length <= LONGEST_NAME && begin.length === text.length) return line;
  // Not half of a surrogate pair.
  return `${line.slice(0, LONGEST_NAME).replace(/[\uD800-\uDBFF]$/, "")}…`;
}
