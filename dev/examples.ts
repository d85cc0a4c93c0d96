import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { type NodeDef, packageRoot } from "./node-red";

const folder = path.join(packageRoot, "examples");

/** The chat page for a dashboard. It needs nodes that are not core's, so it is no example. */
export const dashboardFlow = path.join(packageRoot, "docs/dashboard-chat.json");

export interface Example {
  /** The file's name without its ending, such as `01 - Ask a model`. */
  name: string;
  flow: NodeDef[];
}

/** Lists the files of the examples, in their order. */
export function exampleFiles(): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .sort()
    .map((file) => path.join(folder, file));
}

/** Reads the examples of the package, in their order. */
export function readExamples(): Example[] {
  return exampleFiles().map((file) => ({
    name: path.basename(file, ".json"),
    flow: JSON.parse(readFileSync(file, "utf8")),
  }));
}

/** Returns all examples as one flow. Most share one configuration, which is in it once. */
export function allInOne(examples: Example[]): NodeDef[] {
  return [...new Map(examples.flatMap(({ flow }) => flow.map((node) => [node.id, node]))).values()];
}

/** Returns the same flow with its config nodes pointing at another server. */
export function pointTo(baseUrl: string, flow: NodeDef[]): NodeDef[] {
  return flow.map((node) => (node.type === "huggingface-config" ? { ...node, baseUrl } : node));
}

/** Returns the model that the examples ask, so that the demo asks the same. */
export function exampleModel(): string {
  const nodes = readExamples().flatMap((example) => example.flow);
  return String(nodes.find((node) => node.type === "huggingface-config")?.model);
}
