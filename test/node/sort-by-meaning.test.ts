import assert from "node:assert/strict";
import { pointTo, readExamples } from "../../dev/examples";
import { catchInto, type Message, type NodeDef, type NodeRed, sink } from "../support/node-red";
import { completion, type Handler, json, type TestServer } from "../support/server";
import { useNodeRed } from "../support/use-node-red";

const example = readExamples().find(({ name }) => name.includes("Sort by meaning"));
const OUTPUTS = ["Complaint", "Order", "Invoice", "Other"];

/** Says what a model would of each text. */
const says: Record<string, string> = {
  "It is broken": '{"category":"Complaint"}',
  "Two bags, please": '{"category":"Order"}',
  "Why 12 euros?": '{"category":"Question about an invoice"}',
  "A fine day": '{"category":"Other"}',
  "A model that invents one": '{"category":"Weather"}',
};

describe("the example Sort by meaning", () => {
  let red: NodeRed;
  let server: TestServer;
  const sort: Handler = (request, response) => {
    const asked = request.body.messages.find(({ role }: Message) => role === "user").content;
    const said = says[asked];
    json(response, said ? 200 : 500, said ? completion(said) : { error: "no" });
  };
  useNodeRed((its) => ({ red, server } = its), sort);

  /** The example with a sink in place of each debug node. */
  const deploy = () => {
    assert.ok(example);
    const flow = pointTo(server.url, example.flow).map((node): NodeDef => {
      if (node.type === "huggingface-config") return { ...node, retries: 0 };
      return node.type === "debug" ? { ...sink(node.id, String(node["name"])), z: node["z"] } : node;
    });
    const tab = flow.find(({ type }) => type === "tab")?.id;
    return red.deploy([...flow, ...catchInto("uncaught").map((node) => ({ ...node, z: tab }))]);
  };
  const instance = () => example?.flow.find(({ type }) => type.startsWith("subflow:"))?.id ?? "";

  const rows: [text: string, output: string, category: string | undefined][] = [
    ["It is broken", "Complaint", "Complaint"],
    ["Two bags, please", "Order", "Order"],
    ["Why 12 euros?", "Invoice", "Question about an invoice"],
    ["A fine day", "Other", "Other"],
    ["A model that invents one", "Other", undefined],
    ["A server that fails", "Other", undefined],
  ];
  for (const [text, output, category] of rows) {
    it(`sends "${text}" to ${output}, as it came`, async () => {
      await deploy();
      red.send(instance(), { payload: text, topic: "kept" });
      const msg = await red.next(output);
      assert.equal(msg["payload"], text);
      assert.equal(msg["topic"], "kept");
      assert.equal(msg["sorted"]?.category, category);
      assert.equal(msg["error"] !== undefined, category === undefined);
      for (const name of OUTPUTS) assert.equal(red.captured(name).length, name === output ? 1 : 0, name);
      assert.deepEqual(red.captured("uncaught"), []);
    });
  }

  it("offers the model the categories of the instance and Other, and nothing else", async () => {
    await deploy();
    red.send(instance(), { payload: "A fine day" });
    await red.next("Other");
    const { schema } = server.last.body.response_format.json_schema;
    assert.deepEqual(schema.properties.category.enum, ["Complaint", "Order", "Question about an invoice", "Other"]);
    assert.equal(server.last.body.messages[0].role, "system");
  });

  it("leaves out categories that are blank", async () => {
    assert.ok(example);
    const flow = example.flow;
    for (const node of flow) if (node.id === instance()) node["env"] = [];
    await deploy();
    red.send(instance(), { payload: "A fine day" });
    await red.next("Other");
    const { schema } = server.last.body.response_format.json_schema;
    assert.deepEqual(schema.properties.category.enum, ["Complaint", "Order", "Other"]);
  });
});
