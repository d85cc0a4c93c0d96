import type { Node, NodeAPI } from "node-red";
import { loadModule } from "./client/internal";
import { addChatRoutes } from "./node-red/admin/chat-routes";
import { addQuestionRoutes } from "./node-red/admin/question-routes";
import type { ChatDef } from "./node-red/chat-options";
import { reportPlatform } from "./node-red/platform-status";

export = (RED: NodeAPI): void => {
  const showPlatform = reportPlatform(RED);

  function HuggingFaceChat(this: Node, def: ChatDef) {
    RED.nodes.createNode(this, def);
    showPlatform(this);
    const { ChatSession } = loadSession();
    const session = new ChatSession(RED, this, def);
    this.on("input", session.onInput);
    // Link out nodes in return mode look for this method, as on core's link call node.
    Object.assign(this, { returnLinkMessage: session.returned.bind(session) });
    this.on("close", () => session.close());
  }

  /** It needs most of the code, which Node-RED starts without where no flow has a chat node. */
  function loadSession() {
    return loadModule("chat-session", (): typeof import("./node-red/chat-session") =>
      require("./node-red/chat-session"),
    );
  }

  RED.nodes.registerType("huggingface-chat", HuggingFaceChat);
  addChatRoutes(RED);
  addQuestionRoutes(RED);
};
