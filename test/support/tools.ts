import { flowNode, type NodeDef } from "./node-red";
import { chunk, type Handler, sse, usageChunk } from "./server";

/** A call as a model makes it. */
export interface Call {
  id: string;
  name: string;
  /** JSON text; "{}" by default */
  args?: string;
}

/** A round in which the model calls functions. */
export function callRound(...calls: Call[]): Handler {
  const tool_calls = calls.map(({ id, name, args = "{}" }, index) => ({
    index,
    id,
    type: "function",
    function: { name, arguments: args },
  }));
  return (_, response) =>
    sse(response, [
      chunk(undefined, { delta: { tool_calls } }),
      chunk(undefined, { finish_reason: "tool_calls" }),
      usageChunk(10, 2),
    ]);
}

/** A tool node `tool-<name>` and its flow, made of core nodes, which answers every call with the same text. */
export function valueTool(name: string, text: string): NodeDef[] {
  const rules = [{ t: "set", p: "payload", pt: "msg", to: text, tot: "str" }];
  return [
    flowNode(`tool-${name}`, "huggingface-tool", { name, wires: [[`do-${name}`]] }),
    flowNode(`do-${name}`, "change", { rules, wires: [[`back-${name}`]] }),
    flowNode(`back-${name}`, "link out", { mode: "return", links: [] }),
  ];
}
