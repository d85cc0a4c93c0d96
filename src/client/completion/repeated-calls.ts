import { isTooDeep } from "../nesting";
import { asRecord, parseJson } from "../unknown";

/** A call that has been read to its end. */
interface ReadCall {
  id: string;
  name: string;
  hasArguments: boolean;
  arguments(): string;
}

/** Takes out calls that were said twice: those of one id and name whose arguments are equal, or one without arguments. */
export function withoutRepeated<Call extends ReadCall>(calls: Call[]): { call: Call; args: string }[] {
  const kept: { call: Call; args: string }[] = [];
  /** By id and name: the call that has no arguments yet, and the arguments of all. */
  const groups = new Map<string, { blank: { args: string } | undefined; known: Set<string> }>();
  for (const call of calls) {
    const entry = { call, args: call.arguments() };
    const key = call.id && JSON.stringify([call.id, call.name]);
    const group = groups.get(key);
    const value = call.hasArguments ? canonical(entry.args) : undefined;
    if (!key || !group) {
      kept.push(entry);
      if (key)
        groups.set(key, {
          blank: value === undefined ? entry : undefined,
          known: new Set(value === undefined ? [] : [value]),
        });
      continue;
    }
    if (value === undefined || group.known.has(value)) continue;
    group.known.add(value);
    if (group.blank) group.blank.args = entry.args;
    else kept.push(entry);
    group.blank = undefined;
  }
  return kept;
}

/** Returns arguments so that equal values are equal texts, whatever the order of their keys. */
function canonical(args: string): string {
  const value = parseJson(args);
  if (value === undefined || isTooDeep(value)) return args;
  return JSON.stringify(value, (_, field) => {
    const record = asRecord(field);
    return record ? Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1))) : field;
  });
}
