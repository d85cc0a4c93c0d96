import type { NodeAPI } from "node-red";
import { ChatClient, ChatError, type Endpoint, isReadable, resolveEndpoint } from "./client/internal";
import { addConfigRoutes } from "./node-red/admin/config-routes";
import {
  type ConfigCredentials,
  type ConfigDef,
  type ConfigNode,
  readClientOptions,
  readFallback,
  readGrammar,
  readModel,
  readServerStreams,
} from "./node-red/config-options";

export = (RED: NodeAPI): void => {
  function HuggingFaceConfig(this: ConfigNode, def: ConfigDef) {
    RED.nodes.createNode(this, def);
    this.open = () => {
      this.settings = {
        client: new ChatClient(readClientOptions(RED, this, def, this.credentials)),
        model: readModel(def),
        serverStreams: readServerStreams(def),
        grammar: readGrammar(def),
        fallback: readFallback(def),
      };
      return this.settings;
    };
    const endpoint = endpointOf(def);
    this.origin = () => endpoint?.origin;
    if (endpoint?.retiredHost) {
      const params = { old: endpoint.retiredHost, host: endpoint.host };
      this.warn(RED._("huggingface-config.warning.retired", params));
    }
    if (endpoint && isReadable(endpoint.origin) && this.credentials?.token?.trim()) {
      this.warn(RED._("huggingface-config.warning.plain", { host: endpoint.host }));
    }
    this.on("close", (done: () => void) => {
      (this.settings?.client.close() ?? Promise.resolve()).then(done, done);
    });
  }

  /** @returns undefined for a base URL that cannot work, which is an error of the first question */
  function endpointOf(def: ConfigDef): Endpoint | undefined {
    try {
      return resolveEndpoint(String(def.baseUrl ?? ""));
    } catch (error) {
      if (!(error instanceof ChatError)) throw error;
      return undefined;
    }
  }

  RED.nodes.registerType<ConfigNode, ConfigDef, object, ConfigCredentials>("huggingface-config", HuggingFaceConfig, {
    credentials: {
      token: { type: "password" },
      secretHeaders: { type: "password" },
      secretHeadersEdited: { type: "password" },
    },
  });
  addConfigRoutes(RED);
};
