import { asRecord } from "../../client/internal";

/** Marks a parameter that is sent as a header `Mcp-Param-…`, too. */
const MARK = "x-mcp-header";
/** A name as headers have it: https://www.rfc-editor.org/rfc/rfc9110#name-tokens. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const TYPES = new Set(["string", "integer", "boolean"]);
/** Keywords that hold values and no schemas. */
const VALUES = new Set(["enum", "const", "default", "examples"]);

/**
 * True if each parameter that a tool marks can be sent as a header. From the protocol of 2026-07-28 on, a tool
 * for which it is false must be left out of a list: https://modelcontextprotocol.io/specification/2026-07-28/server/tools.
 *
 * @param schema - nested at most as deep as `nestingProblem` allows
 */
export function hasSendableHeaders(schema: Record<string, unknown>): boolean {
  const names = new Set<string>();
  return isSendable(schema, false, true, names);
}

/** @param isReached - the schema stands below `properties` alone, so that its value is found without looking at others */
function isSendable(schema: unknown, isParameter: boolean, isReached: boolean, names: Set<string>): boolean {
  if (Array.isArray(schema)) return schema.every((one) => isSendable(one, false, false, names));
  const record = asRecord(schema);
  if (!record) return true;
  if (Object.hasOwn(record, MARK) && !(isParameter && isReached && isNamed(record, names))) return false;
  return Object.entries(record).every(([key, value]) => {
    if (VALUES.has(key) || key === MARK) return true;
    if (key !== "properties") return isSendable(value, false, false, names);
    return Object.values(asRecord(value) ?? {}).every((one) => isSendable(one, true, isReached, names));
  });
}

function isNamed({ [MARK]: name, type }: Record<string, unknown>, names: Set<string>): boolean {
  if (typeof name !== "string" || !TOKEN.test(name) || !TYPES.has(String(type))) return false;
  const inSmall = name.toLowerCase();
  if (names.has(inSmall)) return false;
  names.add(inSmall);
  return true;
}
