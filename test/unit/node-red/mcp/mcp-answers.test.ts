import assert from "node:assert/strict";
import { makeRedaction } from "../../../../src/client/internal";
import { readCallResult } from "../../../../src/node-red/mcp/mcp-answers";

describe("the result of a call of an MCP server", () => {
  it("is read in time that grows with its length, however many texts may say the same", () => {
    const content = Array.from({ length: 100_000 }, () => ({ type: "text", text: "a" }));
    const startedAt = performance.now();
    const result = readCallResult({ content, structuredContent: { degrees: 21 } }, makeRedaction([]));
    assert.ok(performance.now() - startedAt < 500);
    assert.match(JSON.stringify(result.content.at(-1)), /Cut: the result has/);
  });
});
