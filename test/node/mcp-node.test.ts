import assert from "node:assert/strict";
import type { McpServer } from "../../src/node-red/mcp/types";
import { McpTestServer, TEXT_TOOL } from "../support/mcp-server";
import { chatFlow, type Message, type NodeRed } from "../support/node-red";
import { startServer, type TestServer } from "../support/server";
import { useNodeRed } from "../support/use-node-red";

const TOKEN = "hf_tokenOfTheMcpServer";
const SECRET = "s3cret-of-the-team";
const UNCHANGED = "__PWRD__";
const never = new AbortController().signal;

describe("a huggingface-mcp node", () => {
  let red: NodeRed;
  let server: TestServer;
  let mcp: McpTestServer;
  useNodeRed((its) => {
    ({ red, server } = its);
    mcp = new McpTestServer(server);
  });

  const node = (more: Message = {}) => ({ id: "mcp", type: "huggingface-mcp", name: "docs", url: mcp.url, ...more });
  const flow = (more: Message = {}) => [...chatFlow(server.url), node(more)];
  const running = (): McpServer => red.red.nodes.getNode("mcp")?.server();
  const post = async (def: Message, token = UNCHANGED, more: Message = {}): Promise<Message> => {
    const response = await fetch(`${red.url}/huggingface/mcp-tools`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ id: "mcp", def, token, ...more }),
    });
    return (await response.json()) as Message;
  };
  const tokensAt = ({ requests }: TestServer) => new Set(requests.map(({ headers }) => headers.authorization));

  it("connects with its token and headers at the first use, and not before", async () => {
    await red.deploy(flow({ headers: { "X-Team": "blue" } }), {
      mcp: { token: TOKEN, secretHeaders: JSON.stringify({ "X-Key": SECRET }) },
    });
    assert.equal(server.requests.length, 0);
    const { id, name, believes } = running();
    assert.deepEqual({ id, name, believes }, { id: "mcp", name: "docs", believes: false });
    assert.deepEqual(await running().tools(never), [TEXT_TOOL]);
    assert.equal(server.last.headers["x-team"], "blue");
    assert.equal(server.last.headers["x-key"], SECRET);
    assert.deepEqual([...tokensAt(server)], [`Bearer ${TOKEN}`]);
  });

  it("ends its session at a redeploy", async () => {
    await red.deploy(flow());
    await running().tools(never);
    assert.equal(mcp.sessions.size, 1);
    await red.deploy(flow({ name: "changed" }));
    assert.equal(mcp.sessions.size, 0);
    assert.equal((await running().tools(never)).length, 1);
  });

  it("sends the token of an account to Hugging Face alone, and warns where it is never sent", async () => {
    await red.deploy(flow({ account: "config" }), { config: { token: "hf_tokenOfTheAccount" } });
    await running().tools(never);
    assert.deepEqual([...tokensAt(server)], [undefined]);
    assert.match(red.logText, /Account not used/);
  });

  for (const [what, url, key] of [
    ["blank", "", "mcp_url_invalid"],
    ["no address", "docs", "mcp_url_invalid"],
    ["of a variable that is not set", "${NO_SUCH_VARIABLE}", "env_missing"],
    ["an address with a password", "http://me:secret@127.0.0.1/mcp", "mcp_url_credentials"],
  ] as const) {
    it(`is an error of the first use, without the value, where the Server URL is ${what}`, async () => {
      await red.deploy(flow({ url }));
      assert.throws(running, (error: Message) => {
        assert.equal(error.key, key);
        assert.doesNotMatch(String(error), /secret/);
        return true;
      });
    });
  }

  describe("in its form", () => {
    it("lists the tools with what is in the form, deployed or not", async () => {
      await red.deploy(chatFlow(server.url));
      const { tools } = await post({ url: mcp.url }, TOKEN);
      assert.equal(tools.length, 1);
      assert.equal(tools[0].name, "echo");
      assert.match(tools[0].hash, /^[\da-f]{16}$/);
      assert.deepEqual([...tokensAt(server)], [`Bearer ${TOKEN}`]);
      // The connection of a test ends with it.
      assert.equal(mcp.sessions.size, 0);
    });

    it("sends a stored token and headers to the origin that was deployed, and nowhere else", async () => {
      await red.deploy(flow(), { mcp: { token: TOKEN, secretHeaders: JSON.stringify({ "X-Key": SECRET }) } });
      const here = await post({ url: `${server.url}/other` });
      assert.equal(here.tools.length, 1);
      assert.equal(server.last.headers["x-key"], SECRET);
      assert.deepEqual([...tokensAt(server)], [`Bearer ${TOKEN}`]);
      const other = await startServer();
      new McpTestServer(other);
      const there = await post({ url: `${other.url}/mcp` });
      assert.equal(there.isTokenWithheld, true);
      assert.equal(there.isHeaderWithheld, true);
      assert.deepEqual([...tokensAt(other)], [undefined]);
      for (const { headers } of other.requests) assert.equal(headers["x-key"], undefined);
      assert.doesNotMatch(JSON.stringify([here, there]), /tokenOfTheMcp|s3cret/);
      await other.close();
    });

    it("sends no variable to an address that was not deployed", async () => {
      await red.deploy(flow());
      const other = await startServer();
      for (const def of [{ url: `${other.url}/mcp`, headers: { "X-Home": "${HOME}" } }, { url: "${HOME}" }]) {
        const { error } = await post(def, "");
        assert.equal(error.code, "invalid_input");
      }
      assert.equal((await post({ url: `${other.url}/mcp` }, "${HOME}")).error.code, "invalid_input");
      assert.equal(other.requests.length, 0);
      await other.close();
    });

    it("says what went wrong, without secrets", async () => {
      mcp.behaviour.before = ({ headers }, response) => {
        response.writeHead(401).end(String(headers.authorization));
        return true;
      };
      await red.deploy(flow());
      const { error } = await post({ url: mcp.url }, TOKEN);
      assert.equal(error.code, "auth_error");
      assert.match(error.message, /^Token refused \(401\)/);
      assert.doesNotMatch(JSON.stringify(error), /tokenOfTheMcp/);
    });

    it("shows names of stored secret headers, and no values", async () => {
      await red.deploy(flow(), { mcp: { secretHeaders: JSON.stringify({ "X-Key": SECRET }) } });
      const response = await fetch(`${red.url}/huggingface/mcp-headers/mcp`);
      assert.deepEqual(await response.json(), { names: ["X-Key"] });
    });
  });
});
