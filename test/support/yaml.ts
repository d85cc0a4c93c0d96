import { createRequire } from "node:module";

/** A parser of YAML that mocha brings along. */
const { load } = createRequire(require.resolve("mocha/package.json"))("js-yaml") as { load(text: string): unknown };

/** Parses YAML. */
// biome-ignore lint/suspicious/noExplicitAny: tests read any field
export function parseYaml(text: string): any {
  return load(text);
}
