import assert from "node:assert/strict";
import { chatFlow, getNodeRed, type Message, type NodeRed, proxyNode, tlsConfig } from "../support/node-red";
import { startProxy } from "../support/proxy";
import { type Handler, json, reply, startTlsServer, type TestServer } from "../support/server";

const TOKEN = "hf_the_stored_token";
const ROUTER = "https://router.huggingface.co/v1";

describe("whose token it is that a connection test sends", () => {
  let red: NodeRed;
  let server: TestServer;
  let proxy: Awaited<ReturnType<typeof startProxy>>;
  let whoami: Handler;
  let chat: Handler;
  before(async () => {
    red = await getNodeRed();
  });
  beforeEach(async () => {
    chat = reply("Hi");
    server = await startTlsServer((request, response, index) => {
      if (request.url === "/api/whoami-v2") return whoami(request, response, index);
      if (request.url === "/v1/models") return json(response, 200, { data: [] });
      return chat(request, response, index);
    });
    // The names of Hugging Face lead to a server on this machine.
    proxy = await startProxy(undefined, server.port);
  });
  afterEach(async () => {
    await red.reset();
    await server.close();
    await proxy.close();
  });

  const deploy = (baseUrl = ROUTER) =>
    red.deploy(
      [
        ...chatFlow(baseUrl, {}, { proxy: "proxy", tls: "tls", headers: { "X-Api-Key": "not-for-others" } }),
        proxyNode({ url: proxy.url }),
        tlsConfig({ verifyservercert: false }),
      ],
      { config: { token: TOKEN } },
    );
  const test = async (def: Message = {}, more: Message = {}): Promise<Message> => {
    const headers = { "X-Api-Key": "not-for-others" };
    const fields = { model: "org/a", baseUrl: ROUTER, proxy: "proxy", tls: "tls", headers, ...def };
    const response = await fetch(`${red.url}/huggingface/test`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ id: "config", def: fields, token: "__PWRD__", ...more }),
    });
    return (await response.json()) as Message;
  };
  const asked = () => server.requests.filter(({ url }) => url === "/api/whoami-v2");

  const ada = {
    type: "user",
    name: "ada",
    email: "ada@home",
    orgs: [{ name: "acme" }, { name: "poor", canPay: false }],
  };
  const auth = (accessToken: Message) => ({ auth: { type: "access_token", accessToken } });
  const fine = (...scoped: Message[]) =>
    auth({ displayName: "flows", role: "fineGrained", fineGrained: { global: [], scoped } });
  const scope = (name: string, ...permissions: string[]) => ({ entity: { name }, permissions });
  const may = "inference.serverless.write";

  const answers: [what: string, answer: Message, account: Message][] = [
    [
      "a token to read",
      { ...ada, ...auth({ role: "read" }) },
      { kind: "read", organizations: ["acme"], isPermissionMissing: false },
    ],
    [
      "a fine-grained one with the permission, and with that of an organization",
      { ...ada, ...fine(scope("ada", may), scope("acme", may, "repo.write")) },
      { kind: "fineGrained", tokenName: "flows", organizations: ["acme"], isPermissionMissing: false },
    ],
    [
      "a fine-grained one of the user alone",
      { ...ada, ...fine(scope("ada", may)) },
      { kind: "fineGrained", tokenName: "flows", organizations: [], isPermissionMissing: false },
    ],
    [
      "a fine-grained one without the permission",
      { ...ada, ...fine(scope("ada", "repo.content.read")) },
      { kind: "fineGrained", tokenName: "flows", organizations: [], isPermissionMissing: true },
    ],
    [
      "one that is not described",
      { ...ada, auth: null, orgs: "none" },
      { kind: "", organizations: [], isPermissionMissing: false },
    ],
  ];
  for (const [what, answer, account] of answers) {
    it(`is told for ${what}`, async () => {
      whoami = (_, response) => json(response, 200, answer);
      await deploy();
      const response = await test();
      assert.deepEqual(response.account, { name: "ada", isOrganization: false, ...account });
      assert.equal(response.host, "router.huggingface.co");
      assert.doesNotMatch(JSON.stringify(response), /ada@home/, "only what is needed");
      const [request] = asked();
      assert.equal(request?.headers.authorization, `Bearer ${TOKEN}`);
      assert.equal(request?.headers.host, "huggingface.co");
      assert.equal(request?.headers["x-api-key"], undefined, "no other secret goes there");
      assert.equal(server.requests[0], request, "first");
    });
  }

  it("is told beside an error of the test", async () => {
    whoami = (_, response) => json(response, 200, { ...ada, ...fine(scope("ada")) });
    chat = (_, response) => json(response, 403, { error: "insufficient permissions" });
    await deploy();
    const { error, account } = await test();
    assert.deepEqual([error.code, account.isPermissionMissing], ["auth_error", true]);
  });

  for (const [what, handler] of [
    ["refuses", (_, response) => json(response, 401, { error: "no" })],
    ["answers with a page", (_, response) => json(response, 200, "<html>")],
    ["breaks off", (_, response) => response.destroy()],
  ] as [string, Handler][]) {
    it(`is not told where Hugging Face ${what}, and the test goes on`, async () => {
      whoami = handler;
      await deploy();
      const response = await test();
      assert.deepEqual([response.account, response.model], [undefined, "test/model"]);
    });
  }

  const others: [what: string, deployed: string, def: Message, more: Message][] = [
    ["another server", "https://other.example/v1", { baseUrl: "https://other.example/v1" }, {}],
    ["an endpoint", "https://a.endpoints.huggingface.cloud", { baseUrl: "https://a.endpoints.huggingface.cloud" }, {}],
    ["a stored token of another address", "https://other.example/v1", {}, {}],
    ["no token", ROUTER, {}, { token: "" }],
    ["a header of the user's in its place", ROUTER, { headers: { Authorization: "Bearer mine-alone" } }, {}],
  ];
  for (const [what, deployed, def, more] of others) {
    it(`is not asked for ${what}`, async () => {
      whoami = (_, response) => json(response, 200, ada);
      await deploy(deployed);
      const { account } = await test(def, more);
      assert.deepEqual([account, asked().length], [undefined, 0]);
    });
  }
});
