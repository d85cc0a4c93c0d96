/** In characters: of a name in an error, and of what a server says in one. */
export const LONGEST_NAME = 1000;
/** What does not belong in one line: ends of lines and other control characters. */
const BREAK = /[\p{Cc}\u2028\u2029]/u;
/** Characters that turn the direction of what follows: with them a text shows as another. */
const DIRECTIONS = /[\u202A-\u202E\u2066-\u2069]/g;

/** A text from outside as it may stand in an error, a log or a status: one line without control characters, not too long. */
export function oneLine(text: string): string {
  // Only one line is shown: cleaning megabytes would be wasted.
  const begin = text.slice(0, 4 * LONGEST_NAME);
  const line = begin.replace(DIRECTIONS, "").replace(/[\s\p{Cc}]+/gu, (run) => (BREAK.test(run) ? " " : run));
  if (line.length <= LONGEST_NAME && begin.length === text.length) return line;
  // Half of a character is none.
  return `${line.slice(0, LONGEST_NAME).replace(/[\uD800-\uDBFF]$/, "")}…`;
}
