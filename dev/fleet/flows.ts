import { pointTo, readExamples } from "../examples";
import type { NodeDef } from "../node-red";

/** Where the parts of a fleet are. */
export interface Places {
  /** Port of the broker on 127.0.0.1. */
  broker: number;
  /** Base URL of the chat server. */
  model: string;
}

/** The function that the model calls. */
export const TOOL = "note";

/** The flow of the workers, as in the examples, with conversations in the context store `shared`, limits, and a tool. */
export function workerFlow({ broker, model }: Places, maxConcurrent: number): NodeDef[] {
  const flow = pointTo(model, atBroker(broker, example("A worker of a fleet"))).map((node) => {
    if (node.type === "huggingface-config") return { ...node, maxConcurrent, limits: LIMITS };
    if (node.type === "tab") return withEnv(node, { STORE: "shared" });
    return node.type === "huggingface-chat" ? { ...node, store: "shared", tools: ["tool"] } : node;
  });
  const place = { z: flow.find(({ type }) => type === "tab")?.id ?? "", x: 100, y: 500 };
  return [
    ...flow,
    { ...place, id: "tool", type: "huggingface-tool", name: TOOL, wires: [["noted"]] },
    { ...place, id: "noted", type: "function", func: 'msg.payload = "noted"; return msg;', wires: [["back"]] },
    { ...place, id: "back", type: "link out", mode: "return", links: [], wires: [] },
  ];
}

/** Never reached here, but counted. */
const LIMITS = [
  { amount: 1e6, unit: "questions", per: "hour" },
  { amount: 1e9, unit: "tokens", per: "day" },
];

/** As in the examples. */
export const PARTITIONS = 16;

/** The name of the asking flow's node that receives questions. */
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
    return node.type === "tab" ? withEnv(node, { ASK_AGAIN_SECONDS: String(askAgainSeconds) }) : node;
  });
  return [
    ...changed,
    ...["chunk", "reply", "failed", "serves"].map(sink),
    { ...watch, broker: connection, wires: [["serves"]] },
  ];
}

/** Returns a tab with other values of its environment variables. */
export function withEnv(tab: NodeDef, values: Record<string, string>): NodeDef {
  const env = tab.env as { name: string; value: string }[];
  return { ...tab, env: env.map((entry) => ({ ...entry, value: values[entry.name] ?? entry.value })) };
}

function example(name: string): NodeDef[] {
  const found = readExamples().find((candidate) => candidate.name.endsWith(name));
  if (!found) throw new Error(`there is no example "${name}"`);
  return found.flow;
}

/** Returns the same flow with a broker on another port of this machine. */
export function atBroker(port: number, flow: NodeDef[]): NodeDef[] {
  return flow.map((node) => (node.type === "mqtt-broker" ? { ...node, broker: "127.0.0.1", port } : node));
}
