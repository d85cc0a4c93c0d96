import assert from "node:assert/strict";
import { chatFlow, flowNode, type Message, type NodeDef, type NodeRed } from "../support/node-red";
import { reply, type TestServer } from "../support/server";
import { useNodeRed } from "../support/use-node-red";

const UNSET = "${HF_NOT_SET}";
const FUNCTION = { name: "look", description: "Looks", parameters: "" };

describe("a variable that nobody has set", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its), reply("ok"));

  const tool = (properties: Message): NodeDef =>
    flowNode("tool", "huggingface-tool", { name: "look", description: "Looks", parameters: "", ...properties });

  const places: [where: string, label: string, chat: Message, config?: Message, more?: NodeDef[]][] = [
    ["the model of the node", "Other model", { model: UNSET }],
    ["the model of the configuration", "Model", {}, { model: UNSET }],
    ["the fallback models", "Fallback models", {}, { fallback: [UNSET] }],
    ["a stop sequence", "Stop at", { stop: [UNSET] }],
    ["the place of the reply", "Reply goes to", { output: UNSET }],
    ["the tool choice", "Choice", { toolChoice: UNSET, functions: [FUNCTION] }],
    ["the tool that must be called", "Function", { toolChoice: "function", toolName: UNSET, functions: [FUNCTION] }],
    ["the name of a function", "Function", { functions: [{ ...FUNCTION, name: UNSET }] }],
    ["the description of a function", "Description", { functions: [{ ...FUNCTION, description: UNSET }] }],
    ["the parameters of a function", "Parameters", { functions: [{ ...FUNCTION, parameters: UNSET }] }],
    ["the description of a tool", "Description", { tools: ["tool"] }, {}, [tool({ description: UNSET })]],
    ["the parameters of a tool", "Parameters", { tools: ["tool"] }, {}, [tool({ parameters: UNSET })]],
    ["the context store", "Context store", { conversation: "a", store: UNSET }],
    ["the other configuration", "Stand-in", {}, { otherwise: UNSET }],
    ["the TLS configuration", "TLS", {}, { tls: UNSET }],
    ["the proxy", "Proxy", {}, { proxy: UNSET }],
  ];
  for (const [where, label, chat, config = {}, more = []] of places) {
    it(`is refused before any request, with the name of the field: ${where}`, async () => {
      await red.deploy([...chatFlow(server.url, chat, config), ...more]);
      red.send("chat", { payload: "hi" });
      const { error } = await red.next("error");
      assert.equal(error.code, "invalid_input");
      assert.match(error.message, /^Variable not set: HF_NOT_SET, named in the field /);
      assert.equal(/named in the field (.*?)\. Set it/.exec(error.message)?.[1], label);
      assert.equal(server.requests.length, 0);
    });
  }

  const secrets: [where: string, label: string, credentials: Message][] = [
    ["the token", "Access token", { token: UNSET }],
    ["a secret header", "headers.x-key", { secretHeaders: JSON.stringify({ "x-key": UNSET }) }],
    ["the secret headers", "Headers", { secretHeaders: UNSET }],
  ];
  for (const [where, label, config] of secrets) {
    it(`is refused likewise in ${where}`, async () => {
      await red.deploy(chatFlow(server.url), { config });
      red.send("chat", { payload: "hi" });
      assert.ok((await red.next("error")).error.message.includes(`HF_NOT_SET, named in the field ${label}. Set it`));
      assert.equal(server.requests.length, 0);
    });
  }

  it("does not matter in a field that is not used", async () => {
    await red.deploy(chatFlow(server.url, { toolName: UNSET, schema: UNSET, store: UNSET, toolTimeout: UNSET }));
    red.send("chat", { payload: "hi" });
    assert.equal((await red.next("reply")).payload, "ok");
  });
});
