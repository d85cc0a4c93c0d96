import assert from "node:assert/strict";
import { ToolNames } from "../../../../src/node-red/mcp/tool-names";
import { quickly } from "../../../support/cpu";

describe("the name of a server's tool", () => {
  const cases: [server: string, tool: string, name: RegExp][] = [
    ["docs", "search", /^docs_search$/],
    ["My docs!", "__find me__", /^My_docs_find_me$/],
    ["___", "_", /^mcp_tool$/],
    ["docs", "a".repeat(100), /^docs_a{52}_[0-9a-f]{6}$/],
  ];
  for (const [server, tool, name] of cases) {
    it(`is one that servers accept: ${tool.slice(0, 20)}`, () => {
      assert.match(new ToolNames([]).add(server, tool), name);
    });
  }

  it("is another one where it is taken", () => {
    assert.match(new ToolNames(["docs_search"]).add("docs", "search"), /^docs_search_[0-9a-f]{6}$/);
  });

  it("is made in time that grows with its length alone", () => {
    for (const char of ["_", "."]) {
      const tool = `a${char.repeat(200_000)}a`;
      quickly(() => new ToolNames([]).add("docs", tool), char);
    }
  });
});
