import path from "node:path";
import { OwnNodeRed } from "../../test/support/own-node-red";
import type { NodeDef } from "../node-red";

/**
 * Makes a Node-RED of its own for a flow of workers, with the context store `shared` in Redis or Valkey. It must be started, and
 * removed in the end.
 *
 * @param more - further settings, as JavaScript between braces
 */
export function makeWorker(name: string, flow: NodeDef[], storePort: number, more = ""): OwnNodeRed {
  const plugin = JSON.stringify(path.join(__dirname, "redis-context.js"));
  const config = JSON.stringify({ url: `redis://127.0.0.1:${storePort}` });
  const stores = `contextStorage: {
    default: { module: "memory" },
    shared: { module: require(${plugin}), config: ${config} },
  }, ${more}`;
  return new OwnNodeRed(flow, {}, stores, { FLEET_WORKER: name });
}
