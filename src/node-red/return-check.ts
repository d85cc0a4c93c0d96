import type { Node, NodeAPI, NodeDef } from "node-red";
import { findNode, wiresOf } from "./red";

/**
 * Returns whether what a node sends can reach a link out node that returns it.
 *
 * Wires are followed as they run: those of a link out node in link mode lead to its link in nodes, those of a subflow into it
 * and out again. A complete node sends on what the nodes in its list are done with.
 */
export function canReturn(RED: NodeAPI, start: Node): boolean {
  const returning = new Set<string>();
  /** By the id of a node: the complete nodes that listen to it. */
  const listening = new Map<string, string[]>();
  RED.nodes.eachNode((def: NodeDef & { mode?: unknown; scope?: unknown }) => {
    if (def.type === "link out" && def.mode === "return") returning.add(def.id);
    if (def.type !== "complete" || !Array.isArray(def.scope)) return;
    for (const id of def.scope) listening.set(id, [...(listening.get(id) ?? []), def.id]);
  });
  const seen = new Set<string>([start.id]);
  const next: Node[] = [start];
  for (let node = next.pop(); node; node = next.pop()) {
    for (const id of [...wiresOf(node).flat(), ...(listening.get(node.id) ?? [])]) {
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
