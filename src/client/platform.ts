import { readFileSync } from "node:fs";
import { ChatError } from "./errors/chat-error";
import { asRecord, asText } from "./unknown";

/** As in `engines` of package.json; Node-RED 4 itself runs from 18.5. */
export const OLDEST_NODE = "20.18.1";

/** Read at the start: when an error occurs, files may be what is missing. */
const UNDICI = readPackage("undici");

/**
 * Tells why no question can be asked on this machine, whatever the configuration.
 *
 * @param version - of Node.js
 * @param undici - the package.json of undici
 * @returns an error to throw or show; undefined if all is well
 */
export function platformProblem(
  version: string = process.versions.node,
  undici: unknown = UNDICI,
): ChatError | undefined {
  if (isOlder(version, OLDEST_NODE)) return new ChatError("node_too_old", { needed: OLDEST_NODE, version });
  if (typeof WebAssembly === "undefined") return new ChatError("webassembly_missing");
  const installed = asRecord(undici);
  const needed = /^>=\s*(\d+\.\d+\.\d+)$/.exec(asText(asRecord(installed?.["engines"])?.["node"]) ?? "")?.[1];
  if (needed === undefined || !isOlder(version, needed)) return undefined;
  return new ChatError("undici_unfit", { undici: asText(installed?.["version"]) ?? "?", needed, version });
}

function readPackage(name: string): unknown {
  try {
    // `require` would keep it in memory.
    return JSON.parse(readFileSync(require.resolve(`${name}/package.json`), "utf8"));
  } catch {
    // The error of loading the package says why.
    return undefined;
  }
}

/** Compares versions by their three numbers; what follows these does not count. */
function isOlder(version: string, than: string): boolean {
  const ours = version.split(".").map((part) => Number.parseInt(part, 10));
  const theirs = than.split(".").map(Number);
  const at = theirs.findIndex((part, index) => part !== ours[index]);
  return at >= 0 && (ours[at] ?? 0) < (theirs[at] ?? 0);
}
