import assert from "node:assert/strict";
import { spaceUrl } from "../../../src/editor/mcp-form";

describe("the address of a Space's MCP server", () => {
  for (const [name, url] of [
    ["abidlabs/mcp-tools", "https://abidlabs-mcp-tools.hf.space/gradio_api/mcp/"],
    [" Owner/My_Space.v2 ", "https://owner-my-space-v2.hf.space/gradio_api/mcp/"],
    ["https://huggingface.co/spaces/owner/name", "https://owner-name.hf.space/gradio_api/mcp/"],
    ["owner", undefined],
    ["", undefined],
    ["evil.example/#", undefined],
    ["a/b/c", undefined],
  ] as const) {
    it(`is ${url} for "${name}"`, () => assert.equal(spaceUrl(name), url));
  }
});
