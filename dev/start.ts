import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import { chooseServer } from "./chosen-server";
import { pointTo, readExamples } from "./examples";
import { commonSettings, type NodeDef, packageRoot, startRed } from "./node-red";

const port = Number(process.env.PORT) || 1880;

/** Where the flows and what is set in them live. Not Node-RED's own default: nobody's real flows are touched. */
const userDir = process.env.EXAMPLES_DIR ?? path.join(packageRoot, ".node-red");
const flowFile = path.join(userDir, "flows.json");

/** The base URL of the run before, to tell our config nodes from those that the user has pointed elsewhere. */
const baseUrlFile = path.join(userDir, "base-url.txt");

/** Opens Node-RED's editor with the examples in tabs. What the user changes there is kept for the next start. */
async function start(): Promise<void> {
  const server = await chooseServer();
  const httpServer = await listen();
  mkdirSync(userDir, { recursive: true });
  writeFlows(server.baseUrl);
  const red = await startRed(httpServer, settings());
  console.log(`\n${server.explanation}`);
  console.log(`Node-RED's editor: http://127.0.0.1:${port}/   (Ctrl-C ends it)\n`);
  const end = async (): Promise<void> => {
    await red.stop();
    await server.stop();
    process.exit(0);
  };
  process.once("SIGINT", end);
  process.once("SIGTERM", end);
}

/** Listening comes first: a port that is taken should be told before anything else is done. */
async function listen(): Promise<http.Server> {
  const server = http.createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return server;
}

/** The first start writes the examples; later ones only lead config nodes from the server of last time to that of now. */
function writeFlows(baseUrl: string): void {
  const flow = existsSync(flowFile) ? retarget(readJson(flowFile), baseUrl) : allExamples(baseUrl);
  writeFileSync(flowFile, `${JSON.stringify(flow, null, 2)}\n`);
  writeFileSync(baseUrlFile, baseUrl);
}

function allExamples(baseUrl: string): NodeDef[] {
  return pointTo(
    baseUrl,
    readExamples().flatMap(({ flow }) => {
      // There may be no broker, or one of somebody else's.
      const disabled = flow.some((node) => node.type === "mqtt-broker");
      return flow.map((node) => (node.type === "tab" ? { ...node, disabled } : node));
    }),
  );
}

function retarget(flow: NodeDef[], baseUrl: string): NodeDef[] {
  const before = existsSync(baseUrlFile) ? readFileSync(baseUrlFile, "utf8") : undefined;
  return flow.map((node) =>
    node.type === "huggingface-config" && node.baseUrl === before ? { ...node, baseUrl } : node,
  );
}

function readJson(file: string): NodeDef[] {
  return JSON.parse(readFileSync(file, "utf8"));
}

function settings(): object {
  return {
    ...commonSettings,
    userDir,
    uiPort: port,
    flowFile,
    flowFilePretty: true,
    credentialSecret: "only for trying things out",
    httpAdminRoot: "/",
    httpNodeRoot: "/",
    logging: { console: { level: "info", metrics: false, audit: false } },
  };
}

start().catch((error) => {
  console.error(`Node-RED could not be started: ${error instanceof Error ? error.message : error}`);
  process.exit(1);
});
