import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { readExamples } from "../dev/examples";
import { atBroker } from "../dev/fleet/flows";
import { missingServices, type Service, startBroker } from "../dev/fleet/services";
import { getNodeRed, type Message, type NodeDef, type NodeRed } from "./support/node-red";
import { root } from "./support/root";
import { reply, replyChunks, sse, startServer } from "./support/server";
import { callRound } from "./support/tools";

const readme = readFileSync(path.join(root, "README.md"), "utf8");

/** The recipes of README: their examples, and how many nodes each has. */
const RECIPES: [heading: string, example: string, nodes: number][] = [
  ["Build a bot", "29", 3],
  ["Answer over MQTT without answering myself", "30", 3],
  ["Look through a camera", "31", 4],
  ["Ask about 500 rows of a CSV file, one of them broken", "32", 5],
  ["Speak a reply while it is written", "33", 3],
  ["Put it on a web page", "34", 4],
  ["Remember many users", "35", 5],
  ["Get JSON for a database row", "36", 4],
  ["Give a model tools", "37", 4],
  ["Use an MCP server", "24", 4],
  ["Ask at home first, then in the cloud", "18", 4],
  ["Spend no more than a budget a day", "38", 5],
];
/** A longer recipe is no longer one. */
const MOST_NODES = 6;

const CONFIG_TYPES = ["tab", "comment", "huggingface-config", "huggingface-mcp", "mqtt-broker"];

const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

function exampleOf(number: string): { name: string; flow: NodeDef[] } {
  const found = readExamples().find(({ name }) => name.startsWith(`${number} `));
  assert.ok(found, `example ${number}`);
  return found;
}

describe("README as a guide", () => {
  it("fits 8 KB, and its first screen has at most 120 words", () => {
    assert.ok(Buffer.byteLength(readme) <= 8 * 1024, `${Buffer.byteLength(readme)} bytes`);
    const [screen = ""] = readme.split("\n## ");
    const words = screen
      .replace(/\]\([^)]*\)/g, "]")
      .split(/\s+/)
      .filter((word) => /\w/.test(word));
    assert.ok(words.length <= 120, `${words.length} words`);
  });

  it("has its twelve recipes, each with its example", () => {
    const section = readme.slice(readme.indexOf("## How do I"), readme.indexOf("## What can go wrong"));
    const recipes = section.split("\n### ").slice(1);
    assert.deepEqual(
      recipes.map((recipe) => [recipe.split("\n")[0], /\]\(examples\/(\d\d)/.exec(recipe)?.[1]]),
      RECIPES.map(([heading, example]) => [heading, example]),
    );
    for (const [, number] of RECIPES) {
      const { name } = exampleOf(number);
      assert.ok(readme.includes(`[${name}](examples/${encodeURIComponent(name)}.json)`), name);
    }
  });

  it("has recipes of few nodes, and none with a function node", () => {
    for (const [heading, number, count] of RECIPES) {
      const nodes = exampleOf(number).flow.filter(({ type }) => !CONFIG_TYPES.includes(type));
      assert.equal(nodes.length, count, `${heading}: ${nodes.map(({ type }) => type)}`);
      assert.ok(nodes.length <= MOST_NODES, heading);
      assert.ok(!nodes.some(({ type }) => type === "function"), heading);
    }
  });

  it("names every example in the reference", () => {
    const reference = readFileSync(path.join(root, "docs/reference.md"), "utf8");
    for (const { name } of readExamples()) assert.match(reference, new RegExp(`^\\| ${name} *\\|`, "m"), name);
  });
});

describe("the recipes of README", () => {
  let red: NodeRed;
  let shown: Message[] = [];
  const listen = ({ topic, data }: { topic: string; data: Message }) => {
    if (topic === "debug" && data["id"]) shown.push(data);
  };

  before(async () => {
    red = await getNodeRed();
    red.red.events.on("comms", listen);
  });
  beforeEach(() => {
    shown = [];
  });
  afterEach(() => red.reset());
  after(() => red.red.events.off("comms", listen));

  const debugged = (name: string): string[] =>
    shown.filter((entry) => entry["name"] === name).map(({ msg }) => String(msg));
  const until = async (name: string, count: number): Promise<string[]> => {
    await red.until(
      () => debugged(name).length >= count,
      () => `${count} at ${name}: ${JSON.stringify(shown)}`,
    );
    return debugged(name);
  };

  /** Deploys an example, with changes to some of its nodes, and presses its first button. */
  async function run(number: string, change: (node: NodeDef) => object = () => ({})): Promise<NodeDef[]> {
    const flow = exampleOf(number).flow.map((node): NodeDef => ({ ...node, ...change(node) }));
    await red.deploy(flow);
    const [button] = flow.filter(({ type }) => type === "inject");
    if (button) red.inject(button.id);
    return flow;
  }

  it("a bot sends back the object with the reply in it", async () => {
    await run("29");
    const [sent = ""] = await until("Send", 1);
    const { chatId, type, content } = JSON.parse(sent);
    assert.deepEqual([chatId, type], [7, "message"]);
    assert.match(content, /You asked: “What can I cook with rice\?”/);
  });

  describe("over MQTT", () => {
    let folder: string;
    let broker: Service;

    before(async function () {
      if (missingServices().includes("mosquitto")) this.skip();
      folder = mkdtempSync(path.join(tmpdir(), "huggingface-broker-"));
      broker = await startBroker(folder);
    });
    after(async () => {
      await broker?.stop();
      if (folder) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    });

    it("answers each question once, and never itself", async () => {
      const flow = exampleOf("30").flow;
      const connection = flow.find(({ type }) => type === "mqtt-broker")?.id ?? "";
      const mqtt = { z: flow[0]?.id ?? "", x: 0, y: 0, broker: connection, qos: "1" };
      const ask: NodeDef = { ...mqtt, id: "ask", type: "mqtt out", topic: "home/question", wires: [] };
      const all = { ...mqtt, id: "all", type: "mqtt in", topic: "home/#", datatype: "utf8", wires: [["show"]] };
      const show = {
        ...mqtt,
        id: "show",
        type: "debug",
        name: "All",
        active: true,
        tosidebar: true,
        complete: "topic",
      };
      await red.deploy(atBroker(broker.port, [...flow, ask, all, show]));
      await red.until(
        () => red.statuses("all").at(-1)?.fill === "green",
        () => JSON.stringify(red.statuses("all")),
      );
      for (const count of [2, 4]) {
        red.send("ask", { payload: "Why?" });
        await until("All", count);
      }
      const received = debugged("All").sort();
      assert.deepEqual(received, ["home/answer", "home/answer", "home/question", "home/question"]);
    });
  });

  it("a camera's picture goes with the question", async () => {
    const camera = await startServer((_, response) => {
      response.writeHead(200, { "content-type": "image/png" }).end(PNG);
    });
    try {
      await run("31", ({ type }) => (type === "http request" ? { url: `${camera.url}/snapshot.jpg` } : {}));
      const [reply = ""] = await until("Reply", 1);
      assert.match(reply, /Is anybody at the door\?.*\[image_url\]/);
    } finally {
      await camera.close();
    }
  });

  it("of 500 rows all arrive together, and the broken one is null", async () => {
    const server = await startServer((_, response) => sse(response, replyChunks(["Complaint"], "stop")));
    try {
      await run("32", ({ type }) => (type === "huggingface-config" ? { baseUrl: server.url } : {}));
      await red.until(() => debugged("Replies").length > 0, "500 replies", 30_000);
    } finally {
      await server.close();
    }
    assert.equal(server.requests.length, 499);
    const [entry] = shown.filter(({ name }) => name === "Replies");
    assert.match(String(entry?.["format"]), /\[500\]/);
    assert.match(String(entry?.["msg"]), /("Complaint",){99}null,"Complaint"/);
  });

  it("a voice gets whole sentences", async () => {
    await run("33");
    const pieces = (await until("Speak", 3)).map((piece) => piece.trim());
    assert.match(pieces[0] ?? "", /[.!?”]$/);
  });

  it("a web page has a field, and shows a reply as text", async () => {
    await run("34");
    const page = async (query: string) => (await fetch(`${red.url}/ask-a-model${query}`)).text();
    assert.match(await page(""), /<input name="question"[\s\S]*pre-wrap"><\/p>/);
    assert.match(await page(`?question=${encodeURIComponent("<b>Why?</b>")}`), /You asked: “&lt;b&gt;Why\?/);
  });

  it("each user has a memory", async () => {
    const flow = await run("35");
    await until("Messages", 1);
    red.inject(flow.find(({ name }) => name === "Bob")?.id ?? "");
    const [ada = "", bob = ""] = await until("Messages", 2);
    assert.match(ada, /My name is Ada/);
    assert.doesNotMatch(bob, /Ada/);
    red.inject(flow.find(({ name }) => name === "Ada")?.id ?? "");
    const again = (await until("Messages", 3))[2] ?? "";
    assert.equal(JSON.parse(again).length, 4, again);
  });

  it("a letter becomes a prepared statement with its values", async () => {
    await run("36");
    const [row = ""] = await until("Database", 1);
    const { topic, params } = JSON.parse(row);
    assert.match(topic, /^INSERT INTO orders \(customer, article, count\)/);
    assert.deepEqual(Object.keys(params), ["$customer", "$article", "$count"]);
    assert.equal(Number.isInteger(params.$count), true);
  });

  it("a model gets three tools, and what the called one returns", async () => {
    await run("37");
    const [reply = ""] = await until("Reply", 1);
    assert.match(reply, /The tool returned: 21\.5 °C/);
  });

  it("a model that calls three tools gets three results, and has to answer after six rounds", async () => {
    const calls = ["get_temperature", "get_humidity", "get_door"].map((name) => ({ id: name, name }));
    const server = await startServer((request, response, index) => {
      const answer = request.body?.["tool_choice"] === "none" ? reply("All is well.") : callRound(...calls);
      return answer(request, response, index);
    });
    try {
      await run("37", ({ type }) => (type === "huggingface-config" ? { baseUrl: server.url } : {}));
      assert.deepEqual(await until("Reply", 1), ["All is well."]);
    } finally {
      await server.close();
    }
    assert.equal(server.requests.length, 7);
    const messages: Message[] = server.requests[1]?.body?.["messages"] ?? [];
    assert.deepEqual(
      messages.map(({ role, content }) => [role, content]).slice(2),
      ["21.5 °C", "64 %", "open"].map((content) => ["tool", content]),
    );
  });

  it("a budget refuses the eleventh question of a minute, and says when to come back", async () => {
    const flow = await run("38");
    const button = flow.find(({ type }) => type === "inject")?.id ?? "";
    for (let count = 2; count <= 11; count++) red.inject(button);
    const [refused = ""] = await until("Refused", 1);
    const { code, cause } = JSON.parse(refused);
    assert.equal(code, "budget_exhausted");
    assert.ok(Date.parse(cause.limit.resets_at) > 0, refused);
  });
});
