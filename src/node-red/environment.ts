import type { Node, NodeAPI } from "node-red";
import { variableOf } from "./red";

/**
 * Puts the environment into what was read from JSON text. Node-RED itself does so for `${NAME}` in properties that
 * are objects, and not in those that are text. A variable that is not set leaves its name, as there.
 */
export function withEnvironment<T>(RED: NodeAPI, node: Node | undefined, value: T): T {
  if (typeof value === "string") {
    const name = /^\$\{(\S+)\}$/.exec(value)?.[1];
    return name === undefined ? value : ((variableOf(RED, node, name) ?? value) as T);
  }
  if (Array.isArray(value)) return value.map((item) => withEnvironment(RED, node, item)) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withEnvironment(RED, node, item)])) as T;
}
