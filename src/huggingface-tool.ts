import type { NodeAPI } from "node-red";
import { registerTool, type ToolDef, type ToolNode, watchReturns } from "./node-red/tool-registry";
import { callCounter } from "./node-red/tool-status";

export = (RED: NodeAPI): void => {
  function HuggingFaceTool(this: ToolNode, def: ToolDef) {
    RED.nodes.createNode(this, def);
    this.def = def;
    const unregister = registerTool(this);
    const count = callCounter(RED, this);
    // What comes in has been made by a chat node: it starts the flow.
    this.on("input", (msg, send, done) => {
      count();
      send(msg);
      done();
    });
    this.on("close", unregister);
  }

  RED.nodes.registerType("huggingface-tool", HuggingFaceTool);
  watchReturns(RED);
};
