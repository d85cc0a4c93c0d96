import assert from "node:assert/strict";
import { chatFlow, flowNode, type NodeRed } from "../support/node-red";
import { inTurn, reply, type TestServer } from "../support/server";
import { callRound, valueTool } from "../support/tools";
import { useNodeRed } from "../support/use-node-red";

describe("a tool node", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its));

  const ask = async () => {
    red.send("chat", { payload: "Hi" });
    await red.next("reply");
  };

  it("shows how often it was called since it was deployed", async () => {
    const calls = ["a", "b"].map((id) => ({ id, name: "weather" }));
    server.handle(inTurn(callRound({ id: "0", name: "weather" }), reply("ok"), callRound(...calls), reply("ok")));
    await red.deploy([...chatFlow(server.url, { tools: ["tool-weather"] }), ...valueTool("weather", "sunny")]);
    assert.deepEqual(red.statuses("tool-weather"), []);
    await ask();
    assert.deepEqual(red.statuses("tool-weather").at(-1), { fill: "grey", shape: "dot", text: "called once" });
    await ask();
    assert.equal(red.statuses("tool-weather").at(-1)?.text, "called 3 times");
  });

  it("goes on to show that its flow does not return", async () => {
    server.handle(inTurn(callRound({ id: "0", name: "weather" }), reply("ok")));
    const chat = { tools: ["tool"], toolTimeout: 0.1 };
    await red.deploy([...chatFlow(server.url, chat), flowNode("tool", "huggingface-tool", { name: "weather" })]);
    await ask();
    assert.deepEqual(
      red.statuses("tool").map(({ text }) => text),
      ["no return"],
    );
  });
});
