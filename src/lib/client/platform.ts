import { ChatError, reasonOf } from "./errors";
import { asRecord, asText } from "./json";

/** As `engines` of package.json says; Node-RED 4 itself runs from 18.5. */
export const OLDEST_NODE = "20.18.1";

// Resolved while Node-RED starts: Node.js 20 remembers a package.json that it could not open as one that is not there,
// and would find the package no more.
for (const name of ["undici", "eventsource-parser", "mustache"]) resolve(name);

/**
 * Why no question can be asked on this machine, whatever the configuration.
 *
 * @param version - of Node.js
 * @param undici - the package.json of undici
 * @returns an error to be thrown or shown; undefined where all is well
 */
export function platformProblem(
  version: string = process.versions.node,
  undici: unknown = packageOf("undici"),
): ChatError | undefined {
  if (isOlder(version, OLDEST_NODE)) return new ChatError("node_too_old", { needed: OLDEST_NODE, version });
  if (typeof WebAssembly === "undefined") return new ChatError("webassembly_missing");
  const installed = asRecord(undici);
  const needed = /^>=\s*(\d+\.\d+\.\d+)$/.exec(asText(asRecord(installed?.engines)?.node) ?? "")?.[1];
  if (needed === undefined || !isOlder(version, needed)) return undefined;
  return new ChatError("undici_unfit", { undici: asText(installed?.version) ?? "?", needed, version });
}

/**
 * Loads what is needed only by questions. What fails is tried anew by the next question: a file that could not be opened
 * may be opened then.
 *
 * @param name - of the module, for the error
 * @throws ChatError `module_failed`
 */
export function loadModule<T>(name: string, load: () => T): T {
  try {
    return load();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // The system's sentence names the file, which helps nobody.
    const reason = reasonOf(error).replace(/, \w+ '[^']*'$/, "");
    const isPassing = code === "EMFILE" || code === "ENFILE" || code === "ENOMEM";
    throw new ChatError("module_failed", { module: name, reason }, { retryable: isPassing, ...(code && { code }) });
  }
}

function resolve(name: string): string | undefined {
  try {
    return require.resolve(name);
  } catch {
    // Loading it will say why.
    return undefined;
  }
}

function packageOf(name: string): unknown {
  try {
    return require(`${name}/package.json`);
  } catch {
    return undefined;
  }
}

/** @param version - and `than`: three numbers; what stands behind them does not count */
function isOlder(version: string, than: string): boolean {
  const ours = version.split(".").map((part) => Number.parseInt(part, 10));
  const theirs = than.split(".").map(Number);
  const at = theirs.findIndex((part, index) => part !== ours[index]);
  return at >= 0 && (ours[at] ?? 0) < (theirs[at] ?? 0);
}
