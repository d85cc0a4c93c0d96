import type http from "node:http";
import path from "node:path";
import nodeRed from "node-red";

/** The parts of Node-RED's own API that are used here. */
export interface Red {
  init(server: http.Server, settings: object): void;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** a function, whatever the documentation says */
  version(): string;
  httpAdmin: App;
  httpNode: App;
  events: NodeJS.EventEmitter;
  nodes: { getNode(id: string): { receive(message: object): void } | null };
  runtime: { flows: { setFlows(options: object): Promise<unknown> } };
}
type App = (request: http.IncomingMessage, response: http.ServerResponse, next?: () => void) => void;

/** A node as it stands in a flow file. */
export interface NodeDef {
  id: string;
  type: string;
  [property: string]: unknown;
}

export const packageRoot = path.join(__dirname, "..");

/** Settings for every Node-RED that is started here: our nodes, and no requests to other hosts. */
export const commonSettings = {
  nodesDir: packageRoot,
  uiHost: "127.0.0.1",
  telemetry: { enabled: false, updateNotification: false },
  editorTheme: { tours: false, palette: { catalogues: [] } },
};

/** Settings for a Node-RED without an editor. It prints errors only. */
export const headlessSettings = {
  ...commonSettings,
  flowFile: "flows.json",
  credentialSecret: false,
  httpAdminRoot: false,
  httpNodeRoot: false,
  logging: { console: { level: "error" } },
};

/** Starts Node-RED on a server, listening or not, and waits until its flows run. */
export async function startRed(server: http.Server, settings: object): Promise<Red> {
  const red = nodeRed as unknown as Red;
  red.init(server, settings);
  server.on("request", (request, response) => {
    red.httpAdmin(request, response, () => red.httpNode(request, response));
  });
  const started = flowsStarted(red);
  await red.start();
  await started;
  return red;
}

/** Replaces the flows of a running Node-RED and waits until the new ones run. */
export async function deploy(red: Red, flows: NodeDef[]): Promise<void> {
  const started = flowsStarted(red);
  await red.runtime.flows.setFlows({ flows: { flows }, deploymentType: "full" });
  await started;
}

/** Node-RED reports a flow that cannot start (a node type is missing) only as an event. */
function flowsStarted(red: Red): Promise<void> {
  return new Promise((resolve, reject) => {
    const onState = (event: { id: string; payload?: { error?: string; types?: string[] } }): void => {
      const { error, types = [] } = event.payload ?? {};
      if (event.id === "runtime-state" && error)
        finish(new Error(`the flow does not start: ${error} ${types.join(", ")}`));
    };
    const onStarted = (): void => finish();
    const finish = (error?: Error): void => {
      red.events.off("runtime-event", onState);
      red.events.off("flows:started", onStarted);
      if (error) reject(error);
      else resolve();
    };
    red.events.on("runtime-event", onState);
    red.events.on("flows:started", onStarted);
  });
}
