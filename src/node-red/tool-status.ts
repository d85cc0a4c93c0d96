import type { Node, NodeAPI } from "node-red";

/** Nodes that show that their flow does not return, which counts more than how often it is called. */
const unreturning = new WeakSet<Node>();

/** Shows on a tool node whether its flow can return. */
export function showReturn(RED: NodeAPI, node: Node, returns: boolean): void {
  if (!returns) {
    unreturning.add(node);
    node.status({ fill: "yellow", shape: "ring", text: RED._("huggingface-tool.status.no_return") });
  } else if (unreturning.delete(node)) {
    node.status({});
  }
}

/** Returns a function to call for each call of a tool: shows how many there have been since the node was deployed. */
export function callCounter(RED: NodeAPI, node: Node): () => void {
  let times = 0;
  return () => {
    times++;
    if (unreturning.has(node)) return;
    const text = RED._(`huggingface-tool.status.${times === 1 ? "calledOnce" : "called"}`, { times: String(times) });
    node.status({ fill: "grey", shape: "dot", text });
  };
}
