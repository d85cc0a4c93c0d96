import assert from "node:assert/strict";
import { chatFlow } from "../support/node-red";
import { ADMIN_AUTH, OwnNodeRed } from "../support/own-node-red";
import { json, startServer, type TestServer } from "../support/server";

describe("the admin routes with adminAuth", function () {
  this.timeout(30_000);
  let server: TestServer;
  let red: OwnNodeRed;
  before(async () => {
    server = await startServer((_, response) => json(response, 200, { data: [{ id: "org/a" }] }));
    const own = ["tab", "huggingface-config", "huggingface-chat"];
    const flow = chatFlow(server.url, { wires: [[], [], []] }).filter(({ type }) => own.includes(type));
    red = new OwnNodeRed(flow, {}, ADMIN_AUTH);
    await red.start();
  });
  after(async () => {
    await red.remove();
    await server.close();
  });

  const status = async (method: string, route: string, user: string | undefined): Promise<number> => {
    const headers = { "content-type": "application/json", ...(user && { authorization: `Bearer ${user}` }) };
    const body = method === "POST" ? JSON.stringify({ def: { baseUrl: server.url, model: "m" }, prompt: "Hi" }) : null;
    return (await fetch(`${red.url}/huggingface/${route}`, { method, headers, body })).status;
  };

  for (const [method, route, ofReader] of [
    ["GET", "models/config", 200],
    ["GET", "environment/config", 200],
    ["GET", "headers/config", 200],
    ["GET", "limits/config", 200],
    ["GET", "questions/chat", 200],
    ["GET", "totals/config", 200],
    ["POST", "models", 401],
    ["POST", "test", 401],
    ["POST", "try", 401],
    // Of no chat node: one that is there would have them wait for a question.
    ["POST", "next", 401],
    ["POST", "texts", 401],
  ] as const) {
    it(`${method} ${route}: nobody without a login, ${ofReader === 200 ? "readers too" : "writers only"}`, async () => {
      const before = server.requests.length;
      assert.equal(await status(method, route, undefined), 401);
      assert.equal(await status(method, route, "stranger"), 401);
      if (ofReader === 401) assert.equal(await status(method, route, "reader"), 401);
      assert.equal(server.requests.length, before, "the server was not asked");
      if (ofReader === 200) assert.equal(await status(method, route, "reader"), 200);
      assert.equal(await status(method, route, "writer"), 200);
    });
  }
});
