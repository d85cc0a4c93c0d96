/** Brackets that are tried as the beginning of a value: each costs a walk through the text. */
const MOST_BRACKETS = 20;

const THINK_END = "</think>";
/** A fenced block of Markdown, with the word behind its fence. */
const FENCE = /^[ \t]*```[^\n`]*\n([\s\S]*?)^[ \t]*```/gm;

/**
 * Finds the JSON in what a model has written: the text itself, what stands behind a thinking part whose beginning the
 * server has kept to itself, a fenced block, or the first object or array between other words.
 *
 * @returns the values that it may be, the likeliest first; none if there is no JSON
 */
export function* findJson(text: string): Generator<unknown> {
  const whole = parse(text);
  if (whole) {
    yield whole.value;
    return;
  }
  const thought = text.lastIndexOf(THINK_END);
  const said = thought < 0 ? text : text.slice(thought + THINK_END.length);
  for (const candidate of candidates(said)) {
    const parsed = parse(candidate);
    if (parsed) yield parsed.value;
  }
}

function* candidates(text: string): Generator<string> {
  yield text;
  for (const [, block] of text.matchAll(FENCE)) yield block as string;
  yield* bracketed(text);
}

/** The parts of a text from an opening bracket to the one that closes it. */
function* bracketed(text: string): Generator<string> {
  const opening = /[[{]/g;
  for (let tried = 0; tried < MOST_BRACKETS; tried++) {
    const start = opening.exec(text)?.index;
    if (start === undefined) return;
    const end = closingBracket(text, start);
    if (end === undefined) continue;
    yield text.slice(start, end);
    opening.lastIndex = end;
  }
}

/** @returns the place behind the bracket that closes the one at `start` */
function closingBracket(text: string, start: number): number | undefined {
  let depth = 0;
  let isInString = false;
  for (let at = start; at < text.length; at++) {
    const char = text[at];
    if (isInString) {
      if (char === "\\") at++;
      else if (char === '"') isInString = false;
    } else if (char === '"') {
      isInString = true;
    } else if (char === "{" || char === "[") {
      depth++;
    } else if ((char === "}" || char === "]") && --depth === 0) {
      return at + 1;
    }
  }
  return undefined;
}

function parse(text: string): { value: unknown } | undefined {
  try {
    // Some servers begin with a byte order mark, which JSON.parse does not take.
    return { value: JSON.parse(text.replace(/^\uFEFF/, "")) };
  } catch {
    return undefined;
  }
}
