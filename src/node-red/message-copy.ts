import type { NodeAPI, NodeMessage } from "node-red";
import { cloneOf, withoutMsg } from "./red";

/**
 * Copies a message without some of its properties.
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
  const rest: Record<string, unknown> = { ...msg };
  for (const name of names) delete rest[name];
  const copy = cloneOf(RED, rest);
  for (const path of paths) {
    const property = withoutMsg(path);
    const root = /^[^.[]+/.exec(property)?.[0];
    // Requests and responses of http nodes are not cloned, so what is in them stays.
    if (root && root in copy && root !== "req" && root !== "res") {
      RED.util.setMessageProperty(copy, property, undefined, false);
    }
  }
  return copy;
}
