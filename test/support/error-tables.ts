import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { ChatError, type ErrorClass, type ErrorCode, type ErrorTable } from "../../src/client/errors/chat-error";
import type { KeyOf } from "../../src/client/errors/table";
import { root } from "./root";

const CODES: ErrorCode[] = [
  "auth_error",
  "rate_limit",
  "budget_exhausted",
  "not_found",
  "invalid_input",
  "timeout",
  "provider_unavailable",
  "tool_failed",
  "invalid_output",
  "cancelled",
];

/** Returns all sentences of a table, by key. */
export function sentencesOf(table: ErrorTable): Map<string, string> {
  return new Map(Object.values(table).flatMap((texts) => Object.entries(texts)));
}

/** Returns the sources of a layer, without the file of its table, and without these folders. */
export function sourcesOf(layer: "client" | "conversation" | "node-red", without: readonly string[] = []): string {
  const folder = path.join(root, "src", layer);
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
  const tables = ["errors.ts", path.join("errors", "table.ts")];
  const isLeftOut = (file: string) => without.some((name) => file.startsWith(name + path.sep));
  const sources = files.filter((file) => !tables.includes(file) && !isLeftOut(file));
  return sources.map((file) => readFileSync(path.join(folder, file), "utf8")).join("\n");
}

/**
 * Tests the rules that all layers' errors must follow.
 *
 * @param params - the parameters that every place in the code passes to such an error
 */
export function describeErrors<Table extends ErrorTable>(
  layer: "client" | "conversation" | "node-red",
  LayerError: ErrorClass<KeyOf<Table>>,
  table: Table,
  params: Record<KeyOf<Table>, string[]>,
): void {
  describe(`the errors of the layer ${layer}`, () => {
    const sources = sourcesOf(layer);
    for (const [key, sentence] of sentencesOf(table) as Map<KeyOf<Table>, string>) {
      it(`fill every place in the sentence of ${key}`, () => {
        const places = [...sentence.matchAll(/__(\w+?)__/g)].map((match) => match[1] ?? "");
        assert.deepEqual(
          places.filter((place) => !params[key].includes(place)),
          [],
        );
        const error = new LayerError(key, Object.fromEntries(params[key].map((name) => [name, "something"])));
        assert.ok(error instanceof ChatError);
        assert.doesNotMatch(error.message, /__/);
        assert.ok(CODES.includes(error.code), error.code);
        assert.ok(key in (table[error.code] ?? {}), `${key} has the code ${error.code}`);
      });

      it(`say ${key} in one line that ends like a sentence`, () => {
        assert.doesNotMatch(sentence, /[\r\n]/);
        assert.match(sentence, /^\S.*(\.|__)$/);
      });

      it(`are made here: ${key}`, () => assert.ok(sources.includes(`"${key}"`)));
    }
  });
}
