import type { Node, NodeAPI } from "node-red";
import { type ChatDef, ChatSession } from "./lib/node-red/chat-session";

export = (RED: NodeAPI): void => {
  function HuggingFaceChat(this: Node, def: ChatDef) {
    RED.nodes.createNode(this, def);
    const session = new ChatSession(RED, this, def);
    this.on("input", (msg, send, done) => {
      session.receive(msg, send, done);
    });
    this.on("close", () => session.close());
  }

  RED.nodes.registerType("huggingface-chat", HuggingFaceChat);
};
