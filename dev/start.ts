import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import { build } from "./build";
import { chooseServer } from "./chosen-server";
import { allInOne, pointTo, readExamples } from "./examples";
import { endWith } from "./failure";
import { commonSettings, type NodeDef, packageRoot, startRed } from "./node-red";
import { port, refuseTakenPort, standInPort } from "./port";

/** The user directory. Not Node-RED's default, so that no real flows are touched. */
const userDir = process.env.EXAMPLES_DIR ?? path.join(packageRoot, ".node-red");
const flowFile = path.join(userDir, "flows.json");

/** Holds the last run's base URL, which distinguishes our config nodes from those that the user has changed. */
const baseUrlFile = path.join(userDir, "base-url.txt");

/** Opens Node-RED's editor with the examples in tabs. What the user changes there is kept for the next start. */
async function start(): Promise<void> {
  const server = await chooseServer(await standInPort());
  const httpServer = http.createServer();
  mkdirSync(userDir, { recursive: true });
  writeFlows(server.baseUrl);
  const red = await startRed(httpServer, settings());
  await listen(httpServer);
  console.log(`\n${server.explanation}`);
  console.log(`Node-RED's editor: http://127.0.0.1:${port}/   (Ctrl-C ends it)\n`);
  process.send?.("ready");
  let isEnding = false;
  const end = async (): Promise<void> => {
    if (isEnding) return;
    isEnding = true;
    await red.stop();
    await server.stop();
    process.exit(0);
  };
  // `disconnect` is how `npm run dev` ends this process on every system, or how its own end shows.
  for (const event of ["SIGINT", "SIGTERM", "disconnect"]) process.on(event, end);
}

function listen(server: http.Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
}

/** The first start writes the examples; later ones only update the server in config nodes. */
function writeFlows(baseUrl: string): void {
  const flow = existsSync(flowFile) ? retarget(readJson(flowFile), baseUrl) : allExamples(baseUrl);
  writeFileSync(flowFile, `${JSON.stringify(flow, null, 2)}\n`);
  writeFileSync(baseUrlFile, baseUrl);
}

function allExamples(baseUrl: string): NodeDef[] {
  return pointTo(
    baseUrl,
    allInOne(
      readExamples().map(({ name, flow }) => {
        // There may be no broker, or one with another purpose.
        const disabled = flow.some((node) => node.type === "mqtt-broker");
        return { name, flow: flow.map((node) => (node.type === "tab" ? { ...node, disabled } : node)) };
      }),
    ),
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

/** Waits for a message if `npm run dev` prepared this process, with all modules loaded. */
async function main(): Promise<void> {
  if (process.send) {
    await new Promise((resolve) => process.once("message", resolve));
  } else {
    await refuseTakenPort("npm start");
    await build(console.log);
  }
  await start();
}

main().catch(endWith("Node-RED could not be started: "));
