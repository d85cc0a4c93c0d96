import assert from "node:assert/strict";
import { chatFlow, level, type Message, type NodeRed } from "../support/node-red";
import {
  chunk,
  type Handler,
  json,
  reply,
  type SeenRequest,
  sse,
  startServer,
  type TestServer,
} from "../support/server";
import { useNodeRed } from "../support/use-node-red";

const SECRET = "s3cret-of-the-team";
const OTHER = "an0ther-secret-value";
const UNCHANGED = "__PWRD__";

/** Answers with all headers of the request. */
const echo: Handler = ({ url, headers }, response) => {
  if (url === "/v1/models") return json(response, 200, { data: [{ id: "org/model" }] });
  return json(response, 200, { choices: [{ message: { content: JSON.stringify(headers) } }] });
};
const refuse: Handler = ({ headers }, response) => json(response, 403, { error: { message: JSON.stringify(headers) } });

const secretHeaders = (headers: Message) => ({
  config: { token: "hf_abcDEFghiJKLmno", secretHeaders: JSON.stringify(headers) },
});
const sent = ({ headers }: SeenRequest, name: string) => headers[name];

describe("secret headers of a huggingface-config", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its), echo);

  const ask = (message?: Message) => red.ask(message);

  it("are sent beside the others, and win over one of the same name", async () => {
    const plain = { "X-Team": "blue", "x-key-of-team": "old" };
    await red.deploy(chatFlow(server.url, {}, { headers: plain }), secretHeaders({ "X-Key-Of-Team": SECRET }));
    await ask();
    assert.equal(sent(server.last, "x-team"), "blue");
    assert.equal(sent(server.last, "x-key-of-team"), SECRET);
  });

  it("appear in no flow, message, log or error, whatever the header's name and whatever the server repeats", async () => {
    await red.deploy(chatFlow(server.url), secretHeaders({ "X-Team": SECRET, "X-Route": `Scheme ${OTHER}` }));
    const { payload } = await ask();
    assert.match(payload, /"x-team":"\*\*\*"/);
    assert.doesNotMatch(JSON.stringify(await red.flowFile()), /X-Team|s3cret/);
    server.handle(refuse);
    red.send("chat", { payload: "Hi" });
    const { error } = await red.next("error");
    assert.match(error.message, /\*\*\*/);
    for (const secret of [SECRET, OTHER]) {
      assert.doesNotMatch(JSON.stringify([payload, error]), new RegExp(secret));
      assert.doesNotMatch(red.logText, new RegExp(secret));
    }
  });

  it("are hidden in a streamed reply, in pieces too", async () => {
    server.handle((_, response) => sse(response, [chunk(`is s3cret`), chunk("-of-the-"), chunk("team"), chunk(".")]));
    await red.deploy(chatFlow(server.url, { stream: true }), secretHeaders({ "X-Team": SECRET }));
    const { payload } = await ask();
    assert.equal(payload, "is ***.");
    assert.doesNotMatch(
      JSON.stringify(
        red
          .captured("stream")
          .map(({ payload }) => payload)
          .join(""),
      ),
      /of-the-team/,
    );
  });

  it("take variables of the environment, and say which is missing", async () => {
    process.env.TEAM_SECRET = SECRET;
    try {
      await red.deploy(chatFlow(server.url), secretHeaders({ "X-Team": "${TEAM_SECRET}" }));
      await ask();
      assert.equal(sent(server.last, "x-team"), SECRET);
    } finally {
      delete process.env.TEAM_SECRET;
    }
    await red.deploy(chatFlow(server.url), secretHeaders({ "X-Team": "${NOT_THERE}" }));
    red.send("chat", { payload: "Hi" });
    const { error } = await red.next("error");
    assert.equal(error.code, "invalid_input");
    assert.match(error.message, /NOT_THERE/);
  });

  for (const [what, credential, says] of [
    ["no JSON", `{"X-Team": ${SECRET}`, /^Headers must be an object/],
    ["no object", `["${SECRET}"]`, /^Headers must be an object/],
    ["a value that is not a string", JSON.stringify({ "X-Team": { a: SECRET } }), /X-Team/],
    ["a name that cannot be", JSON.stringify({ "X Team": SECRET }), /x team/i],
    ["a value that cannot be sent", JSON.stringify({ "X-Team": `${SECRET}\né\u0100` }), /x-team/i],
    ["a header of the connection", JSON.stringify({ "Content-Length": SECRET }), /Content-Length/],
  ] as const) {
    it(`are an error that quotes no value: ${what}`, async () => {
      await red.deploy(chatFlow(server.url), { config: { secretHeaders: credential } });
      red.send("chat", { payload: "Hi" });
      const { error } = await red.next("error");
      assert.equal(error.code, "invalid_input");
      assert.match(error.message, says);
      assert.doesNotMatch(JSON.stringify(error) + red.logText, /s3cret/);
      assert.equal(server.requests.length, 0);
    });
  }

  describe("that a form has changed and kept", () => {
    const edited = (headers: Message) => ({ config: { secretHeadersEdited: JSON.stringify(headers) } });
    const flow = () => chatFlow(server.url);
    const withCredentials = (credentials: Record<string, Message>) =>
      flow().map((node) => (credentials[node.id] ? { ...node, credentials: credentials[node.id] } : node));
    const names = async (id = "config") =>
      ((await (await fetch(`${red.url}/huggingface/headers/${id}`)).json()) as { names?: string[] }).names;
    /** Deploys as the editor does, which sends only changed credentials. */
    const deploy = async (credentials: Record<string, Message>): Promise<void> => {
      await fetch(`${red.url}/flows`, {
        method: "POST",
        headers: { "content-type": "application/json", "Node-RED-Deployment-Type": "full" },
        body: JSON.stringify(withCredentials(credentials)),
      });
      await red.until(() => red.red.nodes.getNode("chat") !== null, "the flow");
    };

    beforeEach(() => red.deploy(flow(), secretHeaders({ "X-One": SECRET, "X-Two": OTHER })));

    it("are named to the form, and their values are not", async () => {
      const answer = await fetch(`${red.url}/huggingface/headers/config`);
      assert.equal(await answer.text(), '{"names":["X-One","X-Two"]}');
      assert.deepEqual(await names("chat"), []);
      assert.deepEqual(await names("nobody"), []);
    });

    it("keep their values under old and new names, beside new ones; others are removed", async () => {
      await deploy(edited({ "X-Renamed": { stored: "X-One" }, "X-New": "typed-just-now" }));
      await ask();
      assert.equal(sent(server.last, "x-renamed"), SECRET);
      assert.equal(sent(server.last, "x-new"), "typed-just-now");
      assert.equal(sent(server.last, "x-one"), undefined);
      assert.equal(sent(server.last, "x-two"), undefined);
    });

    it("keep them change after change, whether the node runs or not", async () => {
      const disabled = (credentials: Record<string, Message>) =>
        withCredentials(credentials).map((node) => (node.id === "config" ? { ...node, d: true } : node));
      const post = (body: object) =>
        fetch(`${red.url}/flows`, {
          method: "POST",
          headers: { "content-type": "application/json", "Node-RED-Deployment-Type": "full" },
          body: JSON.stringify(body),
        });
      await post(disabled(edited({ "X-One": { stored: "X-One" }, "X-Three": "typed-for-three" })));
      assert.deepEqual(await names(), ["X-One", "X-Three"]);
      await post(disabled(edited({ "X-Four": { stored: "X-Three" }, "X-One": { stored: "X-One" } })));
      assert.deepEqual(await names(), ["X-Four", "X-One"]);
      await deploy({});
      await ask();
      assert.equal(sent(server.last, "x-four"), "typed-for-three");
      assert.equal(sent(server.last, "x-one"), SECRET);
    });
  });

  describe("in the forms", () => {
    const post = async (route: string, body: unknown): Promise<string> => {
      const headers = { "content-type": "application/json" };
      return (
        await fetch(`${red.url}/huggingface/${route}`, { method: "POST", headers, body: JSON.stringify(body) })
      ).text();
    };
    const form = (secretHeaders: unknown, baseUrl = server.url) => ({
      id: "config",
      def: { model: "org/model", baseUrl },
      token: UNCHANGED,
      secretHeaders,
    });
    const asTry = (config: object) => ({ prompt: "Hi", chat: {}, tools: [], config });

    beforeEach(() => red.deploy(chatFlow(server.url), secretHeaders({ "X-One": SECRET, "X-Two": OTHER })));

    for (const [route, body] of [
      ["test", (config: object) => config],
      ["models", (config: object) => config],
      ["try", asTry],
    ] as const) {
      it(`go along as the form has them, stored or typed: ${route}`, async () => {
        const answer = await post(route, body(form({ "X-New": { stored: "X-One" }, "X-Typed": "typed-just-now" })));
        assert.equal(sent(server.last, "x-new"), SECRET);
        assert.equal(sent(server.last, "x-typed"), "typed-just-now");
        assert.equal(sent(server.last, "x-two"), undefined, "it was removed");
        assert.doesNotMatch(answer, /s3cret|an0ther|typed-just-now/);
        await post(route, body(form(undefined)));
        assert.equal(sent(server.last, "x-two"), OTHER, "nothing was changed");
      });

      it(`go nowhere else without being typed, and the answer says so: ${route}`, async () => {
        const other = await startServer(route === "models" ? echo : reply("Hello"));
        for (const headers of [{ "X-One": { stored: "X-One" }, "X-Typed": "typed-just-now" }, undefined]) {
          const answer = await post(route, body(form(headers, other.url)));
          assert.match(answer, /"isHeaderWithheld":true/);
          assert.equal(sent(other.last, "x-one"), undefined);
          assert.equal(sent(other.last, "x-typed"), headers && "typed-just-now");
        }
        const hidden = await post(route, body(form({ "X-Typed": "${HOME}" }, other.url)));
        assert.match(hidden, /invalid_input/);
        assert.equal(other.requests.length, 2);
        await other.close();
      });
    }
  });

  it("leave headers of flows saved before as they were", async () => {
    await red.deploy(chatFlow(server.url, {}, { headers: { Authorization: `Basic ${SECRET}`, "X-Api-Key": OTHER } }));
    await ask();
    assert.equal(sent(server.last, "authorization"), `Basic ${SECRET}`);
    assert.equal(sent(server.last, "x-api-key"), OTHER);
    assert.equal(red.logOf("config", level.warn).length, 0);
  });
});
