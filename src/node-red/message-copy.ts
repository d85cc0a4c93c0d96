import type { NodeAPI, NodeMessage } from "node-red";

/**
 * A copy of a message without some of its properties.
 *
 * @param names - properties to leave out
 * @param paths - further ones, which may be paths such as `question.text`
 */
export function copyWithout(
  RED: NodeAPI,
  msg: NodeMessage,
  names: readonly string[],
  paths: readonly string[],
): Record<string, unknown> {
  const kept = { ...msg } as Record<string, unknown>;
  for (const name of names) delete kept[name];
  const copy = RED.util.cloneMessage(kept as NodeMessage) as Record<string, unknown>;
  for (const path of paths) {
    // Node-RED takes `msg.question` for `question`.
    const property = path.replace(/^msg\./, "");
    const root = /^[^.[]+/.exec(property)?.[0];
    // Requests and responses of http nodes are not cloned, so what is in them stays.
    if (root && root in copy && root !== "req" && root !== "res") {
      RED.util.setMessageProperty(copy, property, undefined, false);
    }
  }
  return copy;
}
