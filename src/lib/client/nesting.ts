/** Values nested deeper break what copies or writes them by recursion, as Node-RED does with every message. */
const DEEPEST = 500;

/**
 * True if a parsed JSON value must not be kept as it is: it is nested too deep, or has a key `__proto__`, which a copy may take
 * for what the object inherits.
 */
export function isTooDeep(value: unknown): boolean {
  return isObject(value) && isDeeperThan(DEEPEST, value);
}

/** Log probabilities can be a million values: what is not nested costs no call, and no copy of names or values is made. */
function isDeeperThan(levels: number, value: object): boolean {
  if (levels === 0) return true;
  if (Array.isArray(value)) {
    for (const item of value as unknown[]) if (isObject(item) && isDeeperThan(levels - 1, item)) return true;
    return false;
  }
  for (const name in value) {
    if (name === "__proto__") return true;
    const field = (value as Record<string, unknown>)[name];
    if (isObject(field) && isDeeperThan(levels - 1, field)) return true;
  }
  return false;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** A piece of JSON text among the values that are still to be written. */
class Text {
  constructor(readonly text: string) {}
}

const COMMA = new Text(",");

/** Writes a parsed JSON value as JSON text, however deep it is: `JSON.stringify` overflows at some thousand levels. */
export function writeJson(value: unknown): string {
  const written: string[] = [];
  const rest: unknown[] = [value];
  while (rest.length > 0) {
    const next = rest.pop();
    if (next instanceof Text) {
      written.push(next.text);
    } else if (Array.isArray(next)) {
      written.push("[");
      rest.push(new Text("]"));
      for (let at = next.length - 1; at >= 0; at--) rest.push(next[at], ...(at > 0 ? [COMMA] : []));
    } else if (typeof next === "object" && next !== null) {
      written.push("{");
      rest.push(new Text("}"));
      const fields = Object.entries(next);
      for (let at = fields.length - 1; at >= 0; at--) {
        const [name, field] = fields[at] as [string, unknown];
        rest.push(field, new Text(`${at > 0 ? "," : ""}${JSON.stringify(name)}:`));
      }
    } else {
      written.push(JSON.stringify(next) ?? "null");
    }
  }
  return written.join("");
}

/** Returns about how many characters a parsed JSON value has as JSON text, without writing it. */
export function jsonLength(value: unknown): number {
  let length = 0;
  const rest: unknown[] = [value];
  while (rest.length > 0) {
    const next = rest.pop();
    if (typeof next === "string") {
      length += next.length + 2;
    } else if (typeof next !== "object" || next === null) {
      length += 4;
    } else if (Array.isArray(next)) {
      length += 2 + next.length;
      for (const item of next) rest.push(item);
    } else {
      length += 2;
      for (const name in next) {
        length += name.length + 4;
        rest.push((next as Record<string, unknown>)[name]);
      }
    }
  }
  return length;
}
