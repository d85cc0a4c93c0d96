import assert from "node:assert/strict";
import { readExamples } from "../dev/examples";
import { watchConnections } from "./support/connections";
import { McpTestServer, textResult } from "./support/mcp-server";
import { getNodeRed, type Message, type NodeDef, type NodeRed } from "./support/node-red";
import { startServer } from "./support/server";

/** What an example shows with the demo, which everybody sees first: the debug node that shows it, and what. */
const SHOWN: [example: string, debug: string, shown: RegExp][] = [
  ["01", "Reply", /You asked: “In one sentence: what is Node-RED\?”/],
  ["01", "Usage", /"total_tokens":\d+/],
  ["02", "Joined", /You asked: “Tell me a story/],
  ["04", "Reply", /The tool returned: \{"city":"Paris","degrees":18\}/],
  ["05", "Reply", /The tool returned: \{"celsius":21\.5\}/],
  ["06", "Reply", /The tool returned: .*There is no room demo\. The rooms are: living room/],
  ["06", "Steps", /"error":"There is no room demo/],
  ["08", "All is well", /This is a demo, not a model/],
  ["09", "Order", /"customer":"[^"]+".*"article":"[^"]+","count":\d/],
  ["10", "Reply", /The tool returned: \d\d:\d\d:\d\d/],
  ["11", "Answer", /You asked: “My name is Ada\.”/],
  ["12", "Reply", /What is in this picture\? .*\[image_url\]/],
  ["13", "Reply", /You asked: “Summarise in one sentence/],
  ["14", "Reply", /You asked: “This is question 1\./],
  ["14", "Remembered", /"role":"assistant"/],
  ["17", "Anna sees", /^You asked/],
  ["21", "Note", /"title":"demo","tasks":\["demo"\],"people":\["demo"\]/],
  ["22", "Scores", /plain,8,3,38 %.*brief,8,3,38 %/],
  ["28", "Complaint", /The heating has been cold/],
];

describe("the examples with the demo", () => {
  let red: NodeRed;
  let shown: { name: string; text: string }[] = [];
  /** The latest status of each node, also of those inside a subflow, whose ids nobody knows before. */
  const statuses = new Map<string, unknown>();
  const connections = watchConnections();
  const listen = ({ topic, data }: { topic: string; data: Message }) => {
    if (topic === "debug" && data["id"]) shown.push({ name: data["name"], text: String(data["msg"]) });
  };
  const listenToStatus = ({ id, status }: { id: string; status?: Message }) => statuses.set(id, status?.["text"]);

  before(async () => {
    red = await getNodeRed();
    red.red.events.on("comms", listen);
    red.red.events.on("node-status", listenToStatus);
  });
  beforeEach(() => {
    shown = [];
    statuses.clear();
    connections.length = 0;
  });
  afterEach(() => red.reset());
  after(() => {
    red.red.events.off("comms", listen);
    red.red.events.off("node-status", listenToStatus);
  });

  for (const number of new Set(SHOWN.map(([example]) => example))) {
    const { name, flow } = readExamples().find((example) => example.name.startsWith(number)) ?? { name: "", flow: [] };
    it(`${name}: shows something sensible, without a connection`, async () => {
      await red.deploy(flow);
      red.inject(flow.find(({ type }) => type === "inject")?.id ?? "");
      for (const [, debug, pattern] of SHOWN.filter(([example]) => example === number)) {
        await red.until(
          () => shown.some((entry) => entry.name === debug && pattern.test(entry.text.replace(/\s*\n\s*/g, ""))),
          () => `${pattern} at ${debug}: ${JSON.stringify(shown)}`,
        );
      }
      assert.deepEqual(connections, []);
      await red.until(
        () => [...statuses.values()].includes("demo"),
        () => `the status demo: ${JSON.stringify([...statuses])}`,
      );
    });
  }

  for (const number of ["24", "25", "26"]) {
    it(`${number}: calls the first tool of its MCP server, which only reads, and asks nobody`, async () => {
      const find = { name: "find", inputSchema: { type: "object" }, annotations: { readOnlyHint: true } };
      const http = await startServer();
      const { url } = new McpTestServer(http, { tools: () => [find], call: () => textResult("Found: a lighthouse") });
      const flow = readExamples().find(({ name }) => name.startsWith(number))?.flow ?? [];
      await red.deploy(flow.map((node): NodeDef => (node.type === "huggingface-mcp" ? { ...node, url } : node)));
      red.inject(flow.find(({ type }) => type === "inject")?.id ?? "");
      await red.until(
        () => shown.some(({ name, text }) => name === "Reply" && /The tool returned: Found: a lighthouse/.test(text)),
        () => JSON.stringify(shown),
      );
      await http.close();
    });
  }

  it("20: the page answers until its questions of this minute are used up", async () => {
    await red.deploy(readExamples().find(({ name }) => name.startsWith("20"))?.flow ?? []);
    const ask = () =>
      fetch(`${red.url}/ask`, { method: "POST", body: new URLSearchParams({ question: "Who are you?" }) });
    const responses = await Promise.all(Array.from({ length: 11 }, ask));
    assert.deepEqual(responses.map(({ status }) => status).sort(), [...Array(10).fill(200), 429]);
    for (const response of responses) {
      const text = await response.text();
      assert.match(text, response.ok ? /You asked: “Who are you\?”/ : /^Enough for now\. Ask again after 20/);
    }
  });
});
