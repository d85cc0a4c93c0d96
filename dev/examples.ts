import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { type NodeDef, packageRoot } from "./node-red";

const folder = path.join(packageRoot, "examples");

export interface Example {
  /** file name without its ending, for instance `01 - Ask a model` */
  name: string;
  flow: NodeDef[];
}

/** The examples of the package, in their order. */
export function readExamples(): Example[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .sort()
    .map((file) => ({
      name: path.basename(file, ".json"),
      flow: JSON.parse(readFileSync(path.join(folder, file), "utf8")),
    }));
}

/** The same flow with its config nodes pointing at another server. */
export function pointTo(baseUrl: string, flow: NodeDef[]): NodeDef[] {
  return flow.map((node) => (node.type === "huggingface-config" ? { ...node, baseUrl } : node));
}

/** The model that the examples ask, so that the demo asks the same. */
export function exampleModel(): string {
  const nodes = readExamples().flatMap((example) => example.flow);
  return String(nodes.find((node) => node.type === "huggingface-config")?.model);
}
