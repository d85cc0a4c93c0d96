import type { NodeAPI } from "node-red";
import { ChatClient, ChatError, type Endpoint, isReadable, loadModule, resolveEndpoint } from "./client/internal";
import { Circuit } from "./conversation/run/circuit";
import { addConfigRoutes } from "./node-red/admin/config-routes";
import {
  type ConfigCredentials,
  type ConfigDef,
  type ConfigNode,
  checkDemo,
  hasLimits,
  isDemoAddress,
  otherwiseId,
  readClientOptions,
  readFallback,
  readGrammar,
  readModel,
  readOtherwise,
  readServerStreams,
  readStickyProvider,
  readTraceContent,
} from "./node-red/config-options";
import type { NodeLimits } from "./node-red/node-limits";
import { findOther, hostBeyondHome } from "./node-red/other-server";

export = (RED: NodeAPI): void => {
  function HuggingFaceConfig(this: ConfigNode, def: ConfigDef) {
    RED.nodes.createNode(this, def);
    let limits: NodeLimits | undefined;
    this.limits = () => {
      if (hasLimits(def)) limits ??= loadLimits().openLimits(RED, this, def.limits);
      return limits;
    };
    this.open = () => {
      checkDemo(def.baseUrl, writtenBaseUrl(this));
      const otherwise = readOtherwise(def);
      const client = new ChatClient(readClientOptions(RED, this, def, this.credentials));
      client.meter = this.limits()?.meter;
      this.settings = {
        client,
        model: readModel(def),
        serverStreams: readServerStreams(def),
        grammar: readGrammar(def),
        fallback: readFallback(def),
        traceContent: readTraceContent(def),
        stickyProvider: readStickyProvider(def),
        otherwise,
        circuit: otherwise ? new Circuit() : undefined,
        isDemo: isDemoAddress(def.baseUrl),
      };
      return this.settings;
    };
    const endpoint = endpointOf(def);
    this.origin = () => endpoint?.origin;
    this.host = () => endpoint?.host;
    if (endpoint?.retiredHost) {
      const params = { old: endpoint.retiredHost, host: endpoint.host };
      this.warn(RED._("huggingface-config.warning.retired", params));
    }
    if (endpoint && isReadable(endpoint.origin) && this.credentials?.token?.trim()) {
      this.warn(RED._("huggingface-config.warning.plain", { host: endpoint.host }));
    }
    // Node-RED starts the configurations that one names before it.
    const away = hostBeyondHome(this, findOther(RED, otherwiseId(def)));
    if (away) this.warn(RED._("huggingface-config.warning.otherwise_away", { host: away }));
    this.on("close", (done: () => void) => {
      const closing = this.settings?.client.close() ?? Promise.resolve();
      closing.then(() => limits?.close()).then(() => done(), done);
    });
  }

  /** What is not limited need not count. */
  function loadLimits() {
    return loadModule("limits", (): typeof import("./node-red/node-limits") => require("./node-red/node-limits"));
  }

  /** Returns the base URL as it stands in the flow, where variables are not yet replaced. */
  function writtenBaseUrl(node: ConfigNode & { _alias?: string }): unknown {
    const id = node._alias ?? node.id;
    let written: unknown;
    RED.nodes.eachNode((deployed) => {
      if (deployed.id === id) written = (deployed as ConfigDef).baseUrl;
    });
    return written;
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
