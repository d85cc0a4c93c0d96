const { createRequire } = require("node:module");
const http = require("node:http");
const path = require("node:path");

const packageRoot = path.join(__dirname, "..");

/**
 * Starts a Node-RED without an editor, which listens nowhere, and waits until its flows run.
 *
 * @param {object} settings - beside what all have
 */
async function startRed(settings) {
  // The Node-RED of the package's tests.
  const red = createRequire(path.join(packageRoot, "package.json"))("node-red");
  red.init(http.createServer(), {
    flowFile: "flows.json",
    credentialSecret: false,
    httpAdminRoot: false,
    httpNodeRoot: false,
    logging: { console: { level: "error" } },
    telemetry: { enabled: false, updateNotification: false },
    editorTheme: { tours: false, palette: { catalogues: [] } },
    ...settings,
  });
  const started = flowsStarted(red);
  await red.start();
  await started;
  return red;
}

/** Replaces the flows, and the credentials by the id of their node, and waits until the new ones run. */
async function deploy(red, flows, credentials) {
  const started = flowsStarted(red);
  await red.runtime.flows.setFlows({ flows: { flows, credentials }, deploymentType: "full" });
  await started;
}

/** Node-RED reports a flow that cannot start (a node type is missing) only as an event. */
function flowsStarted(red) {
  return new Promise((resolve, reject) => {
    red.events.once("flows:started", resolve);
    red.events.on("runtime-event", ({ id, payload }) => {
      if (id === "runtime-state" && payload?.error) reject(new Error(`${payload.error} ${payload.types ?? ""}`));
    });
  });
}

module.exports = { deploy, packageRoot, startRed };
