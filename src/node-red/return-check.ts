import type { Node, NodeAPI } from "node-red";
import { findNode, wiresOf } from "./red";

/**
 * Returns whether what a node sends can reach a link out node that returns it.
 *
 * Wires are followed as they run: those of a link out node in link mode lead to its link in nodes, those of a subflow into it
 * and out again.
 */
export function canReturn(RED: NodeAPI, start: Node): boolean {
  const returning = new Set<string>();
  RED.nodes.eachNode((def) => {
    if (def.type === "link out" && "mode" in def && def.mode === "return") returning.add(def.id);
  });
  const seen = new Set<string>([start.id]);
  const next: Node[] = [start];
  for (let node = next.pop(); node; node = next.pop()) {
    for (const id of wiresOf(node).flat()) {
      if (seen.has(id)) continue;
      seen.add(id);
      const target = findNode<Node & { _alias?: string }>(RED, id);
      if (!target) continue;
      if (returning.has(target.id) || returning.has(target._alias ?? "")) return true;
      next.push(target);
    }
  }
  return false;
}
