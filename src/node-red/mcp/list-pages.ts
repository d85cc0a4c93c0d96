import { setImmediate as nextTurn } from "node:timers/promises";
import type { Client, RequestOptions } from "@modelcontextprotocol/client";
import { asRecord, asText, type Redaction } from "../../client/internal";
import { ChatError } from "../errors";
import { readTools } from "./mcp-answers";
import { hasSendableHeaders } from "./parameter-headers";
import type { McpTool } from "./types";

/** A list with more pages counts as one that does not end. */
const MOST_PAGES = 1000;
/** Tools that are read between two looks at the clock. */
const AT_ONCE = 50;
/** After this time others have their turn, in ms: a list may have thousands of tools. */
const TURN_MS = 10;

/**
 * Takes a result as it is: `readTools` and `readCallResult` look at all that is used of it. The library's own check takes
 * half a second for 10,000 tools, and blocks the event loop meanwhile; it also drops a whole result for one odd field.
 */
export const AS_IT_IS = {
  "~standard": { version: 1 as const, vendor: "node-red-huggingface", validate: (value: unknown) => ({ value }) },
};

/** The tools of a server. */
export interface ListedTools {
  tools: McpTool[];
  /** For how long the server allows it to be kept, in ms; undefined where it does not say. */
  ttlMs: number | undefined;
}

/**
 * Lists the tools of a server, page by page. Other work has its turn in between.
 *
 * @param options - its time-out is for all pages together
 * @throws whatever the library throws; ChatError `mcp_endless`
 */
export async function listTools(
  client: Client,
  options: RequestOptions & { timeout: number },
  redaction: Redaction,
  host: string,
): Promise<ListedTools> {
  const tools: McpTool[] = [];
  if (!client.getServerCapabilities()?.tools) return { tools, ttlMs: undefined };
  const end = performance.now() + options.timeout;
  const isModern = client.getProtocolEra() === "modern";
  let ttlMs: number | undefined;
  let cursor: string | undefined;
  for (let pages = 0; pages < MOST_PAGES; pages++) {
    const params = cursor === undefined ? {} : { params: { cursor } };
    const timeout = Math.max(1, end - performance.now());
    const limits = { ...options, timeout, resetTimeoutOnProgress: false };
    const page = asRecord(await client.request({ method: "tools/list", ...params }, AS_IT_IS, limits)) ?? {};
    if (pages === 0 && typeof page["ttlMs"] === "number") ttlMs = page["ttlMs"];
    await readPage(page["tools"], tools, redaction, isModern);
    const next = asText(page["nextCursor"]);
    // Some servers repeat the last page for ever.
    if (!next || next === cursor) return { tools, ttlMs };
    cursor = next;
  }
  throw new ChatError("mcp_endless", { host, pages: MOST_PAGES });
}

async function readPage(list: unknown, into: McpTool[], redaction: Redaction, isModern: boolean): Promise<void> {
  if (!Array.isArray(list)) return;
  let since = performance.now();
  for (let from = 0; from < list.length; from += AT_ONCE) {
    const tools = readTools(list.slice(from, from + AT_ONCE), redaction);
    into.push(...(isModern ? tools.filter(({ inputSchema }) => hasSendableHeaders(inputSchema)) : tools));
    if (performance.now() - since < TURN_MS) continue;
    await nextTurn();
    since = performance.now();
  }
}
