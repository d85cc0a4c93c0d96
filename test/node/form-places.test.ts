import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { chatFlow, flowNode, getNodeRed, type Message, type NodeDef, type NodeRed, tab } from "../support/node-red";
import { OwnNodeRed } from "../support/own-node-red";
import { startProxy } from "../support/proxy";
import { completion, type Handler, json, startServer, type TestServer } from "../support/server";

const TOKEN = "hf_the_stored_token";
const UNCHANGED = "__PWRD__";
const handler: Handler = (request, response) =>
  request.url === "/v1/models"
    ? json(response, 200, { data: [{ id: "org/a" }] })
    : json(response, 200, completion("Hi", { model: request.body.model }));

const post = async (url: string, route: string, body: unknown): Promise<Message> => {
  const headers = { "content-type": "application/json" };
  const text = await (
    await fetch(`${url}/huggingface/${route}`, { method: "POST", headers, body: JSON.stringify(body) })
  ).text();
  return JSON.parse(text.trimEnd().split("\n").at(-1) ?? "");
};

/** Sends every request that a form can send, and returns what the server received. */
async function askAll(url: string, server: TestServer, def: Message = {}): Promise<(string | undefined)[]> {
  const form = { id: "config", def: { model: "org/a", baseUrl: server.url, ...def }, token: UNCHANGED };
  const from = server.requests.length;
  await post(url, "test", form);
  await post(url, "models", form);
  await post(url, "try", { prompt: "Hi", chat: {}, tools: [], config: form });
  await fetch(`${url}/huggingface/models/config`).then((response) => response.text());
  return server.requests.slice(from).map(({ headers }) => headers.authorization);
}
// Three, since the fourth request uses the list that the form just fetched.
const ALL_SENT = Array.from({ length: 3 }, () => `Bearer ${TOKEN}`);

const subflow: NodeDef = { id: "sub", type: "subflow", name: "s", info: "", category: "", in: [], out: [], env: [] };
const instance = flowNode("instance", "subflow:sub", { name: "" });
const chat = flowNode("chat", "huggingface-chat", { name: "", config: "config", wires: [[], [], []] });

describe("the form of a configuration that was deployed", () => {
  let red: NodeRed;
  let server: TestServer;
  before(async () => {
    red = await getNodeRed();
  });
  beforeEach(async () => {
    server = await startServer(handler);
  });
  afterEach(async () => {
    await red.reset();
    await server.close();
  });

  const config = (more: Message = {}): NodeDef => ({
    id: "config",
    type: "huggingface-config",
    name: "",
    model: "org/a",
    baseUrl: server.url,
    ...more,
  });
  const places: [where: string, flow: () => NodeDef[]][] = [
    ["for all flows", () => [tab(), config()]],
    ["in a subflow that is used", () => [tab(), subflow, { ...chat, z: "sub" }, config({ z: "sub" }), instance]],
    ["in a subflow that nobody uses", () => [tab(), subflow, { ...chat, z: "sub" }, config({ z: "sub" })]],
    ["on a tab that is disabled", () => [{ ...tab(), disabled: true }, config({ z: "tab" })]],
    ["itself disabled", () => [tab(), config({ d: true })]],
    ["beside a node of a type that is missing", () => [tab(), config(), flowNode("x", "not-installed")]],
  ];
  for (const [where, flow] of places) {
    it(`sends the stored token, wherever the configuration is: ${where}`, async () => {
      await red.deploy(flow(), { config: { token: TOKEN } }).catch((error) => {
        assert.match(String(error), /not-installed/);
      });
      assert.deepEqual(await askAll(red.url, server), ALL_SENT);
    });
  }

  it("sends it nowhere else from there", async () => {
    const other = await startServer(handler);
    await red.deploy([tab(), config({ d: true })], { config: { token: TOKEN } });
    assert.deepEqual((await askAll(red.url, server, { baseUrl: other.url })).concat(other.requests.map(() => "")), [
      `Bearer ${TOKEN}`,
      "",
      "",
      "",
    ]);
    assert.ok(other.requests.every(({ headers }) => headers.authorization === undefined));
    await other.close();
  });

  it("asks by the proxy of a node that does not run either", async () => {
    const proxy = await startProxy("passw0rd", server.port);
    const node = { id: "proxy", type: "http proxy", name: "", url: proxy.url, noproxy: [], d: true };
    await red.deploy([tab(), config({ proxy: "proxy", baseUrl: "http://models.example/v1", d: true }), node], {
      config: { token: TOKEN },
      proxy: { username: "user", password: "passw0rd" },
    });
    const def = { proxy: "proxy", baseUrl: "http://models.example/v1" };
    assert.deepEqual(await askAll(red.url, server, def), ALL_SENT);
    await proxy.close();
  });

  it("gets a new list of models after a deploy", async () => {
    for (const turn of [1, 2]) {
      await red.deploy([tab(), config()], { config: { token: TOKEN } });
      for (const _ of [1, 2]) await fetch(`${red.url}/huggingface/models/config`);
      assert.equal(server.requests.length, turn);
    }
  });
});

describe("the form of a configuration where the flows are stopped", function () {
  this.timeout(30_000);

  it("sends the stored token", async () => {
    const server = await startServer(handler);
    const own = new Set(["tab", "huggingface-config"]);
    const flow = chatFlow(server.url).filter(({ type }) => own.has(type));
    const red = new OwnNodeRed(flow, { runtimeState: { enabled: true } });
    writeFileSync(path.join(red.userDir, "flows_cred.json"), JSON.stringify({ config: { token: TOKEN } }));
    try {
      await red.start();
      const headers = { "content-type": "application/json" };
      const stopped = await fetch(`${red.url}/flows/state`, { method: "POST", headers, body: '{"state":"stop"}' });
      assert.equal(stopped.status, 200);
      assert.deepEqual(await askAll(red.url, server), ALL_SENT);
    } finally {
      await red.remove();
      await server.close();
    }
  });
});

describe("variables in a form", () => {
  let red: NodeRed;
  let server: TestServer;
  before(async () => {
    red = await getNodeRed();
    process.env.OF_PROCESS = "process-value";
  });
  after(() => {
    delete process.env.OF_PROCESS;
  });
  beforeEach(async () => {
    server = await startServer(handler);
  });
  afterEach(async () => {
    await red.reset();
    await server.close();
  });

  const env = (entries: Message) =>
    Object.entries(entries).map(([name, value]) => ({
      name,
      type: typeof value === "number" ? "num" : "str",
      value: `${value}`,
    }));
  const globals = {
    id: "globals",
    type: "global-config",
    name: "",
    modules: {},
    env: [
      ...env({ OF_GLOBAL: "global-value", OF_ALL: "all of global" }),
      { name: "OF_CRED", type: "cred", value: "" },
      { name: "SAME", type: "env", value: "OF_PROCESS" },
      { name: "CIRCLE", type: "env", value: "ROUND" },
      { name: "ROUND", type: "env", value: "CIRCLE" },
    ],
  };
  const outer = {
    ...flowNode("outer", "group"),
    nodes: ["inner"],
    style: {},
    w: 1,
    h: 1,
    env: env({ OF_OUTER: "outer-value" }),
  };
  const inner = {
    ...flowNode("inner", "group"),
    g: "outer",
    nodes: ["chat"],
    style: {},
    w: 1,
    h: 1,
    env: env({ OF_GROUP: "group-value", OF_ALL: "all of group", NUMBER: 0.25 }),
  };
  const flow = (isRunning: boolean): NodeDef[] => [
    ...chatFlow(server.url, { g: "inner", d: !isRunning }).map((node) =>
      node.type === "tab" ? { ...node, env: env({ OF_TAB: "tab-value", OF_ALL: "all of tab" }) } : node,
    ),
    globals,
    outer,
    inner,
  ];
  const credentials = { config: { token: TOKEN }, globals: { map: { OF_CRED: "cred-value" } } };
  const tryIt = (chatFields: Message, config: Message = {}) =>
    post(red.url, "try", {
      prompt: "Hi",
      chat: { id: "chat", ...chatFields },
      tools: [],
      config: { id: "config", def: { model: "org/m", baseUrl: server.url, ...config }, token: UNCHANGED },
    });

  const values: [name: string, value: unknown][] = [
    ["OF_PROCESS", "process-value"],
    ["OF_GLOBAL", "global-value"],
    ["OF_CRED", "cred-value"],
    ["SAME", "process-value"],
    ["OF_TAB", "tab-value"],
    ["OF_GROUP", "group-value"],
    ["OF_OUTER", "outer-value"],
    ["OF_ALL", "all of group"],
    ["$parent.OF_ALL", "all of tab"],
    ["NR_GROUP_ID", "inner"],
    ["NR_FLOW_NAME", "tab"],
    ["NR_NODE_ID", "chat"],
  ];
  for (const isRunning of [true, false]) {
    it(`hold as Node-RED has them where the node stands, which ${isRunning ? "runs" : "does not run"}`, async () => {
      await red.deploy(flow(isRunning), credentials);
      for (const [name, value] of values) {
        const answer = await tryIt({ system: `\${${name}}` });
        assert.ok(answer.done, JSON.stringify(answer));
        assert.equal(server.last.body.messages[0].content, value, name);
        assert.equal(JSON.stringify(answer).includes(`"${value}"`), false);
      }
      await tryIt({ temperature: "${NUMBER}", extra: '{"x":"${OF_TAB}","y":["$(OF_GLOBAL)"]}' });
      const { temperature, x, y } = server.last.body;
      assert.deepEqual({ temperature, x, y }, { temperature: 0.25, x: "tab-value", y: ["global-value"] });
      const before = server.requests.length;
      for (const [field, value] of [
        ["system", "${NOBODY}"],
        ["model", "${NOBODY}"],
      ] as const) {
        const { error } = await tryIt({ [field]: value });
        assert.equal(error.code, "invalid_input");
        assert.match(error.message, /NOBODY/);
      }
      assert.equal(server.requests.length, before, "its name is not sent");
      assert.ok(await tryIt({ system: "${CIRCLE}" }), "those that stand for each other have an end");
    });
  }

  it("hold for a node that was not deployed yet, where it stands", async () => {
    await red.deploy(flow(true), credentials);
    await tryIt({ id: "new", z: "tab", g: "inner", system: "${OF_OUTER}" });
    assert.equal(server.last.body.messages[0].content, "outer-value");
    await tryIt({ id: "new", z: "tab", system: "${OF_ALL}" });
    assert.equal(server.last.body.messages[0].content, "all of tab");
    await tryIt({ id: "new", system: "${OF_ALL}" });
    assert.equal(server.last.body.messages[0].content, "all of global");
  });

  it("hold in a configuration inside of a subflow, with what the subflow says", async () => {
    const sub = { ...subflow, env: env({ MODEL: "org/of-subflow" }) };
    const config = {
      id: "config",
      z: "sub",
      type: "huggingface-config",
      name: "",
      model: "${MODEL}",
      baseUrl: server.url,
    };
    await red.deploy([tab(), sub, { ...chat, z: "sub" }, config], credentials);
    const def = { model: "${MODEL}", baseUrl: server.url };
    assert.equal((await post(red.url, "test", { id: "config", def, token: UNCHANGED })).model, "${MODEL}");
    assert.equal(server.last.body.model, "org/of-subflow");
  });

  it("hold in the base URL, if it leads to where the configuration leads", async () => {
    const other = await startServer(handler);
    process.env.SERVER_URL = server.url;
    process.env.OTHER_URL = other.url;
    process.env.NO_URL = "postgres://user:pw@db.example/secret-name";
    try {
      await red.deploy(chatFlow("", {}, { baseUrl: "${SERVER_URL}", model: "org/m" }), credentials);
      const test = (baseUrl: string) =>
        post(red.url, "test", { id: "config", def: { model: "org/m", baseUrl }, token: UNCHANGED });
      const { model, host } = await test("${SERVER_URL}");
      assert.deepEqual({ model, host }, { model: "org/m", host: "${SERVER_URL}" });
      assert.deepEqual(await askAll(red.url, server, { baseUrl: "${SERVER_URL}" }), ALL_SENT);
      assert.equal((await test(server.url)).host, `127.0.0.1:${server.port}`);
      for (const name of ["OTHER_URL", "NO_URL", "NOT_SET"]) {
        const { error } = await test(`\${${name}}`);
        assert.equal(error.code, "invalid_input");
        assert.match(error.message, /Base URL/);
        assert.doesNotMatch(error.message, /postgres|secret-name|127\.0\.0\.1/);
      }
      assert.equal(other.requests.length, 0);
    } finally {
      for (const name of ["SERVER_URL", "OTHER_URL", "NO_URL"]) delete process.env[name];
      await other.close();
    }
  });

  it("are an error that names the field where the request goes to another address", async () => {
    await red.deploy(flow(true), credentials);
    const other = await startServer(handler);
    const fields: [name: string, chat: Message, config: Message][] = [
      ["System prompt", { system: "${OF_TAB}" }, {}],
      ["Prompt", { prompt: "${OF_TAB}" }, {}],
      ["Temperature", { temperature: "${NUMBER}" }, {}],
      ["System prompt", { system: "$(OF_TAB)" }, {}],
      ["Extra fields", { extra: '{"x":{"y":"${OF_TAB}"}}' }, {}],
      ["Stop at", { stop: ["a", "${OF_TAB}"] }, {}],
      ["Functions", { functions: [{ name: "f", description: "${OF_TAB}" }] }, {}],
      ["Timeout", {}, { timeout: "${OF_TAB}" }],
      ["Model", {}, { model: "${OF_TAB}" }],
      ["headers.x-a", {}, { headers: '{"x-a":"${OF_TAB}"}' }],
    ];
    for (const [name, chatFields, config] of fields) {
      const { error } = await tryIt(chatFields, { baseUrl: other.url, ...config });
      assert.equal(error?.code, "invalid_input", name);
      assert.ok(error.message.includes(` ${name} `), error.message);
    }
    assert.equal(other.requests.length, 0);
    assert.ok((await tryIt({ system: "plain", output: "${OF_TAB}" }, { baseUrl: other.url })).done);
    await other.close();
  });
});
