import { DEEPEST_JSON } from "../shared/limits";

const TOO_DEEP = `it is nested deeper than ${DEEPEST_JSON} levels`;
const HAS_PROTO = "it has a key __proto__";

/**
 * Tells why a parsed JSON value must not be used as it is, in words for a model. A schema does not see what is below an
 * own key `__proto__`, and Node-RED's copy assigns it, so that it becomes the prototype.
 *
 * @returns undefined if it may be used
 */
export function nestingProblem(value: unknown): string | undefined {
  return isObject(value) ? problemWithin(DEEPEST_JSON, value) : undefined;
}

/** True if a parsed JSON value must not be used as it is. */
export function isTooDeep(value: unknown): boolean {
  return nestingProblem(value) !== undefined;
}

/** Makes no call for what is not nested, and no copies: log probabilities can be a million values. */
function problemWithin(levels: number, value: object): string | undefined {
  if (levels === 0) return TOO_DEEP;
  if (Array.isArray(value)) {
    for (const item of value as unknown[]) {
      const problem = isObject(item) ? problemWithin(levels - 1, item) : undefined;
      if (problem !== undefined) return problem;
    }
    return undefined;
  }
  for (const name in value) {
    if (name === "__proto__") return HAS_PROTO;
    const field = (value as Record<string, unknown>)[name];
    const problem = isObject(field) ? problemWithin(levels - 1, field) : undefined;
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** JSON text among the values that are still to be written. */
class Text {
  constructor(readonly text: string) {}
}

const COMMA = new Text(",");

/** Writes a parsed JSON value as JSON text, however deep: `JSON.stringify` overflows at some thousand levels. */
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

/** Estimates how many characters a parsed JSON value has as JSON text, without writing it. */
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
