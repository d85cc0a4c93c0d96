import { flowNode, type Message, type NodeDef } from "./node-red";
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

/** The tool node `tool`, named "weather", with the properties that the editor gives it. */
export function tool(wires: string[], properties: Message = {}): NodeDef {
  const defaults = { name: "weather", description: "", parameters: "", strict: false };
  return flowNode("tool", "huggingface-tool", { ...defaults, wires: [wires], ...properties });
}

/** A core link out node `out`. Mode "return" ends the flow of a tool. */
export function linkOut(mode: string): NodeDef {
  return flowNode("out", "link out", { name: "", mode, links: [] });
}
