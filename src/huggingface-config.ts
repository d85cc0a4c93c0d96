import type { Node, NodeAPI } from "node-red";
import { ChatClient, ChatError, resolveEndpoint } from "./lib/client";
import {
  type ConfigCredentials,
  type ConfigDef,
  type ConfigNode,
  readClientOptions,
  readFallback,
  readGrammar,
  readModel,
  readServerStreams,
} from "./lib/node-red/config-options";

export = (RED: NodeAPI): void => {
  function HuggingFaceConfig(this: ConfigNode, def: ConfigDef) {
    RED.nodes.createNode(this, def);
    let client: ChatClient | undefined;
    this.client = () => {
      client ??= new ChatClient(readClientOptions(RED, this, def, this.credentials));
      return client;
    };
    this.model = () => readModel(def);
    this.serverStreams = () => readServerStreams(def);
    this.grammar = () => readGrammar(def);
    this.fallback = () => readFallback(def);
    warnOfRetiredHost(this, def);
    this.on("close", (done: () => void) => {
      (client?.close() ?? Promise.resolve()).then(done, done);
    });
  }

  function warnOfRetiredHost(node: Node, def: ConfigDef): void {
    try {
      const { retiredHost, host } = resolveEndpoint(String(def.baseUrl ?? ""));
      if (retiredHost) node.warn(RED._("huggingface-config.warning.retired", { old: retiredHost, host } as never));
    } catch (error) {
      // A base URL that cannot work is an error of the first question.
      if (!(error instanceof ChatError)) throw error;
    }
  }

  RED.nodes.registerType<ConfigNode, ConfigDef, object, ConfigCredentials>("huggingface-config", HuggingFaceConfig, {
    credentials: { token: { type: "password" } },
  });
};
