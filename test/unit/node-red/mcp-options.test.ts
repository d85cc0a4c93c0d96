import assert from "node:assert/strict";
import { accountToken, type McpDef, makeMcpOptions } from "../../../src/node-red/mcp/mcp-options";

const ROUTER = "https://router.huggingface.co";
const def = (url: string): McpDef => ({ id: "m", type: "huggingface-mcp", name: "", z: "", url });

describe("the token that an MCP server gets", () => {
  for (const [url, own, sent] of [
    ["https://huggingface.co/mcp", "", "hf_account"],
    ["https://huggingface.co/mcp?login", "", "hf_account"],
    ["https://huggingface.co/mcp", "hf_own", "hf_own"],
    ["https://owner-name.hf.space/gradio_api/mcp/", "", undefined],
    ["https://owner-name.hf.space/gradio_api/mcp/", "hf_own", "hf_own"],
    ["http://huggingface.co/mcp", "", undefined],
    ["https://huggingface.co:8443/mcp", "", undefined],
    ["https://huggingface.co.evil.example/mcp", "", undefined],
    ["https://router.huggingface.co/mcp", "", undefined],
    ["https://name.endpoints.huggingface.cloud/mcp", "", undefined],
  ] as const) {
    it(`is ${sent ?? "none"} at ${url}, where its own is ${own || "blank"} and there is an account`, () => {
      assert.equal(makeMcpOptions(def(url), { token: own }, "hf_account").token, sent);
    });
  }

  for (const [origin, sent] of [
    [ROUTER, "hf_stored"],
    ["https://huggingface.co", "hf_stored"],
    ["https://api.openai.com", undefined],
    ["http://localhost:11434", undefined],
    [undefined, undefined],
  ] as const) {
    it(`is ${sent ?? "none"} of an account whose configuration is for ${origin}`, () => {
      assert.equal(accountToken(origin, "hf_stored"), sent);
    });
  }
});

describe("the program that an MCP server is told of", () => {
  it("is the one of a configuration", () => {
    const product = "node-red/4.1.0 node/20.1.0";
    assert.equal(makeMcpOptions(def("https://huggingface.co/mcp"), { product }, undefined).product, product);
  });
});
