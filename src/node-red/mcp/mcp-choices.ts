import { asRecord, asText } from "../../client/internal";
import { MCP_ASKS, MCP_USES, type McpAsk, type McpUse } from "../../shared/mcp";

/** What the form says of the tools of a server. */
export interface McpChoice {
  /** Id of the huggingface-mcp node, as the flow file has it. */
  id: string;
  use: McpUse;
  names: ReadonlySet<string>;
  ask: McpAsk;
  /** Hashes of the definitions that somebody has seen in the form, by the name of the tool. */
  seen: ReadonlyMap<string, string>;
}

/**
 * Reads which servers are chosen, and which of their tools. What is missing or makes no sense counts as the form's default,
 * which lets nothing through unasked.
 *
 * @param ids - the property `mcp`
 * @param settings - the property `mcpTools`, at the same places
 */
export function readMcpChoices(ids: unknown, settings: unknown): McpChoice[] {
  const all = [settings ?? []].flat();
  const choices = [ids ?? []].flat().map((id, place) => readChoice(String(id), asRecord(all[place]) ?? {}));
  const seen = new Set<string>();
  return choices.filter(({ id }) => id !== "" && !seen.has(id) && seen.add(id));
}

function readChoice(id: string, { use, names, ask, seen }: Record<string, unknown>): McpChoice {
  const hashes = Object.entries(asRecord(seen) ?? {}).flatMap(([name, hash]): [string, string][] => {
    const text = asText(hash);
    return text === undefined ? [] : [[name, text]];
  });
  return {
    id,
    use: MCP_USES.find((word) => word === use) ?? "all",
    names: new Set([names ?? []].flat().map(String)),
    ask: MCP_ASKS.find((word) => word === ask) ?? "changes",
    seen: new Map(hashes),
  };
}

/** True if a tool is offered. */
export function isOffered({ use, names }: McpChoice, tool: string): boolean {
  return use === "all" || names.has(tool) === (use === "only");
}
