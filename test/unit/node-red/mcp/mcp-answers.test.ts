import assert from "node:assert/strict";
import { makeRedaction } from "../../../../src/client/internal";
import { readCallResult } from "../../../../src/node-red/mcp/mcp-answers";
import { quickly } from "../../../support/cpu";

describe("the result of a call of an MCP server", () => {
  it("is read in time that grows with its length, however many texts may say the same", () => {
    const content = Array.from({ length: 800_000 }, () => ({ type: "text", text: "a" }));
    const answer = { content, structuredContent: { degrees: 21 } };
    const result = quickly(() => readCallResult(answer, makeRedaction([])));
    assert.match(JSON.stringify(result.content.at(-1)), /Cut: the result has/);
  });
});
