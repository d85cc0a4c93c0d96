import { pointTo, readExamples } from "../examples";
import type { NodeDef } from "../node-red";

/** Where the parts of a fleet are. */
export interface Places {
  /** Port of the broker on 127.0.0.1. */
  broker: number;
  /** Base URL of the chat server. */
  model: string;
}

/** The flow of the workers, as in the examples, with conversations in the context store `shared`. */
export function workerFlow({ broker, model }: Places, maxConcurrent: number): NodeDef[] {
  return pointTo(model, atBroker(broker, example("A worker of a fleet"))).map((node) => {
    if (node.type === "huggingface-config") return { ...node, maxConcurrent };
    return node.type === "huggingface-chat" ? { ...node, store: "shared" } : node;
  });
}

/** As in the examples. */
export const PARTITIONS = 16;

/** The name of the node of the asking flow that takes questions. */
export const ASK = "Ask";

/**
 * The flow that asks, as in the examples. What comes of a question goes to the functions `chunk`, `reply` and `failed` of the
 * global context's `fleet`, and to `serves` who serves which partition.
 */
export function askingFlow(broker: number, askAgainSeconds: number): NodeDef[] {
  const flow = atBroker(broker, example("Ask a fleet"));
  const tab = flow.find(({ type }) => type === "tab")?.id ?? "";
  const connection = flow.find(({ type }) => type === "mqtt-broker")?.id ?? "";
  const place = { z: tab, x: 100, y: 500 };
  const sink = (id: string) => ({ ...place, id, type: "function", func: `global.get("fleet").${id}(msg);`, wires: [] });
  const watch = { ...place, id: "watch", type: "mqtt in", topic: "fleet/serves/+", qos: "1", datatype: "utf8" };
  const changed = flow.map((node) => {
    if (node.name === ASK) {
      const [questions, , , , subscriptions] = node.wires as string[][];
      return { ...node, wires: [questions, ["chunk"], ["reply"], ["failed"], subscriptions] };
    }
    if (node.type !== "tab") return node;
    const env = (node.env as { name: string; value: string }[]).map((entry) =>
      entry.name === "ASK_AGAIN_SECONDS" ? { ...entry, value: String(askAgainSeconds) } : entry,
    );
    return { ...node, env };
  });
  return [
    ...changed,
    ...["chunk", "reply", "failed", "serves"].map(sink),
    { ...watch, broker: connection, wires: [["serves"]] },
  ];
}

function example(name: string): NodeDef[] {
  const found = readExamples().find((candidate) => candidate.name.endsWith(name));
  if (!found) throw new Error(`there is no example "${name}"`);
  return found.flow;
}

/** The same flow at a broker on another port of this machine. */
export function atBroker(port: number, flow: NodeDef[]): NodeDef[] {
  return flow.map((node) => (node.type === "mqtt-broker" ? { ...node, broker: "127.0.0.1", port } : node));
}
