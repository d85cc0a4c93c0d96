import { asRecord, type ToolCall } from "../../client/internal";
import { FUNCTION_NAME } from "../../shared/limits";
import type { Schema } from "../json/schema";

/** What a request offers to a model: the schemas of the arguments, by name. */
export type OfferedTools = ReadonlyMap<string, Schema | undefined>;

/** @returns undefined where nothing is offered */
export function offeredTools(tools: unknown): OfferedTools | undefined {
  if (!Array.isArray(tools) || tools.length === 0) return undefined;
  const offered = new Map<string, Schema | undefined>();
  for (const tool of tools) {
    const { name, parameters } = asRecord(asRecord(tool)?.["function"]) ?? {};
    if (typeof name === "string") offered.set(name, asRecord(parameters));
  }
  return offered.size > 0 ? offered : undefined;
}

/**
 * Returns the name that a model means. Some write more than the name, such as `functions.get_weather` or
 * `get_weather<|channel|>commentary`: of the parts between characters that no name may have, the one that is offered
 * counts. A name that means no offered tool stays as it came; what is sent back gets a legal one (`for-model.ts`).
 */
export function meantName(name: string, offered: OfferedTools): string {
  if (offered.has(name) || FUNCTION_NAME.test(name)) return name;
  const parts = new Set(name.split(/[^A-Za-z0-9_-]+/).filter((part) => offered.has(part)));
  const [only] = parts;
  if (only !== undefined && parts.size === 1) return only;
  const legal = name.replace(/[^A-Za-z0-9_-]/g, "_");
  return offered.has(legal) ? legal : name;
}

/** Returns calls with the names that are meant; the same list where all are. */
export function withMeantNames(calls: ToolCall[], offered: OfferedTools): ToolCall[] {
  if (calls.every((call) => meantName(call.function.name, offered) === call.function.name)) return calls;
  return calls.map((call) => ({
    ...call,
    function: { ...call.function, name: meantName(call.function.name, offered) },
  }));
}
